"""Every setting, typed; the only module that reads the environment.

Secrets come from SSM Parameter Store, `/rolecall/<stage>/<NAME>`; an environment variable of the same name wins.
Whatever is missing or wrong is reported in one `BadSettings`, a line for each. docs/reference/settings.md is generated
from the tables below (`make docs`).
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any
from urllib.parse import urlsplit

from chalicelib.errors import BadSettings

STAGE = "ROLECALL_STAGE"
KICK, STRIP = "kick", "remove_roles"  # DISCORD_EXPIRE_BEHAVIOR
REQUIRED_SECRETS = ("DISCORD_APP_SECRET", "DISCORD_BOT_TOKEN", "AUTH_SITE_SECRET")
SECRETS = (*REQUIRED_SECRETS, "DISCORD_WEBHOOK_URL")
MIN_SECRET = 32  # bytes; RFC 7518, section 3.2: a key of the hash's size or larger
ALL_ROLES, KNOWN_ROLES = "all", "known"  # DISCORD_MANAGED_ROLES
IGNORE, REPORT, REMOVE_ROLES = "ignore", "report", "remove_roles"  # DISCORD_UNLINKED_MEMBERS
FetchSecrets = Callable[[list[str]], Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings, typed; `TABLE` says what each means. Times are seconds."""

    stage: str
    app_id: int
    app_secret: str = field(repr=False)
    bot_token: str = field(repr=False)
    public_key: str
    webhook_url: str = field(repr=False)
    callback_url: str
    guild_id: int
    guild_name_cache_max_age: int
    roles_cache_max_age: int
    sync_names: bool
    retry_pause: int
    max_retries: int
    disable_role_creation: bool
    reserved_roles: frozenset[str]
    protected_members: frozenset[int]
    managed_roles: str
    unlinked_members: str
    excluded_groups: frozenset[str]
    nickname_exempt_roles: frozenset[str]
    expire_behavior: str
    expire_grace_days: int
    api_base_url: str
    oauth_base_url: str
    oauth_token_url: str
    timeout_connect: float
    timeout_read: float
    auth_site_secret: str = field(repr=False)
    auth_site_url: str
    removal_limit_percent: int
    audit_days: int


# --- how a text becomes a value; each raises ValueError with what is expected ---------------------------------


def _snowflake(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**63):
        raise ValueError("a Discord id: digits only (Discord → right click → Copy Server ID or User ID)")
    return int(text)


def _flag(text: str) -> bool:
    known = {
        "true": True,
        "1": True,
        "yes": True,
        "on": True,
        "false": False,
        "0": False,
        "no": False,
        "off": False,
    }
    if text.lower() not in known:
        raise ValueError("True or False")
    return known[text.lower()]


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise ValueError(f"a whole number from {least} to {most}")
        return int(text)

    return read


def _choice(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"{', '.join(allowed[:-1])} or {allowed[-1]}")
        return text

    return read


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 300:
        raise ValueError("seconds, more than 0 and at most 300")
    return value


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or text != text.strip():
        raise ValueError("a full address such as https://example.org/path")
    return text


def _base_url(text: str) -> str:
    return _url(text).rstrip("/")


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip().casefold() for name in text.split(",") if name.strip())


def _snowflakes(text: str) -> frozenset[int]:
    return frozenset(_snowflake(part.strip()) for part in text.split(",") if part.strip())


def _secret(text: str) -> str:
    if text != text.strip() or not text.isascii():
        raise ValueError("plain characters without white space around them (copy it again)")
    return text


def _public_key(text: str) -> str:
    if text and not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise ValueError("64 hexadecimal digits")
    return text.lower()


def _webhook_url(text: str) -> str:
    if text and not re.fullmatch(r"https?://[^/?#\s@]+/api(/v\d+)?/webhooks/\d+/[\w-]+", text):
        raise ValueError("a webhook's address, https://discord.com/api/webhooks/… (copy it again)")
    return text


def _long_secret(text: str) -> str:
    if len(text.encode()) < MIN_SECRET:
        raise ValueError(f"at least {MIN_SECRET} bytes (try: openssl rand -hex 32)")
    return text


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of the table: the field of `Settings`, how its text is read, its default as text, and what it means."""

    field: str
    read: Callable[[str], Any]
    default: str | None
    meaning: str


_REQUIRED = None

TABLE: dict[str, Setting] = {  # by the name of the environment variable
    "DISCORD_APP_ID": Setting(
        "app_id",
        _snowflake,
        _REQUIRED,
        "the Discord application: Developer Portal → General Information → Application ID",
    ),
    "DISCORD_APP_SECRET": Setting(
        "app_secret", _secret, _REQUIRED, "the application's client secret: Developer Portal → OAuth2 → Reset Secret"
    ),
    "DISCORD_BOT_TOKEN": Setting(
        "bot_token", _secret, _REQUIRED, "the bot's token: Developer Portal → Bot → Reset Token"
    ),
    "DISCORD_PUBLIC_KEY": Setting(
        "public_key",
        _public_key,
        "",
        "the application's public key, for slash commands: Developer Portal → General Information → Public Key; "
        "empty: no commands",
    ),
    "DISCORD_WEBHOOK_URL": Setting(
        "webhook_url",
        _webhook_url,
        "",
        "the officers' channel: Discord → the channel → Edit Channel → Integrations → Webhooks → Copy Webhook URL; "
        "empty: nothing is posted",
    ),
    "DISCORD_CALLBACK_URL": Setting(
        "callback_url",
        _url,
        _REQUIRED,
        "`<address>/discord/callback`, exactly as registered at Discord under OAuth2 → Redirects",
    ),
    "DISCORD_GUILD_ID": Setting("guild_id", _snowflake, _REQUIRED, "the Discord server (guild)"),
    "DISCORD_GUILD_NAME_CACHE_MAX_AGE": Setting(
        "guild_name_cache_max_age",
        _whole(0, 2_592_000),
        "86400",
        "how long the server's name is believed before Discord is asked again",
    ),
    "DISCORD_ROLES_CACHE_MAX_AGE": Setting(
        "roles_cache_max_age",
        _whole(0, 2_592_000),
        "3600",
        "how long the server's list of roles is believed before Discord is asked again",
    ),
    "DISCORD_SYNC_NAMES": Setting("sync_names", _flag, "False", "set nicknames to the main character's name"),
    "DISCORD_TASKS_RETRY_PAUSE": Setting(
        "retry_pause", _whole(0, 43_200), "60", "how long a message that failed waits before it is tried again"
    ),
    "DISCORD_TASKS_MAX_RETRIES": Setting(
        "max_retries",
        _whole(0, 100),
        "3",
        "how often a message that failed is tried again before it becomes a dead letter; to wait is not to fail",
    ),
    "DISCORD_DISABLE_ROLE_CREATION": Setting(
        "disable_role_creation", _flag, "False", "never create roles; a group without a role of its name gives none"
    ),
    "DISCORD_RESERVED_ROLES": Setting(
        "reserved_roles", _names, "", "names of roles that are never given or taken; upper and lower case are the same"
    ),
    "DISCORD_PROTECTED_MEMBERS": Setting(
        "protected_members", _snowflakes, "", "Discord ids of members who are never changed"
    ),
    "DISCORD_MANAGED_ROLES": Setting(
        "managed_roles",
        _choice(ALL_ROLES, KNOWN_ROLES),
        ALL_ROLES,
        "`all`: the auth site decides about every role below the bot's but reserved ones, so roles given by hand are "
        "taken from linked members. `known`: only about roles that stand for a group, or once did; all others are the "
        "server's",
    ),
    "DISCORD_UNLINKED_MEMBERS": Setting(
        "unlinked_members",
        _choice(IGNORE, REPORT, REMOVE_ROLES),
        IGNORE,
        "what sweeps do about members without a link who hold a role that stands for a group: `ignore`, `report`, or "
        "`remove_roles`, which takes those roles once a forced sweep has allowed it",
    ),
    "DISCORD_EXCLUDED_GROUPS": Setting(
        "excluded_groups", _names, "", "groups that no role stands for; upper and lower case are the same"
    ),
    "DISCORD_NICKNAME_EXEMPT_ROLES": Setting(
        "nickname_exempt_roles",
        _names,
        "",
        "names of roles whose holders keep their nickname; upper and lower case are the same",
    ),
    "DISCORD_EXPIRE_BEHAVIOR": Setting(
        "expire_behavior",
        _choice(KICK, STRIP),
        KICK,
        "what happens to the member when a user is deleted, unlinks or changes accounts: `kick`, or `remove_roles`, "
        "which leaves them in the server without roles",
    ),
    "DISCORD_EXPIRE_GRACE_DAYS": Setting(
        "expire_grace_days",
        _whole(0, 30),
        "0",
        "days between losing the roles, which happens at once, and the kick; also how long the link of a member who "
        "left the server is kept",
    ),
    "DISCORD_API_BASE_URL": Setting("api_base_url", _base_url, "https://discord.com/api/v10", "where Discord's API is"),
    "DISCORD_OAUTH_BASE_URL": Setting(
        "oauth_base_url", _url, "https://discord.com/oauth2/authorize", "the page on which people authorise"
    ),
    "DISCORD_OAUTH_TOKEN_URL": Setting(
        "oauth_token_url",
        _base_url,
        "https://discord.com/api/oauth2/token",
        "where codes are exchanged for tokens; tokens are revoked at the same address with `/revoke`",
    ),
    "DISCORD_API_TIMEOUT_CONNECT": Setting(
        "timeout_connect", _seconds, "5", "how long a connection to Discord may take"
    ),
    "DISCORD_API_TIMEOUT_READ": Setting("timeout_read", _seconds, "30", "how long an answer of Discord may take"),
    "AUTH_SITE_SECRET": Setting(
        "auth_site_secret",
        _long_secret,
        _REQUIRED,
        "the key with which the auth site signs tokens (HS256), at least 32 bytes",
    ),
    "AUTH_SITE_URL": Setting(
        "auth_site_url",
        lambda text: _url(text) if text else "",
        "",
        "where people return to after linking or unlinking; without it they see a page that says what happened",
    ),
    "REMOVAL_LIMIT_PERCENT": Setting(
        "removal_limit_percent",
        _whole(0, 100),
        "20",
        "the removal limit: how many of the linked members, in percent (but at least 25 members), may lose roles or "
        "their link within an hour before everything else is held until an operator answers; 100 turns it off",
    ),
    "AUDIT_DAYS": Setting("audit_days", _whole(1, 3650), "90", "how many days the audit trail is kept"),
}
FORMER_NAMES = {"REMOVAL_LIMIT_PERCENT": "SWEEP_BRAKE_PERCENT"}  # still read if the new name is not set
NAMES = (*TABLE, *FORMER_NAMES.values())  # every setting's environment variable
SCHEDULES = {  # read by app.py when it is deployed: their default, and what they mean
    "UPDATE_ALL_SCHEDULE": ("rate(1 hour)", "how often a sweep compares and repairs roles, nicknames and usernames"),
    "UPDATE_ALL_USERNAMES_SCHEDULE": ("rate(12 hours)", "how often a sweep renews all usernames and the server's name"),
}

QUEUE_LIMIT = "LIMIT_CONCURRENCY"
JOBS_ONLY = "jobs"
AT_DEPLOYMENT = {  # all that app.py reads when it is deployed: their default, and what they mean
    **SCHEDULES,
    QUEUE_LIMIT: (
        "",
        (
            "which queues are read by a limited number of functions at once: both (`True`), the queue of changes only "
            "(`jobs`), none (`False`); idle queues without a limit are polled less. Empty: `make deploy` and `make "
            "deploy-package` choose `jobs`, for the stage `dev` `False`, where the account may run 1,000 functions at "
            "once, otherwise `True`"
        ),
    ),
}


def stage() -> str:
    """The stage that this process belongs to; `dev` where nobody said."""
    return os.environ.get(STAGE) or "dev"


def log_stream() -> str:
    """The name of this container's log stream, by which Lambda tells containers apart; empty outside Lambda."""
    return os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")


def handler() -> str:
    """What Lambda calls in this container, as `app.sync_jobs`; empty outside Lambda."""
    return os.environ.get("_HANDLER", "")


def schedule(name: str, default: str) -> str:
    """A schedule expression (`rate(1 hour)`, `cron(…)`), read when `chalice deploy` imports the app."""
    return os.environ.get(name) or default


def queue_limit(queue: str, limit: int) -> int | None:
    """`limit`, unless LIMIT_CONCURRENCY frees this queue (`jobs`, `bulk`) of it; read when Chalice imports the app.

    Lambda polls an idle queue with two pollers and not five, but only without a limit:
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
    """
    said = os.environ.get(QUEUE_LIMIT) or "True"
    limited = queue == JOBS_ONLY if said == JOBS_ONLY else _flag(said)
    return limit if limited else None


def load(fetch_secrets: FetchSecrets, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read every setting. `fetch_secrets` is asked, once, for the secrets that the environment does not hold;
    not at all where it holds those that are required.

    Raises BadSettings naming every setting that is missing or wrong; never shows a secret's value.
    """
    given = {name: environ[former] for name, former in FORMER_NAMES.items() if environ.get(former)}
    given |= {name: environ[name] for name in TABLE if environ.get(name)}
    absent = [name for name in SECRETS if name not in given]
    if not given.keys() >= set(REQUIRED_SECRETS):
        given.update(fetch_secrets(absent))
    values: dict[str, Any] = {}
    faults: list[str] = []
    for name, setting in TABLE.items():
        text = given.get(name, setting.default)
        if text is None:
            faults.append(f"{name} is missing")
            continue
        try:
            values[setting.field] = setting.read(text)
        except ValueError as error:
            faults.append(f"{name} must be {error}")  # its value may be a secret put in the wrong place
    if faults:
        raise BadSettings(faults)
    return Settings(stage=environ.get(STAGE) or "dev", **values)


assert {setting.field for setting in TABLE.values()} == {f.name for f in fields(Settings)} - {"stage"}  # noqa: S101
