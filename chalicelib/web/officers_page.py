"""The officers' page: says whether all is well, else what needs a hand; answers what is held; explains a member."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib import log
from chalicelib.discord.models import Member
from chalicelib.errors import LinkRefused, Reason, RolecallError, UnknownMember
from chalicelib.linking.context import response_deadline
from chalicelib.members.explain import Explanation, Obstacle, Situation, explain
from chalicelib.members.explain_words import group_in_words, nickname_in_words, role_in_words
from chalicelib.members.guild import GuildView
from chalicelib.members.plan import Desired
from chalicelib.members.removals import Answered, WithheldRemovals
from chalicelib.members.reporter import Reporter
from chalicelib.messages import Parts
from chalicelib.services import Services
from chalicelib.store import audit, users
from chalicelib.store.removals import Cause, Loss, Withheld
from chalicelib.store.users import User
from chalicelib.sweeps.sweeper import Sweeper
from chalicelib.web.officers import MAX_ID, PATIENT, digest_of, overview, problems_in_words
from chalicelib.web.render import render
from chalicelib.web.sessions import Visit

MAX_QUERY = 256  # characters of a search; the longest id that a user can have
MAX_SHOWN = 200  # rows of a list; the number of the others is said
MAX_TRAIL = 30  # entries of the audit trail
NOTES = {  # what was just done, by the word that the address bears
    "released": "Released. Each member is compared once more, then it is taken.",
    "dropped": "Dropped. They keep it until the auth site states something newer.",
    "changed": "Nothing was done for some of them: what is held has changed since you saw it. Look again.",
    "sweep": "A sweep has been started. It looks at everybody; its result is here in some minutes.",
}


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a search for a member."""

    user: User
    explanation: Explanation
    held: Withheld | None
    trail: list[dict[str, Any]]


class OfficersPage:
    """Shows the page and does what its buttons say."""

    def __init__(self, services: Services, view: GuildView, sweeper: Sweeper) -> None:
        self._services = services
        self._view = view
        self._sweeper = sweeper
        self._reporter = Reporter(services, view)
        self._removals = WithheldRemovals(services, self._reporter)

    # --- looking ---

    def show(self, visit: Visit, *, member: str = "", note: str = "") -> str:
        """The page as HTML. `member`: what was searched for. `note`: a key of NOTES."""
        member = " ".join(member[:MAX_QUERY].split())
        with response_deadline(self._services):
            seen = overview(self._services, self._view, self._removals)
            found = self._find(member) if member else None
        return render(
            "admin.html",
            title="Rolecall",
            wide=True,
            seen=seen,
            member=member,
            found=found,
            note=NOTES.get(note, ""),
            officer=_officer(visit),
            csrf=visit.csrf,
            trail=audit.of_user(audit.THE_SERVER, now=self._services.now(), most=MAX_TRAIL),
            max_shown=MAX_SHOWN,
            ago=lambda at: _ago(self._services.now() - at),
            moment=_moment,
            loss=_loss,
            problems_in_words=problems_in_words,
            group_in_words=group_in_words,
            role_in_words=role_in_words,
            nickname_in_words=nickname_in_words,
            causes=Cause,
            digest_of=digest_of,
            count=_count,
            upper_first=lambda text: text[:1].upper() + text[1:],
        )

    def _find(self, query: str) -> Found | None:
        """The member whom the text names: the auth site's id, a Discord id, or a username."""
        user = self._user(query)
        if user is None:
            return None
        return Found(
            user,
            self._explained(user),
            self._removals.of_user(user.user_id),
            audit.of_user(user.user_id, now=self._services.now(), most=MAX_TRAIL),
        )

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

    def _explained(self, user: User) -> Explanation:
        member, notes = self._seen(user)
        situation = Situation(
            linked=user.link is not None,
            joining=user.link is not None and user.link.joining_until > self._services.now(),
            deleted=user.wanted != user.groups,
            problems=user.problems,
            notes=notes,
        )
        rules = self._view.rules(self._view.facts(PATIENT))
        return explain(Desired(user.wanted, user.nickname, user.answers), member, rules, situation)

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
            return None, (Obstacle("member_not_known", "Discord does not answer: what they have is not known"),)

    # --- doing ---

    def act(self, visit: Visit, fields: dict[str, str]) -> str:
        """Do what the pressed button says; return the key of the note. Raises LinkRefused for no button of ours."""
        by, which, shown = f"{_officer(visit)} (officers' page)", fields.get("which", ""), fields.get("shown", "")
        action = fields.get("action", "")
        log.info("officer_action", user_id=visit.session.user_id, action=action[:20])
        with response_deadline(self._services):
            if action == "sweep":
                self._reporter.officer_did("sweep started", by)
                self._sweeper.start(Parts.ALL)
                return "sweep"
            if action in ("release", "drop"):
                return self._answer(action, which, shown, by)
        raise LinkRefused(Reason.BAD_STATE, "no such button")

    def _answer(self, action: str, which: str, shown: str, by: str) -> str:
        """Answer what is held, if it still is what the officer saw."""
        chosen = self._chosen(which)
        if not chosen or digest_of(chosen) != shown:
            return "changed"
        word = "released" if action == "release" else "dropped"
        self._reporter.officer_did(f"removals of {len(chosen)} {word}", by)
        answered = self._answered(action, which, chosen, by)
        return "changed" if answered.changed else word

    def _answered(self, action: str, which: str, chosen: list[Withheld], by: str) -> Answered:
        if action == "drop":
            return self._removals.drop(chosen, by=by)
        if which == f"all:{Cause.FIRST_RUN}":
            return self._removals.release_imported(by=by)
        return self._removals.release(chosen, by=by)

    def _chosen(self, which: str) -> list[Withheld]:
        """What an answer is about: all for one cause, or what is withheld from one user."""
        kind, _, name = which.partition(":")
        if kind == "all" and name in set(Cause):
            return list(self._removals.all(Cause(name)))
        one = self._removals.of_user(name) if kind == "user" and name else None
        return [one] if one else []


def _officer(visit: Visit) -> str:
    return visit.session.name or visit.session.user_id


def _loss(one: Withheld) -> str:
    """What the member would lose."""
    if one.loss is Loss.KICK:
        return "everything: they are removed from the server, and the link ends"
    if one.loss is Loss.UNLINK:
        return "the link: they seem to have left the server"
    return ", ".join(one.roles) or f"{one.number} roles"


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def _ago(seconds: float) -> str:
    for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{_count(int(seconds // size), name)} ago"
    return "just now"


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
