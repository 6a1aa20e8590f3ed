"""What Rolecall costs a month on AWS: calls that were counted, at the prices of `prices`."""

from collections import Counter
from pathlib import Path

from bench.figures import Figure
from bench.guilds import Cost, cost_of_sweep, drift_one_role, linked_world
from bench.prices import AS_OF, FREE, LIMITED, REGIONS, Usage, bill, idle
from local.simulated import World

TABLE = Path(__file__).parent / "COSTS.md"
MEMORY = 0.5  # GB of a function
DAYS = 30
SWEEPS = (24 + 2) * DAYS  # hourly, and twice a day for usernames
DAILY_CHANGE = 0.02  # of the members, by message
DAILY_VISITS = 0.02  # of the members, to the web function; a visit is some five requests
LINK = 400  # bytes of a link as the index gives it: names, groups, times
ROW_BYTES = 2_000  # that are kept for a member: link, account, audit trail
LINE = 500  # bytes of a line in the log, with what CloudWatch adds
READS = {"GetItem", "BatchGetItem", "Query", "Scan"}
TRANSACTION = 5  # writes that a transaction counts for: two rows, twice each, and the index of the audit trail
SIZES = (500, 20_000)
USUAL = "jobs"  # LIMIT_CONCURRENCY where the account may run 1,000 functions at once, and nobody chose


STAND_THERE = (
    "Stages that only stand there, the first one watched, in us-east-1, by what `LIMIT_CONCURRENCY` says (`jobs`: as",
    "deployed where the account may run 1,000 functions at once; `True`: elsewhere):",
)


def count(members: int) -> Usage:
    """What a stage of so many linked members uses in a month, polls and alarms apart."""
    world, ids = linked_world(members)
    still, still_calls = _sweep(world)
    changed = max(1, int(members * DAILY_CHANGE))
    drift_one_role(world, ids[:changed])
    drifted, drifted_calls = _sweep(world)
    changes = changed * DAYS
    each = {kind: (drifted_calls[kind] - still_calls[kind]) / changed for kind in ("reads", "writes")}
    seconds = (
        SWEEPS * still.lambda_seconds + changes * max(0.0, drifted.lambda_seconds - still.lambda_seconds) / changed
    )
    calls = SWEEPS * (still.received + 1) + changes
    links_read = SWEEPS * members * LINK / 4096 / 2  # eventually consistent: half a unit for 4 KB
    return Usage(
        lambda_calls=calls,
        lambda_gb_seconds=seconds * MEMORY,
        sqs_requests=4 * (calls + changes),
        dynamodb_writes=SWEEPS * still_calls["writes"] + changes * (each["writes"] + 2),
        dynamodb_reads=SWEEPS * still_calls["reads"] + changes * (each["reads"] + 2) + links_read,
        dynamodb_gb=members * ROW_BYTES / 1e9,
        api_requests=5 * members * DAILY_VISITS * DAYS,
        log_gb=LINE * (calls * 3 + changes * 4) / 1e9,
    )


def _sweep(world: World) -> tuple[Cost, Counter[str]]:
    """A sweep, and its DynamoDB calls as what is paid for."""
    before = Counter(world.dynamodb.counts)
    cost = cost_of_sweep(world)
    made = Counter(world.dynamodb.counts)
    made.subtract(before)
    paid: Counter[str] = Counter()
    for (operation, _), times in made.items():
        weight = TRANSACTION if operation == "TransactWriteItems" else 1
        paid["reads" if operation in READS else "writes"] += weight * times
    return cost, paid


def month(*, write: bool) -> list[Figure]:
    """Dollars a month of two sizes, and of stages that stand idle, in two regions. `write`: the table."""
    used = {size: count(size) for size in SIZES}
    if write:
        TABLE.write_text(markdown(used))
    figures = []
    for region, prices in REGIONS.items():
        for size, usage in used.items():
            parts = bill(usage + idle(1, limited=USUAL), prices)
            shown = ", ".join(f"{service} ${dollars:.2f}" for service, dollars in parts.items())
            name = f"a month on AWS, {size:,} linked, {region}, dollars"
            figures.append(Figure(name, f"{sum(parts.values()):.2f}", note=f"{shown}; beyond the free tier"))
        for stages in (1, 3):
            for limited in LIMITED:
                dollars = sum(bill(idle(stages, limited=limited), prices).values())
                name = f"— {stages} idle, LIMIT_CONCURRENCY={limited}, {region}, dollars"
                figures.append(Figure(name, f"{dollars:.2f}"))
    return figures


def markdown(used: dict[int, Usage]) -> str:
    """The table for people."""
    columns = [(region, size) for region in REGIONS for size in used]
    bills = {(region, size): bill(used[size] + idle(1, limited=USUAL), REGIONS[region]) for region, size in columns}
    lines = [
        "# What Rolecall costs a month",
        "",
        f"Written by `make bench` from counted calls and AWS's prices of {AS_OF} (bench/prices.py), in dollars, beyond",
        "what is free every month, without taxes. One watched stage; an hourly sweep; two in a hundred members changed",
        "and two in a hundred at the web pages each day. Not from a bill.",
        "",
        "| | " + " | ".join(f"{size:,} members, {region}" for region, size in columns) + " |",
        "|---|" + "---:|" * len(columns),
    ]
    lines += [
        f"| {service} | " + " | ".join(f"{bills[column][service]:.2f}" for column in columns) + " |"
        for service in next(iter(bills.values()))
    ]
    totals = " | ".join(f"**{sum(bills[column].values()):.2f}**" for column in columns)
    lines += [f"| **a month** | {totals} |", "", *STAND_THERE, ""]
    lines += [
        "| stages | " + " | ".join(f"`{limited}`: polls a month | dollars" for limited in LIMITED) + " |",
        "|---:|" + "---:|" * 2 * len(LIMITED),
    ]
    for stages in (1, 2, 3):
        usages = [idle(stages, limited=limited) for limited in LIMITED]
        cells = [
            f"{usage.sqs_requests:,.0f} | {sum(bill(usage, REGIONS['us-east-1']).values()):.2f}" for usage in usages
        ]
        lines.append(f"| {stages} | {' | '.join(cells)} |")
    lines += ["", f"Free each month: {FREE.sqs_requests:,.0f} SQS requests, {FREE.alarms:.0f} alarms, and more."]
    return "\n".join(lines) + "\n"
