"""Which service is away, since when: Discord by the functions' record, DynamoDB and SQS by what they counted.

The functions record in DynamoDB that Discord is away, and count in CloudWatch whenever they meet an outage of DynamoDB
or SQS: a record that needs neither of the two. What an operator's own call meets counts as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from chalicelib.discord.halts import SharedState
from chalicelib.metrics import DIMENSION, NAMESPACE
from chalicelib.outages import AWS_ERRORS, MAX_PAUSE, METRICS, pause_after
from chalicelib.store.sweeps import NO_LIST, Sweep
from ops.formatting import count, moment, span
from ops.stage import AwsClient

LOOK_BACK = timedelta(days=1)  # as far as one answer of CloudWatch reaches in minutes
PERIOD = 60  # seconds
DELAY = 2 * PERIOD  # seconds until CloudWatch knows of a count
MIN_MINUTES = 2  # in which an outage was met; in one alone it was a hiccup, that the next try has mended
READ_SWEEPS = 48  # two days of hourly ones, to tell since when the members are not listed
STATUS_PAGES = {"Discord": "discordstatus.com", "DynamoDB": "health.aws.amazon.com", "SQS": "health.aws.amazon.com"}


@dataclass(frozen=True, slots=True)
class Outage:
    """A service is away: `what` has been so, and `why`. Times are epoch seconds; `since` is None where nobody recorded
    it, `seen_at` the last sign of it on record.
    """

    service: str
    what: str
    why: str = ""
    since: float | None = None
    seen_at: float | None = None

    def text(self, now: float) -> str:
        """Say it in one sentence."""
        if self.since is None:
            when = ", since when is not on record"
        else:
            when = f" since {moment(self.since)} ({span(now - self.since)})"
        seen = f"; last tried {span(now - self.seen_at)} ago" if self.seen_at else ""
        return f"{self.service} {self.what}{when}{': ' if self.why else ''}{self.why}{seen}"

    def fix(self, now: float) -> str:
        """Say what to do: nothing, mostly."""
        pause = MAX_PAUSE if self.since is None else pause_after(now - self.since)
        return (
            f"look at {STATUS_PAGES[self.service]}; nothing is lost, and what waits is done by itself, tried again "
            f"within {span(pause)} after the end"
        )


@dataclass(frozen=True, slots=True)
class Met:
    """When functions met an outage that may go on: first and last, epoch seconds, and in how many minutes."""

    since: float
    last: float
    minutes: int


def of_discord(state: SharedState) -> Outage | None:
    """Discord's outage, as the functions recorded it."""
    away = state.away
    return Outage("Discord", "has answered nobody", away.why, away.since, away.at) if away else None


def of_aws(service: str, refusal: str, met: Met | None) -> Outage | None:
    """The outage of DynamoDB or SQS. `refusal`: what the operator's own call met, if it was refused."""
    since, last = (met.since, met.last) if met else (None, None)
    if refusal:
        return Outage(service, "has been away", refusal.rstrip("."), since)
    if met and met.minutes >= MIN_MINUTES:
        return Outage(service, "answers here, but has failed or refused the functions", since=since, seen_at=last)
    return None


def met_by_functions(cloudwatch: AwsClient, stage: str, service: str, now: float) -> Met | None:
    """When the functions met the outage of this service that may still go on; None if none, or if nobody can tell."""
    end = datetime.fromtimestamp(now, UTC)
    try:
        said = cloudwatch.get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName=METRICS[service],
            Dimensions=[{"Name": DIMENSION, "Value": stage}],
            StartTime=end - LOOK_BACK,
            EndTime=end,
            Period=PERIOD,
            Statistics=["Sum"],
        )
    except AWS_ERRORS:  # it is only said since when; the outage itself is seen without it
        return None
    return newest_run(sorted(point["Timestamp"].timestamp() for point in said.get("Datapoints", [])), now)


def newest_run(minutes: Sequence[float], now: float) -> Met | None:
    """The newest of `minutes` (ascending) that belong to one outage; None if that is over by `now`.

    While an outage lasts, what waits is tried again after pauses that grow with it.
    """
    runs: list[Met] = []
    for minute in minutes:
        if runs and minute - runs[-1].last <= _longest_gap(runs[-1]):
            runs[-1] = Met(runs[-1].since, minute, runs[-1].minutes + 1)
        else:
            runs.append(Met(minute, minute, 1))
    return runs[-1] if runs and now - runs[-1].last <= _longest_gap(runs[-1]) else None


def _longest_gap(run: Met) -> float:
    """Seconds without a count within which the outage may go on."""
    return pause_after(run.last - run.since) + PERIOD + DELAY


def no_list_since(sweeps: Sequence[Sweep]) -> float | None:
    """Since when Discord refuses the list of members, by these sweeps, newest first; None if the last one had it."""
    ended = [sweep for sweep in sweeps if sweep.linked]  # what compared nobody needed no list
    without = next((number for number, sweep in enumerate(ended) if NO_LIST not in sweep.note), len(ended))
    return ended[without - 1].started_at if without else None


def waits(number: int | None) -> str:
    """Say how much waits."""
    if number is None:
        return "how much waits is not known"
    return f"{count(number, 'message')} wait{'s' if number == 1 else ''}"
