"""The verdict on a sweep: whether it may do what its survey found. No input but the arguments, no side effect."""

from dataclasses import dataclass, replace

from chalicelib.messages import Parts
from chalicelib.store.sweeps import NO_LIST, Sweep, SweepState


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a sweep may do after its survey.

    `may_take`: it may take something; `held`: the removal limit holds all that it would take; `removal_limit`: members,
    if those who lose something are counted while it runs, because the survey could not count them (else 0); `note`: why
    it does less than it found, empty if it does all.
    """

    state: SweepState
    may_take: bool = True
    held: bool = False
    removal_limit: int = 0
    note: str = ""

    @property
    def held_back(self) -> bool:
        """Whether the sweep does less than it found."""
        return bool(self.note)

    def applied_to(self, sweep: Sweep) -> Sweep:
        """The sweep with this verdict."""
        return replace(
            sweep,
            state=self.state,
            may_take=self.may_take,
            held=self.held,
            brake=self.removal_limit or sweep.brake,
            note=self.note or sweep.note,
        )


def verdict_on(sweep: Sweep, *, admitted: bool, max_members: int) -> Verdict:
    """Decide on a sweep whose survey is complete.

    `admitted`: the removal limit admits all whom the survey saw to lose something. `max_members`: the limit. A forced
    sweep may take in any case.
    """
    if sweep.differing == 0:
        return Verdict(SweepState.DONE)
    if sweep.force:
        return Verdict(SweepState.REPAIRING)
    # Without the list of members a survey cannot tell who would lose roles.
    unseen = sweep.without_list and Parts.GROUPS in Parts(sweep.parts)
    if not admitted:
        note = _too_many_at_least(sweep, max_members) if unseen else _too_many(sweep, max_members)
        return Verdict(SweepState.REPAIRING, may_take=False, held=True, removal_limit=max_members, note=note)
    spared = sweep.locked if Parts.GROUPS in Parts(sweep.parts) or not sweep.without_list else 0
    others = sweep.linked if unseen else sweep.losing + sweep.gone
    return Verdict(
        SweepState.REPAIRING,
        may_take=spared == 0 or spared < others,
        removal_limit=max_members if unseen else 0,
        note=_locked(sweep, unseen=unseen) if spared else "",
    )


def _too_many(sweep: Sweep, limit: int) -> str:
    return (
        f"stopped: of {sweep.linked} members it would take roles from {sweep.losing} and unlink {sweep.gone} "
        f"who seem to have left; not more than {limit} may lose something within an hour, and a hold is open. "
        'To let it, run it with {"force": true}'
    )


def _too_many_at_least(sweep: Sweep, limit: int) -> str:
    found = f"by Discord's counts of the holders of each role it would take roles from {sweep.at_least} or more"
    if not sweep.at_least:
        found = f"it would look at {sweep.linked} members one by one"
    return (
        f"stopped: {found}; not more than {limit} of {sweep.linked} may lose something within an hour, and a hold is "
        f'open. To let it, run it with {{"force": true}} ({NO_LIST})'
    )


def _locked(sweep: Sweep, *, unseen: bool) -> str:
    return (
        f"imported members lose nothing before an operator allows it: it takes nothing from {sweep.locked} of "
        f'{sweep.linked} members. To let sweeps take, run one with {{"force": true}}'
        f"{f' ({NO_LIST})' if unseen else ''}"
    )
