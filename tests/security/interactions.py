"""What somebody could try at the endpoint of slash commands, and how each attempt is answered."""

import json
from collections.abc import Callable
from typing import Any

from local.discord.keys import signature
from local.simulated import APP, World
from tests.commands.support import Guild, payload
from tests.linking.doors import Answer, Browser
from tests.security.attack import Attack

Play = Callable[[World, Browser], Answer]
UNSIGNED, EXPIRED, REPLAYED = ("bad_signature",), ("expired",), ("replayed",)
UNREADABLE, LARGE = ("bad_interaction",), ("too_large",)


def with_headers(**headers: str) -> Play:
    """A right interaction, but for these headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda world, browser: Guild(world, browser.doors).posted(payload(world), **named)


def signed_body(body: bytes) -> Play:
    return lambda world, browser: Guild(world, browser.doors).posted(body)


def with_payload(**changes: Any) -> Play:
    return lambda world, browser: Guild(world, browser.doors).posted(payload(world, **changes))


def signed_by(app_id: str) -> Play:
    def play(world: World, browser: Browser) -> Answer:
        body, timestamp = json.dumps(payload(world)).encode(), str(int(world.clock.now()))
        headers = {"X-Signature-Ed25519": signature(app_id, timestamp, body), "X-Signature-Timestamp": timestamp}
        return Guild(world, browser.doors).post(body, headers)

    return play


def at_another_time(seconds: int, *, signed: bool) -> Play:
    """A right interaction of another time; where it is not `signed`, its timestamp alone was exchanged."""

    def play(world: World, browser: Browser) -> Answer:
        body, now = json.dumps(payload(world)).encode(), int(world.clock.now())
        named = str(now + seconds)
        headers = {
            "X-Signature-Ed25519": signature(APP, named if signed else str(now), body),
            "X-Signature-Timestamp": named,
        }
        return Guild(world, browser.doors).post(body, headers)

    return play


def exchanged_body(world: World, browser: Browser) -> Answer:
    timestamp, right = str(int(world.clock.now())), json.dumps(payload(world)).encode()
    wrong = json.dumps(payload(world, data={"id": "1", "name": "refresh", "type": 1})).encode()
    headers = {"X-Signature-Ed25519": signature(APP, timestamp, right), "X-Signature-Timestamp": timestamp}
    return Guild(world, browser.doors).post(wrong, headers)


def replayed(later: float) -> Play:
    def play(world: World, browser: Browser) -> Answer:
        guild = Guild(world, browser.doors)
        body, timestamp = json.dumps(payload(world)).encode(), str(int(world.clock.now()))
        headers = {"X-Signature-Ed25519": signature(APP, timestamp, body), "X-Signature-Timestamp": timestamp}
        assert guild.post(body, headers).status == 200
        world.clock.advance(later)
        return guild.post(body, headers)

    return play


def unsigned(world: World, browser: Browser) -> Answer:
    return Guild(world, browser.doors).post(json.dumps(payload(world)).encode(), {})


INTERACTIONS = [
    Attack("command: no signature", unsigned, UNSIGNED),
    Attack("command: an empty signature", with_headers(X_Signature_Ed25519=""), UNSIGNED),
    Attack("command: a signature of zeros", with_headers(X_Signature_Ed25519="0" * 128), UNSIGNED),
    Attack("command: a signature cut off", with_headers(X_Signature_Ed25519="ab" * 63), UNSIGNED),
    Attack("command: a signature that is no hexadecimal", with_headers(X_Signature_Ed25519="zz" * 64), UNSIGNED),
    Attack("command: a signature with more behind it", with_headers(X_Signature_Ed25519="ab" * 65), UNSIGNED),
    Attack("command: signed by another application", signed_by("999999999999999999"), UNSIGNED),
    Attack("command: the body exchanged", exchanged_body, UNSIGNED),
    Attack("command: the time exchanged", at_another_time(1, signed=False), UNSIGNED),
    Attack("command: a time that is no number", with_headers(X_Signature_Timestamp="now"), UNSIGNED),
    Attack("command: a time of a thousand digits", with_headers(X_Signature_Timestamp="1" * 1000), UNSIGNED),
    Attack("command: a negative time", with_headers(X_Signature_Timestamp="-1"), UNSIGNED),
    Attack("command: two minutes old", at_another_time(-120, signed=True), EXPIRED),
    Attack("command: of the future", at_another_time(120, signed=True), EXPIRED),
    Attack("command: used twice", replayed(0), REPLAYED),
    Attack("command: used twice, 50 seconds later", replayed(50), REPLAYED),
    Attack("command: used twice, two minutes later", replayed(120), EXPIRED),
    Attack("command: no JSON", signed_body(b"token=x"), UNREADABLE),
    Attack("command: an empty body", signed_body(b""), UNREADABLE),
    Attack("command: a list", signed_body(b"[]"), UNREADABLE),
    Attack("command: not UTF-8", signed_body(b'{"id": "\xff"}'), UNREADABLE),
    Attack("command: brackets without end", signed_body(b"[" * 60_000), UNREADABLE),
    Attack("command: 5 MB", signed_body(b" " * 5_000_000), LARGE),
    Attack("command: ids that are no numbers", with_payload(id="1; drop"), UNREADABLE),
    Attack("command: permissions that are no number", with_payload(member={"permissions": "-1"}), UNREADABLE),
]
