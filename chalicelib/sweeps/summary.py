"""A sweep as operators see it."""

from typing import Any

from chalicelib.messages import Parts
from chalicelib.store.sweeps import Sweep


def summary_of(sweep: Sweep, *, examples: bool = True) -> dict[str, Any]:
    """What a task answers, as plain JSON. `examples` are the members who would change."""
    summary: dict[str, Any] = {
        "sweep_id": sweep.sweep_id,
        "state": sweep.state.value,
        "parts": [part.name.lower() for part in Parts(sweep.parts) if part.name],
        "members": sweep.members,
        "linked": sweep.linked,
        "differing": sweep.differing,
        "would_lose_roles": sweep.losing,
        "would_lose_at_least": sweep.at_least if sweep.expected or sweep.keepers else None,
        "left": sweep.gone,
        "unlinked": sweep.unlinked,
        "may_take": sweep.may_take,
        "note": sweep.note,
    }
    return summary | {"would_change": list(sweep.examples)} if examples else summary
