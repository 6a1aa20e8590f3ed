"""The officers' page: says whether all is well, else what needs a hand; explains a member; shows what was done.

One part of it, the one that changes by itself, is fetched again and again by the page while somebody looks at it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib.linking.context import response_deadline
from chalicelib.members.explained import Explained
from chalicelib.members.guild import GuildView
from chalicelib.members.removals import WithheldRemovals
from chalicelib.members.reporter import Reporter
from chalicelib.problems import in_order, withheld
from chalicelib.services import Services
from chalicelib.store import audit, users
from chalicelib.store.audit import Kind, Trail, Wanted
from chalicelib.store.removals import Loss, Withheld
from chalicelib.store.users import User
from chalicelib.web.member_search import MemberSearch
from chalicelib.web.officer_actions import officer_of
from chalicelib.web.officers import Looker, Overview, digest_of
from chalicelib.web.officers_words import OfficersWords
from chalicelib.web.render import render
from chalicelib.web.sessions import Visit

MAX_QUERY = 256  # characters of a search; the longest id that a user can have
MAX_SHOWN = 200  # rows of a list; the number of the others is said
MAX_TRAIL = 30  # entries of the audit trail
NOTES = ("released", "dropped", "changed", "sweep")  # keys of what was just done, as the address bears them


@dataclass(frozen=True, slots=True)
class Live:
    """The part that changes by itself. `digest` stands for it: who has it need not get it again."""

    html: str
    digest: str


class OfficersPage:
    """Shows the page, in one language."""

    def __init__(self, services: Services, view: GuildView, words: OfficersWords) -> None:
        self._services = services
        self._words = words
        self._explained = Explained(words)
        removals = WithheldRemovals(services, Reporter(services, view))
        self._looker = Looker(services, view, removals)
        self._search = MemberSearch(services, view, removals)

    def show(self, visit: Visit, query: Mapping[str, str]) -> str:
        """The page as HTML. `query`: who is searched for, which entries are wanted, what was just done."""
        member = _line(query.get("member"))
        wanted = _wanted(query)
        with response_deadline(self._services):
            seen = self._looker.overview()
            found = self._search.find(member) if member else None
            groups = self._looker.groups(seen.tally)
        trail = self._trail(wanted, query.get("before", ""))
        live = self._live(visit, seen)
        return render(
            "officers.html",
            script=True,
            live=live,
            seen=seen,
            groups=groups,
            member=member,
            found=found,
            found_trail=self._trail(Wanted(user_id=found.user.user_id), "") if found else None,
            note=query.get("done") if query.get("done") in NOTES else None,
            officer=officer_of(visit),
            trail=trail,
            names=self._names(trail),
            wanted=wanted,
            kinds=tuple(Kind),
            the_server=audit.THE_SERVER,
            clock=f"{datetime.fromtimestamp(seen.now, UTC):%H:%M:%S}",
            **self._common(visit),
        )

    def show_live(self, visit: Visit, known: str) -> Live | None:
        """The part that changes by itself; None if it still is as the one whose digest is `known`."""
        with response_deadline(self._services):
            live = self._live(visit, self._looker.overview())
        return None if live.digest == known else live

    def _live(self, visit: Visit, seen: Overview) -> Live:
        html = render("officers_live.html", seen=seen, **self._common(visit))
        return Live(html, hashlib.sha256(html.encode("utf-8", "surrogatepass")).hexdigest()[:16])

    def _common(self, visit: Visit) -> dict[str, Any]:
        words = self._words
        return {
            "language": words.language,
            "t": words,
            "title": words("title"),
            "wide": True,
            "csrf": visit.csrf,
            "max_shown": MAX_SHOWN,
            "ago": lambda at: words.ago(self._services.now() - at),
            "length": words.length,
            "moment": _moment,
            "explained": self._explained,
            "loss": self._loss,
            "problems_of": self._problems_of,
            "digest_of": digest_of,
            "upper_first": lambda text: text[:1].upper() + text[1:],
        }

    def _trail(self, wanted: Wanted, before: str) -> Trail:
        keep_days = self._services.settings.audit_days
        return audit.search(wanted, now=self._services.now(), before=before, most=MAX_TRAIL, keep_days=keep_days)

    def _names(self, trail: Trail) -> dict[str, str]:
        """What the accounts of those users are called whom the trail is about."""
        ids = {str(entry["user_id"]) for entry in trail.entries} - {audit.THE_SERVER}
        known = users.several(ids, now=self._services.now()) if ids else {}
        return {user_id: user.link.account.shown for user_id, user in known.items() if user.link}

    def _loss(self, one: Withheld) -> str:
        """What the member would lose."""
        if one.loss is Loss.ROLES:
            return ", ".join(one.roles) or self._words("lose_roles", count=one.number)
        return self._words("lose_kick" if one.loss is Loss.KICK else "lose_unlink")

    def _problems_of(self, user: User) -> list[str]:
        """What could not be done for the user, a phrase each."""
        return [self._explained.problem(problem) for problem in in_order(user.problems - withheld(user.problems))]


def _line(text: str | None) -> str:
    """What somebody typed, on one line, and not for ever."""
    return " ".join((text or "")[:MAX_QUERY].split())


def _wanted(query: Mapping[str, str]) -> Wanted:
    kind = query.get("kind", "")
    return Wanted(
        _line(query.get("user")),
        _line(query.get("role")),
        _line(query.get("by")),
        Kind(kind) if kind in set(Kind) else None,
    )


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
