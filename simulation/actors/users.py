"""What users do on the auth site: they link, in one browser or another, and unlink."""

import random
from collections.abc import Callable
from functools import partial
from urllib.parse import parse_qs, urlencode, urlsplit

from chalicelib.linking.attempts import claim_of
from chalicelib.linking.entrance import Started
from local.discord.messages import Request
from local.simulated import AT
from simulation.actors.auth_site import AuthSiteActor
from simulation.actors.cast import NICKNAMES, Cast


class Users:
    """The users of the auth site."""

    def __init__(self, cast: Cast, auth_site: AuthSiteActor) -> None:
        self.cast = cast
        self.guild = cast.guild
        self.site = cast.site
        self.world = cast.world
        self.plan = cast.plan
        self.auth_site = auth_site

    def first_link(self, user_id: str) -> None:
        """A user links for the first time."""
        rng = random.Random(f"first {self.plan.seed} {user_id}")
        person = self.site.users[user_id]
        if not person.stamp:
            person.groups, person.nickname = self.cast.some_groups(rng), rng.choice(NICKNAMES)
        self._link(rng, user_id, self.cast.names.get(user_id, self.cast.people[0]), tries=3)

    def link(self, rng: random.Random, user_id: str) -> None:
        """A user links: again, another account, or perhaps somebody else's account."""
        who = self.cast.names.get(user_id, self.cast.people[0])
        if rng.random() < 0.3:
            who = rng.choice(self.cast.people)
        self._link(rng, user_id, who, tries=rng.randint(1, 3))

    def _link(self, rng: random.Random, user_id: str, who: str, tries: int) -> None:
        """Link in one browser, trying again unless the refusal is the person's own doing."""
        for _ in range(tries):
            end = self._link_once(rng, user_id, who)
            if end in (None, "denied", "already_linked", "banned") or self.cast.ended:
                return
            self.world.clock.sleep(rng.uniform(1, 120))

    def _link_once(self, rng: random.Random, user_id: str, who: str) -> str | None:
        world, sleep = self.world, self.world.clock.sleep
        token, issued_at = self.site.link_token(user_id), self.site.users[user_id].last_token_at
        self.cast.note("clicks the link", user=user_id, who=who)
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
        self.cast.callbacks[user_id, self.cast.ids[who]] += 1
        end = self.world.function(
            f"callback of {user_id} as {who}",
            lambda c: c.linking.finish(cookie=cookie, code=back["code"], state=back["state"], error=back["error"]),
        )
        self.cast.note("callback ended", user=user_id, who=who, how=end or "linked")
        return end

    def _consent(self, url: str, who: str, *, agree: bool) -> dict[str, str | None] | None:
        """Click a button on Discord's page."""
        if self.guild.known(self.cast.person(who)) is None:
            return None
        form = {"person": self.cast.person(who), "decision": "authorise" if agree else "cancel"}
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
        self.cast.note("asks to be unlinked", user=user_id)
        asked_at = self.world.clock.now()  # what they click from now on is newer, even before the answer is there
        end = self.world.function(f"unlink {user_id}", lambda c: c.linking.unlink(token))
        if end is None:
            person.deleted_at = asked_at
        elif rng.random() < 0.5:
            self.auth_site.delete(rng, user_id)
