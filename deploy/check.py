"""Before anything is deployed: are the settings there, and can they be right?"""

from collections.abc import Mapping
from typing import Any

from chalicelib import settings
from chalicelib.errors import BadSettings
from deploy import stages
from deploy.limits import environment_fault, schedule_fault
from deploy.project import NotDeployed

CALLBACK = "DISCORD_CALLBACK_URL"
KNOWN = {*settings.NAMES, settings.STAGE, *settings.AT_DEPLOYMENT}


def check(
    stage: str, environment: Mapping[str, Any], fetch_secrets: settings.FetchSecrets, *, address_known: bool
) -> None:
    """Raise NotDeployed naming every setting of `environment`, and every secret, that is missing or wrong.

    The callback URL may be missing while the API's address is not known, which the first deployment tells.
    """
    _check_name(stage)
    faults = [*_misplaced(stage, environment)]
    texts = {name: value for name, value in environment.items() if isinstance(value, str)}
    try:
        settings.load(fetch_secrets, texts)
    except BadSettings as bad:
        faults += bad.faults
    faults += _refused_by_aws(texts)
    if not address_known:
        faults = [fault for fault in faults if fault != f"{CALLBACK} is missing"]
    if faults:
        raise NotDeployed(_message(stage, faults))


def no_secrets(names: list[str]) -> dict[str, str]:
    """Stands for the required secrets where only the other settings are looked at; long enough for each."""
    return dict.fromkeys(set(names) & set(settings.REQUIRED_SECRETS), "x" * settings.MIN_SECRET)


def _check_name(stage: str) -> None:
    try:
        stages.check_name(stage)
    except stages.StageRefused as refused:
        raise NotDeployed(str(refused)) from None


def _refused_by_aws(texts: Mapping[str, str]) -> list[str]:
    schedules = {name: schedule_fault(texts[name]) for name in settings.SCHEDULES if texts.get(name)}
    faults = [f"{name} {fault}" for name, fault in schedules.items() if fault]
    if texts.get(settings.QUEUE_LIMIT) not in (None, "", "True", settings.JOBS_ONLY, "False"):
        faults.append(f"{settings.QUEUE_LIMIT} must be True, {settings.JOBS_ONLY} or False, or empty")
    size = environment_fault(texts)
    return [*faults, size] if size else faults


def _misplaced(stage: str, environment: Mapping[str, Any]) -> list[str]:
    faults = []
    if environment.get(settings.STAGE) != stage:
        faults.append(f'{settings.STAGE} must be "{stage}", the name of the stage')
    for name, value in environment.items():
        if name in settings.SECRETS:
            faults.append(f"{name} is a secret: take it out of config.json (and reset it, if anybody saw it)")
        elif name not in KNOWN:
            faults.append(f"{name} is no setting of Rolecall; is it misspelt?")
        elif not isinstance(value, str):
            faults.append(f'{name} must stand in quotes: "{value}"')
    return faults


def _message(stage: str, faults: list[str]) -> str:
    secret = [fault for fault in faults if fault.endswith(" is missing") and fault.split()[0] in settings.SECRETS]
    others = [fault for fault in faults if fault not in secret]
    lines = [f"The stage {stage} is not ready to be deployed."]
    if others:
        lines += [f"In .chalice/config.json, stages → {stage} → environment_variables:", *(f"- {it}" for it in others)]
    if secret:
        lines += [f"Secrets, which `make secrets STAGE={stage}` asks for:", *(f"- {fault}" for fault in secret)]
    return "\n".join(lines)
