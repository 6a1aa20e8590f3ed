"""What can happen to one user, each as an operation that runs whole or is interrupted at one of its calls.

Everything is about the user `1`. `anna` and `ben` are two Discord accounts of theirs, `carl` is one that Discord
refuses to let in, `dora` one that is a member already and whose callback fails. An operation is prepared before
anything overlaps (an attempt is opened, a sweep begun), then run.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.discord.models import Account
from chalicelib.errors import LinkRefused
from chalicelib.queues import message_of
from chalicelib.store import users
from chalicelib.store.waiting import WaitingStore
from local.discord.faults import Fault
from local.simulated import GUILD, STAGE, Container, World

USER = "1"
MANY_GUILDS = 200  # nobody can be in more
GIVEN, TAKEN = ["Director", "Pilot"], list[str]()  # groups that messages state
STATED = ["Director"]  # groups that callbacks, and those who restate everybody, state
OTHERS = ("2", "3", "4")  # users without a link, who are stated together with the user
SETTLED = 600.0  # seconds; by then nothing of the past is under way


@dataclass
class Case:
    """One world, and what was stated and asked for in it."""

    world: World
    base: str = ""
    statements: list[tuple[int, list[str]]] = field(default_factory=list)  # changed_at and groups, of messages
    tokens: list[float] = field(default_factory=list)  # when tokens were issued whose callback ended well
    removals: list[float] = field(default_factory=list)  # when a deletion was posted, or an unlinking began
    asked: list[float] = field(default_factory=list)  # when an unlinking began, and ended, however it ended
    left: list[float] = field(default_factory=list)  # when somebody left the server, so that a link may end
    posted: list[float] = field(default_factory=list)  # when messages were posted that state groups
    by_hand: list[float] = field(default_factory=list)  # when anna was changed by hand, or came or went
    imported: bool = False
    posted_before_import: int = 0  # how many of `posted` were there when the link was imported

    def process(self) -> Container:
        """A new process, as Lambda starts one."""
        return self.world.container()


Run = Callable[[], None]
Prepare = Callable[[Case], Run]


@dataclass(frozen=True)
class Operation:
    """`prepare` does what comes before the overlap and returns what is then run."""

    name: str
    prepare: Prepare
    alone: bool = False  # a person's action without calls of Rolecall: nothing can overlap it


def deliver(case: Case, queue: str) -> None:
    """Pass the messages that can be received now to a new process, and delete them if it ends well."""
    world, container = case.world, case.process()
    records = world.sqs.receive(f"rolecall-{STAGE}-{queue}")
    if not records:
        return
    messages = [message_of(record) for record in records]
    began = world.clock.now()
    try:
        container.delivery.batch(
            messages, bulk=queue == "bulk", seconds_left=lambda: 60.0 - (world.clock.now() - began)
        )
    except Exception:  # noqa: BLE001 - Lambda does not delete the batch then
        return
    world.sqs.delete_all(records)


def _callback(who: str) -> Prepare:
    def prepare(case: Case) -> Run:
        world, issued = case.world, case.world.clock.now()
        linking = case.process().linking
        started = linking.start(world.site.token(USER, "link", groups=STATED, nickname=None))
        back = world.consent(started.url, who)

        def run() -> None:
            try:
                case.process().linking.finish(cookie=started.cookie, **back)
            except LinkRefused:
                return
            case.tokens.append(issued)

        return run

    return prepare


def _callback_of_a_member_that_fails(case: Case) -> Run:
    """As `dora`, who is a member already: Discord takes no token of hers, and refuses only that."""
    guild = case.world.guild
    if not guild.member("dora"):
        guild.add_member("dora")
    person = next(person for person in guild.people() if person.username == "dora")
    guild.inject(Fault(kind="answer", method="PUT", path=f"/members/{person.id}$", status=400, code=50025, times=None))
    return _callback("dora")(case)


def _link_now(case: Case) -> Run:
    """The whole of linking: the token is issued when it begins."""
    return lambda: _callback("anna")(case)()


def _state(case: Case, groups: list[str]) -> None:
    stamp = case.world.site.stamp()
    case.world.site.groups(USER, groups, stamp)
    case.statements.append((stamp, groups))
    case.posted.append(case.world.clock.now())


def _lose_roles(case: Case) -> None:
    """A moderator takes whatever anna has."""
    if case.world.guild.member("anna") and case.world.roles("anna"):
        case.world.guild.change_member("anna", roles=[])
        case.by_hand.append(case.world.clock.now())


def _change_by_hand(case: Case) -> None:
    """A moderator takes whatever anna has; or gives her what is not hers, if she has nothing."""
    if case.world.guild.member("anna"):
        case.world.guild.change_member("anna", roles=[] if case.world.roles("anna") else ["Pilot"])
        case.by_hand.append(case.world.clock.now())


def _message(groups: list[str]) -> Prepare:
    def prepare(case: Case) -> Run:
        def run() -> None:
            _state(case, groups)
            deliver(case, "jobs")

        return run

    return prepare


def _delete(case: Case) -> Run:
    def run() -> None:
        case.removals.append(case.world.clock.now())
        case.world.site.delete(USER)
        deliver(case, "jobs")

    return run


def _unlink(case: Case) -> Run:
    token = case.world.site.token(USER, "unlink")

    def run() -> None:
        began = case.world.clock.now()
        case.asked.append(began)
        try:
            case.process().linking.unlink(token)
        except LinkRefused:
            return
        finally:  # whoever clicks between the two may be earlier or later than the unlinking
            case.asked.append(case.world.clock.now())
        case.removals.append(began)

    return run


def _verify(case: Case) -> Run:
    """The check that follows a callback, due now."""
    _callback("anna")(case)()
    case.world.clock.advance(90)
    return lambda: deliver(case, "bulk")


def _remove_replaced(case: Case) -> Run:
    """The removal of an account that its user replaced, due now."""
    _callback("anna")(case)()
    case.world.run(seconds=SETTLED)
    _callback("ben")(case)()
    case.world.clock.advance(30)
    return lambda: deliver(case, "bulk")


def _sweep(steps: int) -> Prepare:
    """A step of a sweep that finds a lost role: the comparison (0 steps before), the repairs (1), the member (2)."""

    def prepare(case: Case) -> Run:
        world = case.world
        _lose_roles(case)
        world.sweep()
        for _ in range(steps):
            deliver(case, "bulk")
            world.clock.advance(1)
        return lambda: deliver(case, "bulk")

    return prepare


def _state_in_a_storm(case: Case) -> None:
    """A moderator changes anna; then many are stated, among them the user, as they were stated before."""
    _change_by_hand(case)
    for other in OTHERS:
        case.world.site.groups(other, STATED)
    _state(case, STATED)
    deliver(case, "jobs")


def _statement_that_waits(case: Case) -> Run:
    return lambda: _state_in_a_storm(case)


def _request_that_waits(case: Case) -> Run:
    """A moderator changes anna; then the auth site asks that many be looked at, and states nothing."""

    def run() -> None:
        _change_by_hand(case)
        for user_id in (*OTHERS, USER):
            case.world.site.post({"kind": "update_all", "user_id": user_id})
        case.posted.append(case.world.clock.now())
        deliver(case, "jobs")

    return run


def _narrow_sweep(steps: int) -> Prepare:
    """A step of the sweep of those who wait: its beginning (0 steps before), the comparison (1), the repairs (2)."""

    def prepare(case: Case) -> Run:
        _state_in_a_storm(case)
        for _ in range(steps):
            case.world.clock.advance(2)
            deliver(case, "bulk")
        case.world.clock.advance(2)
        return lambda: deliver(case, "bulk")

    return prepare


def _driver_goes(case: Case) -> Run:
    """The look at whether anybody waits that finds nobody, due now."""
    world, store = case.world, WaitingStore(int(GUILD))

    def is_compared() -> bool:
        bodies = [message.body for message in world.sqs.waiting(f"rolecall-{STAGE}-bulk")]
        return store.first_after(0) is None and all('"start_sweep"' in body for body in bodies)

    _state_in_a_storm(case)
    world.run(seconds=60, until=is_compared)
    world.clock.advance(4)
    return lambda: deliver(case, "bulk")


def _leave(case: Case) -> Run:
    def run() -> None:
        case.left.append(case.world.clock.now())
        case.by_hand.append(case.world.clock.now())
        if case.world.guild.member("anna"):
            case.world.guild.leave("anna")

    return run


def _come_back(case: Case) -> Run:
    def run() -> None:
        if not case.world.guild.member("anna"):
            case.world.guild.add_member("anna")
            case.by_hand.append(case.world.clock.now())

    return run


def _end_and_come_back(case: Case) -> Run:
    """Somebody leaves, a message finds them gone, which ends the link, and an invite brings them back."""

    def run() -> None:
        _leave(case)()
        case.world.site.post({"kind": "update_groups", "user_id": USER})
        deliver(case, "jobs")
        _come_back(case)()

    return run


def _import(case: Case) -> Run:
    def run() -> None:
        world, now = case.world, case.world.clock.now()
        if not world.guild.member("anna"):
            world.guild.add_member("anna")
        known = users.get(USER, now=now)
        if known and known.link:
            return  # an import leaves links that exist
        person = next(person for person in world.guild.people() if person.username == "anna")
        case.imported = True
        try:
            users.link(
                USER,
                int(GUILD),
                Account(int(person.id), "anna"),
                users.Claim(issued_at=now),
                now=now - users.JOIN_TIMEOUT,
                known=(),
            )
        except (users.AccountTaken, users.UserDeletedSince, users.ReplacesAnother):
            return
        finally:
            case.posted_before_import = len(case.posted)
        case.tokens.append(now)

    return run


OPERATIONS: dict[str, Operation] = {
    one.name: one
    for one in (
        Operation("callback", _callback("anna")),
        Operation("callback with another account", _callback("ben")),
        Operation("new link", _link_now),
        Operation("callback that is refused", _callback("carl")),
        Operation("callback of a member that fails", _callback_of_a_member_that_fails),
        Operation("unlink", _unlink),
        Operation("delete", _delete),
        Operation("message that gives", _message(GIVEN)),
        Operation("message that takes", _message(TAKEN)),
        Operation("check after a callback", _verify),
        Operation("removal of a replaced account", _remove_replaced),
        Operation("sweep compares", _sweep(0)),
        Operation("sweep repairs", _sweep(1)),
        Operation("repair of a member", _sweep(2)),
        Operation("statement that waits", _statement_that_waits),
        Operation("request that waits", _request_that_waits),
        Operation("narrow sweep begins", _narrow_sweep(0)),
        Operation("narrow sweep compares", _narrow_sweep(1)),
        Operation("narrow sweep repairs", _narrow_sweep(2)),
        Operation("driver of narrow sweeps goes", _driver_goes),
        Operation("leaving", _leave, alone=True),
        Operation("coming back", _come_back, alone=True),
        Operation("end of the link, and coming back", _end_and_come_back),
        Operation("import", _import),
    )
}


def _new(world: World) -> Case:
    """Nobody is linked."""
    for who in ("anna", "ben", "carl"):
        world.guild.add_person(who)
    world.guild.change_person("carl", guild_count=MANY_GUILDS)
    for role in ("Director", "Pilot"):
        world.guild.create_role(role)
    world.http.services.memory.sweeps.allow_taking(by="explorer", now=world.clock.now())
    return Case(world)


def _linked(world: World) -> Case:
    """The user is linked to anna, and everything was done long ago."""
    case = _new(world)
    world.link(USER, "anna", groups=STATED)
    world.run(seconds=SETTLED)
    world.clock.advance(SETTLED)
    return case


def _left(world: World) -> Case:
    """The user was linked to anna, who has left the server; Rolecall does not know it yet."""
    case = _linked(world)
    _leave(case)()
    world.clock.advance(SETTLED)
    return case


BASES: dict[str, Callable[[World], Case]] = {"new": _new, "linked": _linked, "left": _left}


def begin(base: str, **options: Any) -> Case:  # noqa: ANN401 - options of World
    """A new world in this state."""
    case = BASES[base](World(**options))
    case.base = base
    return case
