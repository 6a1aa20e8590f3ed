"""How a member stands now, by what is stored and what Discord showed of them: for their own page and for commands."""

from chalicelib import log
from chalicelib.discord.client import MEMBER_PATCH, RequestOptions
from chalicelib.discord.models import Member
from chalicelib.discord.rate_limit import Lane
from chalicelib.errors import RolecallError
from chalicelib.members.explain import Explanation, Situation, explain
from chalicelib.members.guild import GuildView
from chalicelib.members.plan import Desired
from chalicelib.members.standing import Standing, State, standing_of
from chalicelib.services import Services
from chalicelib.store.users import Link, User

PATIENT = RequestOptions(Lane.NORMAL, patience=2.0)  # a person waits, and others' changes go first


def current_standing(
    services: Services, view: GuildView, user: User, link: Link, member: Member | None, *, seen: bool, asked: bool
) -> Standing:
    """How the linked user stands. `member`: as Discord showed them, None where they are no member. `seen`: it did
    answer. `asked`: a refresh was asked for just now.

    Discord is asked only for the guild, if what is stored of it is too old.
    """
    try:
        explanation = explain_linked(services, view, user, link, member)
    except RolecallError as error:
        log.warning("guild_not_seen", why=str(error))
        return Standing(State.UNKNOWN)
    under_way = asked or user.synced_version != user.version
    waits = under_way and bool(explanation.would)
    wait = services.discord.rate_limiter.expected_wait(MEMBER_PATCH, Lane.NORMAL) if waits else 0.0
    return standing_of(user, explanation, seen=seen, under_way=under_way, wait=wait)


def explain_linked(services: Services, view: GuildView, user: User, link: Link, member: Member | None) -> Explanation:
    """Why the linked user has what they have. Raises RolecallError where the guild is not known."""
    rules = view.rules(view.facts(PATIENT))
    situation = Situation(
        joining=link.joining_until > services.now(), deleted=user.wanted != user.groups, problems=user.problems
    )
    return explain(Desired(user.wanted, user.nickname, user.answers), member, rules, situation)
