"""Over real HTTP, with the packaged functions: processes die, Discord fails in every way and goes away for a while.

By default a short run; `RESILIENCE=full` posts 500 changes, with Discord away for 30 seconds.
"""

import os
import random
import time
from collections.abc import Callable

import pytest

from local.discord.faults import Fault
from tests.stack_resilience.support import Whole, wait

pytestmark = [pytest.mark.stack, pytest.mark.timeout(1200)]
FULL = os.environ.get("RESILIENCE") == "full"
CHANGES = 500 if FULL else 60
AWAY = 30.0 if FULL else 4.0  # seconds without Discord
USERS = [str(number) for number in range(201, 207)]
GROUPS = ("Member", "Pilot", "Logistics", "Commander", "Scout")
SLOWEST = 900.0 if FULL else 400.0  # seconds until everything must be settled; a busy machine takes long
HTML = "<html><body>Bad gateway</body></html>"

# Every fault of Discord that a later try cures; what none cures is in test_refusals.py.
FAULTS: tuple[Fault, ...] = (
    Fault(kind="rate_limit", scope="user", retry_after=1.5, path="/members/"),
    Fault(kind="rate_limit", scope="shared", retry_after=1.0, path="/members/"),
    Fault(kind="rate_limit", scope="global", retry_after=1.0, path="/guilds/"),
    Fault(kind="answer", status=500, path="/guilds/"),
    Fault(kind="answer", status=502, body=HTML, path="/guilds/"),
    Fault(kind="answer", status=503, path="/members/", times=2),
    Fault(kind="answer", status=503, code=130000, message="API resource is overloaded", path="/guilds/"),
    Fault(kind="answer", status=404, code=0, message="404: Not Found", path="/members/"),
    Fault(kind="delay", seconds=1.0, path="/members/"),
    Fault(kind="hang", seconds=5.0, path="/members/"),
    Fault(kind="hang_after", seconds=5.0, method="PATCH|PUT|DELETE", path="/members/"),
    Fault(kind="cut", path="/members/"),
    Fault(kind="cut_after", method="PATCH|PUT|DELETE", path="/members/"),
)


def test_500_changes_reach_discord_whatever_dies_or_fails_meanwhile(whole: Whole) -> None:
    chance = random.Random(4)  # noqa: S311 - decides what is posted, guards nothing
    for user_id in USERS:
        whole.link(user_id, "Member", nickname=f"Pilot {user_id}")
    last: dict[str, dict[str, tuple[int, object]]] = {user_id: {} for user_id in USERS}
    faults = list(FAULTS)
    moments = trouble(whole, faults)
    for number in range(CHANGES):
        for happens in moments.pop(number, ()):
            happens()
        post(whole, chance, last)
        time.sleep(0.02)
    whole.discord.on()
    whole.forget_checks()
    drained = wait(lambda: whole.left() == 0, within=SLOWEST)
    dead = whole.dead()
    assert drained, f"{whole.left()} messages are left, {len(dead)} were set aside"
    assert dead == [], "nothing here is for good, and there is time enough for as many tries as it takes"
    as_told = wait(lambda: not unlike(whole, last), within=10)
    assert as_told, unlike(whole, last)
    assert not unknown(whole, last), unknown(whole, last)
    assert whole.killed, "nobody was killed"
    assert not [fault for fault in whole.discord.guild.faults() if fault.hits == 0], "a fault struck nobody"


def trouble(whole: Whole, faults: list[Fault]) -> dict[int, list[Callable[[], object]]]:
    """What happens ahead of which change."""
    moments: dict[int, list[Callable[[], object]]] = {}
    for number, fault in enumerate(faults):
        moments.setdefault(5 + number * CHANGES // (len(faults) + 4), []).append(
            lambda fault=fault: whole.discord.guild.inject(fault)  # type: ignore[misc]  # mypy sees no type of a default
        )
    for share in (0.2, 0.45, 0.8):
        moments.setdefault(int(CHANGES * share), []).append(whole.kill_workers)
    moments.setdefault(int(CHANGES * 0.6), []).append(whole.discord.off)
    moments.setdefault(int(CHANGES * 0.7), []).extend([lambda: time.sleep(AWAY), whole.discord.on])
    return moments


def post(whole: Whole, chance: random.Random, last: dict[str, dict[str, tuple[int, object]]]) -> None:
    """One change; now and then posted twice, or after a newer one."""
    user_id = chance.choice(USERS)
    stamp = whole.site.stamp()
    if chance.random() < 0.1:
        name = f"Pilot {chance.randint(1, 999)}"
        whole.site.nickname(user_id, name, stamp)
        last[user_id]["nickname"] = (stamp, name)
        return
    groups = sorted(chance.sample(GROUPS, chance.randint(0, 3)))
    whole.site.groups(user_id, groups, stamp)
    last[user_id]["groups"] = (stamp, groups)
    if chance.random() < 0.1:
        whole.site.groups(user_id, ["Member"], stamp - 1)


def unknown(whole: Whole, last: dict[str, dict[str, tuple[int, object]]]) -> list[str]:
    """Changes that the store knows nothing of, nor of newer ones."""
    missing = []
    for user_id, told in last.items():
        stored = whole.stored(user_id)
        missing += [
            f"{user_id}: {name} of {stamp}" for name, (stamp, _) in told.items() if stored[f"{name}_at"] < stamp
        ]
    return missing


def unlike(whole: Whole, last: dict[str, dict[str, tuple[int, object]]]) -> list[str]:
    """Members who are not as the auth site said last."""
    wrong = []
    for user_id, told in last.items():
        roles, nick = whole.has(user_id)
        groups = told.get("groups", (0, ["Member"]))[1]
        name = told.get("nickname", (0, f"Pilot {user_id}"))[1]
        if sorted(roles) != groups or nick != name:
            wrong.append(f"{user_id} has {sorted(roles)} and {nick}, and should have {groups} and {name}")
    return wrong


@pytest.mark.parametrize("next_groups", [["Member"], ["Member", "Scout"]], ids=["as in the backup", "others"])
def test_a_store_that_was_restored_is_healed_by_the_auth_sites_next_message(
    whole: Whole, next_groups: list[str]
) -> None:
    user_id = f"25{len(next_groups)}"
    whole.link(user_id, "Member", nickname="As it was")
    backup = whole.item(user_id)
    tell_all(whole, user_id, ["Pilot"], "After the backup")
    assert wait(lambda: whole.has(user_id) == ({"Pilot"}, "After the backup") and whole.left() == 0, within=60)
    whole.restore(backup)
    tell_all(whole, user_id, next_groups, "As it was")
    assert wait(lambda: whole.has(user_id) == (set(next_groups), "As it was"), within=60), whole.has(user_id)


def tell_all(whole: Whole, user_id: str, groups: list[str], nickname: str) -> None:
    """The auth site says all it knows of the user."""
    stamp = whole.site.stamp()
    message = {"kind": "update_all", "user_id": user_id, "groups": groups, "nickname": nickname, "changed_at": stamp}
    whole.site.post(message)
