"""What AWS refuses in the middle of a deployment, found before anything is made. Pure."""

import json
import re
from collections.abc import Mapping

UNITS = ("minute", "hour", "day")
CRON_FIELDS = ("minutes", "hours", "day of month", "month", "day of week", "year")
MAX_ENVIRONMENT = 4096  # bytes, of a function's variables as JSON: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
OURS = 64  # bytes for what deploying adds: which version of each secret is stored


def schedule_fault(text: str) -> str:
    """What EventBridge would not take about a schedule; empty where it is fine.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
    """
    rate = re.fullmatch(r"rate\((.*)\)", text)
    cron = re.fullmatch(r"cron\((.*)\)", text)
    if rate:
        return _rate_fault(rate[1])
    if cron:
        return _cron_fault(cron[1].split())
    return "must be rate(…) or cron(…), for instance rate(1 hour)"


def _rate_fault(text: str) -> str:
    said = re.fullmatch(r"([1-9][0-9]*) (minute|hour|day)(s?)", text)
    if not said:
        return f"must be a number and {', '.join(UNITS)} with one space between, for instance rate(2 hours)"
    one, unit = said[1] == "1", said[2]
    if one == bool(said[3]):
        return f"must be rate({said[1]} {unit if one else unit + 's'}): one {unit}, several {unit}s"
    return ""


def _cron_fault(fields: list[str]) -> str:
    if len(fields) != len(CRON_FIELDS):
        return (
            f"must have six fields ({', '.join(CRON_FIELDS)}), not {len(fields)}: cron(0 3 * * ? *) is 3:00 UTC daily"
        )
    if (fields[2] == "?") == (fields[4] == "?"):
        return "must have a ? as day of month or as day of week, and not in both: cron(0 3 * * ? *)"
    for name, field in zip(CRON_FIELDS, fields, strict=True):
        if not re.fullmatch(r"[0-9A-Za-z*,/#?-]+", field):
            return f"has {field!r} as {name}, which EventBridge does not know"
    return ""


def environment_fault(environment: Mapping[str, str]) -> str:
    """What Lambda would say about the variables' size; empty where they fit."""
    size = len(json.dumps(dict(environment), separators=(",", ":"), ensure_ascii=False).encode()) + OURS
    if size <= MAX_ENVIRONMENT:
        return ""
    longest = max(environment, key=lambda name: len(environment[name].encode()))
    return (
        f"All settings together have {size} bytes, and a function's may have {MAX_ENVIRONMENT}; the longest is "
        f"{longest}, with {len(environment[longest].encode())}"
    )
