"""Lambda's recursive loop detection, as a rule for simulated functions.

AWS counts the invocations of each function in one chain of requests through SQS, and stops before about the 17th unless
the function's `RecursiveLoop` is `Allow`. The messages then return to their queue and end among the dead letters,
without a reason. The counts travel in the trace header, which botocore copies onto every call that a function makes.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

MAX_INVOCATIONS = 16  # of one function in one chain; AWS says "approximately 16"
TEMPLATE = Path(__file__).parent.parent / ".chalice" / "package-merge.json"
RESOURCES = {"jobs": "SyncJobs", "bulk": "SyncBulk"}  # functions by the name of their queue
ATTRIBUTE = "AWSTraceHeader"  # of an SQS message
LINEAGE = "Lineage="

Chain = dict[str, int]  # invocations so far, by function


@cache
def deployed() -> frozenset[str]:
    """The functions that are deployed with `RecursiveLoop: Allow`, by the name of their queue."""
    resources: dict[str, Any] = json.loads(TEMPLATE.read_text())["Resources"]
    return frozenset(
        name for name, key in RESOURCES.items() if resources[key]["Properties"].get("RecursiveLoop") == "Allow"
    )


def header(chain: Mapping[str, int]) -> str:
    """The trace header for calls of an invocation with this chain; empty outside any chain."""
    return LINEAGE + "|".join(f"{function}:{count}" for function, count in sorted(chain.items())) if chain else ""


def chain_of(records: Iterable[Mapping[str, Any]]) -> Chain:
    """The chain that led to these records of an SQS event: of each function, the longest of them."""
    longest: Chain = {}
    for record in records:
        _, _, counts = record["attributes"].get(ATTRIBUTE, "").partition(LINEAGE)
        for count in filter(None, counts.split("|")):
            function, _, number = count.partition(":")
            longest[function] = max(longest.get(function, 0), int(number))
    return longest
