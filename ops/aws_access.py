"""Reaching AWS: which region to use, and what it means when AWS refuses an operator's call, or cannot be reached."""

import os
from collections.abc import MutableMapping
from dataclasses import dataclass

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's, of which every failure to connect is one
    CredentialRetrievalError,
    HTTPClientError,
    InvalidRegionError,
    LoginError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from pynamodb.exceptions import PynamoDBException

from chalicelib.outages import AWS_ERRORS

BOTO_REGION, CLI_REGION = "AWS_DEFAULT_REGION", "AWS_REGION"
SIGN_IN = "aws configure (or set AWS_PROFILE and AWS_REGION)"
SIGN_IN_AGAIN = "sign in again, as before: aws login, aws sso login, or new keys in aws configure"
NETWORK = "check the connection and AWS_REGION; unset AWS_ENDPOINT_URL where AWS is meant"
FIXES: dict[type[Exception], str] = {
    NoRegionError: "set AWS_REGION to the region where Rolecall is, or run: aws configure",
    NoCredentialsError: SIGN_IN,
    PartialCredentialsError: SIGN_IN,
    ProfileNotFound: "set AWS_PROFILE to one of those that this lists: aws configure list-profiles; or unset it",
    InvalidRegionError: "set AWS_REGION to a region's name, such as eu-central-1",
    **dict.fromkeys((SSOError, LoginError, TokenRetrievalError, CredentialRetrievalError), SIGN_IN_AGAIN),
    **dict.fromkeys((ConnectionError, HTTPClientError), NETWORK),
    ValueError: "AWS_ENDPOINT_URL must be a full address such as http://127.0.0.1:4566; unset it where AWS is meant",
}
ERRORS = (*AWS_ERRORS, PynamoDBException)  # of any call of AWS, by botocore or by PynamoDB
# AWS's error codes, by what they say of the caller. Services spell the same thing differently.
# https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/CommonErrors.html
EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
UNKNOWN_KEYS = frozenset(
    {"AuthFailure", "InvalidAccessKeyId", "InvalidClientTokenId", "NotSignedUp", "UnrecognizedClientException"}
)
BAD_SIGNATURE = frozenset({"IncompleteSignature", "InvalidSignatureException", "SignatureDoesNotMatch"})
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
MISSING = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "ResourceNotFoundException"})


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong, and what to do. `away`: AWS itself is; else it is the operator's credentials, region or stage."""

    text: str
    fix: str = ""
    away: bool = False


def complaint_of(error: Exception) -> Complaint:
    """Say what an error of botocore or PynamoDB means. The fix is empty where only more looking helps."""
    cause = getattr(error, "cause", None) or error
    if isinstance(cause, ClientError):
        return _refusal(_code(cause), cause.operation_name, str(cause.response.get("Error", {}).get("Message", "")))
    if isinstance(cause, BotoCoreError):
        return Complaint(_text(cause), fix_for(cause), away=isinstance(cause, ConnectionError | HTTPClientError))
    said = cause.msg if isinstance(cause, PynamoDBException) else str(cause)
    return Complaint(f"DynamoDB refused: {said}")


def fix_for(error: Exception) -> str:
    """Return what to do when AWS was never reached, or boto3 refused to try."""
    found = (fix for kind, fix in FIXES.items() if isinstance(error, kind))
    return next(found, "check this machine's connection, and try again")


def honour_region(environ: MutableMapping[str, str] = os.environ) -> None:
    """Let AWS_REGION set the region, as it does for AWS's own command line; boto3 reads AWS_DEFAULT_REGION only."""
    if environ.get(CLI_REGION) and not environ.get(BOTO_REGION):
        environ[BOTO_REGION] = environ[CLI_REGION]


def _refusal(code: str, operation: str, said: str) -> Complaint:
    if code in EXPIRED:
        return Complaint(f"Your AWS credentials have expired ({code}).", SIGN_IN_AGAIN)
    if code in UNKNOWN_KEYS:
        return Complaint(f"AWS does not know your credentials ({code}).", SIGN_IN_AGAIN)
    if code in BAD_SIGNATURE:
        fix = "the secret key is another one's, or this machine's clock is wrong: aws configure, timedatectl"
        return Complaint(f"AWS does not accept how the request was signed ({code}).", fix)
    if code in DENIED:
        fix = f"allow your AWS user the action of {operation}, or use the profile of an administrator"
        return Complaint(f"AWS does not let you do this: {operation} ({code}).", fix)
    if code in MISSING:
        fix = "are AWS_REGION and AWS_PROFILE those of this stage? Else deploy it: doctor says what is missing"
        return Complaint(f"AWS has no such thing in this region: {said.rstrip('.')} ({operation}).", fix)
    return Complaint(f"AWS refused: {code} ({operation})", away=True)


def _text(error: BotoCoreError) -> str:
    """What botocore says, and what that is about where it only hints at it."""
    if isinstance(error, SSOError | LoginError | TokenRetrievalError):
        return f"Your AWS session has expired. {error}"
    return str(error)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))
