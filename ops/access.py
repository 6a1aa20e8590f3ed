"""Getting at AWS: which region it is, and what to do where it cannot be asked at all."""

import os
from collections.abc import MutableMapping

from botocore.exceptions import EndpointConnectionError, NoCredentialsError, NoRegionError, ProfileNotFound

READ, GIVEN = "AWS_DEFAULT_REGION", "AWS_REGION"
SIGN_IN = "aws configure (or set AWS_PROFILE and AWS_REGION)"
CURES: dict[type[Exception], str] = {
    NoRegionError: "set AWS_REGION to the region where Rolecall is, or run: aws configure",
    NoCredentialsError: SIGN_IN,
    ProfileNotFound: "set AWS_PROFILE to one of those that this lists: aws configure list-profiles; or unset it",
    EndpointConnectionError: "check the connection and AWS_REGION; unset AWS_ENDPOINT_URL where AWS is meant",
    ValueError: "AWS_ENDPOINT_URL must be a full address such as http://127.0.0.1:4566; unset it where AWS is meant",
}


def honour_region(environ: MutableMapping[str, str] = os.environ) -> None:
    """Let AWS_REGION say which region it is, as for AWS's own command line: boto3 reads AWS_DEFAULT_REGION alone."""
    if environ.get(GIVEN) and not environ.get(READ):
        environ[READ] = environ[GIVEN]


def cure_of(error: Exception) -> str:
    """What to do where AWS was never reached, or boto3 would not even try."""
    found = (cure for kind, cure in CURES.items() if isinstance(error, kind))
    return next(found, "check this machine's connection, and try again")
