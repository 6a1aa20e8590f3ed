"""Linking and unlinking as people live it: through the routes, to Discord and back, what the world looks like after."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from chalicelib.errors import Reason
from chalicelib.linking.attempts import LIFE
from chalicelib.linking.flow import ANSWERED_WITHIN, CHECK_AFTER, PART_AFTER
from chalicelib.store import audit, users
from chalicelib.store.rows import AttemptRow
from local.discord.faults import Fault, Kind
from local.simulated import World
from tests.linking.doors import Browser, Doors, callback

TOKEN, REVOKE = "POST /api/oauth2/token", "POST /api/oauth2/token/revoke"


def linked_id(world: World, user_id: str = "101") -> str | None:
    user = users.get(user_id, now=world.clock.now())
    return str(user.link.account.id) if user and user.link else None


def id_of(world: World, who: str) -> str:
    return next(person.id for person in world.guild.people() if person.username == who)


def tokens_alive(world: World) -> int:
    return world.guild.counts().living_tokens


# --- it works --------------------------------------------------------------------------------------------------


def test_a_new_member_joins_with_roles_and_nickname_in_one_request(world: World, browser: Browser) -> None:
    world.guild.create_role("Member")
    answer = browser.link_as(world.site.token("101", "link", groups=["Member"], nickname="Kira V"), "kira")
    assert (answer.status, answer.reason) == (200, "")
    assert "You are linked" in answer.body
    assert (world.roles("kira"), world.nick("kira")) == ({"Member"}, "Kira V")
    assert [(one.route, one.status) for one in world.asked() if one.route[0:3] != "GET"] == [("PUT member", 201)]
    notice = world.site.notices()
    assert [(one["kind"], one["user_id"], one["username"]) for one in notice] == [("linked", "101", "@kira")]
    (entry,) = audit.of_user("101", now=world.clock.now())
    told = (entry["what"], entry["given"], entry["nickname_to"], entry["cause"])
    assert told == ("joined", ["Member"], "Kira V", "link")


def test_the_happy_path_asks_discord_five_times_at_most(world: World, browser: Browser) -> None:
    world.guild.create_role("Member")
    browser.link_as(world.site.token("100", "link", groups=["Member"]), "first")
    world.guild.clear_received()
    browser.link_as(world.site.token("101", "link", groups=["Member"], nickname="Kira V"), "kira")
    ours = [one.route for one in world.guild.received() if "authorize" not in one.path]
    assert ours == [TOKEN, "GET /users/@me", "PUT /guilds/{guild_id}/members/{user_id}", REVOKE]


def test_a_person_who_is_a_member_already_is_made_right_without_leaving_first(world: World, browser: Browser) -> None:
    world.guild.create_role("Stale")
    world.guild.add_member("kira", roles=["Stale"], nick="Old Name")
    world.guild.create_role("Member")
    answer = browser.link_as(world.site.token("101", "link", groups=["Member"], nickname="Kira V"), "kira")
    assert "You are linked" in answer.body
    assert (world.roles("kira"), world.nick("kira")) == ({"Member"}, "Kira V")
    changes = [(one.route, one.status) for one in world.asked() if one.route[0:3] != "GET"]
    assert changes == [("PUT member", 204), ("PATCH member", 200)]


def test_roles_that_the_guild_lacks_are_made_before_the_person_joins(world: World, browser: Browser) -> None:
    browser.link_as(world.site.token("101", "link", groups=["Member", "Logistics"]), "kira")
    assert world.roles("kira") == {"Member", "Logistics"}
    changes = [one.route for one in world.asked() if one.route[0:3] != "GET"]
    assert changes == ["POST role", "POST role", "PUT member"]


@pytest.mark.parametrize("ahead", [-60, 0, 59])
def test_a_token_that_says_from_when_it_holds_is_taken_by_the_auth_sites_clock(
    world: World, browser: Browser, ahead: int
) -> None:
    token = world.site.token("101", "link", groups=["Member"], nbf=int(world.clock.now()) + ahead)
    assert "You are linked" in browser.link_as(token, "kira").body


def test_linking_the_same_account_again_changes_nothing(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    answer = browser.link_as(world.site.token("101", "link", groups=["Member"]), "kira")
    assert "You are linked" in answer.body
    assert world.roles("kira") == {"Member"}
    assert linked_id(world) == id_of(world, "kira")


def test_linking_another_account_parts_with_the_old_one(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    browser.link_as(world.site.token("101", "link", groups=["Member"]), "kira.second")
    world.run(seconds=PART_AFTER + 60)
    assert (world.roles("kira"), world.roles("kira.second")) == (None, {"Member"})
    assert linked_id(world) == id_of(world, "kira.second")


def test_groups_that_the_auth_site_changed_meanwhile_win_over_the_tokens(world: World, browser: Browser) -> None:
    token = world.site.token("101", "link", groups=["Member", "Director"])
    started = browser.link(token)
    world.site.groups("101", ["Member"])
    world.run(seconds=5)
    browser.follow(callback(world, started, "kira"))
    world.run(seconds=200)
    assert world.roles("kira") == {"Member"}


def test_the_oauth_token_is_given_back_and_kept_nowhere(world: World, browser: Browser) -> None:
    browser.link_as(world.site.token("101", "link", groups=[]), "kira")
    assert tokens_alive(world) == 0
    assert [one.status for one in world.guild.received(route=REVOKE)] == [200]


def test_discord_is_asked_with_pkce_and_the_least_scopes(world: World, browser: Browser) -> None:
    started = browser.link(world.site.token("101", "link"))
    asked = {name: values[0] for name, values in parse_qs(urlsplit(started.location).query).items()}
    assert started.location.startswith(world.settings.oauth_base_url + "?")
    assert asked.pop("state")
    assert len(asked.pop("code_challenge")) == 43
    assert asked == {
        "response_type": "code",
        "client_id": str(world.settings.app_id),
        "scope": "identify guilds.join",
        "redirect_uri": world.settings.callback_url,
        "code_challenge_method": "S256",
        "prompt": "none",
    }


def test_the_cookie_is_for_the_callback_alone(browser: Browser) -> None:
    started = browser.link(browser.doors.world.site.token("101", "link"))
    _, *attributes = started.headers["set-cookie"].split("; ")
    assert attributes == [f"Max-Age={LIFE}", "Path=/discord/callback", "HttpOnly", "SameSite=Lax", "Secure"]


def test_two_tabs_do_not_spoil_each_others_attempts(world: World, browser: Browser) -> None:
    one = browser.link(world.site.token("101", "link", groups=["Member"]))
    browser.link(world.site.token("101", "link", groups=["Member"]))
    assert "You are linked" in browser.follow(callback(world, one, "kira")).body


# --- every refusal of the closed list ----------------------------------------------------------------------------


def bad_token(world: World, browser: Browser) -> str:
    return browser.link(world.site.token("101", "unlink")).reason


def token_expired(world: World, browser: Browser) -> str:
    token = world.site.token("101", "link")
    world.clock.advance(601)
    return browser.link(token).reason


def attempt_expired(world: World, browser: Browser) -> str:
    back = callback(world, browser.link(world.site.token("101", "link")), "kira")
    world.clock.advance(LIFE)
    return browser.follow(back).reason


def deleted_meanwhile(world: World, browser: Browser) -> str:
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    world.clock.advance(2)
    world.site.delete("101")
    world.run(seconds=5)
    return browser.follow(back).reason


def code_refused(world: World, browser: Browser) -> str:
    back = callback(world, browser.link(world.site.token("101", "link")), "kira")
    world.clock.advance(61)  # Discord's codes live for a minute
    return browser.follow(back).reason


def bad_state(world: World, browser: Browser) -> str:
    back = callback(world, browser.link(world.site.token("101", "link")), "kira")
    return Browser(browser.doors).follow(back).reason


def denied(world: World, browser: Browser) -> str:
    return browser.link_as(world.site.token("101", "link"), "kira", agree=False).reason


def scopes_missing(world: World, browser: Browser) -> str:
    started = browser.link(world.site.token("101", "link"))
    less = started.location.replace("identify+guilds.join", "identify")
    world.guild.add_person("kira")
    said = world.consent(less, "kira")
    return browser.get("/discord/callback", code=said["code"] or "", state=said["state"] or "").reason


def already_linked(world: World, browser: Browser) -> str:
    world.link("100", "kira", groups=["Member"])
    return browser.link_as(world.site.token("101", "link", groups=["Director"]), "kira").reason


def banned(world: World, browser: Browser) -> str:
    world.guild.add_person("kira")
    world.guild.ban("kira")
    return browser.link_as(world.site.token("101", "link"), "kira").reason


def guild_limit(world: World, browser: Browser) -> str:
    world.guild.add_person("kira", guild_count=200)
    return browser.link_as(world.site.token("101", "link"), "kira").reason


def discord_down(path: str, kind: Kind = "answer") -> Callable[[World, Browser], str]:
    def play(world: World, browser: Browser) -> str:
        world.guild.inject(Fault(kind=kind, path=path, status=503, times=None))
        return browser.link_as(world.site.token("101", "link"), "kira").reason

    return play


def wrong_secret(world: World, browser: Browser) -> str:
    world.guild.turn(app_secret="another")
    return browser.link_as(world.site.token("101", "link"), "kira").reason


def bot_not_in_guild(world: World, browser: Browser) -> str:
    world.guild.turn(bot_in_guild=False)
    return browser.link_as(world.site.token("101", "link"), "kira").reason


def bot_without_invite_permission(world: World, browser: Browser) -> str:
    world.guild.turn(bot_permissions=0)
    return browser.link_as(world.site.token("101", "link"), "kira").reason


def discord_says(error: str) -> Callable[[World, Browser], str]:
    def play(world: World, browser: Browser) -> str:
        state = parse_qs(urlsplit(browser.link(world.site.token("101", "link")).location).query)["state"][0]
        return browser.get("/discord/callback", error=error, state=state).reason

    return play


REFUSALS: list[tuple[str, Callable[[World, Browser], str], str]] = [
    ("a token for another purpose", bad_token, "bad_token"),
    ("a token whose time is over", token_expired, "expired"),
    ("an attempt whose time is over", attempt_expired, "expired"),
    ("the auth site deleted the user meanwhile", deleted_meanwhile, "expired"),
    ("a code whose time is over", code_refused, "expired"),
    ("another browser", bad_state, "bad_state"),
    ("cancelled at Discord", denied, "denied"),
    ("a scope was not granted", scopes_missing, "denied"),
    ("the account is another user's", already_linked, "already_linked"),
    ("banned", banned, "banned"),
    ("in 200 guilds", guild_limit, "guild_limit"),
    ("token endpoint down", discord_down("token$"), "discord_unavailable"),
    ("token endpoint hangs", discord_down("token$", "hang"), "discord_unavailable"),
    ("token endpoint says 429", discord_down("token$", "cloudflare"), "discord_unavailable"),
    ("users/@me down", discord_down("/users/@me"), "discord_unavailable"),
    ("users/@me cut", discord_down("/users/@me", "cut"), "discord_unavailable"),
    ("the guild cannot be read", discord_down("/guilds/[0-9]+$"), "discord_unavailable"),
    ("joining fails", discord_down("/members/"), "discord_unavailable"),
    ("joining is cut off", discord_down("/members/", "cut"), "discord_unavailable"),
    ("the application's secret is wrong", wrong_secret, "misconfigured"),
    ("the bot is not in the guild", bot_not_in_guild, "misconfigured"),
    ("the bot may not invite", bot_without_invite_permission, "misconfigured"),
    ("Discord finds the request wrong", discord_says("invalid_scope"), "misconfigured"),
    ("Discord has a fault of its own", discord_says("server_error"), "discord_unavailable"),
]


@pytest.mark.parametrize(
    ("play", "reason"), [pytest.param(play, reason, id=f"{name}-{reason}") for name, play, reason in REFUSALS]
)
def test_each_refusal_says_why_links_nobody_and_gives_the_token_back(
    world: World, browser: Browser, play: Callable[[World, Browser], str], reason: str
) -> None:
    assert play(world, browser) == reason
    world.guild.clear_faults()
    world.guild.turn(app_secret=world.settings.app_secret)
    world.run()
    assert linked_id(world) is None
    assert world.roles("kira") in (None, {"Member"})
    assert tokens_alive(world) == 0


def test_every_reason_of_the_closed_list_can_be_met() -> None:
    assert {reason for _, _, reason in REFUSALS} == {str(reason) for reason in Reason}


def test_a_deletion_counts_in_the_very_second_of_the_click(world: World, browser: Browser) -> None:
    world.clock.move_to(int(world.clock.now()) + 1.0)
    second = int(world.clock.now())
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    world.site.delete("101")
    world.run(seconds=0.5)
    assert int(world.clock.now()) == second
    assert browser.follow(back).reason == "expired"
    assert (linked_id(world), world.roles("kira")) == (None, None)


def test_who_is_deleted_and_comes_back_in_the_same_second_is_linked(world: World, browser: Browser) -> None:
    world.clock.move_to(int(world.clock.now()) + 1.0)
    second = int(world.clock.now())
    world.site.delete("101")
    world.run(seconds=0.5)
    started = browser.link(world.site.token("101", "link", groups=["Member"]))
    assert int(world.clock.now()) == second
    assert "You are linked" in browser.follow(callback(world, started, "kira")).body


def test_an_attempt_that_was_begun_before_an_upgrade_is_finished(world: World, browser: Browser) -> None:
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    (row,) = [row for row in AttemptRow.scan() if row.data]
    del row.data["opened_at"]
    row.save()
    assert "You are linked" in browser.follow(back).body


def test_a_refused_attempt_can_be_followed_by_one_that_works(world: World, browser: Browser) -> None:
    for _, play, _ in REFUSALS[-1:]:
        play(world, browser)
    assert "You are linked" in browser.link_as(world.site.token("101", "link"), "kira").body


# --- what goes wrong half-way --------------------------------------------------------------------------------------


def test_a_join_whose_answer_was_lost_leaves_no_member_unknown_to_us(world: World, browser: Browser) -> None:
    world.guild.inject(Fault(kind="cut_after", method="PUT", path="/members/"))
    answer = browser.link_as(world.site.token("101", "link", groups=["Member"]), "kira")
    assert answer.reason == "discord_unavailable"
    world.run(seconds=CHECK_AFTER + 60)
    assert world.roles("kira") == {"Member"}
    assert linked_id(world) == id_of(world, "kira")
    world.site.groups("101", [])
    world.run(seconds=60)
    assert world.roles("kira") == set()


def test_an_account_that_cannot_join_does_not_cost_the_one_that_is_linked(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.add_person("kira.second", guild_count=200)
    assert browser.link_as(world.site.token("101", "link", groups=["Member"]), "kira.second").reason == "guild_limit"
    world.run()
    assert linked_id(world) == id_of(world, "kira")
    assert world.roles("kira") == {"Member"}


def test_a_callback_that_dies_after_joining_is_finished_by_its_check(world: World, browser: Browser) -> None:
    started = browser.link(world.site.token("101", "link", groups=["Member"]))
    back = callback(world, started, "kira")
    world.dynamodb.before = dies_when(lambda: world.roles("kira") is not None)
    with pytest.raises(Died):
        browser.follow(back)
    world.dynamodb.before = None
    world.run(seconds=CHECK_AFTER + 60)
    user = users.get("101", now=world.clock.now())
    assert user
    assert user.settled
    assert world.roles("kira") == {"Member"}
    assert [one["kind"] for one in world.site.notices()] == ["linked"]


@pytest.mark.parametrize(
    ("heard", "at_last"),
    [
        pytest.param([], ["linked"], id="before the notice"),
        pytest.param(["linked"], ["linked"] * 2, id="just after it"),
    ],
)
def test_a_callback_that_dies_at_its_end_leaves_the_notice_to_its_check(
    world: World, browser: Browser, heard: list[str], at_last: list[str]
) -> None:
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    dies_at_its_notice(browser, after=bool(heard))
    with pytest.raises(Died):
        browser.follow(back)
    sent = [one["kind"] for one in world.site.notices()]
    assert sent == heard
    world.run(seconds=CHECK_AFTER + 60)
    assert sent + [one["kind"] for one in world.site.notices()] == at_last
    user = users.get("101", now=world.clock.now())
    assert user
    assert user.link
    assert not user.link.notify_pending


def test_a_link_that_is_gone_when_its_check_comes_is_not_told_of(world: World, browser: Browser) -> None:
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    dies_at_its_notice(browser)
    with pytest.raises(Died):
        browser.follow(back)
    world.site.delete("101")
    world.run(seconds=CHECK_AFTER + 60)
    assert (linked_id(world), world.site.notices()) == (None, [])


def test_a_link_whose_member_cannot_be_made_right_is_told_of_by_its_check(world: World, browser: Browser) -> None:
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    world.dynamodb.before = dies_when(lambda: world.roles("kira") is not None)
    with pytest.raises(Died):
        browser.follow(back)
    world.dynamodb.before = None
    world.guild.inject(Fault(kind="answer", method="GET", path="/members/[0-9]+$", status=400, code=50035, times=None))
    world.run(seconds=CHECK_AFTER + 60)
    assert [one["kind"] for one in world.site.notices()] == ["linked", "sync_failed"]


def test_a_check_says_nothing_of_a_link_that_another_callback_is_at(world: World, browser: Browser) -> None:
    world.guild.add_person("kira", guild_count=200)
    assert browser.link_as(world.site.token("101", "link"), "kira").reason == "guild_limit"
    world.clock.advance(CHECK_AFTER - 1)
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    world.dynamodb.before = dies_when(lambda: linked_id_quietly(world) is not None)
    with pytest.raises(Died):
        browser.follow(back)
    world.dynamodb.before = None
    world.run(seconds=10)
    assert (linked_id(world), world.site.notices()) == (id_of(world, "kira"), [])


def test_a_callback_that_dies_before_joining_leaves_no_link(world: World, browser: Browser) -> None:
    started = browser.link(world.site.token("101", "link", groups=["Member"]))
    back = callback(world, started, "kira")
    world.dynamodb.before = dies_when(lambda: linked_id_quietly(world) is not None)
    with pytest.raises(Died):
        browser.follow(back)
    world.dynamodb.before = None
    world.run(seconds=CHECK_AFTER + 60)
    assert (linked_id(world), world.roles("kira")) == (None, None)
    assert [one["reason"] for one in world.site.notices()] == ["left_server"]


class Died(BaseException):
    """The function's process was killed."""


def dies_at_its_notice(browser: Browser, *, after: bool = False) -> None:
    """The callback's process is killed before, or just after, it tells the auth site."""
    notices = browser.doors.container.services.notices
    tell = notices.linked

    def killed(*arguments: Any, **more: Any) -> None:
        if after:
            tell(*arguments, **more)
        raise Died

    notices.linked = killed  # type: ignore[method-assign]  # one moment, made certain


def dies_when(holds: Callable[[], bool]) -> Callable[[str, object], None]:
    def check(_operation: str, _arguments: object) -> None:
        if holds():
            raise Died

    return check


def linked_id_quietly(world: World) -> object:
    """Whether the table of accounts holds any, without a call that could die."""
    return next((rows for name, rows in world.dynamodb.snapshot().items() if name.endswith("accounts") and rows), None)


# --- unlinking ---------------------------------------------------------------------------------------------------


def test_unlinking_asks_first_and_acts_by_post_only(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    token = world.site.token("101", "unlink")
    asked = [browser.get("/discord/unlink", token=token) for _ in range(2)]
    assert [one.status for one in asked] == [200, 200]
    assert 'method="post" action="?"' in asked[0].body
    assert world.roles("kira") == {"Member"}
    done = browser.post("/discord/unlink", token=token)
    assert (done.status, "You are unlinked" in done.body) == (200, True)
    assert (world.roles("kira"), linked_id(world)) == (None, None)
    notices = [(one["kind"], one["reason"]) for one in world.site.notices()]
    assert notices == [("linked", None), ("unlinked", "asked")]
    assert browser.post("/discord/unlink", token=token).reason == "bad_token"


def test_a_token_in_the_address_unlinks_nobody(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    assert browser.post(f"/discord/unlink?token={world.site.token('101', 'unlink')}").reason == "bad_token"
    assert linked_id(world) is not None


def test_what_was_asked_for_is_done_later_where_discord_does_not_answer(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.inject(Fault(kind="answer", method="DELETE", status=503))
    assert "You are unlinked" in browser.post("/discord/unlink", token=world.site.token("101", "unlink")).body
    world.run()
    assert (world.roles("kira"), linked_id(world)) == (None, None)


def test_a_member_whom_the_bot_may_not_remove_loses_roles_and_link(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.turn(owner="kira")
    assert browser.post("/discord/unlink", token=world.site.token("101", "unlink")).reason == ""
    assert (world.roles("kira"), linked_id(world)) == (set(), None)
    assert [n["reason"] for n in world.site.notices() if n["kind"] == "sync_failed"] == ["cannot_remove"]


# --- the auth site's own page, the bot ----------------------------------------------------------------------------


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def read(doors: Doors, user_id: str, token: str, path: str = "/discord/users/{}") -> tuple[int, str]:
    answer = doors.send(doors.event("GET", path.format(user_id), headers=bearing(token)))
    return answer.status, answer.body


def test_the_auth_site_reads_the_linked_account_in_milliseconds(world: World, doors: Doors) -> None:
    world.link("101", "kira", groups=["Member"])
    status, body = read(doors, "101", world.site.token("101", "read"))
    now = int(world.clock.now()) * 1000
    found = json.loads(body)
    assert status == 200
    assert abs(found.pop("activated_at") - now) < 5000
    assert abs(found.pop("synced_at") - now) < 5000
    assert found == {
        "user_id": "101",
        "discord_id": id_of(world, "kira"),
        "username": "@kira",
        "last_error": None,
        "server_name": "Local Alliance",
    }


def test_a_user_without_a_link_is_not_found(world: World, doors: Doors) -> None:
    assert read(doors, "101", world.site.token("101", "read")) == (404, '{"error":"not_linked"}')


@pytest.mark.parametrize("quoted", [True, False], ids=["as API Gateway gives it", "unquoted on its way"])
@pytest.mark.parametrize("user_id", ["kira vantari", "é", "a/b", "a%2Fb", "100%25", "100%2525", "a+b"])
def test_a_user_id_may_be_any_text(world: World, doors: Doors, user_id: str, *, quoted: bool) -> None:
    world.link(user_id, "kira", groups=["Member"])
    event = doors.event("GET", "/discord/users/x", headers=bearing(world.site.token(user_id, "read")))
    event["pathParameters"] = {"user_id": quote(user_id, safe="") if quoted else user_id}
    assert json.loads(doors.send(event).body)["user_id"] == user_id


@pytest.mark.parametrize(("user_id", "purpose", "exp"), [("101", "link", 0), ("102", "read", 0), ("101", "read", 1)])
def test_an_account_is_read_only_with_a_token_for_it(
    world: World, doors: Doors, user_id: str, purpose: str, exp: int
) -> None:
    world.link("101", "kira", groups=["Member"])
    status, body = read(doors, "101", world.site.token(user_id, purpose, **({"exp": exp} if exp else {})))
    assert status == 401
    assert "kira" not in body


def test_the_bot_is_added_with_the_least_permissions(world: World, browser: Browser) -> None:
    answer = browser.get("/discord/add_bot", token=world.site.token("1", "add_bot"))
    assert answer.location.startswith(world.settings.oauth_base_url)
    assert answer.said == {
        "client_id": str(world.settings.app_id),
        "scope": "bot",
        "permissions": str((1 << 28) + (1 << 27) + (1 << 1) + (1 << 0)),
        "guild_id": str(world.settings.guild_id),
        "disable_guild_select": "true",
    }


# --- back to the auth site -----------------------------------------------------------------------------------------

AUTH_SITE = "https://auth.test/services/?tab=discord&empty="


@pytest.fixture
def homeward() -> Browser:
    """The browser of a world whose auth site takes people back."""
    return Browser(Doors(World({"AUTH_SITE_URL": AUTH_SITE})))


def test_people_go_back_to_the_auth_site_with_what_happened(homeward: Browser) -> None:
    world = homeward.doors.world
    answer = homeward.link_as(world.site.token("101", "link"), "kira")
    assert (answer.status, answer.location) == (302, f"{AUTH_SITE}&discord=linked")
    answer = homeward.post("/discord/unlink", token=world.site.token("101", "unlink"))
    assert (answer.status, answer.location) == (302, f"{AUTH_SITE}&discord=unlinked")
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("play", "reason"), [pytest.param(play, reason, id=f"{name}-{reason}") for name, play, reason in REFUSALS]
)
def test_each_refusal_goes_back_to_the_auth_site_with_its_reason(
    homeward: Browser, play: Callable[[World, Browser], str], reason: str
) -> None:
    assert play(homeward.doors.world, homeward) == reason
    answer = homeward.doors.answers[-1]
    outcome = "denied" if reason == "denied" else "failed"
    assert (answer.status, answer.location) == (302, f"{AUTH_SITE}&discord={outcome}&reason={reason}")


# --- how long it takes ---------------------------------------------------------------------------------------------

API_GATEWAY = 29.0  # seconds after which it sends a person away with an error of its own


@pytest.mark.parametrize("path", ["token$", "/users/@me", "/guilds/[0-9]+$", "/members/", "/roles$", "revoke$", "."])
def test_a_person_gets_a_page_before_api_gateway_ends_the_request(world: World, browser: Browser, path: str) -> None:
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    world.guild.inject(Fault(kind="hang", path=path, times=None))
    began = world.clock.now()
    linked = path in ("/roles$", "revoke$")  # these can follow later, or do without
    assert browser.follow(back).reason == ("" if linked else "discord_unavailable")
    assert 7 < world.clock.now() - began < API_GATEWAY


SLOW = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 7.9]  # seconds that each of Discord's answers takes


@pytest.mark.parametrize("was_in", [True, False], ids=["a member", "a newcomer"])
@pytest.mark.parametrize("known", [True, False], ids=["guild known", "guild not known"])
@pytest.mark.parametrize("seconds", SLOW)
def test_a_person_gets_a_true_answer_in_time_however_slow_discord_is(
    world: World, browser: Browser, seconds: float, *, known: bool, was_in: bool
) -> None:
    world.guild.create_role("Member")
    world.guild.add_person("kira")
    if was_in:
        world.guild.add_member("kira")
    if known:
        world.link("100", "first", groups=["Member"])
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    world.guild.inject(Fault(kind="delay", seconds=seconds, times=None))
    began = world.clock.now()
    answer = browser.follow(back)
    assert world.clock.now() - began < ANSWERED_WITHIN
    assert answer.reason in ("", "discord_unavailable")
    assert answer.reason == "" or seconds > (6 if known else 3)
    assert (linked_id(world) is not None) is (answer.reason == "")
    world.guild.clear_faults()
    world.run()
    assert world.roles("kira") == ({"Member"} if linked_id(world) else set() if was_in else None)


def test_roles_that_cannot_be_made_in_time_follow_later(world: World, browser: Browser) -> None:
    groups = [f"Group {number}" for number in range(12)]
    back = callback(world, browser.link(world.site.token("101", "link", groups=groups)), "kira")
    world.guild.inject(Fault(kind="delay", seconds=1.5, times=None))
    began = world.clock.now()
    assert "You are linked" in browser.follow(back).body
    assert world.clock.now() - began < ANSWERED_WITHIN
    world.guild.clear_faults()
    world.run()
    assert world.roles("kira") == set(groups)


@pytest.mark.parametrize("path", ["/guilds/[0-9]+$", "/members/", "/roles$", "."])
def test_limits_are_waited_out_only_as_long_as_the_person_can_be_answered(
    world: World, browser: Browser, path: str
) -> None:
    world.guild.create_role("Stale")
    world.guild.add_member("kira", roles=["Stale"])
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"], nickname="K")), "kira")
    world.guild.inject(Fault(kind="rate_limit", path=path, retry_after=3.5, times=None))
    world.guild.inject(Fault(kind="delay", seconds=4.0, times=None))
    began = world.clock.now()
    browser.follow(back)
    assert world.clock.now() - began < ANSWERED_WITHIN


@pytest.mark.parametrize("seconds", SLOW)
def test_who_unlinks_gets_an_answer_in_time_however_slow_discord_is(
    world: World, browser: Browser, seconds: float
) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.turn(owner="kira")  # so that roles are taken one after the other
    world.guild.inject(Fault(kind="delay", seconds=seconds, times=None))
    began = world.clock.now()
    assert "You are unlinked" in browser.post("/discord/unlink", token=world.site.token("101", "unlink")).body
    assert world.clock.now() - began < ANSWERED_WITHIN
    world.guild.clear_faults()
    world.run()
    assert (linked_id(world), world.roles("kira")) == (None, set())


def test_a_limit_that_lasts_for_ages_is_not_believed(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.inject(Fault(kind="rate_limit", retry_after=1e12))
    world.site.groups("101", ["Member", "Blue"])
    world.run(seconds=3 * 86_400)
    assert world.roles("kira") == {"Member", "Blue"}


@pytest.mark.parametrize("status", [200, 400, 403, 404, 429, 502])
@pytest.mark.parametrize("path", ["token$", "/users/@me", "/guilds/[0-9]+$", "/members/"])
def test_an_answer_nested_without_end_is_no_answer(world: World, browser: Browser, path: str, status: int) -> None:
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    world.guild.inject(Fault(kind="answer", path=path, status=status, body="[" * 100_000))
    answer = browser.follow(back)
    assert (answer.status, answer.reason in {str(reason) for reason in Reason}) == (400, True)
