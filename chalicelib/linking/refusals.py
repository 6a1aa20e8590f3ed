"""Errors of Discord as one of the reasons that a person is told."""

from chalicelib.discord.errors import ACCOUNT_NOT_READY, BAD_OAUTH_TOKEN, BANNED, GUILD_LIMIT
from chalicelib.errors import CallsHalted, LinkRefused, Reason, Refused, RolecallError, TryAgain
from chalicelib.linking.oauth_requests import stopped

# The errors with which Discord's own page sends a person back (RFC 6749, section 4.1.2.1).
REASON_OF_PAGE_ERROR = {
    "access_denied": Reason.DENIED,
    "server_error": Reason.DISCORD_UNAVAILABLE,
    "temporarily_unavailable": Reason.DISCORD_UNAVAILABLE,
}
REASON_OF_CODE = {
    BANNED: Reason.BANNED,
    GUILD_LIMIT: Reason.GUILD_LIMIT,
    BAD_OAUTH_TOKEN: Reason.EXPIRED,
    **dict.fromkeys(ACCOUNT_NOT_READY, Reason.ACCOUNT_NOT_READY),
}


class UnlinkedSince(LinkRefused):
    """The link was removed while the callback ran."""


class JoinUnknown(LinkRefused):
    """Discord did not say whether it let the person in."""


def page_refusal(error: str) -> LinkRefused:
    """The refusal for an `error` parameter that Discord's page added to the callback."""
    return LinkRefused(REASON_OF_PAGE_ERROR.get(error, Reason.MISCONFIGURED), "said by Discord's page")


def refusal_for(error: RolecallError) -> LinkRefused:
    """The refusal for an error that ended the request."""
    if isinstance(error, LinkRefused):
        return error
    if isinstance(error, CallsHalted):
        return stopped(error)
    if isinstance(error, TryAgain):
        return LinkRefused(Reason.DISCORD_UNAVAILABLE, str(error))
    code = error.code if isinstance(error, Refused) else 0
    return LinkRefused(REASON_OF_CODE.get(code, Reason.MISCONFIGURED), str(error))
