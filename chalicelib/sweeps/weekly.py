"""One line a week for the officers' channel: how many members are linked, and what sweeps found."""

from collections.abc import Iterable
from datetime import UTC, datetime

from chalicelib.members.officers_channel import DAY, ONCE, OfficersChannel
from chalicelib.messages import Parts
from chalicelib.services import Services
from chalicelib.store.sweeps import Sweep, Sweeps, SweepState
from chalicelib.store.tally import Tallies

WEEK = 7 * DAY
MOST = 400  # sweeps that are looked at; an hourly one and that of usernames make 182 a week


class WeeklyLine:
    """Told with the first sweep of everything that is done in a week (ISO 8601, UTC), however many there are."""

    def __init__(self, services: Services, sweeps: Sweeps, channel: OfficersChannel) -> None:
        self._services = services
        self._sweeps = sweeps
        self._channel = channel

    def tell_if_due(self, sweep: Sweep) -> None:
        """Tell it with this sweep, which has ended, unless that was done this week."""
        settings, now = self._services.settings, self._services.now()
        if not settings.webhook_url or sweep.state is not SweepState.DONE or Parts(sweep.parts) is not Parts.ALL:
            return
        year, week, _ = datetime.fromtimestamp(now, UTC).isocalendar()
        event = f"weekly:{year}-W{week:02}"
        if self._channel.was_posted(event):
            return
        lately = [one for one in self._sweeps.latest(MOST) if one.started_at > now - WEEK and not one.dry_run]
        tally = Tallies(settings.guild_id).newest()
        self._channel.tell(event, weekly_line(sweep.linked, tally.all_troubled if tally else 0, lately), every=ONCE)


def weekly_line(linked: int, troubled: int, sweeps: Iterable[Sweep]) -> str:
    """The line. `troubled`: members with something that could not be done; `sweeps`: those of the last seven days."""
    ended = [sweep for sweep in sweeps if sweep.state in (SweepState.DONE, SweepState.FAILED, SweepState.HELD)]
    failed = sum(sweep.state is SweepState.FAILED for sweep in ended)
    repaired = sum(sweep.differing for sweep in ended)
    return (
        f"**The last seven days:** {_count(linked, 'member')} linked; {_count(len(ended), 'sweep')}"
        f"{f', {failed} of them failed' if failed else ''}; {_count(repaired, 'difference')} found; "
        f"{_count(troubled, 'member')} with something that could not be done."
    )


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"
