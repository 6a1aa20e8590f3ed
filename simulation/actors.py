"""The actions of everybody but the bot: the auth site, its users, people at Discord, moderators, operators.

Each event is determined by the seed and its own number alone, so that a bug fix does not change the rest of a run.
"""

import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from botocore.exceptions import EndpointConnectionError

from chalicelib.discord.models import Account
from chalicelib.linking.attempts import claim_of
from chalicelib.linking.entrance import Started
from chalicelib.messages import Parts
from chalicelib.store import users
from local.discord.messages import Request
from local.memory.dynamodb import Snapshot
from local.simulated import AT, GUILD, INVOCATION, STAGE
from simulation.harness import FIRST_PERSON, Harness
from simulation.invariants import Seen
from simulation.plan import OWNER

GARBAGE = (
    "not JSON",
    "{}",
    '{"kind": "explode", "user_id": "u0"}',
    '{"kind": "update_groups", "user_id": "u0", "groups": "Member", "changed_at": 1}',
    '{"kind": "update_groups", "user_id": "u0", "groups": ["Member"]}',
    '{"kind": "part_with", "user_id": "u0", "discord_id": 100000000000000000}',
    '{"kind": "delete_user"}',
)
NICKNAMES = ("Kira", "  Dov   Ber ", "N" * 40, "Ωmega", "Sanne Prime", "Lux\u200b Zoë", "p1", "p2", "", None)
POST_RETRY = 60.0  # seconds
RESTORED = ("users", "accounts")  # the tables that have point-in-time recovery


class Actors:
    """Carries out one plan in its world. One method for each thing that somebody does (`ACTIONS`), hence so many."""

    def __init__(self, world: Harness) -> None:
        self.world = world
        self.plan = world.plan
        self.site = world.site
        self.guild = world.guild
        self.users = [f"u{number}" for number in range(self.plan.users)]
        self.people = [f"p{number}" for number in range(self.plan.people)]
        for number, who in enumerate(self.people):
            self.guild.add_person(who, person_id=str(FIRST_PERSON + number))
        self.ids = {person.username: int(person.id) for person in self.guild.people()}
        self.names = dict(zip(self.users, self.people, strict=False))
        rng = random.Random(f"cast {self.plan.seed}")
        if rng.random() < 0.4:
            self.names[self.users[-1]] = OWNER
        self._prepare_guild(rng)
        self.imported: set[str] = set()
        self.callbacks: Counter[tuple[str, int]] = Counter()  # by user and Discord id
        self.snapshot: Snapshot | None = None
        self.ended = False

    def _prepare_guild(self, rng: random.Random) -> None:
        if rng.random() < 0.5:
            for name in rng.sample(self.plan.groups, rng.randint(0, 2)):
                if name.strip() and name != "@everyone":
                    self.guild.create_role(name.strip()[:100])
        self.guild.create_role("Nitro", managed=True, tags={"premium_subscriber": None})
        self.guild.create_role("Streamer")
        for who in self.people:
            if rng.random() < 0.4:
                self.guild.add_member(who, roles=["Nitro"] if rng.random() < 0.3 else [])
                self.world.invariants.by_hand(self.ids[who], None)
        if rng.random() < 0.3:
            self.guild.create_role("Admiral")
            top = len(self.world.model.roles())
            self.guild.change_role("Admiral", position=top - 1)
            boss = rng.choice(self.people)
            if self.guild.member(boss):
                self.guild.change_member(boss, give=["Admiral"])
        self.world.invariants.roles_now()

    # --- schedule ---

    def schedule(self) -> None:
        """Schedule all actions."""
        spawn, length = self.world.scheduler.spawn, self.plan.seconds
        rng = random.Random(f"times {self.plan.seed}")
        imported = random.Random(f"imported {self.plan.seed}")
        for user_id in self.users:
            if imported.random() < self.plan.conditions.imported:
                spawn(partial(self._import, user_id, told=imported.random() >= self.plan.conditions.never_told))
            elif rng.random() < 0.85:
                spawn(partial(self._first_link, user_id), after=rng.uniform(0, length * 0.3))
        moment, hot = 0.0, self.users[0]
        for number in range(self.plan.events):
            if number == 0 or rng.random() < 0.6:
                moment, hot = rng.uniform(0, length), rng.choice(self.users)
            else:
                moment = min(length, moment + rng.uniform(0, 3))
            spawn(partial(self._event, number, hot), after=moment)
        at = self.plan.sweep_every
        while at < length:
            spawn(partial(self._scheduled_sweep, 0), after=at)
            at += self.plan.sweep_every
        if self.plan.restore:
            first = rng.uniform(0, length * 0.6)
            spawn(self._take_snapshot, after=first)
            spawn(self._restore, after=rng.uniform(first, length))
        self._last_changes(length)
        self.world.faults.token_refused = lambda: spawn(self.world.lift_halts, after=rng.uniform(30, 600))

    def _last_changes(self, length: float) -> None:
        """Schedule many changes at the very end, so that no later one can hide a failure."""
        rng = random.Random(f"last words {self.plan.seed}")
        for user_id in rng.sample(self.users, rng.randint(0, len(self.users))):
            self.world.scheduler.spawn(partial(self.flurry, rng, user_id), after=length - rng.uniform(0, 2))

    def _event(self, number: int, hot: str) -> None:
        rng = random.Random(f"event {self.plan.seed} {number}")
        user_id = hot if rng.random() < 0.7 else rng.choice(self.users)
        actions = list(ACTIONS)
        action = rng.choices(actions, [ACTIONS[one] for one in actions])[0]
        action(self, rng, user_id)

    def _note(self, what: str, /, **more: object) -> None:
        self.world.invariants.note("actor", what, **more)

    # --- the auth site ---

    def _post(self, rng: random.Random, body: str) -> None:
        """Post a message now or a little later, perhaps twice."""
        delay = rng.choice((0.0, 0.0, 0.0, rng.uniform(0, 5), rng.uniform(0, 60)))
        for _ in range(2 if rng.random() < 0.1 else 1):
            self.world.scheduler.spawn(partial(self._send, body), after=delay)
            delay += rng.uniform(0, 10)

    def _send(self, body: str) -> None:
        try:
            self.site.post(body)
        except EndpointConnectionError:  # the auth site keeps what it could not post, and tries again
            self.world.scheduler.spawn(partial(self._send, body), after=POST_RETRY)
            return
        if '"delete_user"' in body:  # it counts from when it was posted
            self.site.posted_deletion(body)
        self._note("posts", body=body)

    def _some_groups(self, rng: random.Random) -> tuple[str, ...]:
        return tuple(rng.sample(self.plan.groups, rng.randint(0, min(4, len(self.plan.groups)))))

    def _wish(self, user_id: str) -> int:
        self.site.users[user_id].stamp = self.site.stamp()
        return self.site.users[user_id].stamp

    def groups(self, rng: random.Random, user_id: str) -> None:
        """The user's groups change."""
        person = self.site.users[user_id]
        person.groups = self._some_groups(rng)
        stamp = self._wish(user_id)
        self._post(rng, self.site.change("update_groups", user_id, groups=person.groups, changed_at=stamp))

    def flurry(self, rng: random.Random, user_id: str) -> None:
        """Several changes within half a second, arriving in any order."""
        person, breath = self.site.users[user_id], rng.choice((0.05, 0.15, 0.5))
        for _ in range(rng.randint(2, 5)):
            person.groups = self._some_groups(rng)
            stamp = self._wish(user_id)
            body = self.site.change("update_groups", user_id, groups=person.groups, changed_at=stamp)
            self.world.scheduler.spawn(partial(self._send, body), after=rng.uniform(0, breath))

    def nickname(self, rng: random.Random, user_id: str) -> None:
        """The user's main character changes."""
        person = self.site.users[user_id]
        person.nickname = rng.choice(NICKNAMES)
        stamp = self._wish(user_id)
        self._post(rng, self.site.change("update_nickname", user_id, nickname=person.nickname, changed_at=stamp))

    def both(self, rng: random.Random, user_id: str) -> None:
        """Both change."""
        person = self.site.users[user_id]
        person.groups, person.nickname = self._some_groups(rng), rng.choice(NICKNAMES)
        said: dict[str, Any] = {"groups": person.groups, "nickname": person.nickname}
        self._post(rng, self.site.change("update_all", user_id, changed_at=self._wish(user_id), **said))

    def nudge(self, rng: random.Random, user_id: str) -> None:
        """The auth site asks for a check without stating anything."""
        kind = rng.choice(("update_groups", "update_nickname", "update_username", "update_all"))
        self._post(rng, self.site.change(kind, user_id))

    def repeat(self, rng: random.Random, user_id: str) -> None:
        """An earlier message is posted again."""
        bodies = [said.body for said in self.site.statements[user_id] if said.body]
        if bodies:
            self._post(rng, rng.choice(bodies))

    def late_news(self, rng: random.Random, user_id: str) -> None:
        """A change arrives after newer ones."""
        known = {said.stamp for said in self.site.statements[user_id]}
        stamp = (rng.choice(sorted(known)) if known else self.site.stamp()) - rng.randint(1, 5)
        if stamp in known:
            return
        groups = self._some_groups(rng)
        self._post(rng, self.site.change("update_groups", user_id, groups=groups, changed_at=stamp))

    def garbage(self, rng: random.Random, _user_id: str) -> None:
        """A malformed message is posted."""
        self._post(rng, rng.choice(GARBAGE))

    def delete(self, rng: random.Random, user_id: str) -> None:
        """The auth site deletes the user."""
        person = self.site.users[user_id]
        person.deleted_at, person.ever_deleted = self.world.clock.now(), True
        body = self.site.change("delete_user", user_id, notify=rng.random() < 0.5)
        person.deletes.append(body)
        self._post(rng, body)

    # --- linking ---

    def _first_link(self, user_id: str) -> None:
        rng = random.Random(f"first {self.plan.seed} {user_id}")
        person = self.site.users[user_id]
        if not person.stamp:
            person.groups, person.nickname = self._some_groups(rng), rng.choice(NICKNAMES)
        self._link(rng, user_id, self.names.get(user_id, self.people[0]), tries=3)

    def _import(self, user_id: str, *, told: bool) -> None:
        """An operator imports a link: the account is a member already, and nothing was synced."""
        who = self.names.get(user_id, self.people[0])
        rng = random.Random(f"import {self.plan.seed} {user_id}")
        before = self._seen(who)
        if before is None:
            self.guild.add_member(who)
        roles = [role for role in ("Streamer", *self.plan.groups) if self._exists(role)]
        held = [role for role in roles if rng.random() < 0.3]
        self.guild.change_member(who, give=held)
        self.world.invariants.by_hand(self.ids[who], before)
        now = self.world.clock.now()
        try:
            users.link(
                user_id,
                int(GUILD),
                Account(self.ids[who], who),
                users.Claim(issued_at=now),
                now=now - users.JOIN_TIMEOUT,
            )
        except users.AccountTaken:
            return
        self.imported.add(user_id)
        self.world.invariants.linked_by[user_id] = now
        self._note("imports a link", user=user_id, who=who, told=told)
        if told:
            self.both(rng, user_id)

    def _exists(self, role: str) -> bool:
        return role != "@everyone" and any(one.name == role for one in self.world.model.roles())

    def link(self, rng: random.Random, user_id: str) -> None:
        """A user links: again, another account, or perhaps somebody else's account."""
        who = self.names.get(user_id, self.people[0])
        if rng.random() < 0.3:
            who = rng.choice(self.people)
        self._link(rng, user_id, who, tries=rng.randint(1, 3))

    def _link(self, rng: random.Random, user_id: str, who: str, tries: int) -> None:
        """Link in one browser, trying again unless the refusal is the person's own doing."""
        for _ in range(tries):
            end = self._link_once(rng, user_id, who)
            if end in (None, "denied", "already_linked", "banned") or self.ended:
                return
            self.world.clock.sleep(rng.uniform(1, 120))

    def _link_once(self, rng: random.Random, user_id: str, who: str) -> str | None:
        world, sleep = self.world, self.world.clock.sleep
        token, issued_at = self.site.link_token(user_id), self.site.users[user_id].last_token_at
        self._note("clicks the link", user=user_id, who=who)
        sleep(rng.choice((0.1, 1.0, rng.uniform(0, 300))))
        started = world.function(f"start {user_id}", lambda c: c.linking.start(token))
        if not isinstance(started, Started):
            return started
        sleep(rng.uniform(0.5, 20))
        back = self._consent(started.url, who, agree=rng.random() < 0.93)
        if back is None:
            return "denied"
        self.world.invariants.tokens[claim_of(back["state"] or "")] = issued_at
        sleep(rng.uniform(0.1, 2))
        cookie = started.cookie if rng.random() < 0.95 else "another browser's"
        finish = partial(self._finish, user_id, who, cookie, back)
        if rng.random() < 0.1:
            twice = partial(self._finish_again, finish)
            world.scheduler.spawn(twice, after=rng.uniform(0, 0.5))
        return finish()

    def _finish_again(self, finish: Callable[[], str | None]) -> None:
        """The same callback again, as impatient people and browsers cause it."""
        finish()

    def _finish(self, user_id: str, who: str, cookie: str, back: dict[str, str | None]) -> str | None:
        self.callbacks[user_id, self.ids[who]] += 1
        end = self.world.function(
            f"callback of {user_id} as {who}",
            lambda c: c.linking.finish(cookie=cookie, code=back["code"], state=back["state"], error=back["error"]),
        )
        self._note("callback ended", user=user_id, who=who, how=end or "linked")
        return end

    def _consent(self, url: str, who: str, *, agree: bool) -> dict[str, str | None] | None:
        """Click a button on Discord's page."""
        if self.guild.known(str(self.ids[who])) is None:
            return None
        form = {"person": str(self.ids[who]), "decision": "authorise" if agree else "cancel"}
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = self.world.discord.handle(Request.of("POST", url.removeprefix(AT), headers, urlencode(form).encode()))
        if answer.status != 302:
            return None
        found = parse_qs(urlsplit(answer.headers["Location"]).query)
        return {name: found.get(name, [None])[0] for name in ("code", "state", "error")}

    def unlink(self, rng: random.Random, user_id: str) -> None:
        """The user unlinks on the auth site."""
        token = self.site.token(user_id, "unlink")
        person = self.site.users[user_id]
        self.site.removes(user_id)
        self._note("asks to be unlinked", user=user_id)
        end = self.world.function(f"unlink {user_id}", lambda c: c.linking.unlink(token))
        if end is None:
            person.deleted_at = self.world.clock.now()
        elif rng.random() < 0.5:
            self.delete(rng, user_id)

    # --- people at Discord ---

    def _by_hand(self, what: str, who: str, action: Callable[[], object]) -> None:
        """Change a person or member by hand, and record it; do nothing if it is not possible now."""
        before = self._seen(who)
        try:
            action()
        except (LookupError, ValueError):
            return
        self._note(what, who=who)
        self.world.invariants.by_hand(self.ids[who], before)
        self.world.invariants.roles_now()

    def _seen(self, who: str) -> Seen | None:
        return self.world.invariants.see(self.ids[who])

    def _somebody(self, rng: random.Random, user_id: str) -> str:
        return self.names.get(user_id, self.people[0]) if rng.random() < 0.7 else rng.choice(self.people)

    def leave(self, rng: random.Random, user_id: str) -> None:
        """Somebody leaves the server."""
        who = self._somebody(rng, user_id)
        if who != OWNER:
            self._by_hand("leaves", who, lambda: self.guild.leave(str(self.ids[who])))

    def join(self, rng: random.Random, user_id: str) -> None:
        """Somebody joins by an invite."""
        who = self._somebody(rng, user_id)
        self._by_hand("joins by themselves", who, lambda: self.guild.add_member(str(self.ids[who])))

    def delete_account(self, rng: random.Random, user_id: str) -> None:
        """Somebody deletes their Discord account."""
        who = self._somebody(rng, user_id)
        if who != OWNER:
            self._by_hand("deletes the account", who, lambda: self.guild.delete_account(str(self.ids[who])))

    def ban(self, rng: random.Random, user_id: str) -> None:
        """A moderator bans somebody."""
        who = self._somebody(rng, user_id)
        if who != OWNER:
            self._by_hand("is banned", who, lambda: self.guild.ban(str(self.ids[who])))

    def unban(self, rng: random.Random, user_id: str) -> None:
        """A moderator lifts a ban."""
        who = self._somebody(rng, user_id)
        if self.ids[who] in self.world.model.guild.bans:
            self._by_hand("is unbanned", who, lambda: self.guild.unban(str(self.ids[who])))

    def rename_person(self, rng: random.Random, user_id: str) -> None:
        """Somebody changes their username, or their display name, which Rolecall does not store."""
        who = self._somebody(rng, user_id)
        person = str(self.ids[who])
        if rng.random() < 0.5:
            self._by_hand("is renamed", who, lambda: self.guild.change_person(person, username=f"{who}x"))
        else:
            self._by_hand("changes their display name", who, lambda: self.guild.change_person(person, global_name="x"))

    # --- moderators ---

    def _some_role(self, rng: random.Random) -> str:
        named = [role.name for role in self.world.model.roles() if role.id != self.world.model.id]
        return rng.choice(sorted(named))

    def give(self, rng: random.Random, user_id: str) -> None:
        """A moderator gives a role, or an integration does."""
        who, role = self._somebody(rng, user_id), self._some_role(rng)
        if role == self._bot_role():
            return  # Discord gives the bot's role to nobody else
        self._by_hand(
            f"is given {role!r} by hand", who, lambda: self.guild.change_member(str(self.ids[who]), give=[role])
        )

    def take(self, rng: random.Random, user_id: str) -> None:
        """A moderator takes a role."""
        who, role = self._somebody(rng, user_id), self._some_role(rng)
        self._by_hand(f"loses {role!r} by hand", who, lambda: self.guild.change_member(str(self.ids[who]), take=[role]))

    def rename_member(self, rng: random.Random, user_id: str) -> None:
        """A moderator changes a nickname."""
        who = self._somebody(rng, user_id)
        nick = rng.choice(("xX", "Kira", None))
        self._by_hand(
            f"is called {nick!r} by hand",
            who,
            lambda: self.guild.change_member(str(self.ids[who]), nick=nick, clear_nick=nick is None),
        )

    def _role_action(self, what: str, action: Callable[[], object]) -> None:
        if self.plan.roles_stay:
            return
        try:
            action()
        except (LookupError, ValueError):
            return
        self._note(what)
        self.world.invariants.roles_hand_at = self.world.clock.now()
        self.world.invariants.roles_now()

    def _bot_role(self) -> str:
        role = self.world.model.bot_role()
        return role.name if role else ""

    def rename_role(self, rng: random.Random, _user_id: str) -> None:
        """A moderator renames a role, to something new or to a group's name."""
        role = self._some_role(rng)
        name = rng.choice((f"{role} II"[-100:], rng.choice(self.plan.groups).strip()[:100], "Streamer"))
        if role not in (self._bot_role(), "Nitro") and name != "@everyone":
            self._role_action(f"renames {role!r} to {name!r}", lambda: self.guild.change_role(role, name=name))

    def delete_role(self, rng: random.Random, _user_id: str) -> None:
        """A moderator deletes a role."""
        role = self._some_role(rng)
        if role not in (self._bot_role(), "Nitro"):
            self._role_action(f"deletes {role!r}", lambda: self.guild.delete_role(role))

    def create_role(self, rng: random.Random, _user_id: str) -> None:
        """A moderator or an integration creates a role with a group's name."""
        name = rng.choice((*self.plan.groups, "Moderator", "Admin")).strip()[:100]
        managed = rng.random() < 0.15
        if name != "@everyone":
            self._role_action(
                f"creates {name!r}{' (managed)' * managed}", lambda: self.guild.create_role(name, managed=managed)
            )

    def move_role(self, rng: random.Random, _user_id: str) -> None:
        """A moderator moves a role, perhaps above the bot's."""
        role = self._some_role(rng)
        position = rng.randint(1, len(self.world.model.roles()) - 1)
        if role != self._bot_role():
            self._role_action(f"moves {role!r} to {position}", lambda: self.guild.change_role(role, position=position))

    # --- operators ---

    def sweep(self, rng: random.Random, _user_id: str) -> None:
        """An operator runs a task."""
        parts = rng.choice((Parts.ALL, Parts.ALL, Parts.GROUPS, Parts.NICKNAME, Parts.USERNAME))
        options = rng.choice(({}, {}, {"dry_run": True}, {"force": True}))
        self._note("sweeps", parts=str(parts), **options)
        self.world.function("sweep", lambda c: c.delivery.sweeper.start(parts, **options), seconds=INVOCATION)

    def _scheduled_sweep(self, tries: int) -> None:
        """The schedule fires; Lambda retries a failed event twice."""
        if self.ended:
            return
        end = self.world.function("sweep", lambda c: c.delivery.sweeper.start(Parts.ALL), seconds=INVOCATION)
        if isinstance(end, str) and tries < 2:
            self.world.scheduler.spawn(partial(self._scheduled_sweep, tries + 1), after=60.0 * (tries + 1))

    # --- backup and restore ---

    def _take_snapshot(self) -> None:
        self.snapshot = self.world.dynamodb.snapshot()
        self._note("the store's point in time")

    def _restore(self) -> None:
        """The operator restores users and links; the auth site then states everything again."""
        world = self.world
        if self.snapshot is None:
            return
        before = self._links()
        tables = [f"rolecall-{STAGE}-{name}" for name in RESTORED]
        world.dynamodb.restore(self.snapshot, only=tables)
        after = self._links()
        world.invariants.forgiven |= before - after
        self._note("the store is restored", lost=sorted(before - after), back=sorted(after - before))
        rng = random.Random(f"restore {self.plan.seed}")
        for user_id in self.users:
            person = self.site.users[user_id]
            stamp = self._wish(user_id)
            said = {"groups": person.groups, "nickname": person.nickname}
            self._post(rng, self.site.change("update_all", user_id, changed_at=stamp, **said))
            if person.deleted_at is not None:
                self.delete(rng, user_id)

    def _links(self) -> set[int]:
        rows = self.world.dynamodb.items("accounts")
        return {int(row["discord_id"]["N"]) for row in rows if row["user_id"]["S"]}


ACTIONS: dict[Callable[[Actors, random.Random, str], None], float] = {
    Actors.groups: 22,
    Actors.flurry: 5,
    Actors.nickname: 7,
    Actors.both: 6,
    Actors.nudge: 5,
    Actors.repeat: 5,
    Actors.late_news: 4,
    Actors.garbage: 2,
    Actors.delete: 4,
    Actors.link: 8,
    Actors.unlink: 2,
    Actors.leave: 3,
    Actors.join: 3,
    Actors.delete_account: 0.7,
    Actors.ban: 1.5,
    Actors.unban: 1.5,
    Actors.rename_person: 1,
    Actors.give: 6,
    Actors.take: 5,
    Actors.rename_member: 3,
    Actors.rename_role: 2,
    Actors.delete_role: 2,
    Actors.create_role: 2,
    Actors.move_role: 1,
    Actors.sweep: 5,
}
