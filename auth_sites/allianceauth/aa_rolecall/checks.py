"""`manage.py check`: what is set up wrongly, and how to fix it."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 - Django calls it so
from django.db import DatabaseError

from . import app_settings, contract, own_service
from .app_settings import KEY, QUEUE_URL, REQUIRED, Server

TASKS = (
    "aa_rolecall.tasks.deliver_changes",
    "aa_rolecall.tasks.read_notices",
    "aa_rolecall.tasks.check_everybody",
    "aa_rolecall.tasks.read_accounts",
)


@register(Tags.compatibility)
def check_settings(**_said: Any) -> list[CheckMessage]:  # noqa: ANN401 - Django's signature
    """E001, E002, E005, E006, W002: the settings of each server."""
    found = [*_keys()]
    for entry, server in zip(app_settings.entries(), app_settings.servers(), strict=True):
        found += _missing(entry, server)
        found += _wrong(server)
    return found


def _missing(entry: Any, server: Server) -> Iterator[CheckMessage]:  # noqa: ANN401 - what the settings hold
    for name in REQUIRED:
        if not entry.get(name):
            where = f"{name} of {server.key} in ROLECALL_SERVERS" if server.key else f"ROLECALL_{name}"
            yield Error(
                f"{where} is missing.", hint="Add it to local.py; `make deploy` of Rolecall printed it.", id=_id("E001")
            )


def _wrong(server: Server) -> Iterator[CheckMessage]:
    if server.secret and len(server.secret.encode()) < contract.MIN_SECRET:
        yield Error(
            f"{server.title}: ROLECALL_AUTH_SITE_SECRET is shorter than {contract.MIN_SECRET} bytes.",
            hint="Make one with `openssl rand -hex 32`, and give it to Rolecall too (`make secrets`).",
            id=_id("E002"),
        )
    for name, url in (("JOBS", server.jobs_queue_url), ("NOTICES", server.notices_queue_url)):
        if url and not QUEUE_URL.fullmatch(url):
            yield Error(
                f"{server.title}: ROLECALL_{name}_QUEUE_URL is no address of a queue.",
                hint="It looks like https://sqs.eu-central-1.amazonaws.com/123456789012/rolecall-prod-jobs",
                id=_id("E005"),
            )
    if server.url and not server.url.startswith("https://"):
        yield Warning(
            f"{server.title}: ROLECALL_URL does not begin with https://.",
            hint="Tokens would pass unencrypted. Only on your own machine is that right.",
            id=_id("W002"),
        )


def _keys() -> Iterator[CheckMessage]:
    keys = Counter(str(entry.get("KEY") or "") for entry in app_settings.entries())
    if keys[app_settings.MAIN] != 1:
        yield Error(
            "Exactly one entry of ROLECALL_SERVERS must have no KEY.",
            hint="It is the main server: accounts that were linked before there was a list are its.",
            id=_id("E006"),
        )
    for key, count in keys.items():
        if count > 1 and key:
            yield Error(f"The KEY {key!r} of ROLECALL_SERVERS is there {count} times.", id=_id("E006"))
        if key and not KEY.fullmatch(key):
            yield Error(
                f"{key!r} cannot be a KEY of ROLECALL_SERVERS.",
                hint="Up to 30 lower-case letters, digits and hyphens, the first a letter.",
                id=_id("E006"),
            )


@register(Tags.compatibility)
def check_own_service(**_said: Any) -> list[CheckMessage]:  # noqa: ANN401
    """E004: Alliance Auth's own Discord service must not act beside ours."""
    if own_service.is_silent():
        return []
    return [
        Error(
            "Alliance Auth's own Discord service is still registered: both would change the same members.",
            hint="Take allianceauth.services.modules.discord out of INSTALLED_APPS, and report this to Rolecall.",
            id=_id("E004"),
        )
    ]


@register(Tags.compatibility)
def check_schedule(**_said: Any) -> list[CheckMessage]:  # noqa: ANN401
    """E003, W001: which periodic tasks there are, in the settings or in the database."""
    scheduled = scheduled_tasks()
    found: list[CheckMessage] = [
        Error(
            f"The periodic task {task} of Alliance Auth's own Discord service is scheduled.",
            hint="Delete it from CELERYBEAT_SCHEDULE, and on the admin site under Periodic tasks.",
            id=_id("E003"),
        )
        for task in sorted(scheduled)
        if task.startswith("discord.")
    ]
    found += [
        Warning(
            f"The periodic task {task} is not scheduled.",
            hint="Copy the block for CELERYBEAT_SCHEDULE from the README of aa-rolecall into local.py.",
            id=_id("W001"),
        )
        for task in TASKS
        if task not in scheduled
    ]
    return found


def scheduled_tasks() -> set[str]:
    """The tasks that beat runs by the settings, or by the database; of the latter none before `migrate`."""
    schedule = getattr(settings, "CELERYBEAT_SCHEDULE", None) or getattr(settings, "CELERY_BEAT_SCHEDULE", None) or {}
    found = {str(entry.get("task")) for entry in schedule.values()}
    try:
        from django_celery_beat.models import PeriodicTask

        found |= set(PeriodicTask.objects.filter(enabled=True).values_list("task", flat=True))
    except (DatabaseError, ImportError, RuntimeError):  # RuntimeError: it is not in INSTALLED_APPS
        pass
    return found


def _id(number: str) -> str:
    return f"aa_rolecall.{number}"
