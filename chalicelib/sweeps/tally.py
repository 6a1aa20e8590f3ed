"""Counts the linked users while a survey reads them anyway, so that nobody else has to read them all."""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain

from chalicelib.problems import Problems, withheld
from chalicelib.services import Services
from chalicelib.store.tally import Tallies, Tally, summed
from chalicelib.store.users import User


def tally_of(users: Iterable[User], noted: Mapping[str, Problems], *, now: float) -> Tally:
    """Count them. `noted`: the problems of users for whom they changed since they were read, by user id."""
    groups: Counter[str] = Counter()
    linked = unsettled = never_stated = 0
    troubled = []
    for user in users:
        linked += 1
        unsettled += user.wanted is not None and user.synced_version != user.version
        never_stated += user.wanted is None
        groups.update(set(user.wanted or ()))
        problems = noted.get(user.user_id, user.problems)
        if problems - withheld(problems):
            troubled.append(user.user_id)
    page = Tally(now, linked, unsettled, never_stated, dict(groups), len(groups), tuple(troubled), len(troubled))
    return summed([page])


class TallyKeeper:
    """Keeps the tallies of a survey's pages, and their sum at its end."""

    def __init__(self, services: Services) -> None:
        self._tallies = Tallies(services.settings.guild_id)

    def note(self, sweep_id: str, page: int, tally: Tally, *, is_last: bool) -> None:
        """A page was compared. One write for a guild of one page; else one more for each, and one read at the end."""
        if not is_last:
            self._tallies.keep_page(sweep_id, page, tally)
        elif page == 0:
            self._tallies.keep(tally)
        else:
            self._tallies.keep(summed(chain(self._tallies.pages(sweep_id), (tally,))))
