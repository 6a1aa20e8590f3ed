"""What tests of the simulated world say often: who is linked, what was asked of Discord, what the auth site heard."""

from collections.abc import Iterable, Sequence
from typing import Any

from chalicelib.discord.models import Account
from chalicelib.members.removals import WithheldRemovals
from chalicelib.members.reporter import Reporter
from chalicelib.queues import message_of
from chalicelib.store import users
from chalicelib.store.users import User
from local.discord.faults import Fault
from local.simulated import GUILD, STAGE, Container, World


class Meter:
    """Counts the bot's requests from where it is made on."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._start = len(world.asked())

    @property
    def routes(self) -> list[str]:
        """The routes asked since, in order."""
        return [request.route for request in self._world.asked()[self._start :]]

    @property
    def writes(self) -> list[str]:
        """Those that change something."""
        return [route for route in self.routes if not route.startswith("GET")]

    def statuses(self, route: str) -> list[int]:
        """What this route answered since."""
        return [request.status for request in self._world.asked()[self._start :] if request.route == route]


def stored(world: World, user_id: str) -> User | None:
    """What the store holds of the user."""
    return users.get(user_id, now=world.clock.now())


def linked(world: World, user_id: str) -> bool:
    """Has the user a Discord account?"""
    user = stored(world, user_id)
    return user is not None and user.link is not None


def last_error(world: World, user_id: str) -> str | None:
    """Why the user could not be synced; they must be linked."""
    user = stored(world, user_id)
    assert user is not None
    assert user.link is not None
    return user.last_error


def import_link(
    world: World,
    user_id: str,
    who: str,
    *,
    groups: Sequence[str] | None = None,
    nickname: str | None = None,
    username: str | None = None,
    imported: bool = True,
) -> None:
    """A link as an import writes it: nobody joined, nothing was synced; groups are stated only if given.

    Not `imported`: the first-run lock does not hold for it.
    """
    person = next(person for person in world.guild.people() if person.username == who)
    now = world.clock.now()
    account = Account(int(person.id), who if username is None else username)
    claim = users.Claim(issued_at=now, imported_at=int(now) if imported else 0)
    users.link(user_id, int(GUILD), account, claim, now=now - users.JOIN_TIMEOUT)
    if groups is not None:
        users.record_groups(user_id, tuple(groups), 1, now=now)
    if nickname is not None:
        users.record_nickname(user_id, nickname, 1, now=now)


def crowd(
    world: World,
    count: int,
    *,
    roles: Iterable[str] = (),
    groups: Sequence[str] | None = None,
    prefix: str = "pilot",
    imported: bool = True,
) -> list[str]:
    """`count` members with these roles, linked to users who should have these groups; the user ids."""
    ids = set(world.guild.add_members(count, roles=roles, prefix=prefix))
    names = [person.username for person in world.guild.people() if person.id in ids]
    for name in names:
        import_link(world, f"u-{name}", name, groups=groups, imported=imported)
    return [f"u-{name}" for name in names]


def swept(world: World, **options: Any) -> list[dict[str, Any]]:
    """Sweep and let everything run; the notices of it."""
    world.sweep(**options)
    world.run(seconds=24 * 3600)
    return world.site.notices()


def removals(world: World) -> WithheldRemovals:
    """What is withheld, and the answers to it."""
    services, view = world.http.services, world.http.delivery.view
    return WithheldRemovals(services, Reporter(services, view))


def settled_world(users: int) -> World:
    """A world in which this many users, "0" and on, are linked as p0 and on with the role Director; nothing waits."""
    world = World()
    for number in range(users):
        world.link(str(number), f"p{number}", groups=["Director"])
    let_sweeps_take(world)
    world.run(seconds=600)
    world.clock.advance(600)
    return world


def let_sweeps_take(world: World) -> None:
    """The first-run lock was released for all who were imported so far."""
    world.http.services.memory.sweeps.allow_taking(by="test", now=world.clock.now())


def deliver(world: World, container: Container, queue: str = "jobs") -> None:
    """What waits in the queue, to that process. It is deleted unless the process dies."""
    records = world.sqs.receive(f"rolecall-{STAGE}-{queue}")
    assert records, f"nothing waits in {queue}"
    messages = [message_of(record) for record in records]
    container.delivery.batch(messages, bulk=queue == "bulk", seconds_left=lambda: 60.0)
    world.sqs.delete_all(records)


def waiting(world: World, queue: str) -> list[str]:
    """The bodies that wait in a queue."""
    return [message.body for message in world.sqs.waiting(f"rolecall-{STAGE}-{queue}")]


def role_names(world: World) -> list[str]:
    """The guild's roles but for @everyone and the bot's own, each as often as it exists."""
    return sorted(role.name for role in world.guild.state().roles if role.name not in ("@everyone", "Rolecall"))


def fault(**more: Any) -> Fault:
    """Discord answers something else, 500 unless said otherwise, once."""
    chosen: dict[str, Any] = {"kind": "answer", "status": 500} | more
    return Fault(**chosen)
