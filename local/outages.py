"""Services that are away for a while: an hour, a day."""

from dataclasses import dataclass
from typing import Literal

from chalicelib.clock import Clock

Service = Literal["dynamodb", "sqs", "lambda", "discord"]
Manner = Literal["unreachable", "503", "hangs"]  # the last two: how Discord is away


@dataclass(frozen=True)
class Outage:
    """One service is away from `begins` until `ends`, epoch seconds."""

    service: Service
    begins: float
    ends: float
    manner: Manner = "unreachable"


class Outages:
    """The outages of a simulated world, past and to come."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.all: list[Outage] = []

    def begin(self, service: Service, seconds: float, *, after: float = 0.0, manner: Manner = "unreachable") -> None:
        """Let `service` be away for so many seconds, `after` seconds from now."""
        begins = self._clock.now() + after
        self.all.append(Outage(service, begins, begins + seconds, manner))

    def current(self, service: Service) -> Outage | None:
        """The outage of `service` that is under way, if any."""
        now = self._clock.now()
        return next((one for one in self.all if one.service == service and one.begins <= now < one.ends), None)

    def has(self, service: Service) -> bool:
        """Whether `service` is away now."""
        return self.current(service) is not None

    def ends_at(self, *services: Service) -> float:
        """When the outages of these services that are under way are over; the distant past if there are none."""
        return max((one.ends for one in map(self.current, services) if one), default=float("-inf"))

    def end(self) -> None:
        """End every outage, and cancel those to come."""
        self.all.clear()
