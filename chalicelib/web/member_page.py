"""My Discord, the member's own page: what they have and why, what is waiting, what could not be done."""

from datetime import UTC, datetime

from chalicelib import log
from chalicelib.discord.models import Account, Member
from chalicelib.errors import RolecallError, UnknownMember
from chalicelib.linking.context import response_deadline
from chalicelib.members.current_standing import PATIENT, current_standing
from chalicelib.members.guild import GuildView
from chalicelib.members.refresh import REFRESHED, ask_for_refresh
from chalicelib.members.standing import Standing, State
from chalicelib.members.words import Words
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.sessions import Sight
from chalicelib.store.users import Link, User
from chalicelib.web.render import render
from chalicelib.web.sessions import Visit

SIGHT_LIFE = 5.0  # seconds that a look at Discord answers for: reloading the page costs no further request


class MemberPage:
    """Shows the page, and refreshes the member. One visit at a time; it belongs to the visit's own user."""

    def __init__(self, services: Services, view: GuildView) -> None:
        self._services = services
        self._view = view

    def show(self, visit: Visit, words: Words, *, note: str = "") -> str:
        """The page as HTML. `note`: REFRESHED or TOO_SOON after that button."""
        user = users.get(visit.session.user_id, now=self._services.now())
        if user is None or user.link is None:
            return _unlinked_page(words)
        with response_deadline(self._services):
            sight = self._sight(visit, user.link)
            standing = self._standing(user, user.link, sight, asked=note == REFRESHED)
            return self._linked_page(user, user.link, standing, sight, visit.csrf, words, note)

    def refresh(self, visit: Visit) -> bool:
        """Ask for the member to be brought in step; False if that was asked for less than a minute ago."""
        return ask_for_refresh(self._services, visit.session.user_id)

    # --- what is ---

    def _sight(self, visit: Visit, link: Link) -> Sight | None:
        """The member as Discord shows them; None if it does not answer."""
        now, last = self._services.now(), visit.session.sight
        if last and 0 <= now - last.at < SIGHT_LIFE:
            return last
        try:
            sight = self._look(link, now)
        except RolecallError as error:
            log.warning("member_not_seen", why=str(error))
            return None
        visit.seen(sight)
        return sight

    def _look(self, link: Link, now: float) -> Sight:
        try:
            member = self._services.discord.member(link.account.id, PATIENT)
        except UnknownMember:
            return Sight(now, present=False)
        return Sight(now, present=True, roles=tuple(str(one) for one in sorted(member.roles)), nickname=member.nick)

    def _standing(self, user: User, link: Link, sight: Sight | None, *, asked: bool) -> Standing:
        member = _member(link.account, sight) if sight else None
        seen = sight is not None
        return current_standing(self._services, self._view, user, link, member, seen=seen, asked=asked)

    # --- the page ---

    def _linked_page(
        self, user: User, link: Link, standing: Standing, sight: Sight | None, csrf: str, words: Words, note: str
    ) -> str:
        account = link.account.shown or words("your_account")
        absent, goes_at = user.absent, user.goes_at or (user.absent.until if user.absent else None)
        return _page(
            words,
            standing,
            account=account,
            initial=account.lstrip("@")[:1].upper(),
            since=_day(link.activated_at, words),
            absent_since=_day(absent.since, words) if absent and not user.goes_at else "",
            goes_on=_day(goes_at, words) if goes_at else "",
            expire_behavior=self._services.settings.expire_behavior,
            server=self._view.known.name if self._view.known else "",
            ago=words.ago(self._services.now() - sight.at) if sight else "",
            note=note,
            csrf=csrf,
        )


def _unlinked_page(words: Words) -> str:
    return _page(
        words, Standing(State.NOT_LINKED), account="", initial="?", ago="", note="", absent_since="", goes_on=""
    )


def _page(words: Words, standing: Standing, **values: str) -> str:
    time = words.span(standing.seconds)
    return render(
        "me.html", language=words.language, title=words("title"), t=words, standing=standing, time=time, **values
    )


def _day(moment: float, words: Words) -> str:
    return words.day(datetime.fromtimestamp(moment, UTC).date())


def _member(account: Account, sight: Sight) -> Member | None:
    if not sight.present:
        return None
    return Member(account, sight.nickname, frozenset(int(role_id) for role_id in sight.roles))
