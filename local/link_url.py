"""`python -m local link-url`: print another link for a running stack, signed as its auth site would sign it."""

import argparse
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlencode, urlsplit

import boto3
import requests
from botocore.exceptions import BotoCoreError, ClientError

from local.auth_site import AuthSite
from local.discord.control import Control

HERE = ("127.0.0.1", "localhost", "::1")


def main(options: argparse.Namespace) -> int:
    """Print a link URL, valid once and for ten minutes. Signs the person up at the local Discord."""
    if urlsplit(os.environ.get("AWS_ENDPOINT_URL", "")).hostname not in HERE:
        print("Run the line `export AWS_ENDPOINT_URL=…` first that the running stack has printed", file=sys.stderr)
        return 2
    try:
        environment = _environment_of_the_functions(options.stage)
        secret = boto3.client("ssm").get_parameter(
            Name=f"/rolecall/{options.stage}/AUTH_SITE_SECRET", WithDecryption=True
        )["Parameter"]["Value"]
    except (BotoCoreError, ClientError) as error:
        print(f"No stack of the stage {options.stage} answers there: {error}", file=sys.stderr)
        return 1
    _sign_up(environment["DISCORD_API_BASE_URL"].removesuffix("/api/v10"), options.username)
    site = AuthSite(boto3.client("sqs"), secret=secret, jobs_queue_url="", notices_queue_url="")
    token = site.token(options.user_id or options.username, "link", groups=options.groups, nickname=options.nickname)
    api = environment["DISCORD_CALLBACK_URL"].removesuffix("/discord/callback")
    print(f"{api}/discord/link?{urlencode({'token': token})}")
    return 0


def _environment_of_the_functions(stage: str) -> Mapping[str, str]:
    found = boto3.client("lambda").get_function_configuration(FunctionName=f"rolecall-{stage}")
    variables: Mapping[str, str] = found["Environment"]["Variables"]
    return variables


def _sign_up(discord_url: str, username: str) -> None:
    """Sign the person up if this is a local Discord; any other Discord knows its own people."""
    with suppress(requests.RequestException, LookupError, ValueError):
        discord = Control(discord_url)
        if all(person.username != username for person in discord.people()):
            discord.add_person(username)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add to `parser` the options of `link-url`."""
    parser.add_argument("username", metavar="USERNAME", help="at the local Discord")
    parser.add_argument("groups", metavar="GROUP", nargs="*", help="the user's groups on the auth site")
    parser.add_argument("--nickname", metavar="NAME", help="of the user's main character")
    parser.add_argument("--user-id", metavar="ID", help="on the auth site (default: USERNAME)")
    parser.add_argument("--stage", default="local", help="of the running stack: %(default)s")
