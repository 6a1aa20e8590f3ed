"""A dry run: the survey and the verdict in one go, while somebody waits for the answer."""

from dataclasses import replace
from typing import Any

from chalicelib.errors import CallsHalted, GiveUp, RateLimitDeferred, RolecallError, Ticket, Wait
from chalicelib.messages import ComparePage
from chalicelib.services import Services
from chalicelib.store.sweeps import Sweep, Sweeps, SweepState
from chalicelib.sweeps.compare import GuildComparer
from chalicelib.sweeps.judge import Judge
from chalicelib.sweeps.spared import with_limit
from chalicelib.sweeps.summary import summary_of

MAX_DRY_WAIT = 200.0  # seconds that a dry run may wait for Discord in all; its function may run for 300


class DryRun:
    """Surveys the guild without changing anything."""

    def __init__(self, services: Services, sweeps: Sweeps, comparer: GuildComparer, judge: Judge) -> None:
        self._services = services
        self._sweeps = sweeps
        self._comparer = comparer
        self._judge = judge

    def run(self, sweep: Sweep) -> dict[str, Any]:
        """Survey the whole guild and return the summary. Waits for Discord's limits.

        Raises GiveUp if that would take too long, CallsHalted if all calls are halted.
        """
        judged = with_limit(self._judge.judge(self._survey(sweep)))
        done = replace(judged, state=SweepState.DRY_RUN)
        self._sweeps.note(done)
        return summary_of(done) | {"dry_run": True}

    def _survey(self, sweep: Sweep) -> Sweep:
        page: ComparePage | None = ComparePage(sweep_id=sweep.sweep_id)
        ticket: Ticket | None = None
        waited = 0.0
        while page:
            try:
                compared = self._comparer.compare_page(sweep, page, ticket)
                sweep, page, ticket = compared.sweep, compared.following, None
            except Wait as wait:
                waited += wait.retry_after
                if waited >= MAX_DRY_WAIT:
                    raise _too_long(wait) from wait
                ticket = wait.ticket if isinstance(wait, RateLimitDeferred) else None
                self._services.clock.sleep(wait.retry_after)
        return sweep


def _too_long(wait: Wait) -> RolecallError:
    """The error for a dry run that would have to wait too long. If all calls are halted, `wait` says why."""
    if isinstance(wait, CallsHalted):
        return wait
    return GiveUp(
        "Discord's limits would make this dry run take longer than a function may run; "
        "try again later, or run the sweep"
    )
