"""Sends a change of a member as one request, the cheapest exact one, and counts what reached Discord.

What is tried if Discord refuses it is decided in `writer.py`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chalicelib.discord.client import RequestOptions
from chalicelib.discord.models import Member
from chalicelib.errors import Refused, Wait
from chalicelib.members.context import JobContext
from chalicelib.members.plan import Change
from chalicelib.services import Services


class ChangeSender:
    """Sends changes of members. `writes` counts those that reached Discord, or may have."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.writes = 0

    def send(self, member: Member, change: Change, context: JobContext) -> Member | None:
        """Make one request: for a single role if that is all and no slot is reserved for a PATCH; else a PATCH.

        Returns the member as Discord stored it then; None if its answer did not show that.
        """
        if change.only_role and context.reservation is None and not context.sees_answer:
            self.send_role(member.id, change, context.options(takes=bool(change.take)))
            return None
        return self.patch(member, change, context)

    def patch(self, member: Member, change: Change, context: JobContext) -> Member | None:
        """Make the change as one PATCH; returns the member as Discord stored it."""
        roles = change.roles_after(member) if change.give or change.take else None
        options = context.options(takes=bool(change.take))
        with self.counted():
            return self._services.discord.change(member.id, options, roles=roles, nick=change.nickname)

    def send_role(self, discord_id: int, change: Change, options: RequestOptions) -> None:
        """Give or take the one role that `change` consists of; the member's other roles need not be known."""
        if change.only_role is None:
            raise ValueError("the change is more than one role")
        role_id, give = change.only_role
        discord = self._services.discord
        with self.counted():
            (discord.give_role if give else discord.take_role)(discord_id, role_id, options)

    def has_written_since(self) -> Callable[[], bool]:
        """A function that says whether anything reached Discord, or may have, after this call."""
        before = self.writes
        return lambda: self.writes > before

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a change of a member. A Wait means that it was not sent, Refused that Discord did not make it."""
        self.writes += 1
        try:
            yield
        except (Wait, Refused):
            self.writes -= 1
            raise
