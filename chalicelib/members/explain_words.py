"""An explanation in words for people; see `explain`. Pure."""

from chalicelib.members.explain import GroupLine, GroupVerdict, NicknameLine, NicknameVerdict, RoleLine, RoleVerdict
from chalicelib.members.roles import MatchedBy, WhyNot

WHY_NOT = {
    WhyNot.EVERYONE: "everybody has it",
    WhyNot.MANAGED: "it belongs to an integration or a bot; Discord lets nobody give it",
    WhyNot.RESERVED: "it is in DISCORD_RESERVED_ROLES",
    WhyNot.ABOVE_BOT: "it is not below the bot's highest role",
    WhyNot.NOT_KNOWN: "it never stood for a group (DISCORD_MANAGED_ROLES=known)",
}
MATCHED_BY = {
    MatchedBy.MAP: "by the role map",
    MatchedBy.NAME: "by its name",
    MatchedBy.RENAMED: "it stood for the group before it was renamed",
}
GROUP_WORDS = {
    GroupVerdict.ROLE: "role",
    GroupVerdict.EXCLUDED: "no role: it is in DISCORD_EXCLUDED_GROUPS",
    GroupVerdict.RESERVED: "no role: its name is in DISCORD_RESERVED_ROLES",
    GroupVerdict.OUT_OF_REACH: "its role cannot be given or taken",
    GroupVerdict.GONE: "it is mapped to a role that does not exist any more",
    GroupVerdict.TO_CREATE: "its role does not exist yet and will be created",
    GroupVerdict.NO_ROLE: "no role has its name, and none is created (DISCORD_DISABLE_ROLE_CREATION)",
    GroupVerdict.NO_NAME: "no role: the name is empty",
}
NICKNAME_WORDS = {
    NicknameVerdict.OFF: "left alone: DISCORD_SYNC_NAMES is off",
    NicknameVerdict.NOT_STATED: "left alone: the auth site states none",
    NicknameVerdict.AS_WANTED: "as wanted",
    NicknameVerdict.SET: "to be set",
    NicknameVerdict.EXEMPT: "left alone: the member holds a role of DISCORD_NICKNAME_EXEMPT_ROLES",
    NicknameVerdict.NOT_PERMITTED: "the bot may not set it: the owner, a member ranked above the bot, or no permission",
    NicknameVerdict.REFUSED: "Discord refused it; it is tried again when it changes",
    NicknameVerdict.AS_DISCORD_STORES_IT: "as Discord stores what was asked for",
}


def group_in_words(line: GroupLine) -> str:
    """What becomes of the group, as one phrase."""
    if line.verdict is GroupVerdict.ROLE and line.matched_by:
        return f"role {line.role} ({MATCHED_BY[line.matched_by]})"
    words = GROUP_WORDS[line.verdict]
    return f"{words}: {WHY_NOT[line.why]}" if line.why else words


def role_in_words(line: RoleLine) -> str:
    """Why the member keeps, gets or loses the role, as one phrase."""
    groups = f"by group {', '.join(line.groups)}" if line.groups else "no group gives it"
    match line.verdict:
        case RoleVerdict.LEAVE:
            return f"left alone: {WHY_NOT[line.why]}" if line.why else "left alone"
        case RoleVerdict.STUCK:
            return f"{groups}; Discord accepted the change several times and did not make it"
        case RoleVerdict.KEEP:
            return f"kept: {groups}"
        case _:
            return f"to be {'given' if line.verdict is RoleVerdict.GIVE else 'taken'}: {groups}"


def nickname_in_words(line: NicknameLine) -> str:
    """What becomes of the nickname, as one phrase."""
    return NICKNAME_WORDS[line.verdict]
