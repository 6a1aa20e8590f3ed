"""Finds a member by whatever an officer knows of them, and explains why they have what they have."""

from dataclasses import dataclass, replace

from chalicelib import log
from chalicelib.discord.models import Member
from chalicelib.errors import RolecallError, UnknownMember
from chalicelib.members.explain import Explanation, Obstacle, Situation, explain
from chalicelib.members.guild import GuildView
from chalicelib.members.plan import Desired
from chalicelib.members.removals import WithheldRemovals
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.removals import Withheld
from chalicelib.store.users import User
from chalicelib.web.officers import PATIENT

MAX_ID = 2**63 - 1  # above every Discord id
NOT_SEEN = Obstacle("member_not_known", "Discord does not answer: what they have is not known")


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a search for a member. `explanation` None: nothing is known of the server's roles."""

    user: User
    explanation: Explanation | None
    held: Withheld | None


class MemberSearch:
    """Searches the users of one guild."""

    def __init__(self, services: Services, view: GuildView, removals: WithheldRemovals) -> None:
        self._services = services
        self._view = view
        self._removals = removals

    def find(self, query: str) -> Found | None:
        """The member whom the text names: the auth site's id, a Discord id, or a username.

        A username is searched for among all linked users, twenty thousand of whom are read with some 20 calls.
        """
        user = self._user(query)
        return Found(user, self._explained(user), self._removals.of_user(user.user_id)) if user else None

    def _user(self, query: str) -> User | None:
        now = self._services.now()
        user = users.get(query, now=now)
        if user is None and query.isdecimal() and query.isascii() and int(query) <= MAX_ID:
            user = users.of_account(int(query), now=now)
        if user is not None:
            return user
        wanted = query.lstrip("@").casefold()
        everybody = users.links_between(self._services.settings.guild_id, 0, MAX_ID)
        return next((one for one in everybody if one.link and one.link.account.username.casefold() == wanted), None)

    def _explained(self, user: User) -> Explanation | None:
        member, notes = self._seen(user)
        situation = Situation(
            linked=user.link is not None,
            joining=user.link is not None and user.link.joining_until > self._services.now(),
            deleted=user.wanted != user.groups,
            problems=user.problems,
            notes=notes,
        )
        try:
            rules = self._view.rules(self._view.facts(PATIENT))
        except RolecallError as error:
            log.warning("guild_not_seen", why=str(error))
            return None
        return _of_what_is_known(explain(Desired(user.wanted, user.nickname, user.answers), member, rules, situation))

    def _seen(self, user: User) -> tuple[Member | None, tuple[Obstacle, ...]]:
        """The member as Discord shows them; if it does not answer, a note that says so."""
        if user.link is None:
            return None, ()
        try:
            return self._services.discord.member(user.link.account.id, PATIENT), ()
        except UnknownMember:
            return None, ()
        except RolecallError as error:
            log.warning("member_not_seen", why=str(error))
            return None, (NOT_SEEN,)


def _of_what_is_known(explanation: Explanation) -> Explanation:
    """Where Discord did not show the member, they need not have left."""
    if NOT_SEEN not in explanation.obstacles:
        return explanation
    left = tuple(obstacle for obstacle in explanation.obstacles if obstacle.code != "not_in_server")
    return replace(explanation, obstacles=left)
