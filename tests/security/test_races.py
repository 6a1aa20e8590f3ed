"""Several at once, each in a process of its own: one gets in, the others are refused, whatever the order."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.errors import LinkRefused
from chalicelib.linking.entrance import Started
from chalicelib.linking.tokens import Purpose
from chalicelib.store import users
from local.simulated import World

SEEDS = range(6)
LINKED = "linked"


@pytest.fixture(params=SEEDS)
def slow(request: pytest.FixtureRequest) -> World:
    """A world whose store takes its time, so that others come between any two steps."""
    world = World(seed=request.param)
    world.dynamodb.before = lambda *_: world.clock.sleep(world.random.uniform(0.001, 0.02))
    return world


def all_at_once(world: World, *tries: Callable[[], Any]) -> Counter[str]:
    """Run each in a process of its own, begun within a hundredth of a second; what came of each."""
    ends: Counter[str] = Counter()

    def one(attempt: Callable[[], Any]) -> Callable[[], None]:
        def play() -> None:
            try:
                attempt()
            except LinkRefused as refused:
                ends[str(refused.reason)] += 1
            else:
                ends[LINKED] += 1

        return play

    for attempt in tries:
        world.scheduler.spawn(one(attempt), after=world.random.uniform(0, 0.01))
    world.run(until=lambda: ends.total() == len(tries))
    return ends


def start(world: World, user_id: str, **claims: Any) -> Started:
    return world.container().linking.start(world.site.token(user_id, "link", **claims))


def finish(world: World, started: Started, said: dict[str, str | None]) -> Callable[[], None]:
    linking = world.container().linking
    return lambda: linking.finish(cookie=started.cookie, **said)


def owner(world: World, user_id: str) -> int | None:
    user = users.get(user_id, now=world.clock.now())
    return user.link.account.id if user and user.link else None


def test_a_callback_called_many_times_at_once_links_once(slow: World) -> None:
    slow.guild.add_person("kira")
    started = start(slow, "101", groups=["Member"])
    said = slow.consent(started.url, "kira")
    ends = all_at_once(slow, *(finish(slow, started, said) for _ in range(4)))
    assert ends == {LINKED: 4}, "the others waited for the first"
    slow.run()
    assert slow.roles("kira") == {"Member"}
    assert [one["kind"] for one in slow.site.notices()] == ["linked"]


def test_of_several_people_claiming_one_account_at_once_one_gets_it_at_most(slow: World) -> None:
    slow.guild.add_person("kira")
    groups, tries = {"101": "Member", "102": "Director", "103": "Blue"}, []
    for user_id, group in groups.items():
        started = start(slow, user_id, groups=[group])
        tries.append((started, slow.consent(started.url, "kira")))
    ends = all_at_once(slow, *(finish(slow, started, said) for started, said in tries))
    slow.run()
    linked = [user_id for user_id in groups if owner(slow, user_id) is not None]
    assert len(linked) == ends[LINKED] <= 1
    # A loser's token is given back, and at Discord that ends the winner's too: then nobody joins, and can try again.
    assert ends["already_linked"] == 2
    assert ends[LINKED] + ends["expired"] == 1
    assert slow.roles("kira") == ({groups[linked[0]]} if linked else None)


def test_one_user_with_two_accounts_at_once_ends_with_one_of_them_inside(slow: World) -> None:
    tries = []
    for who in ("kira", "kira.second"):
        slow.guild.add_person(who)
        started = start(slow, "101", groups=["Member"])
        tries.append((started, slow.consent(started.url, who)))
    ends = all_at_once(slow, *(finish(slow, started, said) for started, said in tries))
    assert ends == {LINKED: 1, "expired": 1}
    slow.run()
    inside = [who for who in ("kira", "kira.second") if slow.roles(who)]
    assert [str(owner(slow, "101"))] == [person.id for person in slow.guild.people() if person.username in inside]


def test_one_user_in_two_tabs_at_once_is_linked_or_not_but_never_half(slow: World) -> None:
    slow.guild.add_person("kira")
    slow.guild.create_role("Member")
    tries = []
    for _ in range(2):
        started = start(slow, "101", groups=["Member"])
        tries.append((started, slow.consent(started.url, "kira")))
    all_at_once(slow, *(finish(slow, started, said) for started, said in tries))
    slow.run()
    assert slow.roles("kira") == ({"Member"} if owner(slow, "101") else None)


def test_people_who_need_the_same_new_role_at_once_all_get_it(slow: World) -> None:
    people, tries = [f"pilot{number}" for number in range(4)], []
    for who in people:
        slow.guild.add_person(who)
        started = start(slow, who, groups=["Member", "Blue"])
        tries.append((started, slow.consent(started.url, who)))
    assert all_at_once(slow, *(finish(slow, started, said) for started, said in tries)) == {LINKED: 4}
    slow.run()
    assert {who: slow.roles(who) for who in people} == {who: {"Member", "Blue"} for who in people}
    assert sorted(role.name for role in slow.guild.state().roles).count("Member") == 1


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_token_used_many_times_at_once_works_once(slow: World, purpose: Purpose) -> None:
    token = slow.site.token("101", purpose)
    containers = [slow.container() for _ in range(4)]
    ends = all_at_once(slow, *((lambda box=box: box.linking.token(token, purpose)) for box in containers))
    assert ends == {LINKED: 1, "bad_token": 3}


def test_who_is_deleted_while_they_link_is_not_linked_afterwards(slow: World) -> None:
    slow.guild.add_person("kira")
    started = start(slow, "101", groups=["Member"])
    said = slow.consent(started.url, "kira")
    slow.clock.sleep(1.5)  # the deletion is younger than the token
    slow.scheduler.spawn(lambda: slow.site.delete("101"), after=slow.random.uniform(0, 0.8))
    all_at_once(slow, finish(slow, started, said))
    slow.run()
    assert owner(slow, "101") is None
    assert not slow.roles("kira")


def test_who_is_unlinked_while_they_link_again_ends_in_one_of_both_states(slow: World) -> None:
    slow.link("101", "kira", groups=["Member"])
    started = start(slow, "101", groups=["Member"])
    said = slow.consent(started.url, "kira")
    token, linking = slow.site.token("101", "unlink"), slow.container().linking
    all_at_once(slow, finish(slow, started, said), lambda: linking.unlink(token))
    slow.run()
    assert slow.roles("kira") == (None if owner(slow, "101") is None else {"Member"})
