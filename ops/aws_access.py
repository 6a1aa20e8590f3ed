"""Reaching AWS: which region to use, and what to do when AWS cannot be reached at all."""

import os
from collections.abc import MutableMapping

from botocore.exceptions import EndpointConnectionError, NoCredentialsError, NoRegionError, ProfileNotFound

BOTO_REGION, CLI_REGION = "AWS_DEFAULT_REGION", "AWS_REGION"
SIGN_IN = "aws configure (or set AWS_PROFILE and AWS_REGION)"
FIXES: dict[type[Exception], str] = {
    NoRegionError: "set AWS_REGION to the region where Rolecall is, or run: aws configure",
    NoCredentialsError: SIGN_IN,
    ProfileNotFound: "set AWS_PROFILE to one of those that this lists: aws configure list-profiles; or unset it",
    EndpointConnectionError: "check the connection and AWS_REGION; unset AWS_ENDPOINT_URL where AWS is meant",
    ValueError: "AWS_ENDPOINT_URL must be a full address such as http://127.0.0.1:4566; unset it where AWS is meant",
}


def honour_region(environ: MutableMapping[str, str] = os.environ) -> None:
    """Let AWS_REGION set the region, as it does for AWS's own command line; boto3 reads AWS_DEFAULT_REGION only."""
    if environ.get(CLI_REGION) and not environ.get(BOTO_REGION):
        environ[BOTO_REGION] = environ[CLI_REGION]


def fix_for(error: Exception) -> str:
    """Return what to do when AWS was never reached, or boto3 refused to try."""
    found = (fix for kind, fix in FIXES.items() if isinstance(error, kind))
    return next(found, "check this machine's connection, and try again")
