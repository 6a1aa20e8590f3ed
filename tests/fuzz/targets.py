"""Where it is thrown, and what must hold whatever it is.

Nobody ever gets a traceback, no neighbour is lost, nothing is tried for ever, and every end is one of those that are
defined.
"""

import io
import json
import logging
from collections.abc import Callable, Mapping
from email.message import Message as Headers
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import requests
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPResponse

from chalicelib.errors import LinkRefused, Reason
from chalicelib.linking.tokens import Purpose, read_token
from chalicelib.members.context import Outcome
from chalicelib.queues import message_of
from chalicelib.store.halts import DynamoHaltStore
from local.memory.sqs import FORBIDDEN
from local.simulated import AT, AUTH_SITE_SECRET, World
from tests.fuzz import inputs
from tests.linking.doors import Answer, Browser, Doors, callback
from tests.security.attacks import signed

REASONS = {str(reason) for reason in Reason}
UNHARMED = {Outcome.DONE, Outcome.NOTHING, Outcome.WAITING}
SETTLED = UNHARMED | {Outcome.REFUSED, Outcome.RETRY_LATER, Outcome.DEAD_LETTERED}
MAX_WAIT = 60 * 86_400  # seconds until a message that nothing helps must have come to its end


class Broken(AssertionError):
    """What must hold does not."""


def quiet() -> None:
    """Let nothing be printed by the hundred thousand."""
    logger = logging.getLogger("rolecall")
    logger.propagate = False
    logger.setLevel(logging.CRITICAL)


# --- tokens ------------------------------------------------------------------------------------------------------

NOW = 1_767_614_400.0
CLAIMS = {
    "sub": "101",
    "purpose": "link",
    "iat": int(NOW),
    "exp": int(NOW) + 600,
    "jti": "j",
    "groups": ["Member"],
    "nickname": None,
    "changed_at": int(NOW) * 1000,
}
TOKENS: SearchStrategy[str] = st.one_of(
    inputs.TEXT,
    st.builds(lambda raw: signed(0, raw=raw or b"x"), inputs.encoded(inputs.nearly(CLAIMS))),
    st.builds(signed, inputs.nearly(CLAIMS), inputs.nearly({"alg": "HS256", "typ": "JWT"})),
    st.builds(lambda parts: ".".join(parts), st.lists(inputs.TEXT, max_size=5)),
)


def token(text: str) -> None:
    """A token holds, and then says only what its types allow, or is refused as bad or expired."""
    try:
        read = read_token(text, Purpose.LINK, secret=AUTH_SITE_SECRET, now=NOW)
    except LinkRefused as refused:
        if refused.reason not in (Reason.BAD_TOKEN, Reason.EXPIRED):
            raise Broken(refused.reason) from refused
        return
    json.dumps([read.user_id, read.groups, read.nickname, read.jti], ensure_ascii=False).encode()
    if not 0 < read.expires_at - NOW <= 960 or not all(isinstance(group, str) for group in read.groups):
        raise Broken(read)


# --- requests ----------------------------------------------------------------------------------------------------

Asked = tuple[str, str, Mapping[str, str], Mapping[str, str], str | None, bool]
REQUESTS: SearchStrategy[Asked] = st.tuples(
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(inputs.ROUTES),
    inputs.QUERY,
    inputs.HEADERS,
    st.one_of(st.none(), inputs.TEXT, st.builds(lambda form: urlencode(form, errors="replace"), inputs.QUERY)),
    st.booleans(),
)


class RequestTarget:
    """One world that all requests meet; nobody ever holds a valid token."""

    def __init__(self) -> None:
        self.world = World()
        self.doors = Doors(self.world)
        self.world.link("101", "kira", groups=["Member"])
        self.rows = self._rows()

    def _rows(self) -> list[int]:
        return [len(rows) for rows in self.world.dynamodb.snapshot().values()]

    def __call__(self, asked: Asked) -> None:
        """The answer is a refusal of the closed list, and nothing is stored."""
        method, route, query, headers, body, encoded = asked
        event = self.doors.event(method, route, headers=headers)
        event["multiValueQueryStringParameters"] = {name: [value] for name, value in query.items()} or None
        event |= {"body": body, "isBase64Encoded": encoded and body is not None}
        self.doors.answers.clear()
        answer = self.doors.send(event)
        self._check(answer, route)
        if self._rows() != self.rows:
            raise Broken("something was stored")

    def _check(self, answer: Answer, route: str) -> None:
        if "Traceback" in answer.body or "chalicelib" in answer.body:
            raise Broken(answer)
        plain = answer.status in (405, 415) or (route == "/health" and answer.status == 200)
        if not plain and (answer.status not in (400, 401) or answer.reason not in REASONS):
            raise Broken(answer)


# --- messages ----------------------------------------------------------------------------------------------------

Posted = tuple[bytes, dict[str, str], bool, bool]
MESSAGES: SearchStrategy[Posted] = st.tuples(inputs.MESSAGES, inputs.ATTRIBUTES, st.booleans(), st.booleans())


class MessageTarget:
    """A bad message between two good ones, in a batch."""

    def __init__(self) -> None:
        self.world = World({"DISCORD_SYNC_NAMES": "True"})
        self.world.guild.turn(rate_limits=False)
        self.world.link("101", "kira", groups=["Member"])
        self.world.link("102", "dov", groups=["Member"])
        self._number = 0

    def __call__(self, posted: Posted) -> None:
        """All three are settled, the neighbours are done, and the bad one comes to an end."""
        body, attributes, bulk, first = posted
        text = FORBIDDEN.sub("?", body.decode("utf-8", "replace")) or " "
        kept = {name: value for name, value in attributes.items() if value and not FORBIDDEN.search(value)}
        self._number += 1
        name = "bulk" if bulk else "jobs"
        good = [f'{{"kind":"update_username","user_id":"{user}"}}' for user in ("102", "nobody")]
        bodies = [text, *good] if first else [good[0], text, good[1]]
        world = self.world
        ends = world.container().delivery.batch(
            [
                message_of(record(f"{self._number}-{place}", one, kept if one is text else {}, name))
                for place, one in enumerate(bodies)
            ],
            bulk=bulk,
            seconds_left=lambda: 60.0,
        )
        if not set(ends) <= SETTLED:
            raise Broken(ends)
        if {end for end, one in zip(ends, bodies, strict=True) if one is not text} - UNHARMED:
            raise Broken(f"a neighbour suffered: {ends}")
        world.run(seconds=MAX_WAIT)
        if any(world.sqs.waiting(f"rolecall-test-{queue}") for queue in ("jobs", "bulk")):
            raise Broken("it is tried for ever")
        self._tidy()

    def _tidy(self) -> None:
        sqs = self.world.sqs
        for queue in ("dead-letters", "notices"):
            sqs.delete_all(sqs.receive(f"rolecall-test-{queue}"))
        sqs.sent.clear()
        sqs.deleted.clear()
        self.world.counts.requests.clear()
        self.world.metrics.clear()
        if self._number % 200 == 0:
            self.__init__()  # type: ignore[misc]  # a fresh world, now and then: this one has been through a lot


def record(number: str, body: str, attributes: Mapping[str, str], queue: str) -> dict[str, Any]:
    """A record of Lambda's SQS event."""
    return {
        "messageId": number,
        "receiptHandle": f"0-{number}",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1767614400000"},
        "messageAttributes": {name: {"stringValue": value, "dataType": "String"} for name, value in attributes.items()},
        "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:rolecall-test-{queue}",
    }


# --- Discord's answers -------------------------------------------------------------------------------------------

Odd = tuple[int, dict[str, str], bytes]
ODD: SearchStrategy[Odd] = st.tuples(inputs.STATUSES, inputs.ANSWER_HEADERS, inputs.BODIES)
ANSWERS: SearchStrategy[tuple[int, Odd, bool]] = st.tuples(st.integers(0, 7), ODD, st.booleans())


class OddAdapter(BaseAdapter):
    """Answers one of the coming requests, or all of them from there on, as no Discord should."""

    def __init__(self, real: Callable[..., requests.Response]) -> None:
        super().__init__()
        self._real = real
        self._builder = HTTPAdapter()
        self.wait, self.lasting = -1, False
        self.odd: Odd = (200, {}, b"")

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        self.wait -= 1
        if self.wait + 1 == 0 or (self.lasting and self.wait < 0):
            return self._built(request)
        return self._real(request, *arguments, **options)

    def _built(self, request: requests.PreparedRequest) -> requests.Response:
        status, headers, body = self.odd
        original = Headers()
        raw = HTTPResponse(
            body=io.BytesIO(body),
            headers=headers,
            status=status,
            original_response=SimpleNamespace(msg=original, isclosed=lambda: True, close=lambda: None),  # type: ignore[arg-type]  # all that requests looks at
            preload_content=False,
        )
        return self._builder.build_response(request, raw)

    def close(self) -> None:
        """Nothing is open."""


class AnswerTarget:
    """A person links and a change is synced while Discord answers oddly, once or from then on."""

    def __init__(self) -> None:
        self._done = 0

    def _new_world(self) -> None:
        self.world = World({"DISCORD_SYNC_NAMES": "True"})
        self.world.guild.turn(rate_limits=False)
        real = self.world.session.get_adapter(AT)
        self.adapter = OddAdapter(real.send)
        self.world.session.mount(AT, self.adapter)

    def __call__(self, example: tuple[int, Odd, bool]) -> None:
        """The person gets a page of the closed list or is linked; afterwards all is as the auth site says."""
        self._new_world()
        wait, self.adapter.odd, lasting = example
        self._done += 1
        user, who = f"user{self._done}", f"pilot{self._done}"
        world = self.world
        doors = Doors(world)
        browser = Browser(doors)
        back = callback(world, browser.link(world.site.token(user, "link", groups=["Member"], nickname="Al")), who)
        self.adapter.wait, self.adapter.lasting = wait, lasting
        answer = browser.follow(back)
        linked = answer.status == 200 and "You are linked" in answer.body
        if not linked and (answer.reason not in REASONS or answer.status != 400):
            raise Broken(answer)
        world.site.groups(user, ["Member", "Blue"])
        world.run(seconds=300)
        self.adapter.wait, self.adapter.lasting = -1, False
        world.run(seconds=MAX_WAIT)
        halted = (
            DynamoHaltStore(world.settings.app_id, world.settings.guild_id).shared_state().halted_token
        )  # by a 401: until there is another
        if not halted and any(world.sqs.waiting(f"rolecall-test-{queue}") for queue in ("jobs", "bulk")):
            raise Broken("it is tried for ever")
        if any("internal error" in reason for _, reason in world.dead_letters()):
            raise Broken([reason for _, reason in world.dead_letters()])


Target = tuple[Callable[[Any], None], SearchStrategy[Any]]


def targets() -> dict[str, Callable[[], Target]]:
    """Every target by name, made when it is needed."""
    return {
        "tokens": lambda: (token, TOKENS),
        "requests": lambda: (RequestTarget(), REQUESTS),
        "messages": lambda: (MessageTarget(), MESSAGES),
        "answers": lambda: (AnswerTarget(), ANSWERS),
    }
