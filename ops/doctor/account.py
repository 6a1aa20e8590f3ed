"""The account: how long AWS keeps it, how much may run in it, and what Lambda does with Rolecall's functions."""

from collections.abc import Iterator
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from deploy import runtimes
from deploy.functions import LOOPING
from ops.doctor.base import Finding, Registry, fault, note, warning
from ops.doctor.context import DoctorContext
from ops.stage import FUNCTIONS, error_code

checks = Registry("Account")
MIN_CONCURRENCY = 20  # functions at once: seven for the queues, some for people, some for other things
FREE = "FREE"  # the plan with which AWS closes an account after six months


@checks.check("account-plan", "How long AWS keeps the account", needs=("aws",))
def account_plan(context: DoctorContext) -> Iterator[Finding]:
    """https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/free-tier-plans.html"""
    try:
        said = context.stage.client("freetier").get_account_plan_state()
    except (ClientError, BotoCoreError):
        return  # older accounts have no plan, an emulator has none, and not everybody may ask
    if said.get("accountPlanType") == FREE:
        ends = said.get("accountPlanExpirationDate")
        when = f"on {ends:%d %B %Y}" if ends else "six months after it was opened"
        yield warning(
            f"the account is on AWS's free plan: AWS closes it {when}, with all links in it",
            "AWS console → Billing and Cost Management → Upgrade plan; what Rolecall uses stays free as before",
        )


@checks.check("concurrency", "How many functions may run at once", needs=("aws",))
def concurrency(context: DoctorContext) -> Iterator[Finding]:
    try:
        limit = context.stage.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    except ClientError as error:
        yield note(f"AWS does not tell: {error_code(error)}")
        return
    if limit < MIN_CONCURRENCY:
        yield warning(
            f"this account may run {limit} functions at once, of which the queues take up to seven: while they are "
            "busy, people who link may be refused",
            "AWS console → Service Quotas → AWS Lambda → Concurrent executions → request 1,000 (free)",
        )


@checks.check("runtime", "The Python version of the functions", needs=("functions",))
def runtime(context: DoctorContext) -> Iterator[Finding]:
    today = datetime.fromtimestamp(context.stage.now(), UTC).date()
    found = {one.runtime for one in map(context.stage.function, FUNCTIONS) if one}
    versions = {runtimes.version_of(name) for name in found} - {None}
    for version in sorted(one for one in versions if one):
        if said := runtimes.warning(version, today):
            yield warning(
                said, f"make clean setup PYTHON=python{runtimes.name(runtimes.RECOMMENDED)}; {context.deploy}"
            )


@checks.check("recursion", "Chains of messages", needs=("functions",))
def recursion(context: DoctorContext) -> Iterator[Finding]:
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html"""
    client = context.stage.client("lambda")
    for short in LOOPING:
        function = context.stage.function(short)
        if function is None:
            continue
        try:
            said = client.get_function_recursion_config(FunctionName=function.name)["RecursiveLoop"]
        except ClientError as error:
            yield note(f"AWS does not tell whether it stops them: {error_code(error)}")
            return
        if said != "Allow":
            yield fault(
                f"Lambda takes {function.name} for an endless loop and stops it after some 16 steps: longer sweeps "
                "never end, and changes that had to wait are lost to the dead letters",
                f"{context.deploy}; or aws lambda put-function-recursion-config --function-name {function.name} "
                "--recursive-loop Allow",
            )
