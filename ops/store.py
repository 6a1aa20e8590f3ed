"""Reads that go through a whole table. Only operators' commands make them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from chalicelib.problems import withheld
from chalicelib.store import users
from chalicelib.store.rows import UserRow
from chalicelib.store.users import User

FIRST_ID, LAST_ID = 0, 2**63 - 1


@dataclass
class Links:
    """All links of a guild, counted. `groups` are the names of all groups that any user has."""

    linked: int = 0
    never_told: int = 0  # linked users whose groups the auth site never stated
    unsettled: int = 0  # linked users whose newest state was not brought to Discord yet
    withheld: int = 0  # linked users from whom something is not taken until an operator answers
    failed: list[User] = field(default_factory=list)
    groups: set[str] = field(default_factory=set)


def all_links(guild_id: int) -> Iterator[User]:
    """Iterate over the linked users of the guild, ascending by Discord id."""
    return users.links_between(guild_id, FIRST_ID, LAST_ID)


def count_links(guild_id: int) -> int:
    """Return how many users are linked, counted by DynamoDB."""
    return UserRow.links.count(str(guild_id))


def look_through(guild_id: int) -> Links:
    """Read all links and count them."""
    links = Links()
    for user in all_links(guild_id):
        links.linked += 1
        links.never_told += user.groups is None
        links.unsettled += user.groups is not None and user.synced_version != user.version
        links.groups.update(user.groups or ())
        links.withheld += bool(withheld(user.problems))
        if has_failed(user):
            links.failed.append(user)
    return links


def has_failed(user: User) -> bool:
    """Return whether something is wrong with the user that no answer of an operator to a hold would end."""
    return bool(user.problems - withheld(user.problems))


def failed_since(guild_id: int, moment: float) -> list[User]:
    """Iterate over the linked users whose last sync failed, at `moment` (epoch seconds) or later."""

    def tried(user: User) -> float:
        return max(user.failed_at or 0, user.synced_at or 0)  # what was synced in part has its fault on record, too

    return [user for user in all_links(guild_id) if has_failed(user) and tried(user) >= int(moment)]
