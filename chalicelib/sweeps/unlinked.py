"""What sweeps do about members without a link: find them in the list that is read anyway, report them, have their roles
taken.

They have a lock of their own: until a forced sweep, they are reported and nothing is taken from them.
"""

from collections.abc import Iterable

from chalicelib import log
from chalicelib.discord.models import Member
from chalicelib.members.reporter import Reporter
from chalicelib.members.roles import RoleRules
from chalicelib.members.unlinked import Holder, holders
from chalicelib.messages import Parts, StripUnlinked, encode
from chalicelib.queues import Progress
from chalicelib.services import Services
from chalicelib.settings import IGNORE, REMOVE_ROLES
from chalicelib.store.sweeps import Sweep
from chalicelib.store.users import User

NOTICE_INTERVAL = 86_400  # seconds; they are reported once a day


class UnlinkedSearch:
    """Members without a link, in one sweep."""

    def __init__(self, services: Services, reporter: Reporter) -> None:
        self._services = services
        self._reporter = reporter
        self._mode = services.settings.unlinked_members

    def watches(self, sweep: Sweep) -> bool:
        """Whether this sweep looks at members without a link."""
        return self._mode != IGNORE and Parts.GROUPS in Parts(sweep.parts)

    def search(self, sweep: Sweep, members: Iterable[Member], links: Iterable[User], roles: RoleRules) -> list[Holder]:
        """Who of these members has no link and holds a role that stands for a group."""
        if not self.watches(sweep):
            return []
        return holders(members, {user.link.account.id for user in links if user.link}, roles)

    def carry_out(self, sweep: Sweep, found: list[Holder]) -> None:
        """Have the roles taken from those who were found, if that is asked for and allowed."""
        if not self._may_strip(sweep):
            return
        progress = Progress(trace=sweep.sweep_id, since=self._services.now())
        for one in found:
            job = StripUnlinked(discord_id=one.member.id, sweep_id=sweep.sweep_id, exempt=sweep.force)
            self._services.queues.bulk(encode(job), progress)

    def report(self, sweep: Sweep) -> None:
        """Report at the end of the survey, once a day, those from whom nothing is taken."""
        if sweep.unlinked == 0 or sweep.dry_run:
            return
        log.info("unlinked_members", sweep_id=sweep.sweep_id, count=sweep.unlinked)
        if self._may_strip(sweep):
            return
        now = self._services.now()
        if self._services.memory.sweeps.claim_notice("unlinked", sweep.sweep_id, now=now, seconds=NOTICE_INTERVAL):
            self._reporter.sweep_problem(f"sweep: {self._sentence(sweep)}")

    def _may_strip(self, sweep: Sweep) -> bool:
        if self._mode != REMOVE_ROLES or not self.watches(sweep):
            return False
        memory = self._services.memory.sweeps
        if sweep.force and not memory.stripping_allowed():
            memory.allow_stripping(by=sweep.sweep_id, now=self._services.now())
        return sweep.force or memory.stripping_allowed()

    def _sentence(self, sweep: Sweep) -> str:
        one = sweep.unlinked == 1
        who = f"{sweep.unlinked} member{'' if one else 's'} without a link hold{'s' if one else ''} roles of groups"
        if self._mode == REMOVE_ROLES:
            return f'{who}; nothing was taken from them yet. To let sweeps do that, run one with {{"force": true}}'
        return who
