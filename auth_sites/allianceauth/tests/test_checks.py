"""`manage.py check` and `manage.py rolecall_check`."""

from collections.abc import Callable, Iterable
from io import StringIO
from typing import Any

import pytest
from aa_rolecall import checks
from aa_rolecall.models import Change
from django.contrib.auth.models import User
from django.core.management import call_command

from .fakes import World

BEAT = {name: {"task": name, "schedule": 60} for name in checks.TASKS}
GOOD = {
    "ROLECALL_URL": "https://rolecall.example.org",
    "ROLECALL_AUTH_SITE_SECRET": "x" * 32,
    "ROLECALL_JOBS_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/1/rolecall-prod-jobs",
    "ROLECALL_NOTICES_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/1/rolecall-prod-notices",
}


@pytest.fixture
def good(settings: Any, db: None) -> Any:
    """Settings without a fault."""
    for name, value in GOOD.items():
        setattr(settings, name, value)
    settings.CELERYBEAT_SCHEDULE = BEAT
    return settings


def ids() -> set[str]:
    """The numbers of what is found."""
    found = [*checks.check_settings(), *checks.check_own_service(), *checks.check_schedule()]
    assert all(one.hint or one.id == "aa_rolecall.E006" for one in found)
    return {str(one.id).partition(".")[2] for one in found}


def test_good_settings_have_no_fault(good: Any) -> None:
    assert ids() == set()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ROLECALL_URL", "", {"E001"}),
        ("ROLECALL_NOTICES_QUEUE_URL", None, {"E001"}),
        ("ROLECALL_AUTH_SITE_SECRET", "short", {"E002"}),
        ("ROLECALL_AUTH_SITE_SECRET", "ä" * 16, set()),
        ("ROLECALL_JOBS_QUEUE_URL", "rolecall-prod-jobs", {"E005"}),
        ("ROLECALL_URL", "http://rolecall.example.org", {"W002"}),
        ("CELERYBEAT_SCHEDULE", {}, {"W001"}),
        ("CELERYBEAT_SCHEDULE", {**BEAT, "old": {"task": "discord.update_all"}}, {"E003"}),
    ],
)
def test_each_fault_has_its_number(good: Any, name: str, value: object, expected: set[str]) -> None:
    setattr(good, name, value)
    assert ids() == expected


def test_tasks_of_the_database_count_too(good: Any) -> None:
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    good.CELERYBEAT_SCHEDULE = {}
    every = IntervalSchedule.objects.create(every=1, period="minutes")
    for name in checks.TASKS:
        PeriodicTask.objects.create(name=name, task=name, interval=every)
    assert ids() == set()
    PeriodicTask.objects.create(name="old", task="discord.update_all", interval=every)
    assert ids() == {"E003"}


def test_alliance_auths_own_service_is_a_fault_where_it_is_registered(good: Any) -> None:
    from aa_rolecall import own_service
    from allianceauth import hooks

    if not own_service.installed():
        pytest.skip("a run without Alliance Auth's Discord app")
    from allianceauth.services.modules.discord.auth_hooks import register_service

    hooks.register("services_hook", register_service)
    try:
        assert ids() == {"E004"}
    finally:
        own_service.silence()


# --- rolecall_check -------------------------------------------------------------------------------------------


def run(expect: int = 0) -> str:
    """What the command prints; it must end with this code."""
    out, code = StringIO(), 0
    try:
        call_command("rolecall_check", stdout=out, no_color=True)
    except SystemExit as end:
        code = int(end.code or 0)
    assert code == expect
    return out.getvalue()


def faults(text: str) -> list[str]:
    """The lines of faults."""
    return [line for line in text.splitlines() if line.startswith("fault")]


@pytest.fixture
def fine(settings: Any, world: World, member_state: Any) -> World:
    """A site where all is right, but for an address that is not https."""
    settings.CELERYBEAT_SCHEDULE = BEAT
    return world


def test_where_all_is_right_only_the_loopback_address_is_found(fine: World) -> None:
    (fault,) = faults(run(1))
    assert "W002" in fault
    text = run(1)
    for said in ("Rolecall answers", "clocks agree", "accepts our tokens", "takes messages", "can be read"):
        assert said in text
    assert fine.jobs.bodies[0] == {"kind": "update_username", "user_id": "rolecall-check"}


def spoil(fine: World, settings: Any, how: str) -> None:
    """Break one thing."""
    from allianceauth.authentication.models import State

    match how:
        case "secret":
            settings.ROLECALL_AUTH_SITE_SECRET = "another secret, also of 32 bytes or more"
        case "address":
            settings.ROLECALL_URL = "http://127.0.0.1:9"
        case "sqs":
            fine.sqs_down = True
        case "permission":
            State.permissions.through.objects.all().delete()
        case "outbox":
            Change.objects.create(user_id=1, at=1)
        case "clock":
            fine.date = "Wed, 01 Jan 2020 00:00:00 GMT"
        case "beat":
            settings.CELERYBEAT_SCHEDULE = {}


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("secret", ["does not accept our tokens"]),
        ("address", ["cannot be reached"]),
        ("sqs", ["takes no message", "cannot be read"]),
        ("permission", ["Nobody holds"]),
        ("outbox", ["has been waiting"]),
        ("clock", ["clocks differ"]),
        ("beat", ["not scheduled"] * 4),
    ],
)
def test_each_fault_is_found_and_has_a_fix(fine: World, settings: Any, how: str, said: Iterable[str]) -> None:
    spoil(fine, settings, how)
    found = [line for line in faults(run(1)) if "W002" not in line]
    assert len(found) == len(list(said))
    assert all(text in line for text, line in zip(said, found, strict=True))


def test_no_secret_is_printed(fine: World, settings: Any) -> None:
    fine.sqs_down = True
    text = run(1)
    assert settings.ROLECALL_AUTH_SITE_SECRET not in text
    assert "eyJ" not in text


def test_servers_show_no_secret(settings: Any, world: World) -> None:
    from aa_rolecall import app_settings

    settings.ROLECALL_AWS_SECRET_ACCESS_KEY = "the secret key"
    shown = repr(app_settings.servers())
    assert settings.ROLECALL_AUTH_SITE_SECRET not in shown
    assert "the secret key" not in shown


def test_nothing_secret_is_logged(
    settled: User,
    world: World,
    caplog: pytest.LogCaptureFixture,
    client: Any,
    settings: Any,
    make_user: Callable[..., User],
) -> None:
    from aa_rolecall import tasks

    caplog.set_level("DEBUG", "aa_rolecall")
    client.force_login(settled)
    client.get("/rolecall/activate/")
    world.web_status, world.sqs_down = 500, True
    client.post("/rolecall/deactivate/")
    client.get("/rolecall/returned/?discord=linked")
    Change.objects.create(user_id=settled.pk, kind="force", at=1)
    tasks.deliver_changes()
    tasks.read_notices()
    tasks.read_accounts()
    assert len(caplog.records) >= 4
    assert settings.ROLECALL_AUTH_SITE_SECRET not in caplog.text
    assert "eyJ" not in caplog.text
