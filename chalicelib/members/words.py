"""What members are told, by their own page and by commands, in English and German. Pure."""

from collections.abc import Mapping
from datetime import date

LANGUAGES = ("en", "de")
MONTHS = {
    "en": (
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ),
    "de": (
        *("Januar", "Februar", "März", "April", "Mai", "Juni"),
        *("Juli", "August", "September", "Oktober", "November", "Dezember"),
    ),
}
Text = str | dict[int, str]  # in the singular and the plural, by 1 and 2, where a count decides
ENGLISH: dict[str, Text] = {
    "title": "My Discord",
    "linked_since": "linked since {date}",
    "on": "on {server}",
    "not_linked": "No Discord account is linked to you. Go back to your alliance’s site and link one there.",
    "joining": "You are being let into the server just now. Look again in a minute.",
    "not_in_server": "Your account is not in the server. Go back to your alliance’s site and link it again.",
    "unknown": "Discord does not answer just now, so this page cannot say which roles you have. Try again in a minute.",
    "in_step": "Everything is in step. Checked {ago}.",
    "waiting": {1: "One change is waiting, about {time}.", 2: "{count} changes are waiting, about {time}."},
    "differs": {
        1: "One thing differs. It is put right within the hour, or at once if you press “Refresh now”.",
        2: "{count} things differ. They are put right within the hour, or at once if you press “Refresh now”.",
    },
    "left_alone": "The server’s administrators decided that nothing is changed about your account.",
    "held": "Something would be taken from you. It waits until one of the server’s administrators has looked at it.",
    "just_now": "just now",
    "seconds_ago": "{count} seconds ago",
    "seconds": "{count} s",
    "minutes": "{count} min",
    "look_again": "Look again",
    "roles": "Roles",
    "no_roles": "None of your groups gives you a role.",
    "by_groups": {1: "by your group {names}", 2: "by your groups {names}"},
    "keep": "",
    "give": "on its way",
    "take": "will be taken: none of your groups gives it any more",
    "stuck": "Discord does not make the change",
    "leave": "",
    "own_roles": "Roles from the server itself: {names}.",
    "difficulties": "What could not be done",
    "protected": "Nothing is changed about your account: the server’s administrators decided so.",
    "groups_not_stated": "Your alliance’s site has not said yet which groups you are in. Your roles stay as they are.",
    "deleted": "Your user on the alliance’s site was deleted. No group counts any more.",
    "group_excluded": "{name}: this group has no role on Discord, by the administrators’ choice.",
    "group_reserved": "{name}: the role of this name is given out by hand on Discord.",
    "group_out_of_reach": "{name}: its role ranks too high on Discord for the bot to give it. Tell an administrator.",
    "group_gone": "{name}: its role was deleted on Discord. Tell an administrator.",
    "group_no_role": "{name}: there is no role for this group on Discord. Tell an administrator.",
    "role_unchanged": "{name}: Discord accepted the change and did not make it. Tell an administrator.",
    "role_out_of_reach": "One of your roles ranks too high on Discord for the bot to give it. Tell an administrator.",
    "role_refused": "Discord does not let a role be created that one of your groups needs. Tell an administrator.",
    "role_limit": "The server has as many roles as Discord allows. Tell an administrator.",
    "nickname_not_permitted": (
        "Your nickname: you own the server, or rank above the bot. Discord does not let it change your name; set it "
        "yourself."
    ),
    "nickname_refused": "Your nickname: Discord does not accept the name of your character.",
    "cannot_remove": "You own the server, or rank above the bot: Discord does not let you be removed.",
    "failed": "The last try did not succeed. It is repeated; if it stays like this, tell an administrator.",
    "removal_held": (
        "Roles that you should no longer have stay for now: many members would have lost some at once, and an "
        "administrator looks first."
    ),
    "first_run_lock": (
        "Roles that you should no longer have stay for now: an administrator looks at all members taken over from "
        "before first."
    ),
    "refresh": "Refresh now",
    "refreshed": "Asked for. It usually takes a few seconds: look again then.",
    "too_soon": "You asked less than a minute ago. Wait a little.",
    "other": "Use another account",
    "other_about": (
        "First log in to Discord with the other account, in this browser. It gets your roles; {account} loses them."
    ),
    "other_button": "Go to Discord",
    "unlink": "Unlink",
    "unlink_about_kick": "{account} is taken off the server and loses its roles. You can link again at any time.",
    "unlink_about_remove_roles": "{account} loses its roles and stays on the server. You can link again at any time.",
    "absent": "You left the server on {since}. Come back before {until}, and you get your roles again.",
    "leaving": "Your user was removed from your alliance’s site. Your account loses its roles on {until}.",
    "unlink_button": "Unlink {account}",
    "your_account": "your account",
    "private": "Only you see this page, for 15 minutes. Open it again from your alliance’s site.",
    # only in commands
    "differs_command": {
        1: "One thing differs. It is put right within the hour, or at once with `/refresh`.",
        2: "{count} things differ. They are put right within the hour, or at once with `/refresh`.",
    },
    "unknown_command": "Rolecall cannot tell just now which roles the server has. Try again in a minute.",
    "no_such_command": "There is no such command any more. Discord shows the new ones after a moment.",
    "other_server": "This command belongs to another server.",
    "not_allowed": "Only those who may manage roles can ask for another member.",
    "nobody_named": "Say which member you mean.",
    "nobody_linked": "{account} is not linked to anybody on the auth site.",
    "linked_to": "{account} is user {user} of the auth site, {since}.",
    "officer_not_linked": "{account} is linked to user {user}, but on another server.",
    "groups": "Groups",
    "no_groups": "The auth site states no group.",
    "nickname": "Nickname",
    "would": "What a refresh would do now",
    "holds_back": "What holds a change back",
    "nothing": "nothing",
    "cut": {
        1: "… and one more line, which finds no room here.",
        2: "… and {count} more lines, which find no room here.",
    },
}
GERMAN: dict[str, Text] = {
    "title": "Mein Discord",
    "linked_since": "verknüpft seit {date}",
    "on": "auf {server}",
    "not_linked": "Mit dir ist kein Discord-Konto verknüpft. Verknüpfe eines auf der Seite deiner Allianz.",
    "joining": "Du wirst gerade auf den Server gelassen. Sieh in einer Minute wieder nach.",
    "not_in_server": "Dein Konto ist nicht auf dem Server. Verknüpfe es auf der Seite deiner Allianz noch einmal.",
    "unknown": (
        "Discord antwortet gerade nicht. Darum kann diese Seite nicht sagen, welche Rollen du hast. Versuch es in "
        "einer Minute wieder."
    ),
    "in_step": "Alles stimmt. Geprüft {ago}.",
    "waiting": {1: "Eine Änderung steht an, etwa {time}.", 2: "{count} Änderungen stehen an, etwa {time}."},
    "differs": {
        1: "Eines stimmt nicht. Es wird binnen einer Stunde behoben, oder sofort mit „Jetzt auffrischen“.",
        2: "{count} Dinge stimmen nicht. Sie werden binnen einer Stunde behoben, oder sofort mit „Jetzt auffrischen“.",
    },
    "left_alone": "Die Administratoren des Servers haben entschieden, dass an deinem Konto nichts geändert wird.",
    "held": ("Dir würde etwas genommen. Das wartet, bis einer der Administratoren des Servers es sich angesehen hat."),
    "just_now": "gerade eben",
    "seconds_ago": "vor {count} Sekunden",
    "seconds": "{count} s",
    "minutes": "{count} min",
    "look_again": "Noch einmal nachsehen",
    "roles": "Rollen",
    "no_roles": "Keine deiner Gruppen gibt dir eine Rolle.",
    "by_groups": {1: "durch deine Gruppe {names}", 2: "durch deine Gruppen {names}"},
    "keep": "",
    "give": "unterwegs",
    "take": "wird entzogen: keine deiner Gruppen gibt sie mehr",
    "stuck": "Discord führt die Änderung nicht aus",
    "leave": "",
    "own_roles": "Rollen vom Server selbst: {names}.",
    "difficulties": "Was nicht ging",
    "protected": "An deinem Konto wird nichts geändert: so haben es die Administratoren des Servers entschieden.",
    "groups_not_stated": (
        "Die Seite deiner Allianz hat noch nicht gesagt, in welchen Gruppen du bist. Deine Rollen bleiben, wie sie "
        "sind."
    ),
    "deleted": "Dein Benutzer auf der Seite der Allianz wurde gelöscht. Keine Gruppe zählt mehr.",
    "group_excluded": "{name}: Diese Gruppe hat auf Discord keine Rolle; so wollen es die Administratoren.",
    "group_reserved": "{name}: Die Rolle dieses Namens wird auf Discord von Hand vergeben.",
    "group_out_of_reach": (
        "{name}: Ihre Rolle steht auf Discord zu hoch, als dass der Bot sie geben dürfte. Sag einem Administrator "
        "Bescheid."
    ),
    "group_gone": "{name}: Ihre Rolle wurde auf Discord gelöscht. Sag einem Administrator Bescheid.",
    "group_no_role": "{name}: Für diese Gruppe gibt es auf Discord keine Rolle. Sag einem Administrator Bescheid.",
    "role_unchanged": (
        "{name}: Discord hat die Änderung angenommen und nicht ausgeführt. Sag einem Administrator Bescheid."
    ),
    "role_out_of_reach": (
        "Eine deiner Rollen steht auf Discord zu hoch, als dass der Bot sie geben dürfte. Sag einem Administrator "
        "Bescheid."
    ),
    "role_refused": (
        "Discord lässt eine Rolle nicht anlegen, die eine deiner Gruppen braucht. Sag einem Administrator Bescheid."
    ),
    "role_limit": "Der Server hat so viele Rollen, wie Discord erlaubt. Sag einem Administrator Bescheid.",
    "nickname_not_permitted": (
        "Dein Nickname: Dir gehört der Server, oder du stehst über dem Bot. Discord lässt ihn deinen Namen nicht "
        "ändern; setze ihn selbst."
    ),
    "nickname_refused": "Dein Nickname: Discord nimmt den Namen deines Charakters nicht an.",
    "cannot_remove": "Dir gehört der Server, oder du stehst über dem Bot: Discord lässt dich nicht entfernen.",
    "failed": (
        "Der letzte Versuch ist nicht gelungen. Er wird wiederholt; bleibt es dabei, sag einem Administrator Bescheid."
    ),
    "removal_held": (
        "Rollen, die dir nicht mehr zustehen, bleiben vorerst: Viele Mitglieder hätten auf einmal welche verloren, und "
        "ein Administrator sieht es sich erst an."
    ),
    "first_run_lock": (
        "Rollen, die dir nicht mehr zustehen, bleiben vorerst: Ein Administrator sieht sich erst alle Mitglieder an, "
        "die von früher übernommen wurden."
    ),
    "refresh": "Jetzt auffrischen",
    "refreshed": "Angefordert. Meist dauert es ein paar Sekunden: Sieh dann noch einmal nach.",
    "too_soon": "Du hast vor weniger als einer Minute gefragt. Warte ein wenig.",
    "other": "Ein anderes Konto verwenden",
    "other_about": (
        "Melde dich zuerst in diesem Browser mit dem anderen Konto bei Discord an. Es bekommt deine Rollen; "
        "{account} verliert sie."
    ),
    "other_button": "Weiter zu Discord",
    "unlink": "Verknüpfung lösen",
    "unlink_about_kick": (
        "{account} wird vom Server genommen und verliert seine Rollen. Du kannst jederzeit neu verknüpfen."
    ),
    "unlink_about_remove_roles": (
        "{account} verliert seine Rollen und bleibt auf dem Server. Du kannst jederzeit neu verknüpfen."
    ),
    "absent": (
        "Du hast den Server am {since} verlassen. Komm vor dem {until} zurück, und du bekommst deine Rollen wieder."
    ),
    "leaving": (
        "Dein Benutzer wurde von der Seite deiner Allianz entfernt. Dein Konto verliert seine Rollen am {until}."
    ),
    "unlink_button": "{account} lösen",
    "your_account": "dein Konto",
    "private": "Nur du siehst diese Seite, 15 Minuten lang. Öffne sie neu auf der Seite deiner Allianz.",
    # nur in Befehlen
    "differs_command": {
        1: "Eines stimmt nicht. Es wird binnen einer Stunde behoben, oder sofort mit `/refresh`.",
        2: "{count} Dinge stimmen nicht. Sie werden binnen einer Stunde behoben, oder sofort mit `/refresh`.",
    },
    "unknown_command": (
        "Rolecall kann gerade nicht sagen, welche Rollen der Server hat. Versuch es in einer Minute wieder."
    ),
    "no_such_command": "Diesen Befehl gibt es nicht mehr. Discord zeigt nach einem Augenblick die neuen.",
    "other_server": "Dieser Befehl gehört zu einem anderen Server.",
    "not_allowed": "Nur wer Rollen verwalten darf, kann nach einem anderen Mitglied fragen.",
    "nobody_named": "Sag, welches Mitglied du meinst.",
    "nobody_linked": "{account} ist mit niemandem auf der Auth-Seite verknüpft.",
    "linked_to": "{account} ist Benutzer {user} der Auth-Seite, {since}.",
    "officer_not_linked": "{account} ist mit Benutzer {user} verknüpft, aber auf einem anderen Server.",
    "groups": "Gruppen",
    "no_groups": "Die Auth-Seite nennt keine Gruppe.",
    "nickname": "Nickname",
    "would": "Was ein Auffrischen jetzt täte",
    "holds_back": "Was eine Änderung aufhält",
    "nothing": "nichts",
    "cut": {
        1: "… und noch eine Zeile, die hier keinen Platz hat.",
        2: "… und noch {count} Zeilen, die hier keinen Platz haben.",
    },
}
TEXTS: dict[str, dict[str, Text]] = {"en": ENGLISH, "de": GERMAN}


class Words:
    """The texts of one language; by default those of the member's page."""

    def __init__(self, language: str, texts: Mapping[str, Mapping[str, Text]] = TEXTS) -> None:
        self.language = language
        self._texts = texts[language]

    def __call__(self, key: str, *, count: int = 2, **values: object) -> str:
        """The text of that key; `count` decides between singular and plural where there are both."""
        text = self._texts[key]
        chosen = text if isinstance(text, str) else text[1 if count == 1 else 2]
        return chosen.format(count=count, **values)

    def raw(self, key: str) -> str:
        """The text of that key in the plural, with its placeholders: for a count that is known later."""
        text = self._texts[key]
        return text if isinstance(text, str) else text[2]

    def day(self, day: date) -> str:
        """A date, with the month as a word: it reads the same in every country."""
        month = MONTHS[self.language][day.month - 1]
        return f"{day.day}. {month} {day.year}" if self.language == "de" else f"{day.day} {month} {day.year}"

    def span(self, seconds: int) -> str:
        """A length of time: seconds up to a minute and a half, then minutes."""
        return self("seconds", count=seconds) if seconds <= 90 else self("minutes", count=round(seconds / 60))

    def ago(self, seconds: float) -> str:
        """How long ago something was."""
        return self("just_now") if seconds < 2 else self("seconds_ago", count=round(seconds))
