"""What only tests do: set switches, inject faults, reset rate limits, read the requests received and their counts."""

from dataclasses import asdict, fields
from typing import Any

from local.discord.faults import Fault
from local.discord.lookup import Lookup, locked
from local.discord.request_log import Entry, redacted
from local.discord.views import Counts, Received, RouteCount


class TestControls(Lookup):
    """The operations of `Admin` that have no counterpart on the real Discord."""

    @locked
    def switches(self) -> dict[str, Any]:
        """The value of each switch."""
        role = self.guild.bot_role()
        return {
            **asdict(self.world.switches),
            "owner": self.guild.store.users[self.guild.guild.owner_id].name,
            "guild_name": self.guild.guild.name,
            "bot_in_guild": self.guild.bot_id in self.guild.guild.members,
            "bot_permissions": role.permissions if role is not None else 0,
            "bot_position": role.position if role is not None else 0,
        }

    @locked
    def turn(self, /, **wanted: Any) -> dict[str, Any]:  # noqa: ANN401 - each switch has a type of its own
        """Set switches: those of `Switches`, and owner, guild_name, bot_in_guild, bot_permissions, bot_position."""
        own = {field.name for field in fields(self.world.switches)}
        for name, value in wanted.items():
            if name in own:
                setattr(self.world.switches, name, tuple(value) if name == "redirect_uris" else value)
            else:
                self._turn_in_guild(name, value)
        return self.switches()

    def _turn_in_guild(self, name: str, value: Any) -> None:  # noqa: ANN401 - as above
        match name:
            case "owner":
                self.guild.guild.owner_id = self.in_guild(value).user_id
            case "guild_name":
                self.guild.guild.name = value
            case "bot_in_guild" if value:
                self.guild.add_bot(self.world.config.bot_permissions)
            case "bot_in_guild":
                self.guild.remove_bot()
            case "bot_permissions":
                self.bot_role().permissions = value
            case "bot_position":
                self.guild.move_role(self.bot_role().id, value)
            case _:
                raise LookupError(f"there is no switch {name!r}")

    @locked
    def inject(self, fault: Fault) -> int:
        """Add a fault, which waits for its requests; returns its id."""
        return self.world.faults.inject(fault).id

    @locked
    def faults(self) -> list[Fault]:
        """The faults that still wait."""
        return list(self.world.faults.waiting)

    @locked
    def clear_faults(self, fault_id: int | None = None) -> None:
        """Remove one fault, or all."""
        self.world.faults.clear(fault_id)

    @locked
    def reset_limits(self) -> None:
        """Empty every bucket, and forget the invalid requests counted so far."""
        self.world.limiter.reset()
        self.world.request_log.forgive()

    @locked
    def received(self, *, after: int = 0, route: str | None = None) -> list[Received]:
        """The requests numbered above `after`, oldest first; of one route (`GET /guilds/{guild_id}`), if named."""
        return [
            _received(entry)
            for entry in self.world.request_log
            if entry.number > after and route in (None, entry.route)
        ]

    @locked
    def clear_received(self) -> None:
        """Forget the requests and their counts."""
        self.world.request_log.clear()

    @locked
    def counts(self) -> Counts:
        """How many requests, 429s and invalid requests there were."""
        request_log = self.world.request_log
        routes = {
            name: RouteCount(
                requests=counts.requests,
                statuses={str(status): times for status, times in sorted(counts.statuses.items())},
                rate_limited=counts.rate_limited,
                injected=counts.injected,
                invalid=counts.invalid,
            )
            for name, counts in sorted(request_log.routes.items())
        }
        return Counts(
            requests=sum(counts.requests for counts in routes.values()),
            rate_limited=sum(counts.rate_limited for counts in routes.values()),
            rate_limited_by_scope=dict(request_log.scopes),
            invalid=sum(counts.invalid for counts in routes.values()),
            invalid_lately=request_log.invalid_of_all(self.world.clock()),
            living_tokens=self.world.grants.count(),
            routes=routes,
        )


def _received(entry: Entry) -> Received:
    request = entry.request
    return Received(
        number=entry.number,
        at=entry.at,
        method=request.method,
        path=request.path,
        query=dict(request.query),
        headers=redacted(dict(request.headers)),
        body=request.body.decode("utf-8", "replace"),
        route=entry.route,
        status=entry.status,
        answered=entry.answered,
        scope=entry.scope,
        fault=entry.fault,
    )
