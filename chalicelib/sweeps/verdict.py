"""The verdict on a sweep: whether it may do what its survey found. No input but the arguments, no side effect."""

from dataclasses import dataclass, replace

from chalicelib.members.removal_limit import max_removals
from chalicelib.messages import Parts
from chalicelib.store.sweeps import NO_LIST, Sweep, SweepState


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a sweep may do after its survey.

    `may_take`: it may take roles; `removal_limit`: from how many members it may take them while it runs (0: no limit
    needed, the survey counted them); `note`: why it does less than it found, empty if it does all; `in_agreement`: the
    survey proved that the guild agrees with the auth site, so that later sweeps may take roles.
    """

    state: SweepState
    may_take: bool = True
    removal_limit: int = 0
    note: str = ""
    in_agreement: bool = False

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
            brake=self.removal_limit or sweep.brake,
            note=self.note or sweep.note,
        )


def verdict_on(sweep: Sweep, *, taking_allowed: bool, limit_percent: int) -> Verdict:
    """Decide on a sweep whose survey is complete.

    `taking_allowed`: sweeps of this guild may take roles; a forced sweep may in any case. `limit_percent`: of the
    linked members, above which a sweep that is not forced takes from nobody (SWEEP_BRAKE_PERCENT).
    """
    if sweep.differing == 0:
        return Verdict(SweepState.DONE, in_agreement=_sees_all_roles(sweep))
    may_take = sweep.force or taking_allowed
    limit = max_removals(sweep.linked, limit_percent)
    if sweep.gone + (sweep.losing if may_take else 0) > limit and not sweep.force:
        return Verdict(SweepState.HELD, may_take=False, note=_too_many(sweep, limit))
    # Without the list of members a survey cannot tell who would lose roles.
    unseen = sweep.without_list and Parts.GROUPS in Parts(sweep.parts)
    if sweep.losing == 0 and not unseen:
        return Verdict(SweepState.REPAIRING, in_agreement=_sees_all_roles(sweep))
    if not may_take:
        return Verdict(SweepState.REPAIRING, may_take=False, note=_not_yet_allowed(sweep, unseen=unseen))
    return Verdict(SweepState.REPAIRING, removal_limit=limit if unseen and not sweep.force else 0)


def _sees_all_roles(sweep: Sweep) -> bool:
    """Whether the survey compared the roles of everybody who is linked, and somebody is."""
    return sweep.linked > 0 and not sweep.without_list and Parts.GROUPS in Parts(sweep.parts)


def _too_many(sweep: Sweep, limit: int) -> str:
    return (
        f"stopped: of {sweep.linked} members it would take roles from {sweep.losing} and unlink {sweep.gone} "
        f'who seem to have left, more than {limit} in all. To let it, run it with {{"force": true}}'
    )


def _not_yet_allowed(sweep: Sweep, *, unseen: bool) -> str:
    losing = "an unknown number" if unseen else sweep.losing
    return (
        "sweeps of this guild may not take roles yet: it gives what is missing and takes nothing. It would "
        f'take from {losing} of {sweep.linked} members. To let sweeps take, run one with {{"force": true}}'
        f"{f' ({NO_LIST})' if unseen else ''}"
    )
