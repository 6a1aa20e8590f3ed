"""Settings: typed, all of them, and every fault in one message that shows no value."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from chalicelib import settings
from chalicelib.errors import BadSettings
from chalicelib.settings import NAMES, REQUIRED_SECRETS, SECRETS, TABLE, Settings, load

SECRET = "s3cret-" * 6
REQUIRED = {
    "DISCORD_APP_ID": "222222222222222222",
    "DISCORD_APP_SECRET": "an-app-secret",
    "DISCORD_BOT_TOKEN": "a.bot.token",
    "DISCORD_CALLBACK_URL": "https://api.test/discord/callback",
    "DISCORD_GUILD_ID": "111111111111111111",
    "AUTH_SITE_SECRET": SECRET,
}


def read(**changes: str) -> Settings:
    return load(nothing_stored, REQUIRED | changes)


def nothing_stored(_names: list[str]) -> Mapping[str, str]:
    return {}


def faults_of(environ: Mapping[str, str], stored: Callable[[list[str]], Mapping[str, str]] = nothing_stored) -> str:
    with pytest.raises(BadSettings) as refused:
        load(stored, environ)
    return str(refused.value)


def test_what_nobody_sets_has_the_defaults_of_the_contract() -> None:
    found = read()
    assert (found.guild_name_cache_max_age, found.roles_cache_max_age) == (86400, 3600)
    assert (found.retry_pause, found.max_retries) == (60, 3)
    assert (found.timeout_connect, found.timeout_read) == (5.0, 30.0)
    assert (found.sync_names, found.disable_role_creation, found.auth_site_url) == (False, False, "")
    assert (found.reserved_roles, found.protected_members) == (frozenset(), frozenset())
    assert (found.excluded_groups, found.nickname_exempt_roles) == (frozenset(), frozenset())
    assert (found.managed_roles, found.unlinked_members) == ("all", "ignore")
    assert found.api_base_url == "https://discord.com/api/v10"
    assert found.oauth_base_url == "https://discord.com/oauth2/authorize"
    assert found.oauth_token_url == "https://discord.com/api/oauth2/token"


@pytest.mark.parametrize(
    ("name", "text", "attribute", "value"),
    [
        ("DISCORD_APP_ID", "1", "app_id", 1),
        ("DISCORD_SYNC_NAMES", "TRUE", "sync_names", True),
        ("DISCORD_SYNC_NAMES", "off", "sync_names", False),
        ("DISCORD_DISABLE_ROLE_CREATION", "1", "disable_role_creation", True),
        ("DISCORD_RESERVED_ROLES", " Streamer, ,BOOSTER ,Straße", "reserved_roles", {"streamer", "booster", "strasse"}),
        ("DISCORD_PROTECTED_MEMBERS", "5, 7", "protected_members", {5, 7}),
        ("DISCORD_MANAGED_ROLES", "known", "managed_roles", "known"),
        ("DISCORD_UNLINKED_MEMBERS", "remove_roles", "unlinked_members", "remove_roles"),
        ("DISCORD_EXCLUDED_GROUPS", "Secret, Other", "excluded_groups", {"secret", "other"}),
        ("DISCORD_NICKNAME_EXEMPT_ROLES", "Streamer", "nickname_exempt_roles", {"streamer"}),
        ("DISCORD_API_BASE_URL", "http://localhost:1/api/v10/", "api_base_url", "http://localhost:1/api/v10"),
        ("DISCORD_API_TIMEOUT_READ", "2.5", "timeout_read", 2.5),
        ("DISCORD_TASKS_RETRY_PAUSE", "0", "retry_pause", 0),
        ("AUTH_SITE_URL", "https://auth.test/?a=1", "auth_site_url", "https://auth.test/?a=1"),
        ("REMOVAL_LIMIT_PERCENT", "100", "removal_limit_percent", 100),
        ("SWEEP_BRAKE_PERCENT", "40", "removal_limit_percent", 40),
    ],
)
def test_a_text_becomes_a_value(name: str, text: str, attribute: str, value: object) -> None:
    assert getattr(read(**{name: text}), attribute) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [(text, True) for text in ("true", "1", "yes", "on", "True", "YES")]
    + [(text, False) for text in ("false", "0", "no", "off", "False", "NO")],
)
def test_the_words_for_yes_and_no(text: str, value: bool) -> None:
    assert read(DISCORD_SYNC_NAMES=text).sync_names is value


MONTH = 30 * 24 * 3600


@pytest.mark.parametrize(
    ("name", "attribute", "least", "most"),
    [
        ("DISCORD_APP_ID", "app_id", 1, 2**63 - 1),
        ("DISCORD_GUILD_NAME_CACHE_MAX_AGE", "guild_name_cache_max_age", 0, MONTH),
        ("DISCORD_ROLES_CACHE_MAX_AGE", "roles_cache_max_age", 0, MONTH),
        ("DISCORD_TASKS_RETRY_PAUSE", "retry_pause", 0, 43_200),  # SQS holds a message back for 12 hours at most
        ("DISCORD_TASKS_MAX_RETRIES", "max_retries", 0, 100),
        ("DISCORD_EXPIRE_GRACE_DAYS", "expire_grace_days", 0, 30),
        ("REMOVAL_LIMIT_PERCENT", "removal_limit_percent", 0, 100),
        ("AUDIT_DAYS", "audit_days", 1, 3650),
    ],
)
def test_the_bounds_of_each_number(name: str, attribute: str, least: int, most: int) -> None:
    for value in (least, most):
        assert getattr(read(**{name: str(value)}), attribute) == value
    for value in (least - 1, most + 1):
        assert f"{name} must be" in faults_of(REQUIRED | {name: str(value)})


@pytest.mark.parametrize("text", ["0.001", "1", "300"])
def test_a_request_may_take_up_to_five_minutes(text: str) -> None:
    assert read(DISCORD_API_TIMEOUT_READ=text).timeout_read == float(text)


def test_the_key_of_tokens_has_at_least_as_many_bytes_as_their_hash() -> None:
    assert read(AUTH_SITE_SECRET="x" * 32).auth_site_secret == "x" * 32
    assert read(AUTH_SITE_SECRET="ü" * 16).auth_site_secret == "ü" * 16


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("DISCORD_EXPIRE_BEHAVIOR", "kick or remove_roles"),
        ("DISCORD_MANAGED_ROLES", "all or known"),
        ("DISCORD_UNLINKED_MEMBERS", "ignore, report or remove_roles"),
        ("REMOVAL_LIMIT_PERCENT", "a whole number from 0 to 100"),
        ("DISCORD_API_TIMEOUT_READ", "seconds, more than 0 and at most 300"),
        ("AUTH_SITE_SECRET", "at least 32 bytes (try: openssl rand -hex 32)"),
    ],
)
def test_who_sets_something_wrong_is_told_what_there_is(name: str, words: str) -> None:
    assert f"- {name} must be {words}" in faults_of(REQUIRED | {name: "otherwise"})


@pytest.mark.parametrize(
    ("said", "jobs", "bulk"),
    [(None, 5, 5), ("", 5, 5), ("True", 5, 5), ("yes", 5, 5), ("False", None, None), ("jobs", 5, None)],
)
def test_which_queues_are_read_by_a_limited_number_of_functions(
    monkeypatch: Any, said: str | None, jobs: int | None, bulk: int | None
) -> None:
    monkeypatch.delenv("LIMIT_CONCURRENCY", raising=False)
    if said is not None:
        monkeypatch.setenv("LIMIT_CONCURRENCY", said)
    assert (settings.queue_limit("jobs", 5), settings.queue_limit("bulk", 5)) == (jobs, bulk)


def test_a_schedule_is_what_the_environment_says_or_its_default(monkeypatch: Any) -> None:
    monkeypatch.setenv("UPDATE_ALL_SCHEDULE", "rate(2 hours)")
    assert settings.schedule("UPDATE_ALL_SCHEDULE", "rate(1 hour)") == "rate(2 hours)"
    monkeypatch.setenv("UPDATE_ALL_SCHEDULE", "")
    assert settings.schedule("UPDATE_ALL_SCHEDULE", "rate(1 hour)") == "rate(1 hour)"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DISCORD_APP_ID", "12a"),
        ("DISCORD_APP_ID", "-1"),
        ("DISCORD_APP_ID", "0"),
        ("DISCORD_APP_ID", "٣"),
        ("DISCORD_APP_ID", "9" * 30),
        ("DISCORD_GUILD_ID", "my guild"),
        ("DISCORD_APP_SECRET", " padded"),
        ("DISCORD_APP_SECRET", "padded "),
        ("DISCORD_BOT_TOKEN", "tokén"),
        ("DISCORD_CALLBACK_URL", "/discord/callback"),
        ("DISCORD_CALLBACK_URL", "ftp://x.test/"),
        ("DISCORD_CALLBACK_URL", "https://[broken/"),
        ("DISCORD_CALLBACK_URL", "https:///discord/callback"),
        ("DISCORD_CALLBACK_URL", " https://api.test/discord/callback"),
        ("DISCORD_CALLBACK_URL", "https://api.test/discord/callback "),
        ("DISCORD_SYNC_NAMES", "perhaps"),
        ("DISCORD_TASKS_MAX_RETRIES", "many"),
        ("DISCORD_TASKS_MAX_RETRIES", "101"),
        ("DISCORD_TASKS_RETRY_PAUSE", "1.5"),
        ("DISCORD_API_TIMEOUT_READ", "0"),
        ("DISCORD_API_TIMEOUT_READ", "-0.5"),
        ("DISCORD_API_TIMEOUT_READ", "300.5"),
        ("DISCORD_API_TIMEOUT_READ", "soon"),
        ("DISCORD_API_TIMEOUT_READ", "nan"),
        ("DISCORD_API_TIMEOUT_READ", "inf"),
        ("DISCORD_API_TIMEOUT_CONNECT", "301"),
        ("DISCORD_PROTECTED_MEMBERS", "kira"),
        ("DISCORD_MANAGED_ROLES", "some"),
        ("DISCORD_UNLINKED_MEMBERS", "kick"),
        ("DISCORD_OAUTH_TOKEN_URL", "discord.com"),
        ("AUTH_SITE_SECRET", "x" * 31),
        ("AUTH_SITE_URL", "auth.test"),
        ("AUTH_SITE_URL", "javascript:alert(1)"),
        ("REMOVAL_LIMIT_PERCENT", "101"),
        ("AUDIT_DAYS", "0"),
    ],
)
def test_a_wrong_value_is_named_and_not_shown(name: str, text: str) -> None:
    message = faults_of(REQUIRED | {name: text})
    assert f"- {name} must be " in message
    assert message.count("\n- ") == 1
    assert len(text) < 3 or text not in message


def test_every_fault_stands_in_one_message() -> None:
    message = faults_of({"DISCORD_GUILD_ID": "x", "DISCORD_SYNC_NAMES": "x", "AUTH_SITE_SECRET": "short"})
    assert [line.split()[1] for line in message.splitlines()[1:]] == [
        "DISCORD_APP_ID",
        "DISCORD_APP_SECRET",
        "DISCORD_BOT_TOKEN",
        "DISCORD_CALLBACK_URL",
        "DISCORD_GUILD_ID",
        "DISCORD_SYNC_NAMES",
        "AUTH_SITE_SECRET",
    ]


def test_only_the_secrets_that_the_environment_lacks_are_fetched_at_once() -> None:
    asked: list[list[str]] = []

    def fetch(names: list[str]) -> Mapping[str, str]:
        asked.append(names)
        return dict.fromkeys(set(names) & set(REQUIRED_SECRETS), "from-the-store")

    environ = {name: value for name, value in REQUIRED.items() if name not in SECRETS} | {"AUTH_SITE_SECRET": SECRET}
    found = load(fetch, environ)
    assert asked == [["DISCORD_APP_SECRET", "DISCORD_BOT_TOKEN", "DISCORD_WEBHOOK_URL"]]
    assert (found.app_secret, found.auth_site_secret) == ("from-the-store", SECRET)
    read()
    assert load(fetch, REQUIRED) == read()
    assert len(asked) == 1


def test_an_empty_variable_counts_as_absent() -> None:
    assert read(DISCORD_SYNC_NAMES="", AUTH_SITE_URL="").sync_names is False
    assert "DISCORD_APP_ID is missing" in faults_of(REQUIRED | {"DISCORD_APP_ID": ""})


def test_secrets_are_not_shown_and_nothing_can_be_changed() -> None:
    found = read()
    for name in REQUIRED_SECRETS:
        assert REQUIRED[name] not in repr(found)
    webhook = "https://discord.com/api/webhooks/1/s3cret"
    assert "s3cret" not in repr(read(DISCORD_WEBHOOK_URL=webhook))
    assert read(DISCORD_WEBHOOK_URL=webhook).webhook_url == webhook
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.stage = "x"  # type: ignore[misc]  # that is what is tried


def test_each_setting_has_a_name_of_its_own() -> None:
    assert len(set(NAMES)) == len(NAMES)
    assert len(TABLE) == len(dataclasses.fields(Settings)) - 1


def test_a_former_name_is_read_unless_the_new_one_is_given() -> None:
    assert read(SWEEP_BRAKE_PERCENT="40").removal_limit_percent == 40
    assert read(SWEEP_BRAKE_PERCENT="40", REMOVAL_LIMIT_PERCENT="30").removal_limit_percent == 30
    assert "- REMOVAL_LIMIT_PERCENT must be " in faults_of(REQUIRED | {"SWEEP_BRAKE_PERCENT": "101"})


def test_the_stage_is_dev_where_nobody_says(monkeypatch: Any) -> None:
    monkeypatch.delenv("ROLECALL_STAGE", raising=False)
    assert (settings.stage(), read().stage) == ("dev", "dev")
    monkeypatch.setenv("ROLECALL_STAGE", "prod")
    assert (settings.stage(), read(ROLECALL_STAGE="prod").stage) == ("prod", "prod")
