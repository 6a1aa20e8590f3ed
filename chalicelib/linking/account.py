"""What the auth site's own page shows of a linked user."""

from typing import Annotated, Any

from msgspec import Meta, Struct, to_builtins

from chalicelib.linking.context import JOIN_OPTIONS
from chalicelib.members.guild import GuildView
from chalicelib.messages import UserId
from chalicelib.notices import DiscordId, Moment
from chalicelib.problems import in_order, text
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.users import User


class RoleShown(Struct, frozen=True, kw_only=True):
    """A role that a group of the user stands for."""

    name: Annotated[str, Meta(description="The role's name on Discord.", examples=["Member"])]
    group: Annotated[str, Meta(description="The group that gives it.", examples=["Member"])]
    held: Annotated[bool, Meta(description="Whether the member has it, as of the last time Rolecall saw them.")]


class ProblemShown(Struct, frozen=True, kw_only=True):
    """Something that could not be done."""

    code: Annotated[str, Meta(description="The kind of problem.", examples=["role_out_of_reach"])]
    text: Annotated[str, Meta(description="The same in a sentence for people.")]


class LinkedAccount(Struct, frozen=True, kw_only=True):
    """A user's linked Discord account. Times are milliseconds since 1970 (UTC). Fields may be added."""

    user_id: UserId
    discord_id: DiscordId
    username: Annotated[
        str,
        Meta(
            description="The Discord username as it is shown. Empty for an imported link until the first look.",
            examples=["@kira"],
        ),
    ]
    activated_at: Annotated[Moment, Meta(description="When the account was linked, in milliseconds since 1970 (UTC).")]
    synced_at: Annotated[
        Moment | None,
        Meta(
            description="When the member last was as the auth site wants, in milliseconds since 1970 (UTC), or null.",
            examples=[1767225612000],
        ),
    ]
    last_error: Annotated[
        str | None, Meta(description="What could not be done for this member. Null: nothing is in the way.")
    ]
    in_step: Annotated[
        bool,
        Meta(
            description="Whether the member is as the auth site stated last, as far as Rolecall has seen.",
            examples=[True],
        ),
    ]
    roles: Annotated[
        list[RoleShown],
        Meta(
            description="The roles that the user's groups stand for, in the order of the groups.",
            examples=[[{"name": "Member", "group": "Member", "held": True}]],
        ),
    ]
    problems: Annotated[
        list[ProblemShown], Meta(description="What could not be done for this member, one by one.", examples=[[]])
    ]
    absent_since: Annotated[
        int | None,
        Meta(
            description="Since when the member is missing from the server, in milliseconds since 1970 (UTC); null: "
            "they are in it. The link is kept until `removal_at`.",
            examples=[None],
        ),
    ]
    removal_at: Annotated[
        int | None,
        Meta(
            description="When the link ends unless something newer is stated, or the member comes back, in "
            "milliseconds since 1970 (UTC); null: it stays.",
            examples=[None],
        ),
    ]
    server_name: Annotated[
        str, Meta(description="The Discord server's name. Empty where Discord does not say.", examples=["Ours"])
    ]


def account_of(services: Services, view: GuildView, user_id: str) -> dict[str, Any] | None:
    """The answer to `GET /discord/users/{user_id}`; None if the user has no link. Times are epoch milliseconds."""
    user = users.get(user_id, now=services.now())
    if user is None or user.link is None or not view.is_its_own(user.link):
        return None
    in_step = user.settled and user.absent is None
    account = LinkedAccount(
        user_id=user.user_id,
        discord_id=str(user.link.account.id),
        username=user.link.account.shown,
        activated_at=user.link.activated_at * 1000,
        synced_at=None if user.synced_at is None else user.synced_at * 1000,
        last_error=user.last_error,
        in_step=in_step,
        roles=_roles(user, view, held=in_step),
        problems=[ProblemShown(code=one.kind.value, text=text(one)) for one in in_order(user.problems)],
        absent_since=_milliseconds(user.absent.since if user.absent else None),
        removal_at=_milliseconds(user.goes_at or (user.absent.until if user.absent else None)),
        server_name=view.name(JOIN_OPTIONS),
    )
    found: dict[str, Any] = to_builtins(account)
    return found


def _roles(user: User, view: GuildView, *, held: bool) -> list[RoleShown]:
    """The roles of the groups that count. Discord is not asked for it: without known facts of the guild none."""
    guild = view.remembered()
    if guild is None or not user.wanted:
        return []
    rules = view.rules(guild).roles
    ids = rules.match(user.wanted).ids
    named = [(group, rules.name_of(group)) for group in user.wanted]
    return [
        RoleShown(
            name=guild.by_id[ids[name]].name if name in ids else name,
            group=group,
            held=held and name in ids,
        )
        for group, name in named
        if name is not None and not rules.policy.reserves(name)
    ]


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1000)
