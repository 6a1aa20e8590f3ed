"""`python -m local demo-allianceauth --conformance`: the app for Alliance Auth under the conformance check."""

import sys

from local.allianceauth.site import alliance_auth, app_settings
from local.aws import CannotStart
from local.conformance.command import SECRET, report
from local.conformance.driver import HttpDriver
from local.conformance.environment import environment
from local.up import interruptible

PATIENCE = 40.0  # seconds; the app leaves a removal alone for 3, and the machine is busy


def run() -> int:
    """Examine it; 0 if it keeps the contract, else 1."""
    try:
        with interruptible(), alliance_auth() as site, environment(SECRET) as around:
            settings = around.settings
            site.connect(
                app_settings(
                    rolecall_url=settings["ROLECALL_URL"],
                    secret=SECRET,
                    jobs_queue_url=settings["JOBS_QUEUE_URL"],
                    notices_queue_url=settings["NOTICES_QUEUE_URL"],
                    aws_endpoint_url=settings["AWS_ENDPOINT_URL"],
                )
            )
            driver = HttpDriver(f"{site.url}/demo/driver/")
            faults = report(around.examination(driver, patience=PATIENCE))
    except KeyboardInterrupt:
        return 1
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    return 1 if faults else 0
