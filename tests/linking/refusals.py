"""One play for each way in which linking is refused: it returns the reason that the person is told."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from chalicelib.linking.cookie import LIFE
from local.discord.faults import Fault, Kind
from local.simulated import World
from tests.linking.doors import Browser, callback


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


def not_ready(world: World, browser: Browser) -> str:
    world.guild.inject(Fault(kind="answer", method="PUT", path="/members/", status=403, code=50178))
    return browser.link_as(world.site.token("101", "link"), "kira").reason


def person_refused(path: str, body: object) -> Callable[[World, Browser], str]:
    def play(world: World, browser: Browser) -> str:
        world.guild.inject(Fault(kind="answer", path=path, status=401, body=body))
        return browser.link_as(world.site.token("101", "link"), "kira").reason

    return play


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
    ("the account must be verified first", not_ready, "account_not_ready"),
    ("users/@me refuses the fresh token", person_refused("/users/@me", {"message": "401", "code": 0}), "expired"),
    ("the code is refused by 401", person_refused("token$", {"error": "invalid_grant"}), "expired"),
    ("the application is refused", person_refused("token$", {"error": "invalid_client"}), "misconfigured"),
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
