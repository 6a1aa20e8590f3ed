"""The Discord server: whether the bot is in it, what it may do, how high its role is."""

from collections.abc import Iterator
from http import HTTPStatus

from chalicelib.discord.models import EVERYONE
from chalicelib.linking.addresses import add_bot_url
from ops.doctor.base import Finding, Registry, fault, note, warning
from ops.doctor.context import DoctorContext
from ops.doctor.setup import fix_for_setting
from ops.formatting import count, listed

REVIEWED_USERS = 10_000
SOON_REVIEWED = 8_000  # members; time enough to prepare
checks = Registry("Discord server")
ADMINISTRATOR = 1 << 3
PERMISSIONS = {  # https://discord.com/developers/docs/topics/permissions#permissions-bitwise-permission-flags
    "Manage Roles": (1 << 28, "roles can neither be given nor taken"),
    "Manage Nicknames": (1 << 27, "nicknames cannot be set"),
    "Kick Members": (1 << 1, "who is unlinked or deleted stays in the server"),
    "Create Invite": (1 << 0, "nobody can be brought into the server by linking"),
}
MAX_ROLES = 250  # https://discord.com/developers/docs/topics/opcodes-and-status-codes#json (30005)
NEARLY = 240
ROLES_PAGE = "Discord → Server Settings → Roles"
GROUPS = "the auth site's groups"


@checks.check("guild", "The Discord server is there, and the bot in it", needs=("bot-token", "app-id"))
def guild(context: DoctorContext) -> Iterator[Finding]:
    settings, answer = context.settings, context.guild
    url = add_bot_url(settings.oauth_base_url, settings.app_id, settings.guild_id)
    if answer.ok and context.bot.ok:
        return
    if answer.status == HTTPStatus.NOT_FOUND:
        yield fault(
            f"the bot knows no server with the id {settings.guild_id}: the id is wrong, or the bot is not in it",
            f"{fix_for_setting('DISCORD_GUILD_ID', context)}; if the id is right, add the bot: {url}",
        )
    elif answer.status == HTTPStatus.FORBIDDEN or context.bot.status == HTTPStatus.NOT_FOUND:
        yield fault("the bot is not in the server", f"open {url} as its owner ({context.command('add-bot-url')})")
    else:
        yield fault(f"Discord answers {answer.status}/{answer.code}", "try again in a minute; see discordstatus.com")


@checks.check("permissions", "The bot's permissions", needs=("guild",))
def permissions(context: DoctorContext) -> Iterator[Finding]:
    held = 0
    for role in context.bot_roles:
        held |= int(role["permissions"])
    if held & ADMINISTRATOR:
        yield note("the bot is an administrator; the four permissions of the add-bot page would be enough")
        return
    for name, (bit, consequence) in PERMISSIONS.items():
        if not held & bit:
            yield fault(
                f"the bot lacks {name}: {consequence}",
                f"{ROLES_PAGE} → {context.bot_role or 'the role of the bot'} → Permissions → {name} on; or open "
                f"the page of {context.command('add-bot-url')} again",
            )


@checks.check("rank", "Where the bot's role stands", needs=("guild", "tables"))
def rank(context: DoctorContext) -> Iterator[Finding]:
    above, wanted = _out_of_reach(context), context.group_names
    mine = context.bot_role or "the role of the bot"
    faulty = [name for name in above if name in wanted]
    if faulty:
        yield fault(
            f"these roles stand above the bot's, so it can neither give nor take them: {', '.join(faulty)}",
            f"{ROLES_PAGE} → drag {mine} above {faulty[0]} → Save Changes",
        )
    elif above and not wanted:
        yield warning(
            "which groups there are is not known before the auth site states some; of roles above the bot's it could "
            f"neither give nor take any: {', '.join(above)}",
            f"{ROLES_PAGE} → drag {mine} above those that are named like {GROUPS} → Save Changes; the others are right "
            "where they are",
        )
    elif above and context.links.never_told:
        yield note(
            f"of {count(context.links.never_told, 'linked user')} the auth site has stated no groups yet; of roles "
            f"above the bot's it could neither give nor take any: {', '.join(above)}"
        )


def _out_of_reach(context: DoctorContext) -> list[str]:
    """Return the unreserved roles at or above the bot's highest that people assign by hand, from the top."""
    ranks = context.ranks
    bot_rank = ranks.rank(ranks.bot_roles)
    above = [role for role in ranks.roles if role.rank >= bot_rank and not role.managed and role.id != ranks.id]
    names = [role.name.strip() for role in sorted(above, key=lambda role: role.rank, reverse=True)]
    return [name for name in names if not context.role_policy.reserves(name)]


@checks.check("foreign-roles", "Groups named like roles that only Discord gives", needs=("guild", "tables"))
def foreign_roles(context: DoctorContext) -> Iterator[Finding]:
    managed = [role.name for role in context.ranks.roles if role.managed and role.name.strip() in context.group_names]
    if managed:
        yield warning(
            f"belong to an integration or a bot, and nobody can give them by hand: {listed(managed)}",
            f"rename {GROUPS} of these names, or add the names to DISCORD_RESERVED_ROLES",
        )


@checks.check("duplicates", "Roles of the same name", needs=("guild", "tables"))
def duplicates(context: DoctorContext) -> Iterator[Finding]:
    names = [role.name.strip() for role in context.ranks.roles if role.name != EVERYONE]
    twice = sorted({name for name in names if names.count(name) > 1} & context.group_names)
    if twice:
        yield warning(
            f"several roles are called: {listed(twice)}; Rolecall uses the oldest of each and takes the others away",
            f"{ROLES_PAGE} → delete or rename the ones that are not meant",
        )


@checks.check("room-for-roles", "Room for more roles", needs=("guild",))
def room_for_roles(context: DoctorContext) -> Iterator[Finding]:
    number = len(context.ranks.roles)
    if number >= NEARLY:
        yield warning(
            f"the server has {number} of {MAX_ROLES} roles; new groups will soon get none",
            f"{ROLES_PAGE} → delete some; or fewer groups, or DISCORD_DISABLE_ROLE_CREATION",
        )


@checks.check("owner", "The server's owner", needs=("guild",))
def owner(context: DoctorContext) -> Iterator[Finding]:
    if context.settings.sync_names:
        yield note(
            f"the owner ({context.ranks.owner_id}) keeps their nickname: Discord lets no bot rename an owner. "
            "Their roles are synced like everybody's"
        )


@checks.check("two-factor", "Two-factor authentication", needs=("guild",))
def two_factor(context: DoctorContext) -> Iterator[Finding]:
    if context.guild.body.get("mfa_level"):
        yield warning(
            "the server demands two-factor authentication (2FA) of its moderators: the bot can do nothing unless the "
            "account that owns the application has it, which cannot be seen from here",
            "that account: Discord → User Settings → My Account → Enable Authenticator App",
        )


@checks.check("intent-review", "Discord's review of the member intent", needs=("guild",))
def intent_review(context: DoctorContext) -> Iterator[Finding]:
    members = int(context.guild.body.get("approximate_member_count") or 0)
    servers = int(context.application.body.get("approximate_guild_count") or 1)
    if finding := review_finding(members, servers):
        yield finding


def review_finding(members: int, servers: int) -> Finding | None:
    """Say how near the application is to Discord's review of the Server Members Intent; None if it is far.

    Since June 2026 Discord reviews applications that REVIEWED_USERS or more users can see, and takes the intent away 90
    days after its notice from those that did not apply (discord/discord-api-docs#8394).
    """
    seen = f"{count(members, 'member')} of this server can see the application"
    if members >= SOON_REVIEWED:
        return warning(
            f"{seen}: from {REVIEWED_USERS:,} users on Discord reviews the Server Members Intent, and takes it away if "
            "nobody applies within 90 days of its notice",
            "apply in time: docs/how-to/pass-the-intent-review.md has answers to use",
        )
    if servers > 1:
        return note(f"{seen}, and it is in {servers} servers: their members count together in Discord's intent review")
    return None
