"""`roles`: which role stands for which group; tying a group to a role of another name."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.discord.client import RequestOptions
from chalicelib.discord.models import Guild, Role
from chalicelib.discord.rate_limit import Lane
from chalicelib.errors import RolecallError
from chalicelib.members.explain_words import MATCHED_BY, WHY_NOT
from chalicelib.members.roles import RoleRules, WhyNot
from chalicelib.store.guild import GuildMemory
from chalicelib.store.tally import Tallies, Tally
from ops.console import Screen, table
from ops.discord_refusals import fix_for_failure
from ops.errors import FINE, WRONG, CommandError
from ops.formatting import moment
from ops.options import common
from ops.stage import Stage

ABOUT = """\
A group's role is the one that the map names, else the one of the same name, else the one that had that name before it
was renamed.

  python -m ops roles list                         every role: for which groups it stands, or whose it is
  python -m ops roles map "Alliance Member" Blue   let the role Blue stand for the group
  python -m ops roles unmap "Alliance Member"      let the role of the same name stand for it again

ROLE is a name or an id. A role that the bot can neither give nor take is refused, with the reason. The functions know
within half a minute; members get and lose the roles at their next change or at the next sweep. To see who would:
python -m ops sweep --dry-run

Exit code of list: 1 if the map names a role that is gone or that the bot cannot give."""
PATIENT = RequestOptions(Lane.NORMAL, patience=20.0)
MAX_ATTEMPTS = 5  # to change the map while somebody else does
FIXES = {
    WhyNot.EVERYONE: "choose another role",
    WhyNot.MANAGED: "make a role by hand, and map the group to that",
    WhyNot.RESERVED: "take it out of DISCORD_RESERVED_ROLES, deploy, and map it then",
    WhyNot.ABOVE_BOT: "drag the bot's role above it (Discord → Server Settings → Roles), and map it then",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `roles`."""
    actions = parser.add_subparsers(dest="action", metavar="list|map|unmap", required=True)

    def action(name: str, about: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=about, description=about, parents=[common()])

    action("list", "every role: for which groups it stands, or whose it is")
    tie = action("map", "let a role stand for a group")
    tie.add_argument("group", metavar="GROUP", help="the group, as the auth site calls it")
    tie.add_argument("role", metavar="ROLE", help="the role's name or id")
    action("unmap", "let the role of the same name stand for a group again").add_argument("group", metavar="GROUP")


def run(options: argparse.Namespace, stage: Stage, screen: Screen) -> int:
    """List, map or unmap."""
    act: Callable[[argparse.Namespace, Stage, Screen], int] = {"list": _list, "map": _map, "unmap": _unmap}[
        options.action
    ]
    stage.connect()
    return act(options, stage, screen)


# --- list ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A role of the server, or one that the map names and the server lacks (`role` empty).

    `users`: how many linked users are in its groups, as the last sweep counted; None if that is not known.
    """

    role: str
    role_id: int
    groups: tuple[str, ...]
    how: str
    why_not: str = ""
    users: int | None = None

    def plain(self) -> dict[str, Any]:
        """For programs."""
        return {
            "role": self.role or None,
            "role_id": str(self.role_id),
            "groups": list(self.groups),
            "how": self.how or None,
            "not_managed": self.why_not or None,
            "users": self.users,
        }


def _list(_options: argparse.Namespace, stage: Stage, screen: Screen) -> int:
    rules, tally = _rules(stage), Tallies(stage.guild_id).newest()
    rows = [*(_row(role, rules, tally) for role in _ordered(rules.guild)), *_gone(rules)]
    if screen.as_json:
        screen.data([row.plain() for row in rows])
    else:
        shown = [
            (row.users, row.role or "(gone)", str(row.role_id), ", ".join(row.groups), row.how or row.why_not)
            for row in rows
        ]
        screen.show(table(("linked users", "role", "id", "group", "why"), shown))
        if tally:
            screen.say(f"Linked users were counted by the sweep of {moment(tally.at)}.", "dim")
    broken = [group for group in rules.role_map if rules.match([group]).out_of_reach]
    for group in broken:
        screen.aside(f"The group {group} is mapped to a role that the bot cannot give.", "bold red")
        screen.aside(f"→ {stage.command(f'roles unmap {group!r}')}, or map it to another role", "cyan")
    return WRONG if broken else FINE


def _row(role: Role, rules: RoleRules, tally: Tally | None) -> Row:
    names = {*rules.known_role_ids, *rules.role_map}
    groups = tuple(sorted(name for name in names if rules.match([name]).ids.get(name) == role.id))
    how = "; ".join(dict.fromkeys(MATCHED_BY[rules.matched_by(name, role.id)] for name in groups))
    why = rules.why_not(role)
    if why is None and not groups:
        return Row(role.name, role.id, (), "", "taken from linked members: no group is known for it")
    users = sum(tally.groups.get(group, 0) for group in groups) if tally and groups else None
    return Row(role.name, role.id, groups, how, WHY_NOT[why] if why else "", users)


def _gone(rules: RoleRules) -> list[Row]:
    return [
        Row("", role_id, (group,), "", "the map names a role that does not exist any more")
        for group, role_id in sorted(rules.role_map.items())
        if role_id not in rules.guild.by_id
    ]


def _ordered(guild: Guild) -> list[Role]:
    return sorted(guild.roles, key=lambda role: role.rank, reverse=True)


# --- map and unmap ------------------------------------------------------------------------------------------------


def _map(options: argparse.Namespace, stage: Stage, screen: Screen) -> int:
    rules = _rules(stage)
    group, role = _group(options.group, rules), _role(options.role, rules.guild, stage)
    why = rules.out_of_reach(role)
    if why:
        raise CommandError(f"The role {role.name} cannot stand for a group: {WHY_NOT[why]}.", fix=FIXES[why])
    _change(stage, lambda known: {**known, group: role.id})
    if screen.as_json:
        screen.data({"group": group, "role": role.name, "role_id": str(role.id)})
    else:
        screen.say(f"The role {role.name} ({role.id}) stands for the group {group} now.", "green")
        if rules.match([role.name]).ids.get(role.name) == role.id and role.name != group:
            screen.say(f"It stands for a group called {role.name} as well, if the auth site has one.")
        screen.aside(f"To see what that changes: {stage.command('sweep --dry-run')}")
    return FINE


def _unmap(options: argparse.Namespace, stage: Stage, screen: Screen) -> int:
    memory = GuildMemory(stage.guild_id)
    group, stored = options.group.strip(), memory.roles().role_map
    if group not in stored:
        raise CommandError(f"The group {group} is not mapped.", fix=stage.command("roles list"))
    _remember(memory, stored[group])
    _change(stage, lambda known: {name: role_id for name, role_id in known.items() if name != group})
    if screen.as_json:
        screen.data({"group": group, "role": None, "role_id": None})
    else:
        screen.say(f"The group {group} is not mapped any more: the role of the same name stands for it.", "green")
        screen.aside(f"To see what that changes: {stage.command('sweep --dry-run')}")
    return FINE


def _remember(memory: GuildMemory, role_id: int) -> None:
    """Its holders are to lose the role although it stands for no group any more (DISCORD_MANAGED_ROLES=known)."""
    for _ in range(MAX_ATTEMPTS):
        known = memory.roles().ever_known
        if role_id in known or memory.keep_ever_known(known | {role_id}, known):
            return


def _change(stage: Stage, new: Callable[[dict[str, int]], dict[str, int]]) -> None:
    """Change the map; nothing that somebody else changes at the same time is lost."""
    memory = GuildMemory(stage.guild_id)
    for _ in range(MAX_ATTEMPTS):
        known = memory.roles().role_map
        if memory.keep_role_map(new(known), known):
            return
    raise CommandError("The map is being changed by somebody else just now.", fix="run this again")


def _rules(stage: Stage) -> RoleRules:
    """The rules by the server as it is now."""
    view = stage.wired.delivery.view
    try:
        return view.rules(view.refresh(PATIENT)).roles
    except RolecallError as error:
        raise CommandError(f"The server cannot be read: {error}.", fix=fix_for_failure(str(error), stage)) from None


def _group(text: str, rules: RoleRules) -> str:
    """The group as the map names it."""
    if rules.policy.excludes(text):
        raise CommandError(
            f"No role stands for the group {text}: it is in DISCORD_EXCLUDED_GROUPS.",
            fix="take it out of that setting, deploy, and map it then",
        )
    name = rules.name_of(text)
    if name is None:
        raise CommandError("The group's name is empty.")
    return name


def _role(text: str, guild: Guild, stage: Stage) -> Role:
    """The role of that id or name."""
    by_id = guild.by_id.get(int(text)) if text.isascii() and text.isdigit() else None
    named = [by_id] if by_id else [role for role in guild.roles if role.name.strip() == text.strip()]
    if len(named) == 1:
        return named[0]
    if named:
        ids = ", ".join(str(role.id) for role in sorted(named, key=lambda role: role.id))
        raise CommandError(
            f"The server has {len(named)} roles called {text}.", fix=f"name one of them by its id: {ids}"
        )
    raise CommandError(f"The server has no role {text}.", fix=f"{stage.command('roles list')} shows all")
