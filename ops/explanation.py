"""`user ID --explain`: step by step what is wanted of one member and why, what is, and what holds it back."""

from collections.abc import Iterator

from rich.text import Text

from chalicelib.discord.client import RequestOptions
from chalicelib.discord.models import Member
from chalicelib.discord.rate_limit import Lane
from chalicelib.errors import RolecallError
from chalicelib.members.explain import Explanation, Obstacle, RoleVerdict, Situation, explain
from chalicelib.members.explain_words import group_in_words, nickname_in_words, role_in_words
from chalicelib.members.plan import Desired
from chalicelib.members.removal_gate import is_locked
from chalicelib.store.users import User
from ops.console import Screen, table
from ops.discord_refusals import fix_for_failure
from ops.errors import CommandError
from ops.formatting import plain
from ops.stage import Stage

PATIENT = RequestOptions(Lane.NORMAL, patience=20.0)


def explained(user: User, member: Member | None, not_seen: str, stage: Stage) -> Explanation:
    """Explain the user. `not_seen`: why the member is not known. Raises CommandError if the guild cannot be read."""
    view = stage.wired.delivery.view
    try:
        rules = view.rules(view.facts(PATIENT))
    except RolecallError as error:
        raise CommandError(f"The server cannot be read: {error}.", fix=fix_for_failure(str(error), stage)) from None
    notes = tuple(_notes(user, not_seen, stage))
    situation = Situation(
        linked=user.link is not None,
        joining=user.link is not None and user.link.joining_until > stage.now(),
        deleted=user.wanted != user.groups,
        problems=user.problems,
        notes=notes,
    )
    return explain(Desired(user.wanted, user.nickname, user.answers), member, rules, situation)


def _notes(user: User, not_seen: str, stage: Stage) -> Iterator[Obstacle]:
    if not_seen not in ("", "not in the server"):
        yield Obstacle("member_not_known", f"whether the account is in the server is {not_seen}")
    if user.kept:
        yield Obstacle(
            "kept", "an operator decided that they keep their roles until the auth site states something new"
        )
    if is_locked(user, stage.wired.services.memory.sweeps.taking_allowed_since()):
        yield Obstacle("first_run_lock", "the link was imported, and nothing is taken before an operator allows it")


def show_explanation(explanation: Explanation, screen: Screen) -> None:
    """Show it, a table for each question."""
    if explanation.groups is None:
        screen.say("The auth site never stated the user's groups.", "dim")
    else:
        groups = [(line.group, group_in_words(line)) for line in explanation.groups]
        screen.show(table(("group", "what stands for it"), groups or [("none", "the auth site states an empty list")]))
    screen.say()
    if explanation.roles:
        rows = [
            (line.role, "yes" if line.held else "no", Text(plain(role_in_words(line)), _colour(line.verdict)))
            for line in explanation.roles
        ]
        screen.show(table(("role", "held", "why"), rows))
        screen.say()
    if explanation.nickname:
        line = explanation.nickname
        screen.say(f"Nickname: {line.has or 'none'}; wanted: {line.wanted or 'none'}; {nickname_in_words(line)}.")
    screen.say(f"A sync would {'; '.join(explanation.would) or 'change nothing'}.")
    for obstacle in explanation.obstacles:
        screen.say(f"Held back: {obstacle.text}.", "yellow")
    screen.say()


def _colour(verdict: RoleVerdict) -> str:
    return {RoleVerdict.TAKE: "red", RoleVerdict.GIVE: "green", RoleVerdict.STUCK: "yellow"}.get(verdict, "")
