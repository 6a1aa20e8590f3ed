"""Everything one local Discord knows, and the call that a route's handler gets."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from .config import Config, Switches
from .faults import Faults
from .forms import snowflake
from .guild import GuildModel
from .journal import Journal
from .limiter import Limiter
from .messages import Request, missing_access, unauthorized, unknown_guild
from .oauth.grants import Grant, Grants


class World:
    """The state behind the API. Whoever touches it from outside a request holds `lock`."""

    def __init__(self, config: Config, clock: Callable[[], float]) -> None:
        self.config = config
        self.clock = clock
        self.switches = Switches.of(config)
        self.guild = GuildModel(config, clock)
        self.grants = Grants(config)
        self.faults = Faults()
        self.journal = Journal(config.journal_size)
        self.limiter = Limiter()
        self.lock = threading.RLock()


@dataclass(frozen=True)
class Call:
    """One API request on its way to a handler. `grant` is the caller's, where a person's token was sent."""

    world: World
    request: Request
    args: dict[str, str]
    grant: Grant | None

    def id(self, name: str) -> int:
        """A snowflake from the path."""
        return snowflake(name, self.args[name])

    @property
    def own_grant(self) -> Grant:
        """The caller's grant, on a route that takes persons' tokens only."""
        if self.grant is None:
            raise unauthorized()
        return self.grant

    @property
    def guild(self) -> GuildModel:
        """The guild named in the path, of which the bot is a member.

        Raises:
            DiscordError: 10004, there is no such guild; 50001, the bot is not in it.
        """
        guild = self.world.guild
        if self.id("guild_id") != guild.id:
            raise unknown_guild()
        if guild.bot_id not in guild.guild.members:
            raise missing_access()
        return guild

    def require(self, *permissions: str) -> None:
        """The bot holds these permissions in the guild (50001, 50013 or 60003 otherwise)."""
        self.world.guild.require_bot(*permissions, two_factor=self.world.switches.requires_2fa)
