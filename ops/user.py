"""`user ID`: everything known about one user, desired next to actual."""

import argparse
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import to_builtins
from rich.text import Text

from chalicelib.discord.client import RequestOptions
from chalicelib.discord.models import Guild, Member
from chalicelib.discord.rate_limit import Lane
from chalicelib.errors import RolecallError, UnknownMember
from chalicelib.members.explain import Explanation, actions
from chalicelib.members.guild import role_policy
from chalicelib.members.plan import Change, Desired, nickname_of, plan_change
from chalicelib.members.roles import RolePolicy, RoleRules
from chalicelib.messages import UpdateAll, encode
from chalicelib.problems import in_order, text
from chalicelib.store import audit, users
from chalicelib.store.users import User
from ops.console import Screen, facts, table
from ops.discord_refusals import fix_for_failure
from ops.errors import FINE, WRONG, CommandError
from ops.explanation import explained, show_explanation
from ops.formatting import ago, moment
from ops.links.table import MAX_USER_ID
from ops.options import seconds
from ops.stage import Stage

ABOUT = """\
Show all that is known of one user: what the auth site wants beside what Discord has, the link, the last sync and its
error, and the audit trail. ID is the auth site's user id; the Discord id of a linked account does as well.

With --explain it is said step by step which role stands for each group and why, which rule keeps each role of the
member, what would be done now, and what holds it back.

With --sync a job is posted first, as the auth site would, and its result awaited. With --json all times are epoch
milliseconds.

Exit code 1 if the user is not as they should be, or not known, or if no result came."""
PATIENT = RequestOptions(Lane.NORMAL, patience=20.0)
MAX_ENTRIES = 20
NOT_KNOWN = "not known: "


@dataclass(frozen=True)
class Seen:
    """The member at Discord, and what differs. `why` says why one of them is not known."""

    member: Member | None
    rules: RoleRules | None
    change: Change | None
    why: str = ""

    @property
    def guild(self) -> Guild | None:
        """The guild as it was read for this command."""
        return self.rules.guild if self.rules else None


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `user`."""
    parser.add_argument("id", type=_id, metavar="ID", help="the auth site's user id, or a linked account's Discord id")
    parser.add_argument("--explain", action="store_true", help="say step by step what is wanted, and why")
    parser.add_argument("--sync", action="store_true", help="sync them now, and wait for the result")
    parser.add_argument("--timeout", type=seconds, default=120.0, metavar="SECONDS", help="with --sync; default: 120")


def _id(text: str) -> str:
    if not 0 < len(text) <= MAX_USER_ID:
        raise argparse.ArgumentTypeError(f"an id has 1 to {MAX_USER_ID} characters")
    return text


def run(options: argparse.Namespace, stage: Stage, screen: Screen) -> int:
    """Show the user; return 1 if the member is not as it should be."""
    stage.connect()
    user = find(options.id, stage)
    answered = True
    if options.sync:
        user, answered = _sync(user, stage, screen, options.timeout)
    seen = look(user, stage)
    trail = audit.of_user(user.user_id, now=stage.now(), most=MAX_ENTRIES)
    explanation = explained(user, seen.member, seen.why, stage) if options.explain else None
    if screen.as_json:
        screen.data(_plain(user, seen, trail) | ({"explain": to_builtins(explanation)} if explanation else {}))
    else:
        _show(user, seen, trail, explanation, stage, screen)
    fine = user.last_error is None and not seen.why and not seen.change
    return FINE if fine and answered else WRONG


def find(wanted: str, stage: Stage) -> User:
    """Return the user with that id. Raises CommandError."""
    user = users.get(wanted, now=stage.now())
    if user is None and wanted.isascii() and wanted.isdigit() and int(wanted) < 2**63:
        owner = users.owner_of(int(wanted))
        user = users.get(owner, now=stage.now()) if owner else None
    if user is None:
        raise CommandError(
            f"User {wanted} not found.",
            fix="they have never linked, and the auth site has not spoken of them lately",
        )
    return user


# --- Discord's side -----------------------------------------------------------------------------------------------


def look(user: User, stage: Stage) -> Seen:
    """Read the member and plan what a sync would change."""
    if user.link is None:
        return Seen(None, None, None)
    try:
        services, view = stage.wired.services, stage.wired.delivery.view
        guild = view.facts(PATIENT)
        member = services.discord.member(user.link.account.id, PATIENT)
    except UnknownMember:
        return Seen(None, None, None, "not in the server")
    except RolecallError as error:
        return Seen(None, None, None, f"{NOT_KNOWN}{error}")
    desired = Desired(user.wanted, user.nickname, user.answers)
    rules = view.rules(guild)
    return Seen(member, rules.roles, plan_change(member, desired, rules))


# --- syncing ------------------------------------------------------------------------------------------------------


def _sync(user: User, stage: Stage, screen: Screen, timeout: float) -> tuple[User, bool]:
    """Post a job for the user and wait until it shows; return the user then, and whether it showed."""
    if user.link is None:
        raise CommandError(f"User {user.user_id} is not linked: there is nothing to sync.")
    posted = int(stage.now())
    stage.wired.services.queues.jobs(encode(UpdateAll(user_id=user.user_id)))
    end = time.monotonic() + timeout
    with screen.waiting(f"Waiting for the sync of {user.user_id}"):
        while time.monotonic() < end:
            now = users.get(user.user_id, now=stage.now())
            if now is None or now.link is None:
                raise CommandError(f"User {user.user_id} is not linked any more: they left the server.")
            if _synced(user, now, posted):
                screen.aside(f"Synced at {moment(now.synced_at)}.", "green")
                return now, True
            if now.failed_at is not None and now.failed_at >= posted:
                screen.aside("The sync was given up.", "bold red")
                return now, True
            time.sleep(stage.pause)
    screen.aside(f"No result after {timeout:.0f} s; the job is on its way. See: {stage.command('status')}", "yellow")
    return users.get(user.user_id, now=stage.now()) or user, False


def _synced(before: User, now: User, posted: int) -> bool:
    return now.synced_at is not None and now.synced_at >= posted and now.synced_at != before.synced_at


# --- showing ------------------------------------------------------------------------------------------------------


def _show(
    user: User,
    seen: Seen,
    trail: list[dict[str, Any]],
    explanation: Explanation | None,
    stage: Stage,
    screen: Screen,
) -> None:
    policy = role_policy(stage.settings)
    screen.show(facts(_about(user, policy, stage.now()), f"User {user.user_id}"))
    screen.say()
    if user.link:
        beside = _beside(user, seen, policy, sync_names=stage.settings.sync_names)
        screen.show(table(("", "the auth site wants", "Discord has"), beside))
        screen.say(_verdict(user, seen), "green" if not (seen.change or seen.why) else "yellow")
        if seen.why.startswith(NOT_KNOWN):
            screen.say(f"→ {fix_for_failure(seen.why, stage)}", "cyan")
        screen.say()
    if explanation:
        show_explanation(explanation, screen)
    if trail:
        rows = [(entry["at"][:19].replace("T", " "), told(entry), entry.get("cause")) for entry in trail]
        screen.show(table(("When (UTC)", "what was changed", "asked for by"), rows))
    else:
        screen.say("No change was recorded.", "dim")


def _about(user: User, policy: RolePolicy, now: float) -> list[tuple[str, str | Text]]:
    known: list[tuple[str, str | Text]] = []
    if user.link:
        account = user.link.account
        known.append(("linked to", f"{account.shown or 'name not known yet'} ({account.id})"))
        known.append(("since", moment(user.link.activated_at)))
        when = f"{moment(user.synced_at)} ({ago(user.synced_at, now)})" if user.synced_at else "never"
        known.append(("last synced", when))
        if user.last_error:
            known.append(("last error", Text("; ".join(map(text, in_order(user.problems))), "bold red")))
    else:
        known.append(("linked to", "nobody"))
    if user.deleted_at:
        known.append(("removed", f"{moment(user.deleted_at)}, by the auth site or at their own wish"))
    if user.goes_at:
        known.append(("removed on", f"{moment(user.goes_at)}, unless something newer is stated"))
    if user.absent:
        known.append(("left the server", f"{moment(user.absent.since)}; the link ends {moment(user.absent.until)}"))
    if not user.link and user.groups is not None:
        known.append(("groups", _listed(user.groups, policy)))
    if not user.link and user.nickname:
        known.append(("nickname", user.nickname))
    known.append(("groups stated", moment(user.groups_at / 1000) if user.groups_at else "never"))
    known.append(("nickname stated", moment(user.nickname_at / 1000) if user.nickname_at else "never"))
    known.append(
        ("version", f"{user.version}, synced {'never' if user.synced_version is None else user.synced_version}")
    )
    return known


def _listed(groups: Iterable[str], policy: RolePolicy) -> str:
    """Return the roles that stand for the groups, in the order in which the member's roles are shown."""
    return ", ".join(sorted(policy.names_of(groups))) or "none"


def _beside(user: User, seen: Seen, policy: RolePolicy, *, sync_names: bool) -> list[tuple[str, str, str | Text]]:
    wanted = "never stated: left alone" if user.groups is None else _listed(user.groups, policy)
    nickname = nickname_of(user.nickname) or ("none" if user.nickname_at else "never stated: left alone")
    if not sync_names:
        nickname += " (DISCORD_SYNC_NAMES is off)"
    if seen.member is None or seen.rules is None:
        why: str | Text = Text(seen.why or "–", "yellow")
        return [("roles", wanted, why), ("nickname", nickname, why)]
    by_id = seen.rules.guild.by_id
    roles = [by_id[role_id] for role_id in seen.member.roles if role_id in by_id]
    ours = sorted(role.name for role in roles if seen.rules.owns(role))
    others = sorted(role.name for role in roles if not seen.rules.owns(role))
    return [
        ("roles", wanted, ", ".join(ours) or "none"),
        ("not ours to touch", "", ", ".join(others) or "none"),
        ("nickname", nickname, seen.member.nick or "none"),
        ("username", "", seen.member.user.shown),
    ]


def _verdict(user: User, seen: Seen) -> str:
    if seen.why:
        return f"The member is {seen.why}."
    if not seen.change:
        return "Discord is as the auth site wants." if user.groups is not None else "Nothing is wanted of Discord yet."
    return "A sync would " + "; ".join(_changes(seen)) + "."


def _changes(seen: Seen) -> list[str]:
    if seen.change is None or seen.rules is None:
        return []
    return list(actions(seen.change, seen.rules))


def told(entry: dict[str, Any]) -> str:
    """Describe one entry of the audit trail in words."""
    said = [] if entry.get("what", "changed") == "changed" else [str(entry["what"])]
    if entry.get("taken"):
        said.append(f"took {', '.join(entry['taken'])}")
    if entry.get("given"):
        said.append(f"gave {', '.join(entry['given'])}")
    if entry.get("nickname_to"):
        said.append(f"nickname {entry.get('nickname_from') or 'none'} → {entry['nickname_to']}")
    return "; ".join(said) or "nothing"


def _plain(user: User, seen: Seen, trail: list[dict[str, Any]]) -> dict[str, Any]:
    actual = None
    if seen.member and seen.guild:
        known = seen.guild.by_id
        actual = {
            "roles": sorted(known[role_id].name for role_id in seen.member.roles if role_id in known),
            "nickname": seen.member.nick,
            "username": seen.member.user.shown,
        }
    link = None
    if user.link:
        account = user.link.account
        link = {
            "discord_id": str(account.id),
            "username": account.shown,
            "activated_at": _milliseconds(user.link.activated_at),
        }
    return {
        "user_id": user.user_id,
        "link": link,
        "desired": {
            "groups": user.groups,
            "groups_at": user.groups_at,
            "nickname": user.nickname,
            "nickname_at": user.nickname_at,
        },
        "actual": actual,
        "not_known": seen.why,
        "would_change": _changes(seen),
        "version": user.version,
        "synced_version": user.synced_version,
        "synced_at": _milliseconds(user.synced_at),
        "last_error": user.last_error,
        "deleted_at": _milliseconds(user.deleted_at),
        "audit": [plain_entry(entry) for entry in trail],
    }


def plain_entry(entry: dict[str, Any]) -> dict[str, Any]:
    """The entry as `--json` shows it: its time in epoch milliseconds."""
    plain: dict[str, Any] = json.loads(json.dumps(entry, default=str))
    return plain | {"at": _milliseconds(datetime.fromisoformat(plain["at"]).timestamp())}


def _milliseconds(seconds: float | None) -> int | None:
    """Convert to epoch milliseconds, as the contract states times."""
    return None if seconds is None else int(seconds * 1000)
