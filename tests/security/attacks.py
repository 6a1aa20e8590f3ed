"""What somebody could try at the doors, and the answer that each attempt must get. `table.py` prints them."""

import base64
import hmac
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chalicelib.linking.cookie import LIFE
from local.simulated import AUTH_SITE_SECRET, World
from tests.linking.doors import FORM, Answer, Browser, callback
from tests.security.attack import Attack
from tests.security.interactions import INTERACTIONS

HS256 = {"alg": "HS256", "typ": "JWT"}
VICTIM, MALLORY = "101", "666"


# --- tokens ------------------------------------------------------------------------------------------------------


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(
    claims: object, header: object = HS256, *, secret: str = AUTH_SITE_SECRET, digest: str = "sha256", raw: bytes = b""
) -> str:
    """A token made by hand, right or wrong; `raw` in place of the claims' JSON."""
    signing = f"{b64(json.dumps(header).encode())}.{b64(raw or json.dumps(claims).encode())}"
    return f"{signing}.{b64(hmac.new(secret.encode(), signing.encode(), digest).digest())}"


def claims_of(world: World, **changes: Any) -> dict[str, Any]:
    """Right claims for `link`, but for `changes`; None takes one away."""
    now = int(world.clock.now())
    right: dict[str, Any] = {
        "sub": MALLORY,
        "purpose": "link",
        "iat": now,
        "exp": now + 600,
        "jti": "j" * 32,
        "groups": ["Director"],
        "nickname": None,
        "changed_at": now * 1000,
    }
    return {name: value for name, value in (right | changes).items() if value is not ...}


def with_token(make: Callable[[World], str]) -> Callable[[World, Browser], Answer]:
    return lambda world, browser: browser.link(make(world))


def with_claims(**changes: Any) -> Callable[[World, Browser], Answer]:
    return with_token(lambda world: signed(claims_of(world, **changes)))


def with_header(header: object, digest: str = "sha256") -> Callable[[World, Browser], Answer]:
    return with_token(lambda world: signed(claims_of(world), header, digest=digest))


def unsigned(alg: str) -> Callable[[World, Browser], Answer]:
    return with_token(lambda world: signed(claims_of(world), {"alg": alg}).rpartition(".")[0] + ".")


def tampered(world: World) -> str:
    head, _, signature = signed(claims_of(world)).split(".")
    return f"{head}.{b64(json.dumps(claims_of(world, groups=['Admin'])).encode())}.{signature}"


def expired_token(world: World, browser: Browser) -> Answer:
    token = signed(claims_of(world))
    world.clock.advance(600)
    return browser.link(token)


def replayed(world: World, browser: Browser) -> Answer:
    token = signed(claims_of(world))
    browser.link(token)
    return browser.link(token)


def same_jti_for_another_purpose(world: World, browser: Browser) -> Answer:
    browser.link(signed(claims_of(world)))
    return browser.post("/discord/unlink", token=signed(claims_of(world, purpose="unlink")))


def for_another_purpose(purpose: str, path: str) -> Callable[[World, Browser], Answer]:
    def play(world: World, browser: Browser) -> Answer:
        token = world.site.token(VICTIM, purpose)
        if path.startswith("/discord/users/"):
            headers = {"Authorization": f"Bearer {token}"}
            return browser.doors.send(browser.doors.event("GET", path, headers=headers))
        return browser.post(path, token=token) if path == "/discord/unlink" else browser.get(path, token=token)

    return play


PATHS = {
    "link": "/discord/link",
    "unlink": "/discord/unlink",
    "add_bot": "/discord/add_bot",
    "read": f"/discord/users/{VICTIM}",
    "me": "/discord/me",
    "admin": "/discord/admin",
}
BAD, EXPIRED, STATE = ("bad_token",), ("expired",), ("bad_state",)

TOKENS = [
    Attack("no token", lambda _, browser: browser.get("/discord/link"), BAD),
    Attack("an empty token", with_token(lambda _: ""), BAD),
    Attack("no JWT at all", with_token(lambda _: "please"), BAD),
    Attack("nothing but dots", with_token(lambda _: ".."), BAD),
    Attack("not ASCII", with_token(lambda _: "ключ.ключ.ключ"), BAD),
    Attack("33 kB", with_token(lambda world: signed(claims_of(world, more="x" * 25_000))), BAD),
    Attack("5 MB of dots", with_token(lambda _: "." * 5_000_000), BAD),
    Attack("signed with another secret", with_token(lambda world: signed(claims_of(world), secret="x" * 40)), BAD),
    Attack("signed with an empty secret", with_token(lambda world: signed(claims_of(world), secret="")), BAD),
    Attack("signature cut off", with_token(lambda world: signed(claims_of(world)).rpartition(".")[0]), BAD),
    Attack("signature shortened", with_token(lambda world: signed(claims_of(world))[:-4]), BAD),
    Attack("claims exchanged", with_token(tampered), BAD),
    *(Attack(f"alg {alg}, unsigned", unsigned(alg), BAD) for alg in ("none", "None", "nOnE", "HS256", "")),
    *(
        Attack(f"alg {alg}, signed by HMAC with the secret", with_header({"alg": alg}, digest), BAD)
        for alg, digest in (
            ("RS256", "sha256"),
            ("ES256", "sha256"),
            ("EdDSA", "sha256"),
            ("none", "sha256"),
            ("HS384", "sha384"),
            ("HS512", "sha512"),
            ("hs256", "sha256"),
        )
    ),
    Attack("no alg", with_header({"typ": "JWT"}), BAD),
    Attack("alg a list", with_header({"alg": ["HS256"]}), BAD),
    Attack("header a list", with_header(["HS256"]), BAD),
    Attack("detached payload", with_header({"alg": "HS256", "b64": False, "crit": ["b64"]}), BAD),
    Attack("its time is over", expired_token, EXPIRED),
    Attack("used twice", replayed, BAD),
    Attack("its jti was used for another purpose", same_jti_for_another_purpose, BAD),
    *(
        Attack(f"{name} missing", with_claims(**{name: ...}), BAD)
        for name in ("sub", "purpose", "iat", "exp", "jti", "groups", "nickname", "changed_at")
    ),
    *(
        Attack(f"{name} {json.dumps(value)[:24]}", with_claims(**{name: value}), BAD)
        for name, value in (
            ("sub", ""),
            ("sub", 101),
            ("sub", None),
            ("sub", ["101"]),
            ("sub", "x" * 257),
            ("sub", "\ud800"),
            ("purpose", "admin"),
            ("purpose", ["link"]),
            ("iat", "now"),
            ("iat", True),
            ("iat", 4_000_000_000),
            ("iat", 10**400),
            ("nbf", 4_000_000_000),
            ("nbf", "now"),
            ("nbf", None),
            ("exp", "soon"),
            ("exp", 10**400),
            ("exp", 1.0),
            ("jti", ""),
            ("jti", 7),
            ("jti", "x" * 257),
            ("jti", "\udfff"),
            ("groups", "Director"),
            ("groups", None),
            ("groups", [["Director"]]),
            ("groups", {"Director": True}),
            ("groups", ["x" * 1001]),
            ("groups", ["x"] * 1001),
            ("nickname", 7),
            ("nickname", "x" * 1001),
            ("changed_at", -1),
            ("changed_at", 1.5),
            ("changed_at", "now"),
            ("changed_at", True),
            ("changed_at", 10**13),
        )
    ),
    Attack("not to be used for 61 s", with_token(lambda w: signed(claims_of(w, nbf=w.clock.now() + 61))), BAD),
    Attack("lives longer than 15 minutes", with_token(lambda w: signed(claims_of(w, exp=w.clock.now() + 901))), BAD),
    Attack("iat and exp not a number", with_token(lambda w: signed(claims_of(w, iat=float("nan"), exp=1))), BAD),
    Attack("exp infinite", with_token(lambda w: signed(claims_of(w, iat=float("inf"), exp=float("inf")))), BAD),
    Attack("claims a list", with_token(lambda _: signed([1])), BAD),
    Attack("claims null", with_token(lambda _: signed(None)), BAD),
    Attack("claims not JSON", with_token(lambda _: signed(0, raw=b"\xff\xfe{}")), BAD),
    Attack("claims nested 10,000 deep", with_token(lambda _: signed(0, raw=b"[" * 10_000 + b"]" * 10_000)), BAD),
    *(
        Attack(f"a token for {purpose} at the door for {door}", for_another_purpose(purpose, path), BAD)
        for door, path in PATHS.items()
        for purpose in PATHS
        if purpose != door
    ),
]


# --- state, cookie, code -----------------------------------------------------------------------------------------


def begun(world: World, browser: Browser, user_id: str = MALLORY) -> Answer:
    return browser.link(world.site.token(user_id, "link", groups=["Director"]))


def state_of(started: Answer) -> str:
    return parse_qs(urlsplit(started.location).query)["state"][0]


def code_of(address: str) -> str:
    return parse_qs(urlsplit(address).query)["code"][0]


def with_state(make: Callable[[str], str]) -> Callable[[World, Browser], Answer]:
    def play(world: World, browser: Browser) -> Answer:
        return browser.get("/discord/callback", code="any", state=make(state_of(begun(world, browser))))

    return play


def with_code(code: str) -> Callable[[World, Browser], Answer]:
    def play(world: World, browser: Browser) -> Answer:
        return browser.get("/discord/callback", code=code, state=state_of(begun(world, browser)))

    return play


def victim_follows_mallorys_address(world: World, browser: Browser) -> Answer:
    """Mallory begins, the victim says yes at Discord: the victim's account would become Mallory's."""
    started = begun(world, browser)
    return Browser(browser.doors).follow(callback(world, started, "victim"))


def mallory_steals_the_way_back(world: World, browser: Browser) -> Answer:
    """Mallory reads the address of a victim's callback and opens it, with a cookie of an attempt of his own."""
    victim = Browser(browser.doors)
    back = callback(world, begun(world, victim, "102"), "victim")
    begun(world, browser)
    return browser.follow(back)


def cookie_of_another_attempt(world: World, browser: Browser) -> Answer:
    back = callback(world, begun(world, browser), "mallory")
    begun(world, browser, "667")
    values = list(browser.jar.values())
    browser.jar = dict(zip(browser.jar, reversed(values), strict=True))
    return browser.follow(back)


def cookie_in_other_letters(world: World, browser: Browser) -> Answer:
    back = callback(world, begun(world, browser), "mallory")
    browser.jar = {name: value.swapcase() for name, value in browser.jar.items()}
    return browser.follow(back)


def injected_code(world: World, browser: Browser) -> Answer:
    """A stolen code in an attempt of one's own: its PKCE verifier is another."""
    victim = Browser(browser.doors)
    code = code_of(callback(world, begun(world, victim, "102"), "victim"))
    return browser.get("/discord/callback", code=code, state=state_of(begun(world, browser)))


def callback_again(world: World, browser: Browser) -> Answer:
    back = callback(world, begun(world, browser), "kira")  # refused: she is the victim's
    browser.follow(back)
    return browser.follow(back)


def attempt_too_old(world: World, browser: Browser) -> Answer:
    back = callback(world, begun(world, browser), "mallory")
    world.clock.advance(LIFE)
    return browser.follow(back)


def claims_a_linked_account(world: World, browser: Browser) -> Answer:
    return browser.follow(callback(world, begun(world, browser), "kira"))


CALLBACKS = [
    Attack("no state", lambda _, browser: browser.get("/discord/callback", code="any"), STATE),
    Attack("no code, no state", lambda _, browser: browser.get("/discord/callback"), STATE),
    Attack("an unknown state", with_state(lambda _: "x" * 43), STATE),
    Attack("an empty state", with_state(lambda _: ""), STATE),
    Attack("a state with something behind it", with_state(lambda state: state + "x"), STATE),
    Attack("a state in other letters", with_state(str.swapcase), STATE),
    Attack("a state of 1 MB", with_state(lambda _: "x" * 1_000_000), STATE),
    Attack("a state that is no text", with_state(lambda _: "\x00\ufffd☃"), STATE),
    Attack("no code", with_code(""), STATE),
    Attack("a made-up code", with_code("made-up"), EXPIRED),
    Attack("a code that is no text", with_code("\x00\n☃"), EXPIRED),
    Attack("a code of 1 MB", with_code("x" * 1_000_000), STATE),
    Attack("a victim follows Mallory's address", victim_follows_mallorys_address, STATE),
    Attack("Mallory opens a victim's callback", mallory_steals_the_way_back, STATE),
    Attack("the cookie of another attempt", cookie_of_another_attempt, STATE),
    Attack("the cookie in other letters", cookie_in_other_letters, STATE),
    Attack("a stolen code in an attempt of one's own", injected_code, EXPIRED),
    Attack("the callback a second time", callback_again, STATE),
    Attack("the attempt is too old", attempt_too_old, EXPIRED),
    Attack("an account that is another user's", claims_a_linked_account, ("already_linked",)),
]


# --- forms, headers, addresses ---------------------------------------------------------------------------------------


def posted(body: str | bytes, content_type: str | None = FORM, *, encoded: bool = False) -> Any:
    def play(_world: World, browser: Browser) -> Answer:
        headers = {"Content-Type": content_type} if content_type else {}
        return browser.doors.send(
            browser.doors.event("POST", "/discord/unlink", headers=headers, body=body, encoded=encoded)
        )

    return play


def token_in_the_address(world: World, browser: Browser) -> Answer:
    return browser.post(f"/discord/unlink?token={world.site.token(VICTIM, 'unlink')}")


def token_of_an_unlink_used_twice(world: World, browser: Browser) -> Answer:
    token = world.site.token("102", "unlink")
    browser.post("/discord/unlink", token=token)
    return browser.post("/discord/unlink", token=token)


def garbage_as_base64(_world: World, browser: Browser) -> Answer:
    event = browser.doors.event("POST", "/discord/unlink", headers={"Content-Type": FORM}, body="token=x")
    return browser.doors.send(event | {"body": "é!", "isBase64Encoded": True})


def reading(authorization: str | None, user_id: str = VICTIM) -> Callable[[World, Browser], Answer]:
    def play(world: World, browser: Browser) -> Answer:
        tokens = {"{other}": world.site.token("102", "read"), "{right}": world.site.token(VICTIM, "read")}
        shown = authorization
        for name, token in tokens.items():
            shown = shown.replace(name, token) if shown else shown
        headers = {"Authorization": shown} if shown else {}
        return browser.doors.send(browser.doors.event("GET", f"/discord/users/{user_id}", headers=headers))

    return play


OTHERS = [
    Attack("unlink: an empty form", posted(""), BAD),
    Attack("unlink: no body", posted(b""), BAD),
    Attack("unlink: a form of 70 kB", posted("token=" + "x" * 70_000), BAD),
    Attack("unlink: 1,000 fields", posted("&".join(f"f{n}=x" for n in range(1000))), BAD),
    Attack("unlink: not UTF-8", posted(b"token=\xff\xfe", encoded=True), BAD),
    Attack("unlink: not base64", garbage_as_base64, BAD),
    Attack("unlink: JSON", posted('{"token": "x"}', "application/json"), BAD),
    Attack("unlink: text/plain, as a foreign form may send", posted("token=x", "text/plain"), BAD),
    Attack("unlink: no content type", posted("token=x", None), BAD),
    Attack("unlink: the token in the address", token_in_the_address, BAD),
    Attack("unlink: a token used twice", token_of_an_unlink_used_twice, BAD),
    Attack("read: no token", reading(None), BAD),
    Attack("read: Basic", reading("Basic {right}"), BAD),
    Attack("read: without a scheme", reading("{right}"), BAD),
    Attack("read: another user's token", reading("Bearer {other}"), BAD),
    Attack("read: two tokens", reading("Bearer {other}, Bearer {right}"), BAD),
    Attack("read: a way round the id", reading("Bearer {other}", f"102%2F..%2F{VICTIM}"), BAD),
    Attack("read: an id that is no text", reading("Bearer {right}", "%ff%00"), BAD),
]
ATTACKS = TOKENS + CALLBACKS + OTHERS + INTERACTIONS
