"""Checks at the end of a run, when faults have stopped, a sweep has run and the queues are empty."""

import json
from collections import Counter
from typing import Any

from chalicelib.members.plan import NICKNAME_REFUSED, nickname_of
from chalicelib.messages import MAX_CLOCK_SKEW
from chalicelib.store import users
from chalicelib.store.guild import GuildMemory
from chalicelib.store.sweeps import Sweeps, SweepState
from chalicelib.store.users import User
from local.discord.guild import GuildModel
from local.simulated import GUILD, STAGE
from simulation.actors.cast import Cast
from simulation.auth_site import MESSAGE, UNSAID, Statement
from simulation.conditions import NAMED_ROLE
from simulation.harness import FIRST_PERSON
from simulation.invariants import BOT, Invariants

COUNTED_FOR = 3300.0  # seconds: an hour less five minutes, the step in which the removal limit counts
FEW_REFUSED, REFUSED_SHARE = 3, 0.1  # requests, and part of them, that differing clocks may cause to be refused
INDEX_SETTLES = 10.0  # seconds; more than the longest lag of the index of links


class FinalChecks:
    """Checks a world in which nothing happens any more; breaches are recorded in its `invariants`.

    One method for each thing that must hold, hence so many.
    """

    def __init__(self, cast: Cast) -> None:
        self._world = cast.world
        self._cast = cast
        self._site = cast.site
        self._invariants: Invariants = cast.world.invariants
        self._model: GuildModel = cast.world.model
        self._dead = Counter(body for body, _ in self._world.dead_letters())

    def converged(self) -> None:
        """Before any sweep: a synced user who was not changed by hand since is as the auth site stated."""
        if self._world.plan.restore:
            return
        invariants, slack = self._invariants, self._world.settings.roles_cache_max_age + 60
        for user_id in self._cast.users:
            user = users.get(user_id, now=self._world.clock.now())
            if user is None or user.link is None:
                continue
            self._settled_or_explained(user)
            if not user.settled or user.synced_at is None:
                continue
            discord_id = user.link.account.id
            member, by_hand = invariants.see(discord_id), invariants.hand_at.get(discord_id, 0.0) + 1
            if member is None or discord_id in self._world.protected:
                continue
            if min(user.groups_at / 1000, user.synced_at) > max(by_hand, invariants.roles_hand_at + slack):
                self._roles(user, discord_id, self._ours(member.roles))
            if min(user.nickname_at / 1000, user.synced_at) > by_hand:
                self._nickname(user, discord_id, member.nick)

    def _settled_or_explained(self, user: User) -> None:
        """A linked user is settled, or has a stated problem, or a dead letter that says why not."""
        never_stated = user.groups is None and user.nickname is None
        on_their_way = user.absent is not None or user.goes_at is not None
        if user.settled or user.problems or never_stated or on_their_way or self._explained(user.user_id):
            return
        self._breach("b", f"{user.user_id} is linked and not settled, and nothing says why")

    def _explained(self, user_id: str, *kinds: str) -> bool:
        """Whether a dead letter about the user, of one of these kinds if any are given, has a reason."""
        for body, reason in self._world.dead_letters():
            if not reason or reason.startswith("bad message"):
                continue
            job = json.loads(body)
            if job.get("user_id") == user_id and (not kinds or job["kind"] in kinds):
                return True
        return False

    def judge(self) -> None:
        """Check everything that must hold at the end."""
        for user_id in self._cast.users:
            user = users.get(user_id, now=self._world.clock.now())
            self._accounted(user_id, user)
            self._deleted(user_id, user)
            if user and user.link:
                self._as_told(user)
        self._unlinked_have_nothing()
        self._accounts()
        self._queues()
        self._limits()

    # --- (b) every message is accounted for ---

    def _accounted(self, user_id: str, user: User | None) -> None:
        for name in ("groups", "nickname"):
            told = [one for one in self._site.statements[user_id] if getattr(one, name) is not UNSAID]
            certain = [one for one in told if one.by == MESSAGE and not self._dead[one.body]]
            newest = max((one.stamp for one in certain), default=0)
            at = getattr(user, f"{name}_at") if user else 0
            if at < newest and not self._forgotten(user, newest):
                self._breach("b", f"{user_id}: {name} of {newest} were posted, and the store knows those of {at}")
            if at:
                self._same(user_id, name, getattr(user, name), [one for one in told if one.stamp == at])

    def _forgotten(self, user: User | None, stamp: int) -> bool:
        """Whether the store may have dropped the statement: without a link it is kept for a day."""
        linked = user is not None and user.link is not None
        return not linked and stamp / 1000 < self._world.clock.now() - users.UNLINKED_RETENTION

    def _same(self, user_id: str, name: str, stored: Any, said: list[Statement]) -> None:  # noqa: ANN401 - groups or name
        values = [getattr(one, name) for one in said]
        if name == "groups":
            values = [tuple(value) for value in values]
        else:  # an empty nickname means none
            values, stored = [value or None for value in values], stored or None
        if stored not in values:
            self._breach("b", f"{user_id}: the store says {name} {stored}, the auth site said {values}")

    def _deleted(self, user_id: str, user: User | None) -> None:
        person = self._site.users[user_id]
        ahead = self._world.plan.conditions.clocks.auth_site  # the clock of tokens, which have whole seconds
        gone = person.deleted_at is not None and person.last_token_at < int(person.deleted_at + ahead)
        if gone and person.deleted_at is not None and self._is_cancelled(user_id, person.deleted_at):
            return
        if gone and user and user.link and not self._explained(user_id, "delete_user", "unlink_user"):
            self._breach("a", f"{user_id} was deleted, and is linked to {user.link.account.id}")

    def _is_cancelled(self, user_id: str, deleted_at: float) -> bool:
        """Whether something newer was stated: it cancels a deletion that is dated, waits for its grace days, or is held
        by the removal limit or the first-run lock.
        """
        conditions = self._world.plan.conditions
        may_be = conditions.dated or conditions.grace_days or conditions.removal_limit or user_id in self._cast.imported
        newest = max((one.stamp for one in self._site.statements[user_id]), default=0) / 1000
        return bool(may_be) and (newest > deleted_at - MAX_CLOCK_SKEW or self._was_sent_after(user_id, deleted_at))

    def _was_sent_after(self, user_id: str, deleted_at: float) -> bool:
        """Whether the auth site sent a statement after a deletion that it did not date, however old what it states."""
        deletes = self._site.users[user_id].deletes
        if not deletes or "changed_at" in json.loads(deletes[-1]):
            return False
        bodies = {one.body for one in self._site.statements[user_id] if one.by == MESSAGE}
        return any(one.body in bodies and not one.attributes and one.at > deleted_at for one in self._world.sqs.sent)

    # --- (a) the guild is as the auth site wants it ---

    def _as_told(self, user: User) -> None:
        assert user.link is not None  # noqa: S101 - the caller looked
        discord_id = user.link.account.id
        member = self._invariants.see(discord_id)
        if member is None:
            self._breach("a", f"{user.user_id} is linked to {discord_id}, who is not in the guild")
            return
        if discord_id in self._world.protected or self._is_refused(user, discord_id):
            return
        if user.wanted is not None:
            self._roles(user, discord_id, self._ours(member.roles))
        self._nickname(user, discord_id, member.nick)

    def _roles(self, user: User, discord_id: int, held: frozenset[int]) -> None:
        wanted = self._invariants.wanted(user.wanted or ())
        accepted: set[int] = set()
        count = 0
        for name in wanted:
            candidates, out_of_reach = self._standing_for(name)
            accepted |= candidates
            count += bool(held & candidates)
            missing = not held & candidates
            # A role that had this name while nobody needed it was never matched, and does not count.
            not_there = all(role.name.strip() != name for role in self._model.guild.roles.values())
            refused = name == NAMED_ROLE and "refused_role_name" in self._world.plan.conditions.names and not_there
            may_lack = refused or out_of_reach or (not_there and self._world.settings.disable_role_creation)
            if missing and not may_lack:
                self._breach("a", f"{user.user_id} ({discord_id}) lacks {name!r}; holds {self._named(held)}")
        if self._world.plan.conditions.environment.get("DISCORD_MANAGED_ROLES") == "known":
            held = frozenset(role_id for role_id in held if role_id in self._known())
        if held - accepted or len(held) > max(count, len(wanted)):
            self._breach("a", f"{user.user_id} ({discord_id}) holds {self._named(held)} and should have {list(wanted)}")

    def _known(self) -> set[int]:
        """The roles that stand for a group, as Rolecall remembers: the others are the server's own."""
        stored = GuildMemory(int(GUILD)).roles()
        return {*stored.ever_known, *stored.by_name.values()}

    def _is_refused(self, user: User, discord_id: int) -> bool:
        """Whether Discord refuses every change of this member, and the user has that as a stated problem."""
        refused = [place for places in self._world.plan.conditions.refused_members.values() for place in places]
        return discord_id - FIRST_PERSON in refused and bool(user.problems)

    def _is_refused_account(self, discord_id: int) -> bool:
        """Whether `_is_refused` holds for the user to whom the account is linked.

        Where a role and the nickname differ, each sweep tries once more, since either may be possible by then.
        """
        user_id = users.owner_of(discord_id)
        user = users.get(user_id, now=self._world.clock.now()) if user_id else None
        return user is not None and self._is_refused(user, discord_id)

    def _standing_for(self, name: str) -> tuple[set[int], bool]:
        """The roles that may represent a group, and whether one of its name is above the bot's rank."""
        named = {role.id for role in self._model.guild.roles.values() if role.name.strip() == name}
        ours = self._ours(frozenset(named))
        if ours:
            return set(ours), False
        if named:
            return set(), True
        return {role_id for role_id, names in self._invariants.names.items() if name in names} & set(
            self._ours(frozenset(self._model.guild.roles))
        ), False

    def _ours(self, role_ids: frozenset[int]) -> frozenset[int]:
        roles, bot = self._model.guild.roles, self._model.guild.members[self._model.bot_id]
        top = max((roles[role_id].position, -role_id) for role_id in bot.role_ids)
        return frozenset(
            role_id
            for role_id in role_ids
            if not roles[role_id].managed
            and role_id != self._model.id
            and (roles[role_id].position, -role_id) < top
            and roles[role_id].name.strip().casefold() not in self._world.settings.reserved_roles
        )

    def _named(self, role_ids: frozenset[int]) -> list[str]:
        return sorted(self._model.guild.roles[role_id].name for role_id in role_ids)

    def _nickname(self, user: User, discord_id: int, nick: str | None) -> None:
        wanted = nickname_of(user.nickname)
        if not self._world.settings.sync_names or wanted is None or nick == wanted:
            return
        if (discord_id, wanted) in self._invariants.refused_nicknames and NICKNAME_REFUSED in user.problems:
            return  # refused and reported; it is tried again when it changes
        if nick == self._world.guild.world.stored_nickname(wanted, discord_id):
            return
        guild = self._model.guild
        mine = max(guild.roles[role_id].position for role_id in guild.members[self._model.bot_id].role_ids)
        theirs = max((guild.roles[role_id].position for role_id in guild.members[discord_id].role_ids), default=0)
        if discord_id != guild.owner_id and theirs < mine:
            self._breach("a", f"{user.user_id} ({discord_id}) is called {nick!r} and should be {wanted!r}")

    # --- (c) members without a link ---

    def _unlinked_have_nothing(self) -> None:
        rows = self._world.dynamodb.items("accounts")
        linked = {int(row["discord_id"]["N"]) for row in rows if row["user_id"]["S"]}
        kept = linked | self._invariants.forgiven | self._world.protected | {self._model.bot_id}
        for discord_id in set(self._model.guild.members) - kept:
            if any(
                self._explained(user, "delete_user", "unlink_user", "part_with")
                for user in self._invariants.linked_to[discord_id]
            ):
                continue  # the removal is among the dead letters, with a reason, for a person to look at
            member = self._invariants.see(discord_id)
            held = member.roles if member else frozenset()
            given = frozenset(
                r for r in self._ours(held) if (h := self._invariants.held.get((discord_id, r))) and h.by == BOT
            )
            if given:
                self._breach("c", f"{discord_id} is linked to nobody, and the bot gave them {self._named(given)}")
            stays = discord_id in self._invariants.beyond or self._world.plan.conditions.members_stay
            if self._invariants.joined.get(discord_id) == BOT and not stays:
                self._breach("c", f"{discord_id} is linked to nobody, and the bot brought them in")

    # --- (r) the removal limit ---

    def limited(self) -> None:
        """Before any forced sweep: within an hour no more members lost something than the limit allows."""
        limit, losses = self._world.plan.conditions.removal_limit, self._invariants.losses
        if limit is None:
            return
        for first, _ in losses:
            lost = {discord_id for at, discord_id in losses if first <= at < first + COUNTED_FOR}
            if len(lost) > limit:
                self._breach("r", f"{len(lost)} members lost something within an hour; the limit is {limit}")
                return

    # --- (g) links and accounts ---

    def _accounts(self) -> None:
        database = self._world.dynamodb
        rows = [row for row in database.items("accounts") if row["user_id"]["S"]]  # no user: its removal was cut short
        accounts = {(row["user_id"]["S"], row["discord_id"]["N"]) for row in rows}
        links = {
            (row["user_id"]["S"], row["discord_id"]["N"]) for row in database.items("users") if "discord_id" in row
        }
        if accounts != links:
            self._breach("g", f"accounts without link: {accounts - links}; links without account: {links - accounts}")
        for kind, found in (("user", [u for u, _ in links]), ("account", [d for _, d in links])):
            if len(set(found)) < len(found):
                self._breach("g", f"a {kind} is linked twice: {sorted(links)}")

    # --- (h) no message is left or lost ---

    def _queues(self) -> None:
        for name in ("jobs", "bulk"):
            left = self._world.sqs.waiting(f"rolecall-{STAGE}-{name}")
            if left:
                self._breach("h", f"{len(left)} messages are left in {name}: {[one.body for one in left][:3]}")
        gone = {one.id for one in (*self._world.sqs.deleted, *self._world.sqs.redriven)}
        lost = [one for one in self._world.sqs.sent if one.queue.endswith(("jobs", "bulk")) and one.id not in gone]
        if lost:
            self._breach("h", f"{len(lost)} messages vanished: {[one.body for one in lost][:3]}")
        for body, reason in self._world.dead_letters():
            if not reason and body not in self._invariants.finished:  # those SQS delivered once more, too often
                self._breach("b", f"a dead letter without a reason: {body}")

    # --- (f) Discord's limits ---

    def _limits(self) -> None:
        """No 429 except injected ones. Not checked after slow requests: they may arrive in another window.

        A request whose connection was cut after its effect may have one of its own: if the connection lay idle, the
        repetition uses the same place, since nobody can see that the first one arrived. Where the functions' clocks
        differ by half a second, a process that is ahead opens the next window so much too early: some refusals follow.
        """
        faults, routes = self._world.faults.counts, self._world.guild.counts().routes
        total = sum(one.rate_limited for one in routes.values())
        requests = sum(one.requests for one in routes.values() if one.rate_limited)
        skewed = "aws_clocks" in self._world.plan.conditions.names
        expected = faults["discord cut_after"] + (max(FEW_REFUSED, REFUSED_SHARE * requests) if skewed else 0)
        if faults["slow"] or total <= expected:
            return
        for route, counts in routes.items():
            if counts.rate_limited:
                self._breach("f", f"{route} was asked too often, {counts.rate_limited} of {counts.requests} times")

    def swept(self) -> None:
        """The last sweep ended, and another one would change nothing but members whose every change Discord refuses."""
        real = [sweep for sweep in Sweeps(int(GUILD)).latest(1000) if not sweep.dry_run]
        running = [one.sweep_id for one in real if one.state in (SweepState.SURVEYING, SweepState.REPAIRING)]
        if running:
            self._breach("a", f"sweeps that never ended: {running}")
        if not real or real[0].state != SweepState.DONE:
            self._breach("a", f"the last sweep did not end: {real[0].state if real else 'there is none'}")
        listed_after = self._world.plan.conditions.switches.get("list_lag", 0.0)
        self._world.clock.advance(INDEX_SETTLES + listed_after)
        found = self._world.sweep(dry_run=True)
        changes = [int(one["discord_id"]) for one in found["would_change"] if "spared" not in one]
        if found["differing"] > sum(map(self._is_refused_account, changes)) and not self._without_list():
            self._breach("a", f"a sweep after the sweep would change {json.dumps(found['would_change'])}")

    def _without_list(self) -> bool:
        """Whether Discord lists no members: each sweep then compares everybody one by one."""
        return bool({"refused_list", "no_member_list"} & set(self._world.plan.conditions.names))

    def _breach(self, rule: str, text: str) -> None:
        self._invariants.breach(rule, text)
