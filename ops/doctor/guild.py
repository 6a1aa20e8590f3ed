"""The Discord server: whether the bot is in it, what it may do, where its role stands."""

from collections.abc import Iterator
from http import HTTPStatus

from chalicelib.discord.models import EVERYONE
from chalicelib.linking.oauth import add_bot_url
from ops.doctor.base import Finding, Registry, fault, note, warning
from ops.doctor.ground import Ground
from ops.doctor.setup import cure_of_setting
from ops.words import listed

checks = Registry("Discord server")
ADMINISTRATOR = 1 << 3
PERMISSIONS = {  # https://discord.com/developers/docs/topics/permissions#permissions-bitwise-permission-flags
    "Manage Roles": (1 << 28, "roles can neither be given nor taken"),
    "Manage Nicknames": (1 << 27, "nicknames cannot be set"),
    "Kick Members": (1 << 1, "who is unlinked or deleted stays in the server"),
    "Create Invite": (1 << 0, "nobody can be brought into the server by linking"),
}
MOST_ROLES = 250  # https://discord.com/developers/docs/topics/opcodes-and-status-codes#json (30005)
NEARLY = 240
ROLES_PAGE = "Discord → Server Settings → Roles"
SAME_FOR_NAMES = "the auth site's groups of these names"


@checks.check("guild", "The Discord server is there, and the bot in it", needs=("bot-token", "app-id"))
def guild(ground: Ground) -> Iterator[Finding]:
    settings, answer = ground.settings, ground.guild
    url = add_bot_url(settings.oauth_base_url, settings.app_id, settings.guild_id)
    if answer.ok and ground.bot.ok:
        return
    if answer.status == HTTPStatus.NOT_FOUND:
        yield fault(
            f"the bot knows no server with the id {settings.guild_id}: it is another one's, or the bot is not in it",
            f"{cure_of_setting('DISCORD_GUILD_ID', ground)}; if the id is right, add the bot: {url}",
        )
    elif answer.status == HTTPStatus.FORBIDDEN or ground.bot.status == HTTPStatus.NOT_FOUND:
        yield fault("the bot is not in the server", f"open {url} as its owner ({ground.command('add-bot-url')})")
    else:
        yield fault(f"Discord answers {answer.status}/{answer.code}", "try again in a minute; see discordstatus.com")


@checks.check("permissions", "The bot has every permission that it needs", needs=("guild",))
def permissions(ground: Ground) -> Iterator[Finding]:
    held = 0
    for role in ground.bot_roles:
        held |= int(role["permissions"])
    if held & ADMINISTRATOR:
        yield note("the bot is an administrator; the four permissions of the add-bot page would be enough")
        return
    for name, (bit, consequence) in PERMISSIONS.items():
        if not held & bit:
            yield fault(
                f"the bot lacks {name}: {consequence}",
                f"{ROLES_PAGE} → {ground.bot_role or 'the role of the bot'} → Permissions → {name} on; or open "
                f"the page of {ground.command('add-bot-url')} again",
            )


@checks.check("rank", "The bot's role is above every role that it must give", needs=("guild", "tables"))
def rank(ground: Ground) -> Iterator[Finding]:
    ranks, wanted = ground.ranks, ground.group_names
    above = sorted(
        (role for role in ranks.roles if role.name.strip() in wanted and not role.managed and role.id != ranks.id),
        key=lambda role: role.rank,
        reverse=True,
    )
    above = [role for role in above if role.rank >= ranks.bot_rank]
    if above:
        yield fault(
            f"these roles stand above the bot's, so it can neither give nor take them: "
            f"{', '.join(role.name for role in above)}",
            f"{ROLES_PAGE} → drag {ground.bot_role or 'the role of the bot'} above {above[0].name} → Save Changes",
        )


@checks.check("foreign-roles", "No group is named like a role that only Discord gives", needs=("guild", "tables"))
def foreign_roles(ground: Ground) -> Iterator[Finding]:
    reserved, wanted = ground.settings.reserved_roles, ground.group_names
    managed = [
        role.name
        for role in ground.ranks.roles
        if role.managed and role.name.strip() in wanted and role.name.strip().casefold() not in reserved
    ]
    if managed:
        yield warning(
            f"belong to an integration or a bot, and nobody can give them by hand: {listed(managed)}",
            f"rename {SAME_FOR_NAMES}, or add the names to DISCORD_RESERVED_ROLES",
        )


@checks.check("duplicates", "No two roles have a group's name", needs=("guild", "tables"))
def duplicates(ground: Ground) -> Iterator[Finding]:
    names = [role.name.strip() for role in ground.ranks.roles if role.name != EVERYONE]
    twice = sorted({name for name in names if names.count(name) > 1} & ground.group_names)
    if twice:
        yield warning(
            f"several roles are called: {listed(twice)}; Rolecall uses the oldest of each and takes the others away",
            f"{ROLES_PAGE} → delete or rename the ones that are not meant",
        )


@checks.check("room-for-roles", "There is room for more roles", needs=("guild",))
def room_for_roles(ground: Ground) -> Iterator[Finding]:
    number = len(ground.ranks.roles)
    if number >= NEARLY:
        yield warning(
            f"the server has {number} of {MOST_ROLES} roles; new groups will soon get none",
            f"{ROLES_PAGE} → delete some; or fewer groups, or DISCORD_DISABLE_ROLE_CREATION",
        )


@checks.check("owner", "The server's owner", needs=("guild",))
def owner(ground: Ground) -> Iterator[Finding]:
    if ground.settings.sync_names:
        yield note(
            f"the owner ({ground.ranks.owner_id}) keeps their nickname: Discord lets no bot rename an owner. "
            "Their roles are synced like everybody's"
        )


@checks.check("two-factor", "Two-factor authentication", needs=("guild",))
def two_factor(ground: Ground) -> Iterator[Finding]:
    if ground.guild.body.get("mfa_level"):
        yield warning(
            "the server demands two-factor authentication (2FA) of its moderators: the bot can do nothing unless the "
            "account that owns the application has it, which cannot be seen from here",
            "that account: Discord → User Settings → My Account → Enable Authenticator App",
        )
