"""An auth user as a value: the desired state, the linked account, and what was brought to Discord. Pure."""

from dataclasses import dataclass

from chalicelib.discord.models import AS_ASKED, Account, Answers
from chalicelib.problems import NO_PROBLEMS, Problems, last_error
from chalicelib.store.cutoff import NO_CUTOFF, Cutoff


@dataclass(frozen=True, slots=True)
class Previous:
    """The account that a link replaces, to be put back if the new one never comes. `activated_at` in epoch seconds."""

    account: Account
    activated_at: int


@dataclass(frozen=True, slots=True)
class Statement:
    """What the auth site stated of a user with a link token. `changed_at`: epoch milliseconds."""

    groups: tuple[str, ...]
    nickname: str | None
    changed_at: int


@dataclass(frozen=True, slots=True)
class Link:
    """The Discord account of an auth user. Times in epoch seconds.

    Until `joining_until` a callback may be bringing the member into the guild: if they are missing, they have not left.
    `notify_pending`: the auth site has yet to be notified of the link. `claim`: the attempt that stored the link, None
    if it was imported or put back. `issued_at`, `opened_at`: of that attempt (see `cutoff.Cutoff`). `previous`: the
    account that this one replaces, as long as this one has not been seen in the guild.
    """

    account: Account
    activated_at: int
    joining_until: float = 0.0
    notify_pending: bool = False
    guild_id: int = 0
    claim: str | None = None
    issued_at: float = 0.0
    opened_at: float | None = None
    previous: Previous | None = None


@dataclass(frozen=True, slots=True)
class Leaving:
    """How a removed user goes. `until`: when their grace days are over (epoch seconds)."""

    until: float
    kick: bool
    notify: bool


@dataclass(frozen=True, slots=True)
class Absent:
    """Since when the member is gone, and until when their link is kept (epoch seconds)."""

    since: float
    until: float


@dataclass(frozen=True, slots=True)
class PendingNotice:
    """That a link ended, or a member left, which the auth site is still to be notified of.

    `kind` and `reason` as in the notice. `at`: when it happened (epoch seconds).
    """

    kind: str
    discord_id: str
    username: str
    reason: str | None
    at: float


@dataclass(frozen=True, slots=True)
class Look:
    """When (epoch s) the member was read on Discord, and which parts were compared then (`Parts`, as a number)."""

    at: float
    parts: int


@dataclass(frozen=True, slots=True)
class User:
    """An auth user. `groups` is None if the auth site never stated any, which is not the same as an empty list.

    `groups_at`, `nickname_at`: the auth site's `changed_at` (epoch ms). Other times: epoch seconds. `groups_sent`,
    `nickname_sent`: when the message was sent that stated them; 0 if a token did. `deleted_at`: the user was removed,
    and what was stated up to then is older; a removed user with a link is still to go. `deleted_sent`: if the auth site
    did not date that, what was sent up to then is older. `barred`: which attempts to link are older than a removal.

    `imported_at`: when the link was imported, until the member is once as they should be; then 0, as for links that
    were not imported. `lost_at`: when the member last counted in the removal limit. `held_version`: the version at
    which their deletion is held, `kept_version`: the version at which an operator decided that nothing is taken.
    `pending_notice`: what the auth site is to be notified of, unless the process that stored it does so just now.
    `waiting_version`: the version whose comparison was handed over, since it takes nothing away (`store/waiting.py`).
    """

    user_id: str
    version: int = 0
    groups: tuple[str, ...] | None = None
    groups_at: int = 0
    nickname: str | None = None
    nickname_at: int = 0
    link: Link | None = None
    synced_at: int | None = None
    synced_version: int | None = None
    problems: Problems = NO_PROBLEMS
    failed_at: float | None = None
    looked: Look | None = None
    deleted_at: float | None = None
    answers: Answers = AS_ASKED
    deleted_sent: float | None = None
    groups_sent: float = 0.0
    nickname_sent: float = 0.0
    barred: Cutoff = NO_CUTOFF
    leaving: Leaving | None = None
    absent: Absent | None = None
    imported_at: int = 0
    lost_at: float | None = None
    held_version: int | None = None
    kept_version: int | None = None
    pending_notice: PendingNotice | None = None
    waiting_version: int | None = None

    @property
    def is_deleted(self) -> bool:
        """The user was removed, and nothing newer was stated since."""
        if self.deleted_sent is not None:
            return max(self.groups_sent, self.nickname_sent) <= self.deleted_sent
        return self.deleted_at is not None and max(self.groups_at, self.nickname_at) <= self.deleted_at * 1000

    @property
    def goes_at(self) -> float | None:
        """When the removed user is to go (epoch seconds); None if they are not, or at once."""
        return self.leaving.until if self.leaving and self.is_deleted else None

    @property
    def deletion_held(self) -> bool:
        """The auth site deleted the user, the removal limit holds that, and nothing newer was stated since."""
        return self.held_version == self.version

    @property
    def kept(self) -> bool:
        """An operator decided that nothing is taken until the auth site states something newer."""
        return self.kept_version == self.version

    @property
    def wanted(self) -> tuple[str, ...] | None:
        """The groups that count: none after the user was removed, until the auth site states something newer."""
        return () if self.link is not None and self.is_deleted else self.groups

    @property
    def last_error(self) -> str | None:
        """The problems as the contract words them; None without any."""
        return last_error(self.problems)

    @property
    def settled(self) -> bool:
        """The newest version was brought to Discord, without a problem."""
        return self.synced_version == self.version and not self.problems
