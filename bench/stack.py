"""The real local stack: packaged functions, HTTP, real windows, real time."""

import os
import time

import boto3

from bench.figures import Figure, at_least, at_most
from chalicelib.store import rows
from chalicelib.store.rows import AccountRow, UserRow
from local.auth_site import AuthSite
from local.discord.control import Control
from local.up import Up, everything

SECRET = "an auth site's secret for the benchmark"
SLOWEST = 900.0  # seconds


def real_windows(drifted: int, singles: int) -> list[Figure]:
    """Sweep `drifted` members with several differences, and post single changes meanwhile."""
    environ = {"PATH": os.environ["PATH"], "AUTH_SITE_SECRET": SECRET, "UPDATE_ALL_SCHEDULE": "rate(7 days)"}
    with everything(environ) as up:
        discord = Control(up.discord_url)
        ids = _guild(up, discord, drifted + singles)
        site = AuthSite(
            up.aws.client("sqs"),
            secret=SECRET,
            jobs_queue_url=up.aws.jobs_queue_url,
            notices_queue_url=up.aws.notices_queue_url,
        )
        began = time.monotonic()
        up.aws.invoke("update_all", {"force": True})
        waits = _single_changes(site, discord, ids[drifted:])
        _until(lambda: _right(discord, ids[:drifted]))
        took = time.monotonic() - began
        received = discord.received()
    limited = sum(one.status == 429 for one in received)
    writes = sum(one.method == "PATCH" for one in received)
    return [
        at_most(f"local stack: 429s, {drifted} drifted, real windows", limited, 0),
        at_least("— share of the bucket's capacity", writes / took, 0.80, shown="{:.1%}", note=f"{took:.0f} s"),
        at_most("— seconds of a single change meanwhile, median", sorted(waits)[len(waits) // 2], 5, shown="{:.1f}"),
    ]


def connect(up: Up) -> None:
    """Let `chalicelib.store` use the tables of the local AWS."""
    os.environ |= {
        "AWS_ENDPOINT_URL": up.aws.endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    boto3.setup_default_session()
    rows.connect(up.aws.stage, region="us-east-1")


def _guild(up: Up, discord: Control, members: int) -> list[str]:
    """Members, all linked; each lacks Member and holds two roles too many."""
    for role in ("Member", "Extra", "Other"):
        discord.create_role(role)
    ids = discord.add_members(members, roles=["Extra", "Other"])
    connect(up)
    guild_id = up.aws.settings["DISCORD_GUILD_ID"]
    for discord_id in ids:
        UserRow(
            f"user-{discord_id}",
            version=1,
            groups=["Member"],
            groups_at=1,
            guild_id=guild_id,
            discord_id=int(discord_id),
            activated_at=1,
        ).save()
        AccountRow(int(discord_id), user_id=f"user-{discord_id}").save()
    return ids


def _single_changes(site: AuthSite, discord: Control, ids: list[str]) -> list[float]:
    """Change one user after the other; seconds until Discord has each."""
    waits = []
    for discord_id in ids:
        asked = time.monotonic()
        site.groups(f"user-{discord_id}", ["Other"])
        _until(lambda discord_id=discord_id: _roles(discord, discord_id) == {"Other"})
        waits.append(time.monotonic() - asked)
    return waits


def _roles(discord: Control, discord_id: str) -> set[str]:
    member = discord.member(discord_id)
    return set(member.roles) if member else set()


def _right(discord: Control, ids: list[str]) -> bool:
    members = {member.id: set(member.roles) for member in discord.state().members}
    return all(members[discord_id] == {"Member"} for discord_id in ids)


def _until(holds: object) -> None:
    deadline = time.monotonic() + SLOWEST
    while not holds():  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise TimeoutError("the guild did not become right")
        time.sleep(0.2)
