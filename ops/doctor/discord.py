"""The application at Discord and its credentials."""

from collections.abc import Iterator
from http import HTTPStatus

from ops.commands import commands_path, endpoint_of, missing_in
from ops.discord_refusals import PORTAL
from ops.doctor.base import Finding, Registry, fault, warning
from ops.doctor.context import DoctorContext
from ops.doctor.setup import fix_for_setting
from ops.errors import CommandError
from ops.formatting import moment
from ops.outages import waits

checks = Registry("Discord application")
MEMBER_INTENT = 1 << 14 | 1 << 15  # GATEWAY_GUILD_MEMBERS, and the same for applications that few users can see


@checks.check("bot-token", "Discord knows the bot's token", needs=("settings",))
def bot_token(context: DoctorContext) -> Iterator[Finding]:
    try:
        answer = context.application
    except CommandError as error:
        yield _no_answer(context, str(error))
        return
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        yield _no_answer(context, f"Discord answers {answer.status}")
    elif answer.status == HTTPStatus.UNAUTHORIZED:
        yield fault("Discord refuses DISCORD_BOT_TOKEN", _renew("DISCORD_BOT_TOKEN", context))
    elif not answer.ok:
        yield fault(
            f"Discord answers {answer.status}/{answer.code} to the bot",
            "wait a quarter of an hour and try again; if it stays so, this machine's address may be blocked by Discord",
        )


def _no_answer(context: DoctorContext, why: str) -> Finding:
    """Whether Discord is away for all, or for this machine alone."""
    if outage := context.away:
        return fault(f"{outage.text(context.stage.now())}; {waits(context.waiting)}", outage.fix(context.stage.now()))
    return fault(
        f"{why}; the functions have no such trouble on record",
        "check this machine's connection and discordstatus.com, and try again",
    )


def _renew(name: str, context: DoctorContext) -> str:
    return f"{fix_for_setting(name, context)}; then {context.deploy}, so that the functions read it anew"


@checks.check("app-id", "The application id is the bot's", needs=("bot-token",))
def app_id(context: DoctorContext) -> Iterator[Finding]:
    found = context.application.body["id"]
    if found != str(context.settings.app_id):
        yield fault(
            f"DISCORD_APP_ID is {context.settings.app_id}, but the bot's token belongs to the application {found}",
            fix_for_setting("DISCORD_APP_ID", context),
        )


@checks.check("app-secret", "The application's secret", needs=("settings", "app-id"))
def app_secret(context: DoctorContext) -> Iterator[Finding]:
    answer = context.probe.buy_with_no_code()
    said = answer.body.get("error") if isinstance(answer.body, dict) else None
    if answer.status == HTTPStatus.UNAUTHORIZED or said == "invalid_client":
        yield fault("Discord refuses DISCORD_APP_SECRET: nobody can link", _renew("DISCORD_APP_SECRET", context))
    elif said != "invalid_grant":  # the secret was right, the made-up code was not
        yield warning(
            f"Discord answered {answer.status} {said or ''}".rstrip()
            + ", which does not tell whether the secret is right",
            "try again in a minute",
        )


@checks.check("callback-registered", "The callback URL is registered at Discord", needs=("callback-shape", "bot-token"))
def callback_registered(context: DoctorContext) -> Iterator[Finding]:
    wanted = context.settings.callback_url
    registered: list[str] = context.application.body.get("redirect_uris") or []
    if wanted in registered:
        return
    near = [url for url in registered if _bare(url) == _bare(wanted)]
    others = f"; registered is {near[0]}" if near else f"; registered: {', '.join(registered) or 'none'}"
    yield fault(
        f"{wanted} is not registered, so everybody who links sees “unknown error” or “invalid redirect_uri”{others}",
        f"{PORTAL} → your application → OAuth2 → Redirects → Add Redirect: {wanted} (exactly so, to the last slash) "
        "→ Save Changes",
    )


def _bare(url: str) -> str:
    """Return the URL without the parts that are most often mistyped."""
    return url.casefold().removeprefix("https://").removeprefix("http://").rstrip("/")


@checks.check("commands", "Slash commands are registered", needs=("app-id",))
def slash_commands(context: DoctorContext) -> Iterator[Finding]:
    key, register = context.settings.public_key, context.command("commands register")
    if not key:
        return
    known = context.application.body
    if known.get("verify_key") != key:
        yield fault(
            f"DISCORD_PUBLIC_KEY is not this application's, {known.get('verify_key')}: every command is refused",
            fix_for_setting("DISCORD_PUBLIC_KEY", context),
        )
        return
    url = endpoint_of(context.settings)
    if known.get("interactions_endpoint_url") != url:
        yield fault(f"Discord does not send commands to {url}", register)
    answer = context.probe.get(commands_path(context.settings))
    missing = missing_in(answer.body) if answer.ok else []
    if not answer.ok:
        yield warning(
            f"Discord answers {answer.status}/{answer.code} to the question which commands there are", register
        )
    elif missing:
        yield fault(f"not registered as they should be: {', '.join(f'/{name}' for name in missing)}", register)


@checks.check("member-intent", "The bot may list members", needs=("bot-token",))
def member_intent(context: DoctorContext) -> Iterator[Finding]:
    since = f"; no sweep has had the list since {moment(context.no_list_since)}" if context.no_list_since else ""
    if not int(context.application.body.get("flags") or 0) & MEMBER_INTENT:
        yield fault(
            "the Server Members Intent is off: sweeps must ask for every member singly, a thousand times the requests, "
            f"and know only from the number of each role's holders whether too many would lose something{since}",
            f"{PORTAL} → your application → Bot → Privileged Gateway Intents → Server Members Intent on → Save Changes"
            "; if Discord took it away: docs/how-to/pass-the-intent-review.md",
        )
    elif since:
        yield warning(
            f"the Server Members Intent is on, but Discord listed no members to the last sweep{since}",
            f"see whether the next one gets the list: {context.command('sweep all --dry-run')}",
        )
