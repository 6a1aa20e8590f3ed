"""`python -m local link-url`: print another address of a running stack, signed as its auth site would sign it."""

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
    """Print a URL of a person's own, valid once and for ten minutes: to link (signs them up at the local Discord), or
    with --page of My Discord or of the officers' page.
    """
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
    if options.page == "link":
        _sign_up(environment["DISCORD_API_BASE_URL"].removesuffix("/api/v10"), options.username)
    site = AuthSite(boto3.client("sqs"), secret=secret, jobs_queue_url="", notices_queue_url="")
    api = environment["DISCORD_CALLBACK_URL"].removesuffix("/discord/callback")
    print(address(site, api, options))
    return 0


def address(site: AuthSite, api: str, options: argparse.Namespace) -> str:
    """The address with a new token, as the auth site would show it to the person."""
    claims: dict[str, object] = {}
    if options.page == "link":
        claims = {"groups": options.groups, "nickname": options.nickname}
    elif options.page == "admin":
        claims = {"name": options.nickname or options.username}
    token = site.token(options.user_id or options.username, options.page, **claims)
    return f"{api}/discord/{options.page}?{urlencode({'token': token})}"


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
    parser.add_argument(
        "--page",
        choices=("link", "me", "admin"),
        default="link",
        help="me: the user's own page; admin: the officers' page, in the user's name (default: link)",
    )
    parser.add_argument("--stage", default="local", help="of the running stack: %(default)s")
