"""What Rolecall does not survive yet: conditions that ordinary seeds leave out, with the seed that shows it and why.

`python -m simulation --only NAME` runs seeds with such a condition. A test runs each seed on record, so that a line
that is no longer true shows; the fix of a fault removes its line.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """A seed that fails under a condition, and why."""

    seed: int
    reason: str


KNOWN: dict[str, Known] = {
    "outage_dynamodb": Known(103, "the steps of a sweep become dead letters without a reason"),
    "outage_lambda": Known(100, "a deletion that was delivered late removes a newer link"),
    "frozen_processes": Known(103, "a sweep fails on a connection that died while its process was frozen"),
    "odd_nicknames": Known(101, "a nickname that Discord stores differently is written again for ever"),
    "small_pages": Known(100, "a page of members that is not full counts as the last one"),
    "refused_role_name": Known(102, "a role that cannot be created is a difference in each sweep"),
    "two_factor": Known(103, "roles stay with a member who is linked to nobody"),
    "thrown_out": Known(111, "a deletion that was delivered late removes a newer link"),
    "never_told": Known(115, "a member lacks roles for good"),
}
