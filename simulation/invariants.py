"""Invariants checked at every step: whether the bot was allowed to change the guild as it did.

They are checked before and after each write, at the moment of its effect, even if no answer arrives. A breach is
recorded and the run continues; it fails at its end.
"""

import json
import re
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

from greenlet import getcurrent

from chalicelib.settings import Settings
from local.discord.messages import Answer, Request
from local.memory.clock import VirtualClock
from local.memory.dynamodb import MemoryDynamoDB
from simulation.auth_site import RecordingAuthSite, group_role
from simulation.loss_checks import too_early

if TYPE_CHECKING:  # it imports simcord, which takes half a second
    from local.discord.admin import Admin
    from local.discord.guild import GuildModel

MEMBER = re.compile(r"/api/v10/guilds/\d+/members/(\d+)")
ROLES = re.compile(r"/api/v10/guilds/\d+/roles")
GUILD_READ = re.compile(r"/api/v10/guilds/\d+")
Ask = Callable[[Request], Answer]
BOT, HAND = "bot", "hand"
BY_THEMSELVES = ("link", "linked by the member", "linked another account", "unlink")  # causes: the member asked for it


class Observed(Protocol):
    """What the invariants read of a running world."""

    clock: VirtualClock
    dynamodb: MemoryDynamoDB
    guild: "Admin"
    model: "GuildModel"
    protected: set[int]
    settings: Settings
    site: RecordingAuthSite


@dataclass
class Note:
    """One line of the trace."""

    at: float
    who: str
    what: str
    more: dict[str, object]


@dataclass
class Held:
    """Who gave a member a role, and when."""

    by: str
    at: float


@dataclass
class Seen:
    """A member at one moment."""

    roles: frozenset[int]
    nick: str | None


@dataclass
class Invariants:
    """What was observed so far. `breaches` are sentences; none means that the run is right.

    One method for each thing that is observed, and for each kind of change that is judged, hence so many.
    """

    world: Observed
    breaches: list[str] = field(default_factory=list)
    trace: deque[Note] = field(default_factory=lambda: deque(maxlen=5000))
    linked_to: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))  # Discord id: all users so far
    accounts_of: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    names: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))  # every name of each role so far
    bot_changes: list[tuple[int, float]] = field(default_factory=list)  # (member, when), of the bot
    held: dict[tuple[int, int], Held] = field(default_factory=dict)  # (member, role)
    joined: dict[int, str] = field(default_factory=dict)  # who brought a member in
    forgiven: set[int] = field(default_factory=set)  # accounts whose link a restored store has lost
    hand_at: dict[int, float] = field(default_factory=dict)  # when each member was last changed by hand
    roles_hand_at: float = float("-inf")  # when any role was last changed by hand
    beyond: set[int] = field(default_factory=set)  # members whom the bot tried to remove and may not
    refused_nicknames: set[tuple[int, str | None]] = field(default_factory=set)  # with the member's Discord id
    unheard_nicknames: set[tuple[int, str]] = field(default_factory=set)  # accepted and not set, once so far
    reserved_since: dict[int, float] = field(default_factory=dict)  # since when roles have had a reserved name
    made: dict[str, int] = field(default_factory=dict)  # existing roles that the bot created, by name
    losses: list[tuple[float, int]] = field(default_factory=list)  # when the bot took something, from which member
    created: int = 0
    ends: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    finished: set[str] = field(default_factory=set)  # bodies of messages with which there is nothing more to do
    tokens: dict[str, float] = field(default_factory=dict)  # when the token of each attempt was issued, by claim
    linked_by: dict[str, float] = field(default_factory=dict)  # when the token was issued by which a user is linked
    _current: set[tuple[str, int]] = field(default_factory=set)  # the links that stand
    _read: dict[tuple[object, int], float] = field(default_factory=dict)  # (greenlet, member): when
    _guild_read: dict[object, float] = field(default_factory=dict)

    # --- trace ---

    def note(self, who: str, what: str, /, **more: object) -> None:
        """Add a line to the trace."""
        self.trace.append(Note(self.world.clock.now(), who, what, more))

    def breach(self, rule: str, text: str) -> None:
        """Record a breach."""
        line = f"({rule}) {text}"
        self.note("BREACH", line)
        if line not in self.breaches:
            self.breaches.append(line)

    def links(self) -> None:
        """Record the current links."""
        rows = [row for row in self.world.dynamodb.items("accounts") if row["user_id"]["S"]]
        current = {(row["user_id"]["S"], int(row["discord_id"]["N"])) for row in rows}
        self._current = current
        for user_id, discord_id in current:
            self.linked_to[discord_id].add(user_id)
            self.accounts_of[user_id].add(discord_id)
        for row in self.world.dynamodb.items("users"):
            claim = row.get("claim", {}).get("S")
            if claim in self.tokens:  # an account that is put back keeps the token of the attempt that failed
                self.linked_by[row["user_id"]["S"]] = self.tokens[claim]

    # --- the guild, by hand ---

    def roles_now(self) -> None:
        """Record the roles, which may have been created, renamed, moved or deleted."""
        guild, now = self.world.model, self.world.clock.now()
        for role in guild.guild.roles.values():
            self.names[role.id].add(role.name.strip())
            if self._reserved(role.name):
                self.reserved_since.setdefault(role.id, now)
            else:
                self.reserved_since.pop(role.id, None)
        self.made = {name: role_id for name, role_id in self.made.items() if role_id in guild.guild.roles}
        for gone in [key for key in self.held if key[1] not in guild.guild.roles]:
            del self.held[gone]

    def by_hand(self, discord_id: int, before: Seen | None) -> None:
        """Record that a person changed this member, or that they joined or left."""
        self.hand_at[discord_id] = self.world.clock.now()
        self._record_change(discord_id, before, self.see(discord_id), HAND)

    def see(self, discord_id: int) -> Seen | None:
        """The member's current state; None if they are not a member."""
        member = self.world.model.guild.members.get(discord_id)
        return Seen(frozenset(member.role_ids), member.nick) if member else None

    def _record_change(self, discord_id: int, before: Seen | None, after: Seen | None, by: str) -> None:
        now = self.world.clock.now()
        old, new = before.roles if before else frozenset(), after.roles if after else frozenset()
        for role_id in old - new:
            self.held.pop((discord_id, role_id), None)
        for role_id in new - old:
            self.held[discord_id, role_id] = Held(by, now)
        if before is None and after is not None:
            self.joined[discord_id] = by
        if after is None:
            self.joined.pop(discord_id, None)

    # --- the bot ---

    def handle(self, answer: Ask, request: Request) -> Answer:
        """Let Discord answer, and check the effect."""
        me, now = getcurrent(), self.world.clock.now()
        member = MEMBER.match(request.path)
        if request.method == "GET":
            if member:
                self._read[me, int(member[1])] = now
            elif GUILD_READ.fullmatch(request.path):
                self._guild_read[me] = now
            return answer(request)
        if member:
            return self._change_member(answer, request, int(member[1]))
        if ROLES.fullmatch(request.path):
            return self._change_roles(answer, request)
        return answer(request)

    def _change_member(self, ask: Ask, request: Request, discord_id: int) -> Answer:
        before, now = self.see(discord_id), self.world.clock.now()
        answer = ask(request)
        after = self.see(discord_id)
        if request.method == "DELETE" and answer.status == HTTPStatus.FORBIDDEN:
            self.beyond.add(discord_id)
        if answer.status == HTTPStatus.BAD_REQUEST and request.body:
            self.refused_nicknames.add((discord_id, json.loads(request.body).get("nick")))
        self._unheard_nickname(request, answer, discord_id, after)
        if before != after:
            self._count_loss(request, discord_id, before, after)
            self._judge(request, discord_id, before, after)
            self._record_change(discord_id, before, after, BOT)
            self.bot_changes.append((discord_id, now))
        self.note(
            "bot",
            request.method,
            path=request.path.split("/members/")[-1],
            body=request.body[:200],
            status=answer.status,
            before=before and sorted(before.roles),
            after=after and sorted(after.roles),
        )
        return answer

    def _unheard_nickname(self, request: Request, answer: Answer, discord_id: int, after: Seen | None) -> None:
        """Count a nickname as refused that Discord accepted twice and did not set: nobody asks a third time."""
        asked = json.loads(request.body or b"{}").get("nick") if request.method == "PATCH" else None
        if asked is None or after is None or answer.status != HTTPStatus.OK:
            return
        if after.nick in (asked, self.world.guild.world.stored_nickname(asked, discord_id)):
            self.unheard_nicknames.discard((discord_id, asked))
        elif (discord_id, asked) in self.unheard_nicknames:
            self.refused_nicknames.add((discord_id, asked))
        else:
            self.unheard_nicknames.add((discord_id, asked))

    def _count_loss(self, request: Request, discord_id: int, before: Seen | None, after: Seen | None) -> None:
        """Record who lost a role or was removed, unless they asked for it themselves.

        A role that was given between the read and the PATCH of the whole list does not count: nobody meant to take it.
        """
        reason = unquote(request.headers.get("x-audit-log-reason", "")).removeprefix("Rolecall: ")
        taken = before.roles - after.roles if before and after else frozenset()
        lost = before is not None and (after is None or any(self._since_read(discord_id, one) is None for one in taken))
        if lost and reason not in BY_THEMSELVES:
            self.losses.append((self.world.clock.now(), discord_id))
            if found := too_early(self.world, discord_id, self.linked_to[discord_id], removed=after is None):
                self.breach(*found)

    def _change_roles(self, ask: Ask, request: Request) -> Answer:
        roles = self.world.model.guild.roles
        before = set(roles)
        answer = ask(request)
        for role_id in set(roles) - before:
            name = roles[role_id].name
            self.created += 1
            self.note("bot", "created a role", name=name, id=role_id)
            twin = self.made.get(name)
            if twin is not None and roles[twin].name == name:
                self.breach("e", f"the bot created the role {name!r} twice")
            self.made[name] = role_id
        self.roles_now()
        return answer

    def _judge(self, request: Request, discord_id: int, before: Seen | None, after: Seen | None) -> None:
        users = self.linked_to[discord_id]
        who = f"{discord_id} ({', '.join(sorted(users)) or 'nobody'})"
        if discord_id in self.world.protected and before is not None:
            self.breach("d", f"the protected member {who} was changed: {request.method}")
        if after is None:
            # The removal of a replaced account may meet a restored store without its link.
            if discord_id not in self.forgiven and not any(
                self.world.site.may_kick(user, discord_id, self.accounts_of) for user in users
            ):
                self.breach("c", f"{who} was removed from the guild, and nobody asked for it")
            self._judge_removal(discord_id, who)
            return
        old = before.roles if before else frozenset()
        for role_id in after.roles - old:
            self._judge_given(role_id, who, users)
        for role_id in old - after.roles:
            self._judge_taken(role_id, discord_id, who)
        nick = before.nick if before else None
        stored = self.world.guild.world.stored_nickname
        wanted = {stored(name, discord_id) for name in self.world.site.nicknames(users)}
        if after.nick != nick and after.nick not in wanted:
            self.breach("c", f"{who} got the nickname {after.nick!r}, which nobody gave")

    def _judge_removal(self, discord_id: int, who: str) -> None:
        """An account that is linked may be removed only if its user was deleted after the token that linked it."""
        owners = [user for user, account in self._current if account == discord_id]
        entitled = [user for user in owners if not self.world.site.wants_gone(user, self.linked_by.get(user, 0.0))]
        if entitled and discord_id not in self.forgiven:
            self.breach("c", f"{who} was removed from the guild while {owners} was entitled to be in it")

    def _judge_given(self, role_id: int, who: str, users: set[str]) -> None:
        names = self.names[role_id]
        if not names & self.world.site.ever_told(users):
            self.breach("c", f"{who} got the role {sorted(names)}, which no message gave")
        if self._was_reserved(role_id):
            self.breach("d", f"{who} got the reserved role {sorted(names)}")

    def _judge_taken(self, role_id: int, discord_id: int, who: str) -> None:
        role = self.world.model.guild.roles.get(role_id)
        if role is None:
            return
        if self._since_read(discord_id, role_id) == HAND:
            return  # given by hand between the bot's read and its PATCH of the whole list: the only exemption
        if self._was_reserved(role_id):
            self.breach("d", f"the reserved role {role.name!r} was taken from {who}")

    def _since_read(self, discord_id: int, role_id: int) -> str | None:
        """By whom the member was given the role since this process read them last; None if they had it before."""
        held = self.held.get((discord_id, role_id))
        read = self._read.get((getcurrent(), discord_id), float("-inf"))
        return held.by if held and held.at >= read else None

    def _reserved(self, name: str) -> bool:
        return name.strip().casefold() in self.world.settings.reserved_roles

    def _was_reserved(self, role_id: int) -> bool:
        """Whether the role has been reserved for so long that the bot must know it."""
        since = self.reserved_since.get(role_id)
        slack = self.world.settings.roles_cache_max_age + 60
        return since is not None and since < self.world.clock.now() - slack

    def wanted(self, groups: tuple[str, ...]) -> dict[str, None]:
        """The role names of these groups."""
        return dict.fromkeys(
            name for name in map(group_role, groups) if name and name != "@everyone" and not self._reserved(name)
        )
