"""What sweeps counted on their way: how many users are linked, how many are in each group, who is not in step.

A reader needs one row, instead of all users. It is as old as the last sweep, and says so.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from chalicelib.store.rows import SweepRow, fits, read_as, stored

TALLY = "tally"  # the key of the newest whole tally; those of pages follow it, with `#`
KEPT = 86_400  # seconds that the tally of one page is kept; a survey takes minutes
MAX_GROUPS = 500  # that are stored, the largest ones
MAX_TROUBLED = 200  # users that are named; the others are counted


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of the linked users. `at`: epoch seconds.

    `unsettled`: with a change under way; `never_stated`: whose groups the auth site never stated, so that they keep
    what they have. `groups`: how many users are in each group that counts, `all_groups` how many such groups there are.
    `troubled`: ids of users with a problem, but for what is withheld; `all_troubled` how many they are.
    """

    at: float = 0.0
    linked: int = 0
    unsettled: int = 0
    never_stated: int = 0
    groups: dict[str, int] = field(default_factory=dict)
    all_groups: int = 0
    troubled: tuple[str, ...] = ()
    all_troubled: int = 0


def summed(tallies: Iterable[Tally]) -> Tally:
    """One tally of all of them. It holds one of them at a time."""
    groups: Counter[str] = Counter()
    troubled: list[str] = []
    linked = unsettled = never_stated = all_groups = all_troubled = 0
    at = 0.0
    for one in tallies:
        groups.update(one.groups)
        troubled += one.troubled[: MAX_TROUBLED - len(troubled)]
        linked, unsettled = linked + one.linked, unsettled + one.unsettled
        never_stated, all_troubled = never_stated + one.never_stated, all_troubled + one.all_troubled
        at, all_groups = max(at, one.at), max(all_groups, one.all_groups)
    return Tally(
        at=at,
        linked=linked,
        unsettled=unsettled,
        never_stated=never_stated,
        groups=dict(groups.most_common(MAX_GROUPS)),
        all_groups=max(all_groups, len(groups)),
        troubled=tuple(troubled),
        all_troubled=all_troubled,
    )


class Tallies:
    """The tallies of one guild."""

    def __init__(self, guild_id: int) -> None:
        self._guild = str(guild_id)

    def newest(self) -> Tally | None:
        """What the last sweep counted; None before the first one, and until the first one after an upgrade."""
        row = stored(SweepRow, self._guild, TALLY)
        return read_as(Tally, row.data) if row else None

    def keep(self, tally: Tally) -> None:
        """Store the tally of a whole sweep in place of the one before."""
        SweepRow(self._guild, TALLY, data=_stored(tally)).save()

    def keep_page(self, sweep_id: str, page: int, tally: Tally) -> None:
        """Store the tally of one page of a sweep; doing it twice counts once."""
        key = f"{TALLY}#{sweep_id}#{page:06}"
        SweepRow(self._guild, key, data=_stored(tally), expires_at=int(tally.at) + KEPT).save()

    def pages(self, sweep_id: str) -> Iterator[Tally]:
        """The tallies of the pages that are stored of a sweep, as they are read: a large guild has a thousand."""
        found = SweepRow.query(self._guild, SweepRow.sweep_id.startswith(f"{TALLY}#{sweep_id}#"), consistent_read=True)
        return (one for one in (read_as(Tally, row.data) for row in found) if one)


def _stored(tally: Tally) -> dict[str, Any]:
    """The tally as a row holds it: with fewer groups and users by name where those are so long that it would not."""
    data = asdict(tally)
    while not fits(data):
        groups = dict(list(tally.groups.items())[: len(tally.groups) // 2])
        tally = replace(tally, groups=groups, troubled=tally.troubled[: len(tally.troubled) // 2])
        data = asdict(tally)
    return data
