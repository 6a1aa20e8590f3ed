"""The whole state of one local Discord, and the call that a route's handler gets."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from unicodedata import category

from local.discord.config import Config, Switches
from local.discord.faults import Faults
from local.discord.guild import GuildModel, sanitised
from local.discord.interactions import Interactions
from local.discord.limiter import Limiter
from local.discord.messages import Request, missing_access, unauthorized, unknown_guild
from local.discord.oauth.grants import Grant, Grants
from local.discord.request_log import RequestLog
from local.discord.validation import snowflake
from local.discord.webhooks import Webhooks

DISCORD_EPOCH = 1_420_070_400.0  # 2015-01-01, from which ids count milliseconds


class World:
    """The state behind the API. Code outside a request holds `lock` while it uses it."""

    def __init__(self, config: Config, clock: Callable[[], float]) -> None:
        self.config = config
        self.clock = clock
        self.switches = Switches.of(config)
        self.guild = GuildModel(config, clock)
        self._ids = 0
        self.interactions = Interactions(config, self.guild, clock, self.new_id)
        self.webhooks = Webhooks(config, clock, self.new_id)
        self.grants = Grants(config)
        self.faults = Faults()
        self.request_log = RequestLog(config.request_log_size)
        self.limiter = Limiter()
        self.lock = threading.RLock()

    def new_id(self) -> int:
        """A new snowflake."""
        self._ids += 1
        return (int(max(self.clock() - DISCORD_EPOCH, 0.0) * 1000) << 22) + self._ids

    def stored_nickname(self, nick: str | None, user_id: int) -> str | None:
        """A person's nickname as this Discord stores it, by its switches."""
        if nick is not None and self.switches.strips_invisible:
            nick = sanitised("".join(sign for sign in nick if category(sign) != "Cf")) or None
        is_username = self.switches.null_nick_for_username and nick == self.guild.person(user_id).name
        return None if is_username else nick


@dataclass(frozen=True)
class Call:
    """One API request for a handler. `grant` is the caller's if a person's token was sent."""

    world: World
    request: Request
    args: dict[str, str]
    grant: Grant | None

    def id(self, name: str) -> int:
        """A snowflake from the path."""
        return snowflake(name, self.args[name])

    @property
    def own_grant(self) -> Grant:
        """The caller's grant, on a route that accepts only persons' tokens."""
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
