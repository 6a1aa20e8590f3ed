"""The messages that ask for work: the five kinds of the contract, and Rolecall's own. Pure.

Each kind is a struct here, with the parts of a member that it is about, and a row in `delivery/kinds.py`, which says
how it is handled.
"""

from enum import CONFORM, Flag, StrEnum, auto
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from chalicelib.errors import BadMessage
from chalicelib.queues import MAX_BODY

# Descriptions and examples are for the schemas of docs/reference (`make docs`).
Name = Annotated[str, Meta(max_length=1000)]  # characters; roles are cut to 100, nicknames to 32 when they are used
UserId = Annotated[
    str,
    Meta(min_length=1, max_length=256, description="The user's id on the auth site, as text.", examples=["101"]),
]
Groups = Annotated[
    list[Name],
    Meta(
        max_length=1000,
        description="The names of all groups of the user; each stands for the Discord role of that name (100 "
        "characters). An empty list takes all roles.",
        examples=[["Member", "Logistics"]],
    ),
]
Nickname = Annotated[
    Name | None,
    Meta(
        description="The name of the user's main character, which becomes the nickname (32 characters). Null: the user "
        "has none; the nickname is left as it is.",
        examples=["Kira Vantari"],
    ),
]
ChangedAt = Annotated[
    int,
    Meta(
        ge=0,
        le=10**14,
        description="When the auth site changed this user, in milliseconds since 1970 (UTC). It orders a user's "
        "changes: an older one never overwrites a newer one.",
        examples=[1767225600000],
        extra_json_schema={"format": "int64"},
    ),
]
Notify = Annotated[bool, Meta(description="Whether an `unlinked` notice is to be sent.", examples=[True])]


class ExpireBehavior(StrEnum):
    """What happens to the member of a user who is removed, in Discord's own words for integrations."""

    KICK = "kick"
    REMOVE_ROLES = "remove_roles"


ExpireBehaviorField = Annotated[
    Literal["kick", "remove_roles"],
    Meta(
        description="What happens to the member: `kick`, or `remove_roles`, which leaves them in the server without "
        "roles. Default: the setting `DISCORD_EXPIRE_BEHAVIOR`.",
        examples=["kick"],
    ),
]
MAX_GRACE_DAYS = 30
GraceDays = Annotated[
    int,
    Meta(
        ge=0,
        le=MAX_GRACE_DAYS,
        description="Days between losing the roles, which happens at once, and the end of the link and the kick. "
        "Default: the setting `DISCORD_EXPIRE_GRACE_DAYS`.",
        examples=[3],
    ),
]
MAX_CLOCK_SKEW = 60  # seconds that the auth site's clock may run ahead of ours
MAX_FUTURE = 24 * 3600  # seconds that `changed_at` may lie ahead of our clock; a later one would block all changes


class Parts(Flag, boundary=CONFORM):
    """The parts of a member that a job reconciles. Bits that only another version knows are ignored."""

    GROUPS = auto()
    NICKNAME = auto()
    USERNAME = auto()
    ALL = GROUPS | NICKNAME | USERNAME


# --- what the auth site sends --------------------------------------------------------------------------------


class _ForUser(Struct, frozen=True, tag_field="kind", kw_only=True):
    user_id: UserId


class UpdateGroups(_ForUser, frozen=True, kw_only=True, tag="update_groups"):
    """Store the groups, if given; then make the member's roles match what is stored."""

    about: ClassVar[Parts] = Parts.GROUPS
    groups: Groups | UnsetType = UNSET
    changed_at: ChangedAt | UnsetType = UNSET


class UpdateNickname(_ForUser, frozen=True, kw_only=True, tag="update_nickname"):
    """Store the nickname, if given; then make the member's nickname match (only with DISCORD_SYNC_NAMES)."""

    about: ClassVar[Parts] = Parts.NICKNAME
    nickname: Nickname | UnsetType = UNSET
    changed_at: ChangedAt | UnsetType = UNSET


class UpdateUsername(_ForUser, frozen=True, kw_only=True, tag="update_username"):
    """Read the member's Discord username and store it."""

    about: ClassVar[Parts] = Parts.USERNAME


class UpdateAll(_ForUser, frozen=True, kw_only=True, tag="update_all"):
    """Store what is given; then roles, nickname and username together."""

    about: ClassVar[Parts] = Parts.ALL
    groups: Groups | UnsetType = UNSET
    nickname: Nickname | UnsetType = UNSET
    changed_at: ChangedAt | UnsetType = UNSET


class DeleteUser(_ForUser, frozen=True, kw_only=True, tag="delete_user"):
    """Remove the member from the guild and delete the link."""

    about: ClassVar[Parts] = Parts.ALL
    notify: Notify = False
    changed_at: ChangedAt | UnsetType = UNSET
    expire_behavior: ExpireBehaviorField | UnsetType = UNSET
    grace_days: GraceDays | UnsetType = UNSET


# --- what Rolecall sends itself ------------------------------------------------------------------------------


class RemoveReplacedAccount(Struct, frozen=True, tag_field="kind", tag="part_with", kw_only=True):
    """Remove a Discord account from the guild unless it is linked to anybody: its user linked another one.

    Times are epoch seconds. `expire_behavior` is unset for what the settings say. `until`: the kick waits until then,
    and the roles go at once; unset for the settings' grace days from now on. `joined_before`: only a member who joined
    before then, since somebody invited those who come later. `with_roles`: and only a member who holds roles that the
    bot can take, where nobody asked for the removal: without any they came by themselves, not by a request to join.
    `joined_after`: when the link was made that is to be replaced. The message is sent before the new one, which may be
    refused: an account that was not replaced goes only if it joined since then, or holds roles that the bot can take.
    """

    user_id: UserId
    discord_id: int
    expire_behavior: ExpireBehavior | UnsetType = UNSET
    until: float | UnsetType = UNSET
    joined_before: float | UnsetType = UNSET
    with_roles: bool = False
    joined_after: float | UnsetType = UNSET


class UnlinkUser(Struct, frozen=True, tag_field="kind", tag="unlink_user", kw_only=True):
    """Remove the member and delete the link, because the person asked for it. Times are epoch seconds.

    `issued_at`: when the auth site issued the token, by its clock; `asked_at`: when the person confirmed, by ours.
    """

    user_id: UserId
    issued_at: float
    asked_at: float


class VerifyLink(Struct, frozen=True, tag_field="kind", tag="check_link", kw_only=True):
    """A callback has ended, or should have by now: reconcile the member unless that was done."""

    user_id: UserId


class VerifyRemoval(Struct, frozen=True, tag_field="kind", tag="check_removal", kw_only=True):
    """A role was taken by a request whose answer does not show the member: look at them once more."""

    user_id: UserId
    discord_id: int


class StripUnlinked(Struct, frozen=True, tag_field="kind", tag="strip_unlinked", kw_only=True):
    """A sweep found a member without a link who holds roles that stand for groups: take those roles.

    `exempt`: whatever the removal limit says, since a person forced the sweep.
    """

    discord_id: int
    sweep_id: str
    exempt: bool = False


class ReleaseRemoval(Struct, frozen=True, tag_field="kind", tag="release_removal", kw_only=True):
    """Reconcile the member whatever the removal limit says, because a person allowed it; `cause` says who.

    `deletion`: remove the user instead, unless anything newer than `version` is known of them (0: in any case).
    """

    user_id: UserId
    cause: str
    version: int = 0
    deletion: DeleteUser | None = None


class AnswerCommand(Struct, frozen=True, tag_field="kind", tag="answer_command", kw_only=True):
    """Bring the answer to a command whose answer was deferred: what it needs is stored under the interaction's id."""

    interaction_id: Annotated[str, Meta(max_length=20)]


class PostToOfficers(Struct, frozen=True, tag_field="kind", tag="post_to_officers", kw_only=True):
    """Post to the officers' channel. `event` stands for what is told: it is posted once in `every` seconds."""

    event: Annotated[str, Meta(max_length=64)]
    content: Annotated[str, Meta(max_length=2000)]
    every: float


class StartSweep(Struct, frozen=True, tag_field="kind", tag="start_sweep", kw_only=True):
    """Start a sweep as soon as no other one runs.

    `waiting`: compare only the users who wait for that; it is the token of their driver (`store/waiting.py`), and
    `began` says since when it waits for a good moment (epoch seconds). Older versions start a whole sweep instead.
    `claim`: unless another one waits in its place; empty: anyway.
    """

    parts: int
    force: bool = False
    tries: int = 0
    claim: str = ""
    waiting: str = ""
    began: float = 0.0


class ComparePage(Struct, frozen=True, tag_field="kind", tag="survey", kw_only=True):
    """Compare one page of members and links, from Discord id `after` on, and store who differs."""

    sweep_id: str
    page: int = 0
    after: int = 0


class RepairPage(Struct, frozen=True, tag_field="kind", tag="repair", kw_only=True):
    """Queue the repairs of one page of a sweep, from `offset` on, as far ahead as the rate limits can be planned.

    Phase 0 is for members who lose something, phase 1 for the others. `step` is the sweep's.
    """

    sweep_id: str
    step: int
    phase: int = 0
    page: int = 0
    offset: int = 0


class RepairMember(Struct, frozen=True, tag_field="kind", tag="repair_member", kw_only=True):
    """Reconcile one member. `version` is the user's version that the sweep compared.

    `role` is set if one role is all that differs, and `give` says which way: then the member is not read again. `take`
    is False if nothing may be taken. `brake` is 0 if the member was counted in the removal limit when the sweep was
    judged, at `counted_at` (epoch seconds; 0 if an operator forced the sweep); else the member counts when they lose
    something.
    """

    user_id: UserId
    sweep_id: str
    parts: int
    version: int
    role: int | None = None
    give: bool = False
    take: bool = True
    brake: int = 0
    counted_at: float = 0.0

    @property
    def about(self) -> Parts:
        """The parts of the member that differ."""
        return Parts(self.parts)


UserJob = UpdateGroups | UpdateNickname | UpdateUsername | UpdateAll | DeleteUser
Own = (
    RemoveReplacedAccount
    | UnlinkUser
    | VerifyLink
    | VerifyRemoval
    | StripUnlinked
    | ReleaseRemoval
    | AnswerCommand
    | PostToOfficers
    | StartSweep
    | ComparePage
    | RepairPage
    | RepairMember
)
Job = UserJob | Own


def read_job(body: str, *, now: float, own: bool) -> Job:
    """Return the job in a message's body. `now` is in epoch seconds; with `own`, Rolecall's own kinds are accepted.

    Raises BadMessage, which says what is wrong without quoting the message.
    """
    raw = body.encode("utf-8", "surrogatepass")
    if len(raw) > MAX_BODY:
        raise BadMessage(f"over-long: {len(raw)} bytes, at most {MAX_BODY}")
    try:
        job: Job = _ANY.decode(raw) if own else _CHANGES.decode(raw)
    except msgspec.MsgspecError as error:
        raise BadMessage(_plain(error)) from None
    except (UnicodeDecodeError, RecursionError):
        raise BadMessage("not JSON in UTF-8") from None
    _check_stamp(job, now)
    return job


def _check_stamp(job: Job, now: float) -> None:
    """Raise BadMessage unless `changed_at` comes together with a change, and does not lie in the future."""
    told = [getattr(job, name, UNSET) is not UNSET for name in ("groups", "nickname")]
    changed_at = getattr(job, "changed_at", UNSET)
    if any(told) and changed_at is UNSET:
        raise BadMessage("changed_at is missing: groups and nicknames are ordered by it")
    if isinstance(changed_at, int):
        if not any(told) and not isinstance(job, DeleteUser):
            raise BadMessage("changed_at is given, but nothing that changed")
        if changed_at > (now + MAX_FUTURE) * 1000:
            raise BadMessage("changed_at lies more than a day ahead; it is in milliseconds since 1970")


def _plain(error: msgspec.MsgspecError) -> str:
    """Say what msgspec found wrong. It names types and fields, and quotes nothing but an unknown kind."""
    text = str(error)
    if "Invalid value" in text and "kind" in text:
        return "unknown kind"
    return text[:300]


_CHANGES = msgspec.json.Decoder(UserJob)
_ANY = msgspec.json.Decoder(Job)


def parts_of(job: UserJob | RepairMember) -> Parts:
    """The parts of a member that the job is about."""
    return job.about


def encode(job: Job) -> bytes:
    """Return the job as the body of a message."""
    return msgspec.json.encode(job)
