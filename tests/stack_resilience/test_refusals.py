"""Over real HTTP, with the packaged functions: Discord's lasting refusals, each for one user, and how each ends.

Its last test stops all calls: whatever runs after it finds messages that wait for a quarter of an hour.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import pytest

from chalicelib.discord.halts import MAX_BLOCKED_CONTAINERS
from local.discord.faults import Fault
from tests.stack_resilience.support import Whole, wait

NEIGHBOUR = "400"
pytestmark = [pytest.mark.stack, pytest.mark.timeout(800)]
HANDED_BACK_WITHIN = 2.0  # seconds, mostly; what a killed process did not hand back comes again after VISIBILITY
SLOWEST = 120.0  # seconds for one change; a busy machine takes long


@dataclass(frozen=True, kw_only=True)
class Case:
    """The user is a Member named "Old" and is to be a Pilot; what Discord says to it, and how that ends.

    `error` is part of what is kept on the user, None where all is well. `struck`: how often Discord may have to say it.
    """

    fault: Fault
    error: str | None = None
    nickname: str = "Old"
    groups: tuple[str, ...] = ("Pilot",)
    has: tuple[set[str], str] = ({"Member"}, "Old")
    struck: int = 1
    heals: bool = True


def says(code: int, status: int, *, method: str = "PATCH", path: str = "/members/{id}", lasting: bool = True) -> Fault:
    """Discord's refusal of one route."""
    times = None if lasting else 1
    return Fault(kind="answer", status=status, code=code, message="No", method=method, path=path, times=times)


def limits(code: int, scope: Literal["user", "shared"]) -> Fault:
    """A limit beyond the bucket's."""
    return Fault(kind="rate_limit", code=code, scope=scope, retry_after=1.0, method="PATCH", path="/members/{id}")


PILOT = ({"Pilot"}, "Old")
CASES = {
    "unknown guild": Case(fault=says(10004, 404, method="GET"), error="10004"),
    "missing access": Case(fault=says(50001, 403, method="GET"), error="50001"),
    "missing permissions": Case(fault=says(50013, 403), error="50013"),
    "missing permissions for one role": Case(
        fault=says(50013, 403, method="PUT|PATCH"), groups=("Member", "Pilot"), error="50013"
    ),
    "may not be renamed": Case(
        fault=says(50013, 403, lasting=False), nickname="New", has=PILOT, error="nickname_not_permitted"
    ),
    "2FA required": Case(fault=says(60003, 403), error="60003"),
    "unknown role, once": Case(fault=says(10011, 404, lasting=False), has=PILOT),
    "unknown role, always": Case(fault=says(10011, 404), error="10011", struck=2),
    "invalid role, once": Case(fault=says(50028, 400, lasting=False), has=PILOT),
    "invalid form body": Case(fault=says(50035, 400), has=PILOT, error="50035"),  # each role by itself is accepted
    "invalid form body, and one role by itself, too": Case(
        fault=says(50035, 400, method="PATCH|PUT"), has=(set(), "Old"), error="50035", struck=2
    ),
    "invalid form body for the nickname": Case(
        fault=says(50035, 400, lasting=False),
        nickname="New",
        has=PILOT,
        error="nickname_refused",
        heals=False,  # the refusal of this nickname is remembered
    ),
    "write limited": Case(fault=limits(20028, "user"), has=PILOT),
    "resource limited": Case(fault=limits(40062, "shared"), has=PILOT),
    "250 roles": Case(
        fault=says(30005, 400, method="POST", path="/roles$"),
        groups=("Pilot", "One too many"),
        has=PILOT,
        error="role_limit",
        heals=False,  # within the hour
    ),
}


@pytest.fixture(scope="module", autouse=True)
def neighbour(whole: Whole) -> None:
    """Somebody whom no refusal is about; and the roles exist."""
    whole.link(NEIGHBOUR, "Member", "Pilot", nickname="Neighbour")


@pytest.fixture(autouse=True)
def faults_end(whole: Whole) -> Iterator[None]:
    """No fault outlives its test, whatever becomes of that."""
    yield
    whole.discord.guild.clear_faults()


@pytest.mark.parametrize("name", CASES)
def test_a_refusal_is_kept_and_told_or_cured_and_hurts_nobody_else(whole: Whole, name: str) -> None:
    case, user_id = CASES[name], str(401 + list(CASES).index(name))
    whole.link(user_id, "Member", nickname="Old")
    fault = struck_by(whole, user_id, case.fault)
    whole.site.notices()
    ask(whole, user_id, case)
    tell_neighbour(whole)
    assert wait(lambda: fault.hits > 0 and whole.left() == 0, within=SLOWEST)
    assert whole.has(user_id) == case.has
    error = whole.last_error(user_id)
    told = [(n["kind"], n["reason"]) for n in whole.site.notices() if n["user_id"] == user_id]
    assert told == ([("sync_failed", error)] if error else [])
    assert (case.error or "") in (error or "")
    assert (error is None) is (case.error is None)
    assert fault.hits <= case.struck, "the same again, for nothing"
    assert whole.dead() == []
    whole.discord.guild.clear_faults()
    if case.heals:
        ask(whole, user_id, case)
        assert wait(lambda: whole.has(user_id) == (set(case.groups), case.nickname), within=SLOWEST)
        assert wait(lambda: whole.last_error(user_id) is None, within=SLOWEST)


@pytest.mark.parametrize(("code", "reason"), [(10007, "left_server"), (10013, "account_deleted")])
def test_who_is_unknown_to_discord_is_unlinked_and_the_auth_site_told(whole: Whole, code: int, reason: str) -> None:
    user_id = str(code)
    whole.link(user_id, "Member", nickname="Gone")
    struck_by(whole, user_id, says(code, 404, method="GET"))
    whole.site.notices()
    whole.site.groups(user_id, ["Pilot"])
    tell_neighbour(whole)
    assert wait(lambda: whole.left() == 0 and not whole.linked(user_id), within=SLOWEST)
    told = [(n["kind"], n["reason"]) for n in whole.site.notices() if n["user_id"] == user_id]
    assert told == [("unlinked", reason)]
    assert whole.dead() == []
    whole.discord.guild.clear_faults()


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        pytest.param(40007, 403, "You are banned from this Discord server", id="banned"),
        pytest.param(30001, 400, "You are in too many Discord servers", id="too many servers"),
        pytest.param(50025, 403, "That took too long", id="invalid OAuth token"),
    ],
)
def test_who_may_not_join_is_told_why_and_can_link_once_they_may(
    whole: Whole, code: int, status: int, words: str
) -> None:
    user_id = str(code)
    whole.discord.guild.add_person(f"person{user_id}")
    [person] = [one for one in whole.discord.guild.people() if one.username == f"person{user_id}"]
    whole.discord.guild.inject(says(code, status, method="PUT", path=f"/members/{person.id}$"))
    page = whole.click_link(user_id, "Member", nickname="Newcomer")
    assert words in page, page
    assert not whole.linked(user_id)
    assert whole.discord.guild.member(person.id) is None
    whole.discord.guild.clear_faults()
    assert "You are linked" in whole.click_link(user_id, "Member", nickname="Newcomer")
    assert whole.has(user_id) == ({"Member"}, "Newcomer")


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(kind="cloudflare", retry_after=900, times=None), id="Cloudflare's page"),
        pytest.param(Fault(kind="answer", status=401, message="401: Unauthorized", times=None), id="refused token"),
    ],
)
def test_what_stops_all_calls_loses_nothing_and_ends_when_the_operator_says_so(whole: Whole, fault: Fault) -> None:
    users = [f"{number}{fault.status}{fault.kind}" for number in (1, 2)]
    for user_id in users:
        whole.link(user_id, "Member", nickname="Halted")
    lurking = replace(fault)
    whole.discord.guild.inject(lurking)
    stop_all_calls(whole, users[0])
    assert wait(whole.settled, within=SLOWEST)
    asked, waiting = whole.requests(), whole.left()
    assert waiting > 0, "what met the stop is lost"
    stamps = {user_id: whole.site.stamp() for user_id in users}
    for user_id, stamp in stamps.items():
        whole.site.groups(user_id, ["Pilot"], stamp)
    taken = wait(lambda: {user_id: whole.stored(user_id)["groups_at"] for user_id in stamps} == stamps, within=SLOWEST)
    assert taken, "workers took the messages"
    assert wait(lambda: whole.settled() and whole.left() == waiting + 2, within=SLOWEST), (whole.left(), waiting)
    assert whole.requests() == asked, "calls went on"
    assert whole.dead() == []
    whole.discord.guild.clear_faults()
    assert "calls go on" in whole.resume()
    whole.kill_workers()
    for user_id in stamps:
        whole.site.post({"kind": "update_groups", "user_id": user_id})
    assert wait(lambda: all(whole.has(user_id)[0] == {"Pilot"} for user_id in stamps), within=SLOWEST)


def stop_all_calls(whole: Whole, user_id: str) -> None:
    """Post changes until all calls have stopped, each of them for processes that know of no stop yet.

    The first refusal of the token stops the whole bot. Cloudflare's block stops one container, and the bot only when it
    was met by as many as MAX_BLOCKED_CONTAINERS; a process that is killed is followed by another container.
    """
    for number in range(2 * MAX_BLOCKED_CONTAINERS):
        whole.site.groups(user_id, ["Member", "Pilot"][: 1 + number % 2])
        assert meets_a_stop(whole, beyond=whole.blocked_containers()), "calls go on"
        stopped = wait(whole.stopped, within=HANDED_BACK_WITHIN)
        whole.kill_workers()  # a process believes for half a minute that calls may be made, if it read so just before
        if stopped:
            return
    pytest.fail("calls may go on though so many containers are blocked")


def meets_a_stop(whole: Whole, *, beyond: int) -> bool:
    """Whether all calls stop, or one more container than `beyond` is blocked, before long."""
    return wait(lambda: whole.stopped() or whole.blocked_containers() > beyond, within=SLOWEST)


def struck_by(whole: Whole, user_id: str, fault: Fault) -> Fault:
    """Let the fault lie in wait for what is done about this user."""
    member = whole.discord.guild.member(f"person{user_id}")
    assert member is not None
    lurking = replace(fault, path=fault.path.replace("{id}", member.id))
    whole.discord.guild.inject(lurking)
    return lurking


def ask(whole: Whole, user_id: str, case: Case) -> None:
    """The auth site says how the user should be."""
    told = {"groups": list(case.groups), "nickname": case.nickname, "changed_at": whole.site.stamp()}
    whole.site.post({"kind": "update_all", "user_id": user_id, **told})


def tell_neighbour(whole: Whole) -> None:
    """A change for the neighbour arrives as if nothing were."""
    roles, _ = whole.has(NEIGHBOUR)
    wanted = {"Member", "Pilot"} - roles or {"Member"}
    whole.site.groups(NEIGHBOUR, sorted(wanted))
    assert wait(lambda: whole.has(NEIGHBOUR)[0] == wanted, within=SLOWEST)
