"""What 1,000 linked members cost a month on AWS, from counted calls and published prices."""

from bench.figures import Figure
from bench.guilds import cost_of_sweep, drift_one_role, linked_world

# us-east-1, on demand, as published by AWS in 2026; without any free tier. Dollars.
PER_REQUEST = 0.20 / 1e6  # Lambda
PER_GB_SECOND = 0.0000133334  # Lambda, arm64
PER_SQS = 0.40 / 1e6
PER_WRITE = 0.625 / 1e6  # DynamoDB, on demand; a transaction counts twice
PER_READ = 0.125 / 1e6  # DynamoDB, on demand; a consistent read of up to 4 KB
PER_API = 3.50 / 1e6
MEMORY = 0.5  # GB
ALARMS = 5 * 0.10
SMALLEST_BOX = 12.26 + 1.60  # t4g.small for 730 hours, and 20 GB of disk: Alliance Auth asks for 2 GB at least
DAYS, MEMBERS, DAILY_CHANGE = 30, 1000, 0.02


def month() -> list[Figure]:
    """An hourly sweep, two in a hundred members changed a day by message, an empty poll of two queues all the time."""
    world, ids = linked_world(MEMBERS)
    still = cost_of_sweep(world)
    changed = int(MEMBERS * DAILY_CHANGE)
    drift_one_role(world, ids[:changed])
    drifted = cost_of_sweep(world)
    each_calls = (drifted.calls - still.calls) / changed
    each_seconds = max(0.0, drifted.lambda_seconds - still.lambda_seconds) / changed
    sweeps, changes = 24 * DAYS, changed * DAYS
    calls = sweeps * still.calls + changes * (each_calls + 2)
    seconds = sweeps * still.lambda_seconds + changes * each_seconds
    invocations = sweeps * (still.received + 1) + changes
    polls = 2 * 5 * 3 * 60 * 24 * DAYS  # Lambda polls each queue with five long polls of 20 s
    parts = {
        "Lambda": invocations * PER_REQUEST + seconds * MEMORY * PER_GB_SECOND,
        "DynamoDB": calls * (PER_WRITE + PER_READ) / 2,
        "SQS": (polls + 4 * (invocations + changes)) * PER_SQS,
        "API Gateway": 5 * changed * DAYS * PER_API,
        "alarms": ALARMS,
    }
    total = sum(parts.values())
    shown = ", ".join(f"{name} ${amount:.2f}" for name, amount in parts.items())
    note = f"{shown}; before free tiers. {calls:,.0f} DynamoDB calls, {seconds:,.0f} Lambda-seconds, {polls:,} polls"
    return [
        Figure("a month on AWS, 1,000 linked, dollars", f"{total:.2f}", note=note),
        Figure("— beside the smallest always-on box that runs Alliance Auth, dollars", f"{SMALLEST_BOX:.2f}"),
    ]
