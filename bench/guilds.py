"""Worlds in virtual time with many linked members, and what a sweep of them costs."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from chalicelib.store.rows import AccountRow, UserRow
from local.memory.dynamodb import MAX_BATCH_WRITE
from local.memory.values import Item
from local.simulated import GUILD, STAGE, World

LATENCY, STORE_LATENCY = 0.08, 0.005  # seconds that Discord, and DynamoDB, take to answer
LONGEST = 100_000.0  # virtual seconds


W = TypeVar("W", bound=World)


def linked_world(members: int, *, workers: int = 10, guild_members: int | None = None) -> tuple[World, list[str]]:
    """A guild all of whose first `members` members are linked, have the role Member, and should have it."""
    return linked(World({"DISCORD_SYNC_NAMES": "True"}, workers=workers, latency=LATENCY), members, guild_members)


def linked(world: W, members: int, guild_members: int | None = None) -> tuple[W, list[str]]:
    """The same in a world that was just made."""
    for role in ("Member", "Extra", "Other"):
        world.guild.create_role(role)
    ids = world.guild.add_members(guild_members or members, roles=["Member"])[:members]
    names = {person.id: person.username for person in world.guild.people()}
    _fill(world, "users", _user("0", "").serialize(), ({**_named(one), **_called(one, names[one])} for one in ids))
    _fill(world, "accounts", AccountRow(0, user_id="").serialize(), ({**_named(one), **_number(one)} for one in ids))
    world.http.services.memory.sweeps.allow_taking(by="benchmark", now=world.clock.now())
    world.dynamodb.before = lambda *_: world.clock.sleep(STORE_LATENCY)
    return world, ids


def _fill(world: World, table: str, alike: Item, different: Iterable[Item]) -> None:
    """Write rows that are `alike` but for some attributes. They share the others: a million rows fill the memory."""
    rows = ({**alike, **one} for one in different)
    while some := list(islice(rows, MAX_BATCH_WRITE)):
        requests = [{"PutRequest": {"Item": row}} for row in some]
        world.dynamodb.call("BatchWriteItem", RequestItems={f"rolecall-{STAGE}-{table}": requests})


def _named(discord_id: str) -> Item:
    return {"user_id": {"S": f"user-{discord_id}"}}


def _number(discord_id: str) -> Item:
    return {"discord_id": {"N": discord_id}}


def _called(discord_id: str, name: str) -> Item:
    return {**_number(discord_id), "username": {"S": name}}


def _user(discord_id: str, name: str) -> UserRow:
    return UserRow(
        f"user-{discord_id}",
        version=1,
        groups=["Member"],
        groups_at=1,
        guild_id=GUILD,
        discord_id=int(discord_id),
        username=name,
        discriminator="0",
        activated_at=1,
        synced_at=1,
        synced_version=1,
    )


@dataclass(frozen=True)
class Cost:
    """What one sweep cost."""

    requests: Counter[str]
    limited: int  # 429s
    calls: int  # of DynamoDB
    received: int  # messages, from SQS
    jobs: int
    virtual_seconds: float
    lambda_seconds: float
    slept: float
    naps: int

    @property
    def all_requests(self) -> int:
        """Discord requests of all routes."""
        return sum(self.requests.values())


def cost_of_sweep(world: World) -> Cost:
    """Sweep, let everything run to its end, and count."""
    requests, calls = len(world.counts.requests), sum(world.dynamodb.counts.values())
    received, seconds, slept = world.counts.received, world.counts.seconds, world.counts.slept
    naps = world.counts.naps
    sent, began = len(world.sqs.sent), world.clock.now()
    world.sweep(force=True)
    world.run(seconds=LONGEST)
    made = world.counts.requests[requests:]
    jobs = {one.attributes["trace"] for one in world.sqs.sent[sent:] if '"repair_member"' in one.body}
    return Cost(
        requests=Counter(one.route for one in made),
        limited=sum(one.status == 429 for one in made),
        calls=sum(world.dynamodb.counts.values()) - calls,
        received=world.counts.received - received,
        jobs=len(jobs),
        virtual_seconds=world.clock.now() - began,
        lambda_seconds=world.counts.seconds - seconds,
        slept=world.counts.slept - slept,
        naps=world.counts.naps - naps,
    )


def drift_one_role(world: World, ids: list[str]) -> None:
    """Every second member lacks its role, every other holds one too many."""
    for number, discord_id in enumerate(ids):
        if number % 2:
            world.guild.change_member(discord_id, take=["Member"])
        else:
            world.guild.change_member(discord_id, give=["Extra"])


def drift_much(world: World, ids: list[str]) -> None:
    """Every member lacks a role, holds two too many, and is called otherwise."""
    for discord_id in ids:
        user = UserRow(f"user-{discord_id}")
        user.update([UserRow.nickname.set(f"Pilot {discord_id}"), UserRow.nickname_at.set(1)])
        world.guild.change_member(discord_id, roles=["Extra", "Other"], nick="somebody else")


def is_right(world: World, ids: list[str]) -> bool:
    """Does everybody have just the role that they should have?"""
    members = {member.id: set(member.roles) for member in world.guild.state().members}
    return all(members[discord_id] == {"Member"} for discord_id in ids)
