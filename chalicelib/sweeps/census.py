"""How many members a sweep would take roles from at least, where Discord does not list them: a census of the roles.

Discord counts the holders of each role in one request, without the Server Members Intent. The store says how many
linked users should hold it, and how many keep what they have whatever it is. Holders beyond those two either lose the
role or are not linked. How many are not linked is known from the sweep before: one with the list saw them, and what a
census found beyond was taken since, or is theirs. So the largest growth of any role is how many lose something at the
least.

Equal counts do not prove that the members are right: nobody is left out of a sweep because of them.
https://discord.com/developers/docs/resources/guild#get-guild-role-member-counts
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace

from chalicelib import log
from chalicelib.discord.client import RequestOptions
from chalicelib.discord.models import Member
from chalicelib.errors import RolecallError, Wait
from chalicelib.members.guild import GuildView
from chalicelib.members.removal_gate import is_locked
from chalicelib.members.roles import RoleRules
from chalicelib.messages import Parts
from chalicelib.services import Services
from chalicelib.store.sweeps import Sweep
from chalicelib.store.users import User


class Census:
    """Counts what linked users should hold, page by page, and compares it with what Discord counts."""

    def __init__(self, services: Services, view: GuildView) -> None:
        self._services = services
        self._view = view

    def with_unlinked(
        self, sweep: Sweep, members: Iterable[Member], linked: Collection[int], rules: RoleRules
    ) -> Sweep:
        """The sweep with the roles of those listed members who are not `linked`: a later census may have no list."""
        if Parts.GROUPS not in Parts(sweep.parts):
            return sweep
        held = Counter(role_id for member in members if member.id not in linked for role_id in member.roles)
        owned = Counter({one.id: held[one.id] for one in rules.guild.roles if held[one.id] and rules.owns(one)})
        return replace(sweep, surplus=_sum(sweep.surplus or {}, owned))

    def with_page(
        self, sweep: Sweep, links: Iterable[User], released_at: float | None, options: RequestOptions
    ) -> Sweep:
        """The sweep with what the users of one page should hold. `released_at`: see `removal_gate.is_locked`."""
        if Parts.GROUPS not in Parts(sweep.parts):
            return sweep
        rules = self._view.rules(self._view.facts(options)).roles

        def keeps(user: User) -> bool:
            locked = is_locked(user, released_at) and not sweep.force
            return locked or user.kept or user.link is None or rules.protects(user.link.account.id)

        expected, keepers = expectation(links, rules, keeps)
        return replace(sweep, expected=_sum(sweep.expected, expected), keepers=sweep.keepers + keepers)

    def take(self, sweep: Sweep, options: RequestOptions) -> Sweep:
        """The sweep with the census, at the end of its survey. Unchanged if Discord does not answer it.

        Without a census the removal limit counts each member when their turn comes. Raises Wait.
        """
        if Parts.GROUPS not in Parts(sweep.parts):
            return sweep
        try:
            counts = self._services.discord.role_counts(options)
        except Wait:
            raise
        except RolecallError as error:
            log.warning("no_census", sweep_id=sweep.sweep_id, why=str(error))
            return sweep
        rules = self._view.rules(self._view.facts(options)).roles
        found = surplus(
            counts, {int(role_id): count for role_id, count in sweep.expected.items()}, sweep.keepers, rules
        )
        before = self._services.memory.census.surplus_before(sweep.sweep_id)
        at_least = max((count - before.get(role_id, 0) for role_id, count in found.items()), default=0)
        log.info("census", sweep_id=sweep.sweep_id, roles=len(found), at_least=max(0, at_least))
        return replace(sweep, surplus={str(role): count for role, count in found.items()}, at_least=max(0, at_least))


def expectation(users: Iterable[User], rules: RoleRules, keeps: Callable[[User], bool]) -> tuple[Counter[int], int]:
    """How many of these users should hold each role, by its id; and how many others keep what they hold.

    Those are the ones whom `keeps` names, and those whose groups were never stated.
    """
    known: dict[tuple[str, ...], frozenset[int]] = {}
    expected: Counter[int] = Counter()
    keepers = 0
    for user in users:
        groups = user.wanted
        if groups is None or keeps(user):
            keepers += 1
            continue
        if groups not in known:
            known[groups] = frozenset(rules.match(groups).ids.values())
        expected.update(known[groups])
    return expected, keepers


def surplus(counts: Mapping[int, int], expected: Mapping[int, int], keepers: int, rules: RoleRules) -> dict[int, int]:
    """How many hold each role beyond those who should, and beyond all who keep what they hold.

    Only of roles that the auth site decides about, and only where somebody does.
    """
    owned = [role.id for role in rules.guild.roles if rules.owns(role)]
    beyond = {role_id: counts.get(role_id, 0) - expected.get(role_id, 0) - keepers for role_id in owned}
    return {role_id: count for role_id, count in beyond.items() if count > 0}


def _sum(stored: Mapping[str, int], page: Counter[int]) -> dict[str, int]:
    total = Counter(stored)
    total.update({str(role_id): count for role_id, count in page.items()})
    return dict(total)
