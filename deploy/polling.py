"""Which queues are read by a limited number of functions, and how often Lambda asks those that are idle.

Lambda asks a queue by several long polls at once, "as few as 2", which "is not available when you enable the maximum
concurrency setting": https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
"""

from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.settings import JOBS_ONLY, QUEUE_LIMIT
from deploy.project import environment_of

MANY_FUNCTIONS = 1000
"""Functions that an account may run at once, above which the bulk queue needs no limit: AWS's usual quota. Sweeps use
few by themselves, after an outage too (bench/CONCURRENCY.md)."""
TRIAL = "dev"
"""The stage to try things out. There no queue needs a limit: without one, thousands of changes at once take longer, but
nothing is lost."""
POLLS = {"True": 1_296_000, JOBS_ONLY: 907_200, "False": 518_400}
"""Requests to SQS in 30 days of a stage that stands idle, by LIMIT_CONCURRENCY: five long polls of 20 seconds at once
on a queue that is limited, two on one that is not."""
FREE = "1,000,000"  # requests to SQS a month, of all stages of the account together

Client = Any  # boto3 makes a client's methods at run time: no type describes them


def limited_queues(stage: str, root: Path, functions: Client) -> str:
    """What LIMIT_CONCURRENCY is for this deployment: as config.json says, else by what may run in the account."""
    if said := environment_of(stage, root).get(QUEUE_LIMIT):
        return str(said)
    try:
        limit = functions.get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    except ClientError:  # not everybody may ask
        return "True"
    if limit < MANY_FUNCTIONS:
        return "True"
    return "False" if stage == TRIAL else JOBS_ONLY


def idle(limited: str) -> str:
    """What it costs that a stage stands idle, in a sentence."""
    return (
        f"Idle, it asks SQS {POLLS[limited]:,} times a month ({QUEUE_LIMIT}: {limited}); {FREE} are free for all "
        f"stages of the account together (docs/explanation/costs.md)"
    )
