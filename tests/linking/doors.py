"""The routes of app.py over a `World`: events as API Gateway makes them, answers as a browser gets them."""

import base64
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import app
from chalicelib import log
from chalicelib.outages import will_pass
from chalicelib.settings import Settings
from local.simulated import Container, World

ROOT = Path(__file__).parents[2]
FORM = "application/x-www-form-urlencoded"
STAGE_PATH = "/api"  # what stands before each path as the browser sees it
CODE = re.compile(r"<small>Code: (\w+)</small>")


@dataclass(frozen=True)
class Answer:
    """What a browser gets. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def location(self) -> str:
        """Where it is sent."""
        return self.headers["location"]

    @property
    def said(self) -> dict[str, str]:
        """What the query of the address says to which it is sent."""
        return dict(parse_qsl(urlsplit(self.location).query))

    @property
    def reason(self) -> str:
        """Why it was refused, by page, redirect or JSON; empty where it was not."""
        if self.status == 302:
            return self.said.get("reason", "") if "discord" in self.said else ""
        found = CODE.search(self.body) or re.search(r'"error":"(\w+)"', self.body)
        return found[1] if found else ""


class Doors:
    """What API Gateway does: turns requests into events and calls the app. `container` is the function's process."""

    def __init__(self, world: World, settings: Settings | None = None) -> None:
        self.world = world
        self.container: Container = world.container(settings)
        self.answers: list[Answer] = []

    def event(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | str | None = None,
        encoded: bool = False,
    ) -> dict[str, Any]:
        """The event of a REST API's proxy integration, as Lambda gets it."""
        parts = urlsplit(url)
        query = parse_qs(parts.query, keep_blank_values=True)
        path = parts.path
        resource, parameters = path.rstrip("/"), None
        if resource.startswith("/discord/users/"):
            resource, parameters = "/discord/users/{user_id}", {"user_id": resource.removeprefix("/discord/users/")}
        if encoded and body is not None:
            body = base64.b64encode(body.encode() if isinstance(body, str) else body).decode()
        return {
            "resource": resource,
            "path": path,
            "httpMethod": method,
            "headers": dict(headers) if headers else None,
            "multiValueHeaders": {name: [value] for name, value in headers.items()} if headers else None,
            "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
            "multiValueQueryStringParameters": query or None,
            "pathParameters": parameters,
            "stageVariables": None,
            "requestContext": {
                "resourcePath": resource,
                "httpMethod": method,
                "path": STAGE_PATH + path,
                "requestId": f"request-{len(self.answers)}",
                "stage": "api",
            },
            "body": body.decode("utf-8", "replace") if isinstance(body, bytes) else body,
            "isBase64Encoded": encoded,
        }

    def send(self, event: dict[str, Any]) -> Answer:
        """Call the app with an event, as Lambda would."""
        with standing(self.container):
            raw = app.app(event, None)
        headers = {name.lower(): value for name, value in raw["headers"].items()}
        headers |= {name.lower(): ", ".join(values) for name, values in raw.get("multiValueHeaders", {}).items()}
        answer = Answer(raw["statusCode"], headers, raw["body"])
        self.answers.append(answer)
        return answer


@contextmanager
def standing(container: Container) -> Iterator[None]:
    """Let app.py work with these parts, as `wiring` would have built them for the first event."""
    doors: Any = app
    kept = doors.wired, doors.flush, doors.count_outage, doors.outage_will_pass
    settings = container.services.settings
    log.hide(settings.app_secret, settings.bot_token, settings.auth_site_secret, settings.webhook_url)
    doors.wired = lambda: container
    doors.flush = lambda: container.services.metrics.flush(container.services.now())
    doors.count_outage, doors.outage_will_pass = container.services.count_outage, will_pass
    try:
        yield
    finally:
        doors.wired, doors.flush, doors.count_outage, doors.outage_will_pass = kept


@dataclass
class Browser:
    """A person's browser, with a cookie jar of its own."""

    doors: Doors
    jar: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **query: str) -> Answer:
        """Open an address below the API."""
        return self._sent("GET", f"{path}?{urlencode(query)}" if query else path, {})

    def follow(self, address: str) -> Answer:
        """Open an absolute address of ours, as Discord sends a browser back."""
        parts = urlsplit(address)
        return self._sent("GET", f"{parts.path}?{parts.query}", {})

    def post(self, path: str, **form: str) -> Answer:
        """Send a form."""
        return self._sent("POST", path, {"Content-Type": FORM}, urlencode(form))

    def link(self, token: str) -> Answer:
        """Click the auth site's link."""
        return self.get("/discord/link", token=token)

    def link_as(self, token: str, who: str, *, agree: bool = True) -> Answer:
        """Click it, say yes or no at Discord, come back."""
        started = self.link(token)
        assert started.status == 302, started
        return self.follow(callback(self.doors.world, started, who, agree=agree))

    def _sent(self, method: str, url: str, headers: dict[str, str], body: str | None = None) -> Answer:
        cookies = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        if cookies:
            headers["Cookie"] = cookies
        answer = self.doors.send(self.doors.event(method, url, headers=headers, body=body))
        if "set-cookie" in answer.headers:
            name, _, value = answer.headers["set-cookie"].partition(";")[0].partition("=")
            self.jar[name] = value
        return answer


def callback(world: World, started: Answer, who: str, *, agree: bool = True) -> str:
    """The address to which Discord sends the browser; the person signs up where needed."""
    if all(person.username != who for person in world.guild.people()):
        world.guild.add_person(who)
    said = world.consent(started.location, who, agree=agree)
    return f"{world.settings.callback_url}?{urlencode({name: value for name, value in said.items() if value})}"


@contextmanager
def logged() -> Iterator[StringIO]:
    """What the log writes to standard output, as in Lambda; afterwards the log is as it was."""
    logger, output = logging.getLogger("rolecall"), StringIO()
    kept = list(logger.handlers), logger.propagate, logger.level, set(log._secrets)
    logger.handlers = []
    with redirect_stdout(output):
        log.to_stdout()  # its handler keeps writing to the output of this moment
    log.bind("-")
    try:
        yield output
    finally:
        logger.handlers, logger.propagate, logger.level = kept[:3]
        log._secrets.clear()
        log._secrets.update(kept[3])
