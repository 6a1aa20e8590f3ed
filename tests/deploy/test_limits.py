"""What AWS would refuse in the middle of a deployment."""

import pytest

from deploy.limits import MAX_ENVIRONMENT, OURS, environment_fault, schedule_fault


@pytest.mark.parametrize(
    "text",
    [
        "rate(1 hour)",
        "rate(2 hours)",
        "rate(12 hours)",
        "rate(1 minute)",
        "rate(365 days)",
        "cron(0 3 * * ? *)",
        "cron(0/15 * ? * MON-FRI *)",
        "cron(0 8 1 * ? *)",
    ],
)
def test_a_schedule_that_eventbridge_takes(text: str) -> None:
    assert schedule_fault(text) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rate(2 hour)", "rate(2 hours)"),
        ("rate(1 hours)", "rate(1 hour)"),
        ("rate(0 hours)", "for instance rate(2 hours)"),
        ("rate(1  hour)", "one space"),
        ("rate(1.5 hours)", "for instance"),
        ("rate(1 week)", "minute, hour, day"),
        ("hourly", "rate(…) or cron(…)"),
        ("rate(1 hour) ", "rate(…) or cron(…)"),
        ("cron(0 3 * * *)", "six fields"),
        ("cron(0 3 * * * *)", "a ?"),
        ("cron(0 3 ? * ? *)", "a ?"),
        ("cron(0 3 * * ? 20%6)", "'20%6' as year"),
    ],
)
def test_a_schedule_that_it_refuses_is_named_with_the_right_one(text: str, said: str) -> None:
    assert said in schedule_fault(text)


def test_settings_that_do_not_fit_into_a_functions_environment_are_refused() -> None:
    room = MAX_ENVIRONMENT - OURS - len('{"DISCORD_PROTECTED_MEMBERS":""}')
    assert environment_fault({"DISCORD_PROTECTED_MEMBERS": "1" * room}) == ""
    said = environment_fault({"DISCORD_PROTECTED_MEMBERS": "1" * (room + 1)})
    assert f"{MAX_ENVIRONMENT + 1} bytes" in said
    assert "the longest is DISCORD_PROTECTED_MEMBERS" in said


def test_two_hundred_protected_members_beside_the_usual_settings_do_not_fit_any_more() -> None:
    assert environment_fault({"DISCORD_PROTECTED_MEMBERS": ",".join(["1" * 19] * 200), "AUTH_SITE_URL": "x" * 60})
