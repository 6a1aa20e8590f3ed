"""Records those from whom a sweep would take something, and does not: the removal limit or the first-run lock holds."""

from chalicelib.members.reporter import PROBLEM_OF
from chalicelib.problems import Problem, withheld
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.removals import Cause, Loss, RemovalStore, Withheld
from chalicelib.store.sweeps import Difference, Sweep
from chalicelib.store.users import User


class Withholder:
    """Records what sweeps leave."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._store = RemovalStore(services.settings.guild_id)

    def record(self, differences: list[Difference], sweep: Sweep) -> None:
        """Record what these members keep, and the problem on their users. Those who have changed since are left out."""
        now = self._services.now()
        for one in differences:
            user = users.get(one.user_id, now=now)
            if user is None or user.link is None or user.version != one.version or user.deletion_held:
                continue
            cause = Cause.FIRST_RUN if one.locked else Cause.LIMIT
            self._store.withhold(_withheld(user, one, cause, sweep, now))
            problems = (user.problems - withheld(user.problems)) | {Problem(PROBLEM_OF[cause])}
            users.mark_failed(user, problems, now=now)


def _withheld(user: User, one: Difference, cause: Cause, sweep: Sweep, now: float) -> Withheld:
    account = user.link.account if user.link else None
    return Withheld(
        user_id=user.user_id,
        discord_id=str(one.discord_id),
        username=account.shown if account else "",
        loss=Loss.UNLINK if one.gone else Loss.ROLES,
        cause=cause,
        since=now,
        by=f"sweep {sweep.sweep_id}",
        version=user.version,
        number=one.take,
    )
