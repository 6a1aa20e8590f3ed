"""What is said before anything is deployed."""

from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib import settings
from deploy.check import check, no_secrets
from deploy.project import ROOT, NotDeployed, environment_of

GOOD = {
    "ROLECALL_STAGE": "prod",
    "DISCORD_APP_ID": "1",
    "DISCORD_GUILD_ID": "2",
    "DISCORD_CALLBACK_URL": "https://example.org/discord/callback",
    "DISCORD_RESERVED_ROLES": "",
    "UPDATE_ALL_SCHEDULE": "rate(1 hour)",
}


def said(environment: Mapping[str, Any], *, address_known: bool = True) -> str:
    try:
        check("prod", environment, no_secrets, address_known=address_known)
    except NotDeployed as refused:
        return str(refused)
    return ""


def test_a_stage_with_all_its_settings_may_be_deployed() -> None:
    assert said(GOOD) == ""


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param({"ROLECALL_STAGE": "dev"}, '- ROLECALL_STAGE must be "prod"', id="the name of another stage"),
        pytest.param({"DISCORD_APP_ID": ""}, "- DISCORD_APP_ID is missing", id="an empty setting"),
        pytest.param({"DISCORD_GUILD_ID": "mine"}, "- DISCORD_GUILD_ID must be a Discord id", id="a wrong setting"),
        pytest.param({"DISCORD_GUILDID": "2"}, "- DISCORD_GUILDID is no setting", id="a misspelt setting"),
        pytest.param({"DISCORD_BOT_TOKEN": "t"}, "- DISCORD_BOT_TOKEN is a secret", id="a secret in the file"),
        pytest.param({"DISCORD_GUILD_ID": 2}, '- DISCORD_GUILD_ID must stand in quotes: "2"', id="a bare number"),
    ],
)
def test_a_fault_is_named(change: dict[str, Any], fault: str) -> None:
    assert fault in said(GOOD | change)


def test_all_faults_are_named_at_once() -> None:
    text = said({})
    missing = ("ROLECALL_STAGE", "DISCORD_APP_ID", "DISCORD_GUILD_ID", "DISCORD_CALLBACK_URL")
    assert all(f"- {name} " in text for name in missing)


def test_missing_secrets_are_asked_for_where_they_belong() -> None:
    with pytest.raises(NotDeployed) as refused:
        check("prod", GOOD, lambda _: {}, address_known=True)
    assert str(refused.value).splitlines()[1:] == [
        "Secrets, which `make secrets STAGE=prod` asks for:",
        *(f"- {name} is missing" for name in settings.REQUIRED_SECRETS),
    ]


def test_the_first_deployment_may_lack_the_callback_url_that_only_it_can_tell() -> None:
    without = GOOD | {"DISCORD_CALLBACK_URL": ""}
    assert said(without, address_known=False) == ""
    assert "- DISCORD_CALLBACK_URL is missing" in said(without, address_known=True)


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_configuration_lacks_only_what_nobody_else_can_know(stage: str) -> None:
    own = {"DISCORD_APP_ID": "1", "DISCORD_GUILD_ID": "2", "DISCORD_CALLBACK_URL": GOOD["DISCORD_CALLBACK_URL"]}
    check(stage, {**environment_of(stage, ROOT), **own}, no_secrets, address_known=True)


def test_a_stage_that_the_configuration_does_not_know_is_refused() -> None:
    with pytest.raises(NotDeployed, match=r"no stage 'production', only dev, prod"):
        environment_of("production", ROOT)
