"""Handing changes of single users over to a comparison with listed members: marked first, then driven.

A mark is stored before the message that it stands for is deleted, and announced afterwards, unless this process
announced another one a moment ago. While anything was announced lately, nobody dismisses the driver, whose
message begins the comparisons. So no interleaving of workers leaves a mark without a driver.
"""

import uuid

from chalicelib.messages import Parts, StartSweep, encode
from chalicelib.queues import Progress
from chalicelib.services import Services
from chalicelib.store.waiting import WaitingStore

ANNOUNCED_FOR = 1.0  # seconds that an announcement of this process speaks for the marks that follow it
CALM = 3.0  # seconds without an announcement after which a storm is over; clocks may differ by the difference
SOON = 1.0  # seconds from the first mark to the first comparison
LEASE = 90.0  # seconds beyond its delay after which the message of a driver counts as lost


class WaitingChanges:
    """What waits to be compared with listed members, as one process deals with it."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.store = WaitingStore(services.settings.guild_id)
        self._announced_at = float("-inf")
        self.no_list_until = 0.0  # epoch seconds; until then Discord does not list members, by what was read last

    def add(self, user_id: str, discord_id: int) -> None:
        """Promise that the user will be compared with what Discord lists from now on."""
        self.store.add(user_id, discord_id, now=self._services.now())
        self._announce()

    def ensure_driver(self) -> None:
        """Send the message that begins a comparison, if any change waits and that message seems to be lost."""
        if self.store.first_after(0):
            self._announce()

    def _announce(self) -> None:
        now = self._services.now()
        if now - self._announced_at <= ANNOUNCED_FOR:
            return
        driver = self.store.announce(now=now)
        self.no_list_until = driver.no_list_until
        if driver.lease <= now:
            job = StartSweep(parts=Parts.ALL.value, waiting=uuid.uuid4().hex, began=now)
            self._send(job, SOON)
            self.store.name_driver(job.waiting, lease=now + SOON + LEASE, seen=driver)
        self._announced_at = now

    def drive_later(self, job: StartSweep, *, delay: float) -> None:
        """Send the message that begins the next comparison after `delay` seconds, in place of any other."""
        self._send(job, delay)
        self.store.name_driver(job.waiting, lease=self._services.now() + delay + LEASE)

    def _send(self, job: StartSweep, delay: float) -> None:
        progress = Progress(trace="waiting changes", since=self._services.now())
        self._services.queues.bulk(encode(job), progress, delay=delay)
