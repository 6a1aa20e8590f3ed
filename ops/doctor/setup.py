"""Settings and secrets."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from chalicelib import settings as known
from ops.discord_refusals import PORTAL
from ops.doctor.base import Finding, Registry, fault, note, warning
from ops.doctor.context import DoctorContext
from ops.formatting import listed
from ops.stage import without
from ops.stages import shared_with

checks = Registry("Settings")
CALLBACK_PATH = "/discord/callback"
MIN_VARIETY = 8  # different characters in a secret; fewer are typed by hand
WHERE = {
    "DISCORD_APP_ID": f"{PORTAL} → your application → General Information → Application ID",
    "DISCORD_APP_SECRET": f"{PORTAL} → your application → OAuth2 → Reset Secret",
    "DISCORD_BOT_TOKEN": f"{PORTAL} → your application → Bot → Reset Token",
    "DISCORD_GUILD_ID": "Discord → User Settings → Advanced → Developer Mode on; "
    "right-click the server → Copy Server ID",
    "DISCORD_CALLBACK_URL": f"the address that `make deploy` prints, followed by {CALLBACK_PATH.lstrip('/')}",
    "AUTH_SITE_SECRET": "make one with: openssl rand -hex 32; the auth site needs the same",
}


@checks.check("settings", "Every required setting is there and makes sense", needs=("aws",))
def required_settings(context: DoctorContext) -> Iterator[Finding]:
    yield from _faulty(context, required=True)


@checks.check("optional-settings", "Every other setting makes sense", needs=("aws",))
def optional_settings(context: DoctorContext) -> Iterator[Finding]:
    yield from _faulty(context, required=False)


@checks.check("shared", "Application and server of this stage alone", needs=("settings",))
def shared(context: DoctorContext) -> Iterator[Finding]:
    stage = context.stage
    for name, others in shared_with(stage.name, stage.deployed | stage.shell, context.stages_file).items():
        what = "a server" if name == "DISCORD_GUILD_ID" else "an application"
        yield fault(
            f"the stage {listed(others)} has the same {name}: each would undo what the other does, and both would "
            "spend one rate limit without knowing of each other",
            f"give each stage {what} of its own, or remove one of them: make destroy STAGE=…",
        )


def _faulty(context: DoctorContext, *, required: bool) -> Iterator[Finding]:
    """Return what is wrong with required settings, or with optional ones."""
    seen: set[str] = set()
    deployed, shell = context.stage.deployed, context.stage.shell
    for environment in (deployed, deployed | shell) if deployed else (shell,):
        faults = context.stage.faults(environment)
        needed = set(context.stage.faults(without(environment, faults)))  # without a wrong one its default is taken
        for name, line in faults.items():
            if line not in seen and (name in needed) is required:
                seen.add(line)
                yield fault(line, fix_for_setting(name, context))


def fix_for_setting(name: str, context: DoctorContext) -> str:
    """Say how to set a setting, and where to find its value."""
    found = f" ({WHERE[name]})" if name in WHERE else ""
    if name in known.SECRETS:
        return f"{context.command(f'secrets put {name}')}{found}"
    stage = context.stage.name
    return f"set it in .chalice/config.json, stages → {stage} → environment_variables; then {context.deploy}{found}"


@checks.check("shell", "Settings of this shell", needs=("aws",))
def nothing_in_the_shell(context: DoctorContext) -> Iterator[Finding]:
    deployed = context.stage.deployed
    if not deployed:
        return
    for name, value in context.stage.shell.items():
        if name not in known.SECRETS and deployed.get(name) != value:
            yield warning(
                f"{name} is set in this shell and wins here; the deployed functions have "
                + ("another value" if name in deployed else "none"),
                f"unset {name}; or set the same in .chalice/config.json, then {context.deploy}",
            )


@checks.check("callback-shape", "The callback URL leads to Rolecall", needs=("settings",))
def callback_shape(context: DoctorContext) -> Iterator[Finding]:
    url = context.settings.callback_url
    parts = urlsplit(url)
    if not parts.path.endswith(CALLBACK_PATH) or parts.query or parts.fragment:
        yield fault(
            f"DISCORD_CALLBACK_URL is {url}, which does not end in {CALLBACK_PATH}",
            fix_for_setting("DISCORD_CALLBACK_URL", context),
        )
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        yield fault(
            "DISCORD_CALLBACK_URL does not begin with https: codes and cookies would travel in the clear",
            fix_for_setting("DISCORD_CALLBACK_URL", context),
        )


@checks.check("auth-site-secret", "The auth site's secret", needs=("settings",))
def auth_site_secret(context: DoctorContext) -> Iterator[Finding]:
    if len(set(context.settings.auth_site_secret)) < MIN_VARIETY:
        yield warning(
            f"AUTH_SITE_SECRET consists of fewer than {MIN_VARIETY} different characters: it can be guessed",
            fix_for_setting("AUTH_SITE_SECRET", context),
        )


@checks.check("secrets-kept", "Where secrets are kept", needs=("aws",))
def secrets_kept(context: DoctorContext) -> Iterator[Finding]:
    stage = context.stage
    for name in known.SECRETS:
        if name in stage.deployed:
            yield warning(
                f"{name} stands in the functions' environment, where everybody who may look at them can read it",
                f"{context.command(f'secrets put {name}')}; take it out of .chalice/config.json; then {context.deploy}",
            )
    names = [stage.parameter(name) for name in known.SECRETS]
    found = stage.client("ssm").get_parameters(Names=names, WithDecryption=False)["Parameters"]
    stored = {parameter["Name"].rsplit("/", 1)[-1] for parameter in found}
    if missing := [name for name in known.REQUIRED_SECRETS if name not in stored and name not in stage.deployed]:
        yield note(f"not stored: {', '.join(missing)}")
    for parameter in found:
        if parameter["Type"] != "SecureString":
            name = parameter["Name"].rsplit("/", 1)[-1]
            yield warning(
                f"{parameter['Name']} is stored as {parameter['Type']}, not encrypted",
                context.command(f"secrets put {name}"),
            )


@checks.check("secrets-read", "How new the functions' secrets are", needs=("functions",))
def secrets_read(context: DoctorContext) -> Iterator[Finding]:
    unread = context.stage.unread
    if unread is None:
        yield note("AWS does not tell when functions were deployed and secrets stored")
        return
    for name in sorted(unread):
        yield warning(f"{name} is newer than the functions: those that run keep the old one", context.deploy)
