"""Which reason a person is told for each error of Discord."""

import pytest

from chalicelib.discord.errors import BAD_OAUTH_TOKEN, BANNED, GUILD_LIMIT
from chalicelib.errors import CallsHalted, DiscordUnavailable, LinkRefused, Reason, Refused, RolecallError, Wait
from chalicelib.linking.refusals import UnlinkedSince, page_refusal, refusal_for


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(Refused(status=403, code=BANNED), Reason.BANNED, id="banned"),
        pytest.param(Refused(status=400, code=GUILD_LIMIT), Reason.GUILD_LIMIT, id="in too many guilds"),
        pytest.param(Refused(status=403, code=BAD_OAUTH_TOKEN), Reason.EXPIRED, id="the OAuth token is refused"),
        pytest.param(Refused(status=403, code=40002), Reason.ACCOUNT_NOT_READY, id="an account to be verified"),
        pytest.param(Refused(status=403, code=50178), Reason.ACCOUNT_NOT_READY, id="an account that may not join yet"),
        pytest.param(Refused(status=400, code=50035), Reason.MISCONFIGURED, id="any other refusal"),
        pytest.param(Wait("later"), Reason.DISCORD_UNAVAILABLE, id="no time is left"),
        pytest.param(DiscordUnavailable("503"), Reason.DISCORD_UNAVAILABLE, id="no answer"),
        pytest.param(CallsHalted("token_refused", retry_after=3600), Reason.MISCONFIGURED, id="bot token refused"),
        pytest.param(CallsHalted("address_banned", retry_after=600), Reason.DISCORD_UNAVAILABLE, id="address blocked"),
    ],
)
def test_each_error_is_told_as_one_of_the_reasons(error: RolecallError, reason: Reason) -> None:
    assert refusal_for(error).reason is reason


def test_a_refusal_stays_as_it_is() -> None:
    refused = UnlinkedSince(Reason.EXPIRED, "unlinked while linking")
    assert refusal_for(refused) is refused


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("access_denied", Reason.DENIED),
        ("server_error", Reason.DISCORD_UNAVAILABLE),
        ("temporarily_unavailable", Reason.DISCORD_UNAVAILABLE),
        ("invalid_scope", Reason.MISCONFIGURED),
    ],
)
def test_an_error_of_discords_page_is_told_as_one_of_the_reasons(said: str, reason: Reason) -> None:
    refused = page_refusal(said)
    assert (type(refused), refused.reason) == (LinkRefused, reason)
