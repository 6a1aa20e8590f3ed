"""An explanation, a problem and an entry of the audit trail, in the words of one language. Pure."""

import re
from typing import Any

from chalicelib.discord.routes import (
    GUILD,
    MEMBER_GET,
    MEMBER_JOIN,
    MEMBER_PATCH,
    MEMBER_REMOVE,
    MEMBERS,
    ROLE_GIVE,
    ROLE_TAKE,
    ROLES_NEW,
)
from chalicelib.members import explain_words
from chalicelib.members.explain import (
    Explanation,
    GroupLine,
    GroupVerdict,
    NicknameLine,
    NicknameVerdict,
    Obstacle,
    RoleLine,
    RoleVerdict,
)
from chalicelib.members.roles import MatchedBy, WhyNot
from chalicelib.members.words import Words
from chalicelib.problems import Problem, ProblemKind, text

WHY_NOT = {
    WhyNot.EVERYONE: "alle haben sie",
    WhyNot.MANAGED: "sie gehört einer Integration oder einem Bot; Discord lässt niemanden sie geben",
    WhyNot.RESERVED: "sie steht in DISCORD_RESERVED_ROLES",
    WhyNot.ABOVE_BOT: "sie steht nicht unter der höchsten Rolle des Bots",
    WhyNot.NOT_KNOWN: "sie stand nie für eine Gruppe (DISCORD_MANAGED_ROLES=known)",
}
MATCHED_BY = {
    MatchedBy.MAP: "durch die Zuordnung",
    MatchedBy.NAME: "durch ihren Namen",
    MatchedBy.RENAMED: "sie stand für die Gruppe, bevor sie umbenannt wurde",
}
GROUPS = {
    GroupVerdict.ROLE: "Rolle",
    GroupVerdict.EXCLUDED: "keine Rolle: Sie steht in DISCORD_EXCLUDED_GROUPS",
    GroupVerdict.RESERVED: "keine Rolle: Ihr Name steht in DISCORD_RESERVED_ROLES",
    GroupVerdict.OUT_OF_REACH: "ihre Rolle kann weder gegeben noch genommen werden",
    GroupVerdict.GONE: "sie ist einer Rolle zugeordnet, die es nicht mehr gibt",
    GroupVerdict.TO_CREATE: "ihre Rolle gibt es noch nicht; sie wird angelegt",
    GroupVerdict.NO_ROLE: "keine Rolle heißt so, und es wird keine angelegt (DISCORD_DISABLE_ROLE_CREATION)",
    GroupVerdict.NO_NAME: "keine Rolle: Der Name ist leer",
}
NICKNAMES = {
    NicknameVerdict.OFF: "bleibt, wie er ist: DISCORD_SYNC_NAMES ist aus",
    NicknameVerdict.NOT_STATED: "bleibt, wie er ist: Die Auth-Seite nennt keinen",
    NicknameVerdict.AS_WANTED: "wie gewünscht",
    NicknameVerdict.SET: "wird gesetzt",
    NicknameVerdict.EXEMPT: "bleibt, wie er ist: Das Mitglied hat eine Rolle aus DISCORD_NICKNAME_EXEMPT_ROLES",
    NicknameVerdict.NOT_PERMITTED: (
        "der Bot darf ihn nicht setzen: Eigentümer, ein Mitglied über dem Bot, oder ihm fehlt das Recht"
    ),
    NicknameVerdict.REFUSED: "Discord hat ihn abgelehnt; er wird wieder versucht, wenn er sich ändert",
    NicknameVerdict.AS_DISCORD_STORES_IT: "so, wie Discord speichert, was verlangt war",
}
OBSTACLES = {
    "not_linked": "mit dem Benutzer ist kein Discord-Konto verknüpft",
    "joining": "gerade verknüpft jemand dieses Konto: Aufträge warten darauf",
    "not_in_server": "das Konto ist nicht auf dem Server",
    "protected": "das Mitglied steht in DISCORD_PROTECTED_MEMBERS: Nichts wird geändert",
    "deleted": "die Auth-Seite hat den Benutzer gelöscht, und Discord ließ ihn nicht entfernen: Keine Gruppe zählt",
    "groups_not_stated": "die Auth-Seite hat nie gesagt, in welchen Gruppen der Benutzer ist: Seine Rollen bleiben",
    "member_not_known": "Discord antwortet nicht: Was das Mitglied hat, ist nicht bekannt",
}
PROBLEMS = {
    ProblemKind.CANNOT_REMOVE: "der Eigentümer, oder ein Mitglied über dem Bot, kann nicht entfernt werden",
    ProblemKind.ROLE_LIMIT: "der Server hat so viele Rollen, wie Discord erlaubt",
    ProblemKind.NICKNAME_NOT_PERMITTED: (
        "der Bot darf den Nickname nicht setzen: Das Mitglied ist Eigentümer oder steht über dem Bot, oder dem Bot "
        "fehlt das Recht, Nicknames zu verwalten"
    ),
    ProblemKind.NICKNAME_REFUSED: "Discord nimmt den Nickname nicht an; er wird wieder versucht, wenn er sich ändert",
    ProblemKind.ROLE_OUT_OF_REACH: (
        "eine Rolle, die für eine Gruppe steht, ist über der des Bots, gehört einer Integration oder ist weg"
    ),
    ProblemKind.ROLE_UNCHANGED: "Discord hat eine Änderung der Rollen nicht ausgeführt",
    ProblemKind.REMOVAL_HELD: (
        "Rollen oder die Verknüpfung würden genommen, und die Grenze für Entzüge war erreicht: Jemand muss antworten"
    ),
    ProblemKind.FIRST_RUN_LOCK: (
        "einem übernommenen Mitglied würde zum ersten Mal etwas genommen: Jemand muss es erlauben"
    ),
}
DID = {  # of an entry's `what`, by the key of its words
    "joined": "did_joined",
    "perhaps joined": "did_perhaps_joined",
    "removed": "did_removed",
    "absent": "did_absent",
    "removal released": "did_released",
    "removal dropped": "did_dropped",
    "sweep started": "did_sweep",
}
ROUTES = frozenset(
    (GUILD, ROLES_NEW, MEMBERS, MEMBER_GET, MEMBER_JOIN, MEMBER_PATCH, MEMBER_REMOVE, ROLE_GIVE, ROLE_TAKE)
)
BY = {  # of an entry's `cause`, by the key of its words; names of officers and operators stay
    "message from the auth site": "by_message",
    "link": "by_link",
    "unlink": "by_unlink",
    "left_server": "by_leaving",
    "left the server": "by_leaving",
    "account_deleted": "by_deletion",
}
SWEEP = re.compile(r"sweep \d{8}T(\d\d)(\d\d)\d\d-\w+")  # the cause of what a sweep did, with when it began


class Explained:
    """Puts values into words of the language of `words`."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._german = words.language == "de"

    def group(self, line: GroupLine) -> str:
        """What becomes of the group, as one phrase."""
        if not self._german:
            return explain_words.group_in_words(line)
        if line.verdict is GroupVerdict.ROLE and line.matched_by:
            return f"Rolle {line.role} ({MATCHED_BY[line.matched_by]})"
        return f"{GROUPS[line.verdict]}: {WHY_NOT[line.why]}" if line.why else GROUPS[line.verdict]

    def role(self, line: RoleLine) -> str:
        """Why the member keeps, gets or loses the role, as one phrase."""
        if not self._german:
            return explain_words.role_in_words(line)
        groups = f"durch Gruppe {', '.join(line.groups)}" if line.groups else "keine Gruppe gibt sie"
        match line.verdict:
            case RoleVerdict.LEAVE:
                return f"bleibt, wie sie ist: {WHY_NOT[line.why]}" if line.why else "bleibt, wie sie ist"
            case RoleVerdict.STUCK:
                return f"{groups}; Discord nahm die Änderung mehrmals an und führte sie nicht aus"
            case RoleVerdict.KEEP:
                return f"bleibt: {groups}"
            case _:
                return f"wird {'gegeben' if line.verdict is RoleVerdict.GIVE else 'genommen'}: {groups}"

    def nickname(self, line: NicknameLine) -> str:
        """What becomes of the nickname, as one phrase."""
        return NICKNAMES[line.verdict] if self._german else explain_words.nickname_in_words(line)

    def would(self, explanation: Explanation) -> tuple[str, ...]:
        """What a sync would do now, a phrase each."""
        if not self._german or not explanation.would:
            return explanation.would
        nickname = explanation.nickname
        said = {
            "nehmen": [line.role for line in explanation.roles if line.verdict is RoleVerdict.TAKE],
            "geben": [line.role for line in explanation.roles if line.verdict is RoleVerdict.GIVE],
            "anlegen und geben": [
                line.group for line in explanation.groups or () if line.verdict is GroupVerdict.TO_CREATE
            ],
        }
        phrases = [f"{', '.join(sorted(names))} {verb}" for verb, names in said.items() if names]
        if nickname and nickname.verdict is NicknameVerdict.SET:
            phrases.append(f"den Nickname {nickname.wanted} setzen")
        return tuple(phrases)

    def obstacle(self, obstacle: Obstacle) -> str:
        """What holds a change back, as one phrase."""
        if not self._german:
            return obstacle.text
        by_kind = {kind.value: said for kind, said in PROBLEMS.items()}
        return OBSTACLES.get(obstacle.code) or by_kind.get(obstacle.code) or obstacle.text

    def problem(self, problem: Problem) -> str:
        """What could not be done, as one phrase; what Discord answered stays in its own words."""
        return PROBLEMS.get(problem.kind, text(problem)) if self._german else text(problem)

    def entry(self, entry: dict[str, Any]) -> str:
        """What an entry of the audit trail says was done."""
        words, what = self._words, str(entry.get("what", "changed"))
        said = []
        if what.startswith("unlinked"):
            said.append(words("did_unlinked"))
        elif what != "changed":
            said.append(words(DID[what]) if what in DID else what)
        if entry.get("given"):
            said.append(words("gave", names=", ".join(entry["given"])))
        if entry.get("taken"):
            said.append(words("took", names=", ".join(entry["taken"])))
        if entry.get("nickname_to"):
            said.append(words("renamed", name=entry["nickname_to"]))
        return "; ".join(said)

    def cause(self, entry: dict[str, Any]) -> str:
        """Who or what asked for it."""
        cause = str(entry.get("cause", ""))
        if swept := SWEEP.fullmatch(cause):
            return self._words("by_sweep", time=f"{swept[1]}:{swept[2]}")
        return self._words(BY[cause]) if cause in BY else cause

    def route(self, route: str) -> str:
        """What a route of Discord's API is used for."""
        return self._words(route) if route in ROUTES else route
