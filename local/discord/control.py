"""The client of the control API: what people do behind the API's back, from another process.

    discord = Control("http://127.0.0.1:8010")
    discord.add_person("alice", global_name="Alice")
    discord.inject(Fault(kind="cut_after", method="PATCH", path="/members/", times=2))

It has the methods of `Backstage`, and `consent`, which clicks the authorise page. Whoever is meant: an id or
a username; a role: an id or a name. What is not there raises LookupError, a wrong value ValueError.
"""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any
from urllib.parse import urljoin

import requests

from .faults import Fault
from .views import Counts, Member, Person, Received, Role, RouteCount, State

TIMEOUT = 60.0  # seconds; adding or listing 100,000 members takes a few

__all__ = ("Control", "Counts", "Fault", "Member", "Person", "Received", "Role", "RouteCount", "State")


class Control:
    """Drives the local Discord at `url`; through `session`, where one is given (with a `DiscordAdapter`, say)."""

    def __init__(self, url: str, session: requests.Session | None = None) -> None:
        self.url = url.rstrip("/")
        self._session = session or requests.Session()

    def __enter__(self) -> "Control":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    # People.

    def add_person(
        self,
        username: str,
        *,
        person_id: str | None = None,
        global_name: str | None = None,
        discriminator: str = "0",
        guild_count: int | None = None,
    ) -> Person:
        """Somebody signs up at Discord; from then on they can be chosen on the authorise page.

        Nobody can be in more than 200 guilds: who has that `guild_count` cannot join.
        """
        said = {
            "username": username,
            "person_id": person_id,
            "global_name": global_name,
            "discriminator": discriminator,
            "guild_count": guild_count,
        }
        return Person(**self._call("POST", "people", said))

    def change_person(self, who: str, **changes: str | int | None) -> Person:
        """Change `username`, `global_name`, `discriminator` or `guild_count`."""
        return Person(**self._call("PATCH", "people", changes, who=who))

    def people(self) -> list[Person]:
        """Everybody but the bot, ascending by id."""
        return [Person(**person) for person in self._call("GET", "people")]

    def delete_account(self, who: str) -> None:
        """Somebody deletes their account: they leave the guild and are unknown from then on (10013)."""
        self._call("DELETE", "people", who=who)

    def deauthorise(self, who: str) -> None:
        """Somebody takes back what they allowed the application."""
        self._call("DELETE", "authorisations", who=who)

    def consent(self, authorise_url: str, who: str, *, agree: bool = True) -> str:
        """Click Authorise (or Cancel) on the page at `authorise_url` as this person; where the browser is sent then.

        Raises:
            ValueError: the page does not offer the choice; its text says why.
        """
        person = next((person for person in self.people() if who in (person.id, person.username)), None)
        if person is None:
            raise LookupError(f"nobody is called {who!r}")
        form = {"person": person.id, "decision": "authorise" if agree else "cancel"}
        answer = self._session.post(authorise_url, data=form, allow_redirects=False, timeout=TIMEOUT)
        if answer.status_code != requests.codes.found:
            raise ValueError(f"{answer.status_code}: {answer.text}")
        return urljoin(authorise_url, answer.headers["Location"])

    # Members.

    def add_member(self, who: str, *, roles: Iterable[str] = (), nick: str | None = None) -> Member:
        """Somebody joins by an invite; an unknown username signs up first."""
        return _member(self._call("POST", "members", {"roles": list(roles), "nick": nick}, who=who))

    def add_members(self, count: int, *, roles: Iterable[str] = (), prefix: str = "pilot") -> list[str]:
        """`count` people named `prefix`1 and so on sign up and join; their ids, ascending."""
        said = {"count": count, "roles": list(roles), "prefix": prefix}
        added: list[str] = self._call("POST", "members/bulk", said)
        return added

    def change_member(
        self,
        who: str,
        *,
        roles: Iterable[str] | None = None,
        give: Iterable[str] = (),
        take: Iterable[str] = (),
        nick: str | None = None,
        clear_nick: bool = False,
    ) -> Member:
        """A moderator changes a member by hand: `roles` replaces all, `give` and `take` change some."""
        said = {
            "roles": None if roles is None else list(roles),
            "give": list(give),
            "take": list(take),
            "nick": nick,
            "clear_nick": clear_nick,
        }
        return _member(self._call("PATCH", "members", said, who=who))

    def member(self, who: str) -> Member | None:
        """One member, or None for somebody who is not in the guild."""
        said = self._call("GET", "members", who=who)
        return _member(said) if said else None

    def leave(self, who: str) -> None:
        """Somebody leaves the guild."""
        self._call("DELETE", "members", who=who)

    def ban(self, who: str, *, reason: str | None = None) -> None:
        """A moderator bans somebody, member or not."""
        self._call("PUT", "bans", {"reason": reason}, who=who)

    def unban(self, who: str) -> None:
        """A moderator lifts a ban."""
        self._call("DELETE", "bans", who=who)

    # Roles.

    def create_role(
        self,
        name: str,
        *,
        position: int | None = None,
        managed: bool = False,
        tags: dict[str, Any] | None = None,
        permissions: int = 0,
    ) -> Role:
        """A moderator makes a role (just above @everyone, or at `position`), or an integration a managed one."""
        said = {
            "name": name,
            "position": position,
            "managed": managed,
            "tags": tags,
            "permissions": permissions,
        }
        return Role(**self._call("POST", "roles", said))

    def change_role(
        self,
        which: str,
        *,
        name: str | None = None,
        position: int | None = None,
        permissions: int | None = None,
    ) -> Role:
        """A moderator renames or moves a role, or changes its permissions; what is None stays."""
        said = {"name": name, "position": position, "permissions": permissions}
        return Role(**self._call("PATCH", "roles", said, which=which))

    def delete_role(self, which: str) -> None:
        """A moderator deletes a role."""
        self._call("DELETE", "roles", which=which)

    # What is.

    def state(self) -> State:
        """The whole guild."""
        said = self._call("GET", "state")
        said["roles"] = tuple(Role(**role) for role in said["roles"])
        said["members"] = tuple(_member(member) for member in said["members"])
        said["bans"] = tuple(said["bans"])
        return State(**said)

    def audit_log(self) -> list[dict[str, Any]]:
        """All entries of the audit log as Discord shows them, oldest first."""
        entries: list[dict[str, Any]] = self._call("GET", "audit-log")
        return entries

    # What can be turned, and what goes wrong.

    def switches(self) -> dict[str, Any]:
        """How the switches stand."""
        switches: dict[str, Any] = self._call("GET", "switches")
        return switches

    def turn(self, **wanted: Any) -> dict[str, Any]:  # noqa: ANN401 - each switch has a type of its own
        """Turn switches; how all of them stand afterwards.

        `app_secret, bot_token, redirect_uris, member_intent, user_agent_check, rate_limits, latency, scale,
        requires_2fa, owner, guild_name, bot_in_guild, bot_permissions, bot_position`
        """
        switches: dict[str, Any] = self._call("PATCH", "switches", wanted)
        return switches

    def inject(self, fault: Fault) -> int:
        """Let a fault lie in wait; its id."""
        return int(self._call("POST", "faults", asdict(fault))["id"])

    def faults(self) -> list[Fault]:
        """The faults that still lie in wait."""
        return [Fault(**fault) for fault in self._call("GET", "faults")]

    def clear_faults(self, fault_id: int | None = None) -> None:
        """Take away one fault, or all."""
        self._call("DELETE", "faults", **({} if fault_id is None else {"id": str(fault_id)}))

    def reset_limits(self) -> None:
        """Every bucket is empty again, and no invalid request counts any more."""
        self._call("DELETE", "limits")

    # What was received.

    def received(self, *, after: int = 0, route: str | None = None) -> list[Received]:
        """The requests numbered above `after`, oldest first; of one route (`GET /guilds/{guild_id}`), if named."""
        named = {} if route is None else {"route": route}
        return [Received(**entry) for entry in self._call("GET", "requests", after=str(after), **named)]

    def clear_received(self) -> None:
        """Forget the requests and their counts."""
        self._call("DELETE", "requests")

    def counts(self) -> Counts:
        """How many requests, 429s and invalid requests there were."""
        said = self._call("GET", "counts")
        said["routes"] = {name: RouteCount(**counts) for name, counts in said["routes"].items()}
        return Counts(**said)

    def _call(self, method: str, path: str, body: object = None, **query: str) -> Any:  # noqa: ANN401 - JSON
        answer = self._session.request(method, f"{self.url}/control/{path}", params=query, json=body, timeout=TIMEOUT)
        if answer.status_code == requests.codes.not_found:
            raise LookupError(answer.json()["error"])
        if answer.status_code == requests.codes.bad_request:
            raise ValueError(answer.json()["error"])
        answer.raise_for_status()
        return answer.json() if answer.content else None


def _member(said: dict[str, Any]) -> Member:
    return Member(**{**said, "roles": tuple(said["roles"]), "role_ids": tuple(said["role_ids"])})
