"""What goes on right now, on a page."""

import itertools
import json
import time
from collections.abc import Callable

import pytest

from chalicelib.discord.client import fingerprint
from chalicelib.problems import from_last_error
from chalicelib.store import users
from chalicelib.store.halts import DynamoHaltStore
from chalicelib.store.sweeps import Sweep, Sweeps, SweepState
from tests.ops.links import APP, GUILD, linked
from tests.ops.world import DISCORD, Command, World

OTHER_SCREEN, FIRST_SCREEN = "\x1b[?1049h", "\x1b[?1049l"  # what terminals understand


@pytest.fixture
def quiet(empty_world: World) -> World:
    empty_world.build_for_discord()
    empty_world.create_queues()
    return empty_world


def test_a_quiet_service_is_shown_so(quiet: World, ops: Command) -> None:
    linked(quiet, "1", 11)
    said = ops("status")
    assert said.code == 0
    assert "1 user" in said.out
    assert "No sweep has run yet." in said.out


def test_who_could_not_be_synced_is_named_with_the_reason_in_words(quiet: World, ops: Command) -> None:
    users.mark_failed(
        linked(quiet, "17", 11, username="alice"), from_last_error("nickname_not_permitted"), now=time.time()
    )
    said = ops("status")
    assert said.code == 1
    assert "@alice" in said.out
    assert "the bot may not set the nickname" in said.out


def test_dead_letters_are_counted_by_reason(quiet: World, ops: Command) -> None:
    for reason in ("this", "this", "that"):
        quiet.set_aside("{}", reason=reason)
    assert ops("status", "--json").json["letters"] == {"this": 2, "that": 1}


@pytest.mark.usefixtures("quiet")
def test_sweeps_are_listed_newest_first_with_their_results(ops: Command) -> None:
    now = time.time()
    for name, state in (("20260101T000000-a", SweepState.DONE), ("20260102T000000-b", SweepState.HELD)):
        Sweeps(GUILD).note(Sweep(name, 7, state, now, now, linked=50, losing=40))
    said = ops("status", "--json")
    assert said.code == 1
    assert [sweep["state"] for sweep in said.json["sweeps"]] == ["held", "done"]
    assert "held" in ops("status").out


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(("idle", "code", "said"), [(400, 0, False), (840, 1, True)], ids=["a lost step", "still"])
def test_a_sweep_that_makes_no_step_is_seen_to_stand_still(idle: int, code: int, said: bool, ops: Command) -> None:
    then = time.time() - idle
    Sweeps(GUILD).begin(Sweep("20260101T000000-a", 7, SweepState.SURVEYING, then, then))
    shown = ops("status")
    assert shown.code == code
    assert ("no step for 14 min" in shown.out) is said


@pytest.mark.usefixtures("quiet")
def test_a_stop_of_all_calls_cannot_be_overlooked(ops: Command) -> None:
    DynamoHaltStore(APP, GUILD).refuse_token(fingerprint(DISCORD.bot_token), now=time.time())
    assert ": Discord refused the bot's token; doctor says what to do" in ops("status").out


def test_budgets_show_what_was_learnt_from_discord(quiet: World, ops: Command) -> None:
    linked(quiet, "1", int(quiet.discord.add_member("alice").id), groups=())
    ops("user", "1")
    (rate_limit,) = [one for one in ops("status", "--json").json["budgets"] if one["routes"] == ["GET member"]]
    assert rate_limit["limit"] == 5
    assert rate_limit["wait"]["urgent"] == 0


@pytest.mark.usefixtures("quiet")
def test_resume_lifts_a_stop_when_discord_takes_the_token(ops: Command) -> None:
    DynamoHaltStore(APP, GUILD).refuse_token(fingerprint(DISCORD.bot_token), now=time.time())
    assert ops("resume").code == 0
    assert DynamoHaltStore(APP, GUILD).shared_state().halted_token == ""
    assert "Nothing is stopped." in ops("resume").out


def test_resume_leaves_a_stop_while_discord_refuses_the_token(quiet: World, ops: Command) -> None:
    DynamoHaltStore(APP, GUILD).refuse_token(fingerprint(DISCORD.bot_token), now=time.time())
    quiet.discord.turn(bot_token="another")
    said = ops("resume")
    assert said.code == 1
    assert "python -m ops --stage prod secrets put DISCORD_BOT_TOKEN" in said.err
    assert DynamoHaltStore(APP, GUILD).shared_state().halted_token != ""


def test_a_token_that_the_functions_have_not_read_yet_is_a_stop_that_resume_cannot_lift(
    quiet: World, ops: Command
) -> None:
    quiet.deploy()
    DynamoHaltStore(APP, GUILD).refuse_token(fingerprint(DISCORD.bot_token), now=time.time())
    quiet.put_secrets({"DISCORD_BOT_TOKEN": "renewed"})
    assert "an older token, which Discord refused" in ops("status").out
    said = ops("resume")
    assert said.code == 1
    assert "make deploy STAGE=prod" in said.err


# --- watching -----------------------------------------------------------------------------------------------------


def interrupted(world: World, *, look: int, before: Callable[[int], object] = lambda _: None) -> None:
    """Somebody presses Ctrl-C at that look; `before` each, something may happen."""
    looks = itertools.count(1)

    def clock() -> float:
        number = next(looks)
        if number == look:
            raise KeyboardInterrupt
        before(number)
        return time.time()

    world.clock = clock


def test_a_watch_shows_every_look_until_it_is_interrupted(quiet: World, ops: Command) -> None:
    interrupted(quiet, look=4)
    said = ops("status", "--watch", "--every", "0.01")
    assert (said.code, said.err) == (0, "")
    assert said.out.count("Rolecall prod, ") == 3


def test_a_watch_ends_with_what_the_last_look_saw(quiet: World, ops: Command) -> None:
    held = Sweep("20260101T000000-a", 7, SweepState.HELD, time.time(), time.time())
    interrupted(quiet, look=3, before=lambda number: Sweeps(GUILD).note(held) if number == 2 else None)
    said = ops("status", "--watch", "--every", "0.01", "--json")
    assert [len(json.loads(line)["sweeps"]) for line in said.out.splitlines()] == [0, 1]
    assert said.code == 1


def test_on_a_terminal_a_watch_draws_in_one_place_and_leaves_it_clean(
    quiet: World, ops: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "xterm")
    interrupted(quiet, look=3)
    said = ops("status", "--watch", "--every", "0.01")
    opened, closed = said.out.index(OTHER_SCREEN), said.out.index(FIRST_SCREEN)
    assert opened < said.out.index("Rolecall prod, ") < closed
    assert said.out[opened:closed].count("Rolecall prod, ") == 2


@pytest.mark.parametrize("pause", ["0", "-1", "nan", "soon"])
def test_a_pause_that_is_none_is_refused(ops: Command, pause: str) -> None:
    with pytest.raises(SystemExit) as ended:
        ops("status", "--watch", "--every", pause)
    assert ended.value.code == 2
