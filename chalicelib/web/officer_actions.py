"""What the buttons of the officers' page do. Each is recorded in the audit trail, with the officer's name."""

from collections.abc import Mapping

from chalicelib import log
from chalicelib.errors import LinkRefused, Reason
from chalicelib.linking.context import response_deadline
from chalicelib.members.guild import GuildView
from chalicelib.members.removals import Answered, WithheldRemovals
from chalicelib.members.reporter import Reporter
from chalicelib.messages import Parts
from chalicelib.services import Services
from chalicelib.store.removals import Cause, Withheld
from chalicelib.sweeps.sweeper import Sweeper
from chalicelib.web.officers import digest_of
from chalicelib.web.sessions import Visit


def officer_of(visit: Visit) -> str:
    """What the officer is called in the audit trail."""
    return visit.session.name or visit.session.user_id


class OfficerActions:
    """Does what the buttons say."""

    def __init__(self, services: Services, view: GuildView, sweeper: Sweeper) -> None:
        self._services = services
        self._sweeper = sweeper
        self._reporter = Reporter(services, view)
        self._removals = WithheldRemovals(services, self._reporter)

    def act(self, visit: Visit, fields: Mapping[str, str]) -> str:
        """Do what the pressed button says; return the key of the note. Raises LinkRefused for no button of ours."""
        by, which, shown = f"{officer_of(visit)} (officers' page)", fields.get("which", ""), fields.get("shown", "")
        action = fields.get("action", "")
        log.info("officer_action", user_id=visit.session.user_id, action=action[:20])
        with response_deadline(self._services):
            if action == "sweep":
                self._reporter.officer_did("sweep started", by)
                self._sweeper.start(Parts.ALL)
                return "sweep"
            if action in ("release", "drop"):
                return self._answer(action, which, shown, by)
        raise LinkRefused(Reason.BAD_STATE, "no such button")

    def _answer(self, action: str, which: str, shown: str, by: str) -> str:
        """Answer what is held, if it still is what the officer saw."""
        chosen = self._chosen(which)
        if not chosen or digest_of(chosen) != shown:
            return "changed"
        word = "released" if action == "release" else "dropped"
        self._reporter.officer_did(f"removals of {len(chosen)} {word}", by)
        answered = self._answered(action, which, chosen, by)
        return "changed" if answered.changed else word

    def _answered(self, action: str, which: str, chosen: list[Withheld], by: str) -> Answered:
        if action == "drop":
            return self._removals.drop(chosen, by=by)
        if which == f"all:{Cause.FIRST_RUN}":
            return self._removals.release_imported(by=by)
        return self._removals.release(chosen, by=by)

    def _chosen(self, which: str) -> list[Withheld]:
        """What an answer is about: all for one cause, or what is withheld from one user."""
        kind, _, name = which.partition(":")
        if kind == "all" and name in set(Cause):
            return list(self._removals.all(Cause(name)))
        one = self._removals.of_user(name) if kind == "user" and name else None
        return [one] if one else []
