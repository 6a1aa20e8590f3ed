"""The entry points: what each route, queue, task and schedule takes and gives; nobody ever sees a traceback."""

import json
import re
from collections.abc import Callable
from io import StringIO
from types import SimpleNamespace
from typing import Any
from urllib.parse import urljoin

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from chalice.test import Client
from moto import mock_aws

import app
from chalicelib import VERSION, wiring
from chalicelib.discord.client import log_request
from chalicelib.errors import BadSettings
from chalicelib.linking.cookie import LIFE
from local.discord.faults import Fault
from local.simulated import Container, World
from tests.linking.doors import FORM, ROOT, Answer, Browser, Doors, callback, logged, standing


@pytest.fixture
def doors(world: World) -> Doors:
    return Doors(world)


# --- routes ---------------------------------------------------------------------------------------------------------


def test_the_routes_are_those_of_the_contract() -> None:
    found = {(path, method) for path, methods in app.app.routes.items() for method in methods}
    assert found == {
        ("/discord/link", "GET"),
        ("/discord/callback", "GET"),
        ("/discord/unlink", "GET"),
        ("/discord/unlink", "POST"),
        ("/discord/add_bot", "GET"),
        ("/discord/users/{user_id}", "GET"),
        ("/discord/me", "GET"),
        ("/discord/me", "POST"),
        ("/discord/admin", "GET"),
        ("/discord/admin", "POST"),
        ("/discord/interactions", "POST"),
        ("/health", "GET"),
    }


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/discord/link", 400),
        ("/discord/callback", 400),
        ("/discord/unlink", 400),
        ("/discord/add_bot", 400),
        ("/discord/me", 400),
        ("/discord/admin", 400),
        ("/discord/users/101", 401),
        ("/health", 200),
    ],
)
def test_each_route_answers_with_and_without_a_slash_at_its_end(
    world: World, path: str, slash: str, status: int
) -> None:
    with Client(app.app, project_dir=str(ROOT)) as client, standing(world.http):
        assert client.http.get(path + slash).status_code == status


def test_a_form_sent_through_chalices_own_client_unlinks(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    with Client(app.app, project_dir=str(ROOT)) as client, standing(world.http):
        body = f"token={world.site.token('101', 'unlink')}".encode()
        answer = client.http.post("/discord/unlink/", headers={"Content-Type": FORM}, body=body)
    assert (answer.status_code, world.roles("kira")) == (200, None)


@pytest.mark.parametrize("prefix", ["", "/api", "/_aws/execute-api/abc123/api"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_the_unlink_page_sends_its_form_to_itself_below_whatever_prefix(world: World, prefix: str, slash: str) -> None:
    world.link("101", "kira", groups=["Member"])
    address = f"https://api.test{prefix}/discord/unlink{slash}"
    token = world.site.token("101", "unlink")
    with Client(app.app, project_dir=str(ROOT)) as client, standing(world.http):
        html = client.http.get(f"/discord/unlink{slash}?token={token}").body.decode()
        action = sent_to(f"{address}?token={token}", html)
        assert action == address  # and the token is not in it
        path = action.removeprefix(f"https://api.test{prefix}")
        answer = client.http.post(path, headers={"Content-Type": FORM}, body=f"token={token}".encode())
    assert (answer.status_code, world.roles("kira")) == (200, None)


def sent_to(address: str, html: str) -> str:
    """Where a browser sends the form of a page at that address."""
    found = re.search(r'<form [^>]*action="([^"]*)"', html)
    assert found
    if found[1].startswith("?"):  # urljoin takes an empty query for none, and would keep the page's own
        address = address.partition("?")[0]
    return str(urljoin(address, found[1])).removesuffix("?")


JSON = "application/json"


def unlinking(doors: Doors, body: str | bytes | None, kind: str | None, *, encoded: bool = False) -> Answer:
    """The answer to a POST of that body and Content-Type."""
    headers = {"Content-Type": kind} if kind else {}
    return doors.send(doors.event("POST", "/discord/unlink", headers=headers, body=body, encoded=encoded))


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param("token={token}", FORM, id="form"),
        pytest.param("token={token}", f"{FORM}; charset=UTF-8", id="form with a charset"),
        pytest.param('{{"token": "{token}"}}', JSON, id="JSON"),
        pytest.param('{{"token": "{token}", "more": [1]}}', "Application/JSON;charset=utf-8", id="JSON, oddly named"),
        pytest.param('{{"token": "{token}"}}', None, id="JSON that is not called so"),
    ],
)
def test_the_token_of_an_unlink_may_come_as_a_form_or_as_json(
    world: World, doors: Doors, body: str, kind: str | None, *, encoded: bool
) -> None:
    world.link("101", "kira", groups=["Member"])
    token = world.site.token("101", "unlink")
    answer = unlinking(doors, body.format(token=token), kind, encoded=encoded)
    assert (answer.status, world.roles("kira")) == (200, None)
    assert "You are unlinked" in answer.body


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(None, None, id="nothing"),
        pytest.param(None, JSON, id="no body"),
        pytest.param("", FORM, id="an empty form"),
        pytest.param("token={token}", "text/plain", id="text, as a foreign form may send"),
        pytest.param("token={token}", "multipart/form-data; boundary=x", id="multipart"),
        pytest.param("token={token}", JSON, id="a form called JSON"),
        pytest.param("token={token}", None, id="a form not called so"),
        pytest.param('"{token}"', JSON, id="a bare text"),
        pytest.param('["token", "{token}"]', JSON, id="a list"),
        pytest.param('{{"token": ["{token}"]}}', JSON, id="a list within"),
        pytest.param('{{"token": {{"token": "{token}"}}}}', JSON, id="an object within"),
        pytest.param('{{"token": 7}}', JSON, id="a number"),
        pytest.param('{{"token": null}}', JSON, id="null"),
        pytest.param('{{"token": "\\ud800"}}', JSON, id="half a character"),
        pytest.param('{{"token": "{token}", "n": ' + "9" * 5000 + "}}", JSON, id="a number of 5,000 digits"),
        pytest.param('{{"a": ' * 9000, JSON, id="nested objects"),
        pytest.param("[" * 60_000, JSON, id="nested lists"),
        pytest.param('{{"token": "{token}", "more": "' + "x" * 65_536 + '"}}', JSON, id="too large"),
        pytest.param(b'{"token": "\xff"}', JSON, id="not UTF-8"),
    ],
)
def test_a_post_that_bears_no_token_gets_the_page_that_says_so(
    world: World, doors: Doors, body: str | bytes | None, kind: str | None
) -> None:
    world.link("101", "kira", groups=["Member"])
    sent = body.format(token=world.site.token("101", "unlink")) if isinstance(body, str) else body
    answer = unlinking(doors, sent, kind, encoded=isinstance(body, bytes))
    assert (answer.status, answer.reason, world.roles("kira")) == (400, "bad_token", {"Member"})
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_a_post_of_another_kind_leads_back_to_the_auth_site() -> None:
    doors = Doors(World({"AUTH_SITE_URL": "https://auth.test/home"}))
    answer = unlinking(doors, "x", "text/plain")
    assert (answer.status, answer.said) == (302, {"discord": "failed", "reason": "bad_token"})


class Failing:
    """Parts that fail when they are used."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __call__(self) -> Any:
        raise self._error


def test_health_needs_nothing_at_all(doors: Doors) -> None:
    event = doors.event("GET", "/health")
    with standing(doors.container):
        door: Any = app
        door.wired = Failing(AssertionError("health needs something"))
        raw = app.app(event, None)
    assert (raw["statusCode"], json.loads(raw["body"])) == (200, {"status": "ok", "version": VERSION})


def test_an_outage_while_nothing_could_be_built_is_a_page_all_the_same(doors: Doors) -> None:
    wiring.wired.cache_clear()
    door: Any = app
    with standing(doors.container):
        door.wired = Failing(EndpointConnectionError(endpoint_url="https://ssm.test"))
        door.count_outage, door.flush = wiring.count_outage, wiring.flush
        door.outage_will_pass = wiring.outage_will_pass
        raw = app.app(doors.event("GET", "/discord/link?token=x"), None)
    assert raw["statusCode"] == 500
    assert "Something is set up wrongly here" in raw["body"]


@pytest.mark.parametrize("error", [BadSettings(["DISCORD_APP_ID is missing"]), ZeroDivisionError("inner-detail")])
@pytest.mark.parametrize("path", ["/discord/link?token=x", "/discord/callback?state=x", "/discord/unlink?token=x"])
def test_what_fails_within_is_a_page_outside_and_a_traceback_in_the_log(
    doors: Doors, path: str, error: Exception
) -> None:
    event = doors.event("GET", path)
    with logged() as output, standing(doors.container):
        door: Any = app
        door.wired = Failing(error)
        raw = app.app(event, None)
    assert raw["statusCode"] == 500
    assert "Code: misconfigured" in raw["body"]
    assert "Traceback" not in raw["body"]
    assert "inner-detail" not in raw["body"]
    assert "DISCORD_APP_ID" not in raw["body"]
    assert "DISCORD_APP_ID is missing" in output.getvalue() or "inner-detail" in output.getvalue()


def test_the_auth_site_gets_json_where_something_fails_within(doors: Doors) -> None:
    event = doors.event("GET", "/discord/users/101", headers={"Authorization": "Bearer x"})
    with logged(), standing(doors.container):
        door: Any = app
        door.wired = Failing(ZeroDivisionError("inner-detail"))
        raw = app.app(event, None)
    assert (raw["statusCode"], json.loads(raw["body"])) == (500, {"error": "misconfigured"})


def test_debug_which_shows_tracebacks_is_off() -> None:
    assert app.app.debug is False


@pytest.mark.parametrize(
    "others",
    ['{"a": "b"}', "bad name=x", "x=[1,2]; y", "=; ;;", 'q="unclosed'],
)
def test_odd_cookies_of_other_sites_do_no_harm(world: World, doors: Doors, others: str) -> None:
    browser = Browser(doors)
    started = browser.link(world.site.token("101", "link", groups=["Member"]))
    back = callback(world, started, "kira").removeprefix("https://api.test")
    name, value = next(iter(browser.jar.items()))
    answer = doors.send(doors.event("GET", back, headers={"cookie": f"{others}; {name}={value}"}))
    assert "You are linked" in answer.body


def test_of_a_parameter_given_twice_the_last_one_counts(world: World, doors: Doors) -> None:
    token = world.site.token("1", "add_bot")
    assert doors.send(doors.event("GET", f"/discord/add_bot?token=x&token={token}")).status == 302


def test_log_lines_of_a_request_carry_its_id(doors: Doors) -> None:
    with logged() as output:
        doors.send(doors.event("GET", "/discord/link"))
    line = json.loads(output.getvalue())
    assert (line["event"], line["reason"], line["trace"]) == ("refused", "bad_token", "request-0")


def lines_of(output: StringIO, event: str) -> list[dict[str, Any]]:
    """The log's lines of one event."""
    return [line for line in map(json.loads, output.getvalue().splitlines()) if line["event"] == event]


def telling(container: Container) -> Container:
    """The same process, whose requests to Discord are logged as in Lambda."""
    container.services.discord._requester._on_request = log_request
    return container


def test_a_callback_continues_the_trace_that_began_with_the_click(world: World, doors: Doors) -> None:
    telling(doors.container)
    with logged() as output:
        Browser(doors).link_as(world.site.token("101", "link", groups=["Member"]), "kira")
    (resumed,) = lines_of(output, "link_resumed")
    assert (resumed["trace"], resumed["request"]) == ("request-0", "request-1")
    asked = lines_of(output, "discord_request")
    assert {"POST oauth2 token", "PUT member", "POST oauth2 revoke"} <= {line["route"] for line in asked}
    assert {(line["trace"], line["user_id"]) for line in asked} == {("request-0", "101")}
    assert {sent.attributes["trace"] for sent in world.sqs.sent if "check_link" in sent.body} == {"request-0"}


def in_another_browser(doors: Doors, back: str) -> None:
    Browser(doors).follow(back)


def too_late(doors: Doors, _back: str) -> None:
    doors.world.clock.advance(LIFE)


def banned(doors: Doors, _back: str) -> None:
    doors.world.guild.ban("kira")


def discord_is_down(doors: Doors, _back: str) -> None:
    doors.world.guild.inject(Fault(kind="answer", path="token$", status=503))


@pytest.mark.parametrize("trouble", [in_another_browser, too_late, banned, discord_is_down])
def test_a_link_that_fails_leads_to_its_user_and_its_click(
    world: World, doors: Doors, trouble: Callable[[Doors, str], None]
) -> None:
    with logged() as output:
        browser = Browser(doors)
        back = callback(world, browser.link(world.site.token("101", "link")), "kira")
        trouble(doors, back)
        browser.follow(back)
    assert {(line["trace"], line["user_id"]) for line in lines_of(output, "refused")[:1]} == {("request-0", "101")}


@pytest.mark.parametrize("path", ["/discord/link", "/discord/unlink", "/discord/add_bot"])
def test_a_token_that_was_used_before_leads_to_its_user(world: World, doors: Doors, path: str) -> None:
    purpose = path.rpartition("/")[2]
    token = world.site.token("101", purpose)
    world.http.linking.token(token, purpose)  # type: ignore[arg-type]  # by its text
    with logged() as output:
        Browser(doors).get(path, token=token)
    assert [(line["reason"], line["user_id"]) for line in lines_of(output, "refused")] == [("bad_token", "101")]


def test_a_token_for_another_user_leads_to_whose_it_is(world: World, doors: Doors) -> None:
    bearer = {"Authorization": f"Bearer {world.site.token('102', 'read')}"}
    with logged() as output:
        doors.send(doors.event("GET", "/discord/users/101", headers=bearer))
    assert [line["user_id"] for line in lines_of(output, "refused")] == ["102"]


# --- queues ---------------------------------------------------------------------------------------------------------


def test_each_queue_and_schedule_has_a_function_of_its_own() -> None:
    assert {"sync_jobs", "sync_bulk", "update_all", "update_all_on_schedule"} <= set(app.app.handler_map)


@pytest.mark.parametrize(("handler", "queue"), [(app.sync_jobs, "jobs"), (app.sync_bulk, "bulk")])
def test_a_batch_is_settled_message_by_message(world: World, handler: Any, queue: str) -> None:
    world.link("101", "kira", groups=["Member"])
    good = {"kind": "update_groups", "user_id": "101", "groups": ["Blue"], "changed_at": world.site.stamp()}
    for body in ("not JSON", json.dumps(good)):
        world.sqs.send_message(QueueUrl=world.queue_url(queue), MessageBody=body)
    records = world.sqs.receive(f"rolecall-test-{queue}")
    with standing(world.http):
        handler({"Records": records}, SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000))
    world.sqs.delete_all(records)
    world.run()
    assert world.roles("kira") == {"Blue"}
    assert [body for body, _ in world.dead_letters()] == ["not JSON"]


def test_requests_made_for_a_message_carry_its_trace(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    good: dict[str, Any] = {"kind": "update_groups", "user_id": "101"}
    traces = {}
    for number, trace in enumerate(({}, {"trace": {"DataType": "String", "StringValue": "from-before"}})):
        good |= {"groups": [f"Group {number}"], "changed_at": world.site.stamp()}
        world.sqs.send_message(QueueUrl=world.queue_url("jobs"), MessageBody=json.dumps(good), MessageAttributes=trace)
        records = world.sqs.receive("rolecall-test-jobs")
        with logged() as output, standing(telling(world.container())):
            app.sync_jobs({"Records": records}, SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000))
        world.sqs.delete_all(records)
        expected = "from-before" if trace else records[0]["messageId"]
        traces[expected] = {line["trace"] for line in lines_of(output, "discord_request")}
    assert traces == {trace: {trace} for trace in traces}


def test_rolecalls_own_kinds_are_refused_on_the_auth_sites_queue(world: World) -> None:
    world.sqs.send_message(
        QueueUrl=world.queue_url("jobs"), MessageBody='{"kind":"part_with","user_id":"1","discord_id":1}'
    )
    records = world.sqs.receive("rolecall-test-jobs")
    with standing(world.http):
        app.sync_jobs({"Records": records}, SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000))
    assert [reason for _, reason in world.dead_letters()] == ["bad message: unknown kind"]


@pytest.mark.parametrize(("handler", "queue"), [(app.sync_jobs, "jobs"), (app.sync_bulk, "bulk")])
def test_messages_of_a_function_without_its_settings_are_deferred(
    world: World, handler: Any, queue: str, capsys: pytest.CaptureFixture[str]
) -> None:
    world.sqs.send_message(QueueUrl=world.queue_url(queue), MessageBody='{"kind":"update_all","user_id":"1"}')
    records = world.sqs.receive(f"rolecall-test-{queue}")
    with mock_aws(), logged() as output:  # a Parameter Store without a secret, and an environment without a setting
        sqs = boto3.client("sqs")
        url = sqs.create_queue(QueueName=f"rolecall-test-{queue}")["QueueUrl"]
        handler({"Records": records}, SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000))
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert [found[name] for name in names] == ["0", "1"]
    assert '"cannot_start"' in output.getvalue()
    assert "DISCORD_BOT_TOKEN is missing" in output.getvalue()
    assert ('"ChangeAge"' in capsys.readouterr().out) is (queue == "jobs")


# --- tasks and schedules ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["update_all", "update_all_groups", "update_all_nicknames", "update_all_usernames"])
@pytest.mark.parametrize("options", [None, {}, {"dry_run": True}, {"force": True}, {"dry_run": False, "force": True}])
def test_a_task_starts_a_sweep(world: World, name: str, options: dict[str, bool] | None) -> None:
    world.link("101", "kira", groups=["Member"])
    with Client(app.app, project_dir=str(ROOT)) as client, standing(world.http):
        answer = client.lambda_.invoke(name, options)
    assert isinstance(answer.payload, dict)
    assert "state" in answer.payload


@pytest.mark.parametrize(
    "options", [{"dryrun": True}, {"dry_run": "yes"}, {"dry_run": 1}, [1], "dry_run", 7, [], "", 0, False]
)
def test_misspelt_options_never_become_a_real_run(world: World, options: Any) -> None:
    with (
        Client(app.app, project_dir=str(ROOT)) as client,
        standing(world.http),
        pytest.raises(ValueError, match="dry_run"),
    ):
        client.lambda_.invoke("update_all", options)
    assert world.asked() == []


@pytest.mark.parametrize("handler", [app.update_all_on_schedule, app.update_all_usernames_on_schedule])
def test_schedules_start_a_sweep(world: World, handler: Any) -> None:
    world.link("101", "kira", groups=["Member"])
    event = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, "version": "0", "account": "1"}
    event |= {"id": "1", "time": "2026-01-05T12:00:00Z", "region": "us-east-1", "resources": []}
    with standing(world.http):
        handler(event, None)
    assert world.sqs.waiting("rolecall-test-bulk")


def test_requests_made_for_a_task_carry_its_request_id(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    with logged() as output, standing(telling(world.container())):
        app.update_all({"dry_run": True}, SimpleNamespace(aws_request_id="task-1"))
    assert {line["trace"] for line in lines_of(output, "discord_request")} == {"task-1"}
    with logged() as output, standing(telling(world.container())):
        app.update_all({"dry_run": True}, None)
    (trace,) = {line["trace"] for line in lines_of(output, "discord_request")}
    assert trace not in ("-", "task-1")


@pytest.mark.parametrize("handler", [app.update_all_on_schedule, app.update_all_usernames_on_schedule])
def test_a_scheduled_sweep_leads_from_its_request_id_to_its_jobs(world: World, handler: Any) -> None:
    world.link("101", "kira", groups=["Member"])
    event = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, "version": "0", "account": "1"}
    event |= {"id": "1", "time": "2026-01-05T12:00:00Z", "region": "us-east-1", "resources": []}
    with logged() as output, standing(world.http):
        handler(event, SimpleNamespace(aws_request_id="schedule-1"))
    (started,) = lines_of(output, "sweep_started")
    assert started["trace"] == "schedule-1"
    assert [sent.attributes["trace"] for sent in world.sqs.waiting("rolecall-test-bulk")][-1] == started["sweep_id"]
