"""The settings a local Discord starts with, and the switches that can be turned while it runs."""

from dataclasses import dataclass, field

CREATE_INSTANT_INVITE = 1 << 0
KICK_MEMBERS = 1 << 1
BAN_MEMBERS = 1 << 2
ADMINISTRATOR = 1 << 3
MANAGE_GUILD = 1 << 5
VIEW_AUDIT_LOG = 1 << 7
MANAGE_NICKNAMES = 1 << 27
MANAGE_ROLES = 1 << 28

PERMISSION_WORDS = {
    CREATE_INSTANT_INVITE: "Create invites",
    KICK_MEMBERS: "Kick members",
    BAN_MEMBERS: "Ban members",
    ADMINISTRATOR: "Do everything, as an administrator",
    MANAGE_GUILD: "Manage the server",
    VIEW_AUDIT_LOG: "View the audit log",
    MANAGE_NICKNAMES: "Manage nicknames",
    MANAGE_ROLES: "Manage roles",
}

LEAST_PERMISSIONS = MANAGE_ROLES | MANAGE_NICKNAMES | KICK_MEMBERS | CREATE_INSTANT_INVITE


@dataclass(frozen=True, kw_only=True)
class Config:
    """The settings of a local Discord. Ids are snowflakes as strings, as on the wire; durations are seconds."""

    guild_id: str = "1100000000000000001"
    guild_name: str = "Local Alliance"
    owner: str = "fleet.admiral"
    """Username of the person who owns the guild."""
    app_id: str = "1200000000000000001"
    """The application's id; its bot's user id is the same."""
    app_name: str = "Rolecall"
    app_secret: str = field(default="local-app-secret", repr=False)
    bot_token: str = field(default="local-bot-token", repr=False)
    webhook: str = field(default="1300000000000000001/local-webhook-token", repr=False)
    """Id and token of a webhook that there is from the beginning, of the channel "officers"."""
    redirect_uris: tuple[str, ...] = ("http://localhost:8000/discord/callback",)
    bot_in_guild: bool = True
    bot_permissions: int = LEAST_PERMISSIONS
    member_intent: bool = True
    user_agent_check: bool = True
    rate_limits: bool = True
    latency: float = 0.0
    scale: float = 1.0
    """How many times faster than Discord's the rate-limit windows pass."""
    code_lifetime: float = 60.0
    token_lifetime: float = 604_800.0
    role_limit: int = 250
    invalid_request_limit: int = 10_000
    request_log_size: int = 200_000
    """Requests remembered; the oldest go first."""
    seed: int = 0
    """Determines codes and tokens: the same seed and the same requests give the same answers."""


@dataclass(kw_only=True)
class Switches:
    """Settings that can be changed while it runs. The guild's owner and the bot's rank are part of the guild itself."""

    app_secret: str = field(repr=False)
    bot_token: str = field(repr=False)
    redirect_uris: tuple[str, ...]
    member_intent: bool
    user_agent_check: bool
    rate_limits: bool
    latency: float
    """Seconds that every answer takes; the effect happens when the request arrives."""
    scale: float
    null_nick_for_username: bool = False
    """A nickname equal to the username is stored as none."""
    strips_invisible: bool = False
    """Invisible characters are left out of nicknames."""
    leaves_out_unknown_roles: bool = False
    """Unknown role ids in a PATCH of roles are left out of it, and the answer is 200 instead of 400/50028."""
    member_page: int = 1000
    """Members that one page of the list holds at most, however many are asked for."""
    list_lag: float = 0.0
    """Seconds until a new member is in the list of members."""
    requires_2fa: bool = False
    """The guild demands two-factor authentication of moderators, and the bot's owner has none (60003)."""

    @classmethod
    def of(cls, config: Config) -> "Switches":
        """The switches as `config` sets them."""
        return cls(
            app_secret=config.app_secret,
            bot_token=config.bot_token,
            redirect_uris=config.redirect_uris,
            member_intent=config.member_intent,
            user_agent_check=config.user_agent_check,
            rate_limits=config.rate_limits,
            latency=config.latency,
            scale=config.scale,
        )
