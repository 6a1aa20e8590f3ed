"""What the officers' page says, in English and German. Pure."""

from chalicelib.members.words import Text, Words

ENGLISH: dict[str, Text] = {
    "title": "Rolecall for officers",
    # the first lines
    "well": "All is well",
    "waits": "Nothing to do but wait for Discord",
    "hand": {1: "One thing needs a hand", 2: "{count} things need a hand"},
    "all_in_step": {1: "One member is linked, and in step.", 2: "{count} members are linked, all in step."},
    "linked": {1: "One member is linked.", 2: "{count} members are linked."},
    "under_way": {1: "One of them had a change under way.", 2: "{count} of them had a change under way."},
    "never_stated_of": {
        1: "The auth site never stated the groups of one of them, who keeps what they have.",
        2: "The auth site never stated the groups of {count} of them, who keep what they have.",
    },
    "last_sweep": "The last sweep looked at everybody {ago}.",
    "no_sweep": "No sweep has ended yet. The first one counts members and groups; it comes within the hour.",
    "as_of": "As of {time} UTC.",
    "look_again": "Look again",
    "fresh": "Looked {n} s ago. It looks again by itself while you look at it.",
    "newer": "Something has changed since. Look again before you press a button.",
    "unreachable": "Rolecall does not answer just now. It is tried again.",
    "over": "Your hour is over. Open this page again from your alliance’s site.",
    "just_now": "just now",
    "minutes_ago": {1: "a minute ago", 2: "{count} minutes ago"},
    "hours_ago": {1: "an hour ago", 2: "{count} hours ago"},
    "days_ago": {1: "a day ago", 2: "{count} days ago"},
    "seconds": "{count} s",
    "minutes": "{count} min",
    "hours": "{count} h",
    "since": "since {time}",
    "more": "And {count} more.",
    "members": {1: "one member", 2: "{count} members"},
    # notes
    "released": "Released. Each member is compared once more, then it is taken.",
    "dropped": "Dropped. They keep it until the auth site states something newer.",
    "changed": "Nothing was done for some of them: what is held has changed since you saw it. Look again.",
    "sweep": "A sweep has been started. It looks at everybody; its result is here in some minutes.",
    # what needs a hand
    "stopped": "Rolecall cannot reach Discord",
    "stopped_token": (
        "Discord refuses the bot’s token. Nobody gets or loses anything until an operator has stored a new one: "
        "“make secrets”, then “python -m ops resume”."
    ),
    "stopped_blocked": (
        "Discord blocks the calls ({why}). They go on by themselves; nothing is lost meanwhile. Nobody has to do "
        "anything."
    ),
    "away": "Discord does not answer",
    "away_about": (
        "Every request has failed ({why}), the last one {ago}. Changes wait, and are made by themselves once Discord "
        "is back. Nobody has to do anything."
    ),
    "messages_wait": {1: "One message waits.", 2: "{count} messages wait."},
    "held_limit": "Too many would lose something at once",
    "held_limit_about": {
        1: "One member would lose roles or their link. Nobody loses anything until you answer.",
        2: "{count} members would lose roles or their link. Nobody loses anything until you answer.",
    },
    "held_first_run": "Imported members would lose something",
    "held_first_run_about": {
        1: "One member taken over from before would lose something that no group gives them. It waits for you.",
        2: "{count} members taken over from before would lose something that no group gives them. It waits for you.",
    },
    "held_todo": (
        "If the list is right, let it be taken. If not, put the auth site right; or let them keep it until it states "
        "something newer."
    ),
    "member": "Member",
    "would_lose": "Would lose",
    "asked_by": "Asked for by",
    "who_would_lose": "Who would lose what",
    "release_all": "Let it be taken from all {count}",
    "drop_all": "Let all {count} keep it",
    "release_one": "Let it be taken",
    "drop_one": "Let them keep it",
    "lose_kick": "everything: they are removed from the server, and the link ends",
    "lose_unlink": "the link: they seem to have left the server",
    "lose_roles": {1: "one role", 2: "{count} roles"},
    "sweep_failed": "The last sweep failed",
    "sweep_failed_about": "It said: {why}. A sweep compares everybody with the auth site and puts right what differs.",
    "sweep_late": "No sweep for more than three hours",
    "sweep_late_about": (
        "One is due every hour. A sweep compares everybody with the auth site and puts right what differs."
    ),
    "its_log": "its log says why",
    "start_sweep": "Start a sweep now",
    "role_of": "The role of {group} is out of reach",
    "role_of_about": {
        1: (
            "{what}. One linked user is in this group. In Discord’s server settings, under Roles, drag the bot’s role "
            "above it; or have an operator map the group to another role."
        ),
        2: (
            "{what}. {count} linked users are in this group. In Discord’s server settings, under Roles, drag the bot’s "
            "role above it; or have an operator map the group to another role."
        ),
    },
    "troubled": {1: "One member could not be brought in step", 2: "{count} members could not be brought in step"},
    "letters": {1: "One message could not be processed", 2: "{count} messages could not be processed"},
    "letters_about": (
        "Each is kept with its reason for two weeks. An operator reads them, and sends them again, with "
        "“python -m ops dead-letters”."
    ),
    # pictures
    "queue": "Changes that wait",
    "waiting": "waiting",
    "being_done": "being done",
    "later": "for later",
    "queue_empty": "Nothing waits.",
    "oldest": "The oldest has waited {time}.",
    "queue_picture": "How many waited in each five minutes of the last three hours; at most {most}",
    "queue_about": "The last three hours, five minutes a bar; at most {most} waited.",
    "queue_not_known": "How many waited earlier is not known here.",
    "sweeps": "Sweeps",
    "sweeps_none": "None has run yet.",
    "sweeps_picture": "Members who differed in each of the last {count} sweeps, oldest first; at most {most}",
    "sweeps_about": {
        1: "The newest found one member who differed, of {linked}.",
        2: "The newest found {count} members who differed, of {linked}.",
    },
    "sweeps_clean": "The newest found nobody who differed, of {linked}.",
    "sweep_bar": "{time}: {state}; {differing} of {linked} differed",
    "limits": "Discord’s rate limits",
    "limits_none": "Nothing has been asked of Discord yet.",
    "limits_quiet": "None is in use just now.",
    "limit_wait": "a change waits {time}",
    "limit_used": "{used} of {limit}",
    # a member
    "why": "Why does somebody have what they have?",
    "who": "The user’s id, the Discord id, or @name",
    "explain": "Explain",
    "nobody": "Nobody is known by “{name}”.",
    "user": "User {id}",
    "account": "account {id}",
    "linked_since": "linked since {time}",
    "in_step_ago": "Last in step {ago}.",
    "never_stated": "The auth site never stated the user’s groups.",
    "group": "Group",
    "groups": "Groups",
    "stands_for": "What stands for it",
    "none": "none",
    "empty_list": "the auth site states an empty list",
    "role": "Role",
    "roles": "Roles",
    "held": "Held",
    "yes": "yes",
    "no": "no",
    "reason": "Why",
    "nickname": "Nickname: {has}; wanted: {wanted}; {what}.",
    "would": "A sync would {what}.",
    "would_nothing": "A sync would change nothing.",
    "held_back": "Held back: {what}.",
    "withheld": "Withheld since {time}: {what}.",
    "done_to_them": "What was done to them",
    # groups
    "groups_roles": "Groups and their roles",
    "users": "Linked users",
    "on_discord": "On Discord",
    "groups_none": "No sweep has counted any groups yet.",
    "groups_as_of": "Counted by the sweep of {time}.",
    "guild_unknown": "Discord does not answer, so this page cannot say which roles stand for them.",
    # the audit trail
    "trail": "What was done",
    "trail_none": "Nothing is on record.",
    "trail_none_here": "Nothing of that kind among the newest entries.",
    "trail_older": "Older entries",
    "trail_filter": "Show only",
    "by_user": "the user’s id",
    "by_role": "a role’s name",
    "by_whom": "an officer’s name, or what asked for it",
    "by_kind": "of this kind",
    "any_kind": "everything",
    "show": "Show",
    "when": "When (UTC)",
    "what": "What",
    "who_asked": "Asked for by",
    "kind_roles": "roles",
    "kind_nickname": "nicknames",
    "kind_joined": "joined",
    "kind_removed": "removed",
    "kind_unlinked": "unlinked",
    "kind_absent": "left the server",
    "kind_answered": "held removals that were answered",
    "kind_server": "what officers did for all",
    "the_server": "everybody",
    "trail_server": "{what}",
    "gave": "gave {names}",
    "took": "took {names}",
    "renamed": "nickname {name}",
    "by_sweep": "the sweep of {time}",
    "by_message": "a message from the auth site",
    "by_link": "the member, who linked",
    "by_unlink": "the member, who unlinked",
    "by_leaving": "the member, who left",
    "by_deletion": "the auth site, which deleted the user",
    "GET member": "look at a member",
    "GET members": "list members",
    "PATCH member": "change a member",
    "PUT member": "let somebody in",
    "DELETE member": "remove a member",
    "PUT member role": "give one role",
    "DELETE member role": "take one role",
    "POST role": "create a role",
    "GET guild": "look at the server",
    "did_joined": "let into the server",
    "did_perhaps_joined": "perhaps let into the server: Discord gave no clear answer",
    "did_removed": "removed from the server",
    "did_unlinked": "unlinked",
    "did_absent": "left the server; the link is kept for now",
    "did_released": "what was withheld was released",
    "did_dropped": "what was withheld was dropped",
    "did_sweep": "a sweep was started",
    "here_as": "You are here as {name}. What you do is recorded under this name. It ends after an hour.",
}
GERMAN: dict[str, Text] = {
    "title": "Rolecall für Offiziere",
    "well": "Alles in Ordnung",
    "waits": "Nichts zu tun, außer auf Discord zu warten",
    "hand": {1: "Eine Sache braucht Aufmerksamkeit", 2: "{count} Dinge brauchen Aufmerksamkeit"},
    "all_in_step": {
        1: "Ein Mitglied ist verknüpft, und alles stimmt.",
        2: "{count} Mitglieder sind verknüpft, alle stimmen.",
    },
    "linked": {1: "Ein Mitglied ist verknüpft.", 2: "{count} Mitglieder sind verknüpft."},
    "under_way": {1: "Bei einem war eine Änderung unterwegs.", 2: "Bei {count} war eine Änderung unterwegs."},
    "never_stated_of": {
        1: "Von einem hat die Auth-Seite noch nie die Gruppen genannt: Es behält, was es hat.",
        2: "Von {count} hat die Auth-Seite noch nie die Gruppen genannt: Sie behalten, was sie haben.",
    },
    "last_sweep": "Der letzte Durchgang hat {ago} alle angesehen.",
    "no_sweep": (
        "Noch ist kein Durchgang zu Ende. Der erste zählt Mitglieder und Gruppen; er kommt innerhalb einer Stunde."
    ),
    "as_of": "Stand {time} UTC.",
    "look_again": "Noch einmal nachsehen",
    "fresh": "Vor {n} s nachgesehen. Die Seite sieht von selbst wieder nach, solange du sie ansiehst.",
    "newer": "Seither hat sich etwas geändert. Sieh noch einmal nach, bevor du einen Knopf drückst.",
    "unreachable": "Rolecall antwortet gerade nicht. Es wird wieder versucht.",
    "over": "Deine Stunde ist um. Öffne diese Seite neu auf der Seite deiner Allianz.",
    "just_now": "gerade eben",
    "minutes_ago": {1: "vor einer Minute", 2: "vor {count} Minuten"},
    "hours_ago": {1: "vor einer Stunde", 2: "vor {count} Stunden"},
    "days_ago": {1: "vor einem Tag", 2: "vor {count} Tagen"},
    "seconds": "{count} s",
    "minutes": "{count} min",
    "hours": "{count} h",
    "since": "seit {time}",
    "more": "Und {count} weitere.",
    "members": {1: "ein Mitglied", 2: "{count} Mitglieder"},
    "released": "Freigegeben. Jedes Mitglied wird noch einmal verglichen, dann wird es genommen.",
    "dropped": "Verworfen. Sie behalten es, bis die Auth-Seite etwas Neueres sagt.",
    "changed": (
        "Für manche wurde nichts getan: Was zurückgehalten wird, hat sich geändert, seit du es gesehen hast. Sieh noch "
        "einmal nach."
    ),
    "sweep": "Ein Durchgang hat begonnen. Er sieht alle an; in ein paar Minuten steht hier, was er fand.",
    "stopped": "Rolecall erreicht Discord nicht",
    "stopped_token": (
        "Discord lehnt das Token des Bots ab. Niemand bekommt oder verliert etwas, bis jemand vom Betrieb ein neues "
        "hinterlegt hat: „make secrets“, dann „python -m ops resume“."
    ),
    "stopped_blocked": (
        "Discord sperrt die Aufrufe ({why}). Sie gehen von selbst weiter; verloren geht nichts. Niemand muss etwas tun."
    ),
    "away": "Discord antwortet nicht",
    "away_about": (
        "Jede Anfrage ist gescheitert ({why}), die letzte {ago}. Änderungen warten und werden von selbst gemacht, "
        "sobald Discord wieder da ist. Niemand muss etwas tun."
    ),
    "messages_wait": {1: "Eine Nachricht wartet.", 2: "{count} Nachrichten warten."},
    "held_limit": "Zu viele würden auf einmal etwas verlieren",
    "held_limit_about": {
        1: "Ein Mitglied würde Rollen oder seine Verknüpfung verlieren. Niemand verliert etwas, bis du antwortest.",
        2: (
            "{count} Mitglieder würden Rollen oder ihre Verknüpfung verlieren. Niemand verliert etwas, bis du "
            "antwortest."
        ),
    },
    "held_first_run": "Übernommene Mitglieder würden etwas verlieren",
    "held_first_run_about": {
        1: "Ein von früher übernommenes Mitglied würde verlieren, was keine Gruppe ihm gibt. Es wartet auf dich.",
        2: (
            "{count} von früher übernommene Mitglieder würden verlieren, was keine Gruppe ihnen gibt. Es wartet auf "
            "dich."
        ),
    },
    "held_todo": (
        "Stimmt die Liste, lass es nehmen. Wenn nicht, berichtige die Auth-Seite; oder lass es ihnen, bis sie etwas "
        "Neueres sagt."
    ),
    "member": "Mitglied",
    "would_lose": "Würde verlieren",
    "asked_by": "Veranlasst durch",
    "who_would_lose": "Wer was verlieren würde",
    "release_all": "Allen {count} nehmen",
    "drop_all": "Allen {count} lassen",
    "release_one": "Nehmen",
    "drop_one": "Lassen",
    "lose_kick": "alles: Sie werden vom Server entfernt, und die Verknüpfung endet",
    "lose_unlink": "die Verknüpfung: Sie haben den Server wohl verlassen",
    "lose_roles": {1: "eine Rolle", 2: "{count} Rollen"},
    "sweep_failed": "Der letzte Durchgang ist gescheitert",
    "sweep_failed_about": (
        "Er sagte: {why}. Ein Durchgang vergleicht alle mit der Auth-Seite und berichtigt, was nicht stimmt."
    ),
    "sweep_late": "Seit mehr als drei Stunden kein Durchgang",
    "sweep_late_about": (
        "Jede Stunde ist einer fällig. Ein Durchgang vergleicht alle mit der Auth-Seite und berichtigt, was nicht "
        "stimmt."
    ),
    "its_log": "sein Protokoll sagt, warum",
    "start_sweep": "Durchgang jetzt beginnen",
    "role_of": "Die Rolle von {group} ist außer Reichweite",
    "role_of_about": {
        1: (
            "{what}. Ein verknüpfter Benutzer ist in dieser Gruppe. Zieh in den Servereinstellungen von Discord unter "
            "Rollen die Rolle des Bots darüber; oder lass vom Betrieb die Gruppe einer anderen Rolle zuordnen."
        ),
        2: (
            "{what}. {count} verknüpfte Benutzer sind in dieser Gruppe. Zieh in den Servereinstellungen von Discord "
            "unter Rollen die Rolle des Bots darüber; oder lass vom Betrieb die Gruppe einer anderen Rolle zuordnen."
        ),
    },
    "troubled": {1: "Bei einem Mitglied ging etwas nicht", 2: "Bei {count} Mitgliedern ging etwas nicht"},
    "letters": {
        1: "Eine Nachricht konnte nicht verarbeitet werden",
        2: "{count} Nachrichten konnten nicht verarbeitet werden",
    },
    "letters_about": (
        "Jede wird mit ihrem Grund zwei Wochen lang aufgehoben. Jemand vom Betrieb liest sie und schickt sie noch "
        "einmal, mit „python -m ops dead-letters“."
    ),
    "queue": "Änderungen, die warten",
    "waiting": "warten",
    "being_done": "in Arbeit",
    "later": "für später",
    "queue_empty": "Nichts wartet.",
    "oldest": "Die älteste wartet seit {time}.",
    "queue_picture": "Wie viele in je fünf Minuten der letzten drei Stunden warteten; höchstens {most}",
    "queue_about": "Die letzten drei Stunden, fünf Minuten je Balken; höchstens {most} warteten.",
    "queue_not_known": "Wie viele früher warteten, ist hier nicht bekannt.",
    "sweeps": "Durchgänge",
    "sweeps_none": "Noch keiner.",
    "sweeps_picture": "Bei wie vielen in jedem der letzten {count} Durchgänge etwas nicht stimmte; höchstens {most}",
    "sweeps_about": {
        1: "Der neueste fand ein Mitglied, bei dem etwas nicht stimmte, von {linked}.",
        2: "Der neueste fand {count} Mitglieder, bei denen etwas nicht stimmte, von {linked}.",
    },
    "sweeps_clean": "Der neueste fand niemanden, bei dem etwas nicht stimmte, von {linked}.",
    "sweep_bar": "{time}: {state}; bei {differing} von {linked} stimmte etwas nicht",
    "limits": "Discords Grenzen",
    "limits_none": "Von Discord wurde noch nichts verlangt.",
    "limits_quiet": "Gerade wird keine beansprucht.",
    "limit_wait": "eine Änderung wartet {time}",
    "limit_used": "{used} von {limit}",
    "why": "Warum hat jemand, was er hat?",
    "who": "Die Benutzernummer, die Discord-Nummer oder @name",
    "explain": "Erklären",
    "nobody": "Unter „{name}“ ist niemand bekannt.",
    "user": "Benutzer {id}",
    "account": "Konto {id}",
    "linked_since": "verknüpft seit {time}",
    "in_step_ago": "Zuletzt richtig {ago}.",
    "never_stated": "Die Auth-Seite hat nie gesagt, in welchen Gruppen der Benutzer ist.",
    "group": "Gruppe",
    "groups": "Gruppen",
    "stands_for": "Was für sie steht",
    "none": "keine",
    "empty_list": "die Auth-Seite nennt keine einzige",
    "role": "Rolle",
    "roles": "Rollen",
    "held": "Hat sie",
    "yes": "ja",
    "no": "nein",
    "reason": "Warum",
    "nickname": "Nickname: {has}; gewünscht: {wanted}; {what}.",
    "would": "Ein Abgleich würde: {what}.",
    "would_nothing": "Ein Abgleich würde nichts ändern.",
    "held_back": "Zurückgehalten: {what}.",
    "withheld": "Zurückgehalten seit {time}: {what}.",
    "done_to_them": "Was mit ihnen geschah",
    "groups_roles": "Gruppen und ihre Rollen",
    "users": "Verknüpfte Benutzer",
    "on_discord": "Auf Discord",
    "groups_none": "Noch hat kein Durchgang Gruppen gezählt.",
    "groups_as_of": "Gezählt vom Durchgang von {time}.",
    "guild_unknown": "Discord antwortet nicht. Darum kann diese Seite nicht sagen, welche Rollen für sie stehen.",
    "trail": "Was getan wurde",
    "trail_none": "Nichts ist verzeichnet.",
    "trail_none_here": "Unter den neuesten Einträgen ist nichts dergleichen.",
    "trail_older": "Ältere Einträge",
    "trail_filter": "Nur zeigen",
    "by_user": "die Benutzernummer",
    "by_role": "der Name einer Rolle",
    "by_whom": "der Name eines Offiziers, oder was es veranlasste",
    "by_kind": "von dieser Art",
    "any_kind": "alles",
    "show": "Zeigen",
    "when": "Wann (UTC)",
    "what": "Was",
    "who_asked": "Veranlasst durch",
    "kind_roles": "Rollen",
    "kind_nickname": "Nicknames",
    "kind_joined": "beigetreten",
    "kind_removed": "entfernt",
    "kind_unlinked": "Verknüpfung gelöst",
    "kind_absent": "Server verlassen",
    "kind_answered": "beantwortet, was zurückgehalten war",
    "kind_server": "was Offiziere für alle taten",
    "the_server": "alle",
    "trail_server": "{what}",
    "gave": "gegeben: {names}",
    "took": "genommen: {names}",
    "renamed": "Nickname {name}",
    "by_sweep": "den Durchgang von {time}",
    "by_message": "eine Nachricht der Auth-Seite",
    "by_link": "das Mitglied, beim Verknüpfen",
    "by_unlink": "das Mitglied, beim Lösen",
    "by_leaving": "das Mitglied, beim Verlassen",
    "by_deletion": "die Auth-Seite, die den Benutzer löschte",
    "GET member": "ein Mitglied ansehen",
    "GET members": "Mitglieder auflisten",
    "PATCH member": "ein Mitglied ändern",
    "PUT member": "jemanden einlassen",
    "DELETE member": "ein Mitglied entfernen",
    "PUT member role": "eine Rolle geben",
    "DELETE member role": "eine Rolle nehmen",
    "POST role": "eine Rolle anlegen",
    "GET guild": "den Server ansehen",
    "did_joined": "auf den Server gelassen",
    "did_perhaps_joined": "vielleicht auf den Server gelassen: Discord gab keine klare Antwort",
    "did_removed": "vom Server entfernt",
    "did_unlinked": "Verknüpfung gelöst",
    "did_absent": "hat den Server verlassen; die Verknüpfung bleibt vorerst",
    "did_released": "was zurückgehalten war, wurde freigegeben",
    "did_dropped": "was zurückgehalten war, wurde verworfen",
    "did_sweep": "ein Durchgang wurde begonnen",
    "here_as": "Du bist hier als {name}. Was du tust, wird unter diesem Namen verzeichnet. Nach einer Stunde endet es.",
}
TEXTS = {"en": ENGLISH, "de": GERMAN}


class OfficersWords(Words):
    """The texts of one language, and how long ago something was."""

    def __init__(self, language: str) -> None:
        super().__init__(language, TEXTS)

    def ago(self, seconds: float) -> str:
        """How long ago something was, in the largest unit that fits."""
        for size, key in ((86_400, "days_ago"), (3600, "hours_ago"), (60, "minutes_ago")):
            if seconds >= size:
                return self(key, count=int(seconds // size))
        return self("just_now")

    def length(self, seconds: float) -> str:
        """A length of time, in the largest unit that fits."""
        for size, key in ((3600, "hours"), (60, "minutes")):
            if seconds >= size:
                return self(key, count=round(seconds / size))
        return self("seconds", count=round(seconds))
