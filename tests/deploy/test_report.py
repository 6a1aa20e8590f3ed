"""What is said once everything is deployed."""

import pytest

from deploy.report import Deployed, report

GOOD = Deployed(
    stage="prod",
    command="make deploy",
    address="https://a1.example.org/api",
    callback_set="https://a1.example.org/api/discord/callback",
    jobs_queue="https://sqs.example.org/1/rolecall-prod-jobs",
    notices_queue="https://sqs.example.org/1/rolecall-prod-notices",
    alarms_to="me@example.org",
)


def test_people_and_programs_learn_their_addresses() -> None:
    said = report(GOOD)
    for address in (f"{GOOD.address}/discord/link?token=…", GOOD.callback_set, GOOD.jobs_queue, GOOD.notices_queue):
        assert address in said


def test_where_all_is_done_nothing_is_left_to_do() -> None:
    assert len(report(GOOD).splitlines()) == 4


def test_without_a_callback_url_the_one_step_that_is_left_is_named() -> None:
    said = report(GOOD._replace(callback_set=""))
    assert "One step is left." in said
    assert "DISCORD_CALLBACK_URL, and run `make deploy STAGE=prod` again" in said


def test_another_callback_url_than_the_apis_is_shown_and_judged() -> None:
    said = report(GOOD._replace(callback_set="https://old.example.org/api/discord/callback"))
    assert "https://old.example.org/api/discord/callback" in said
    assert "right only with a domain of your own" in said


@pytest.mark.parametrize("command", ["make deploy", "make deploy-package"])
def test_alarms_that_nobody_hears_are_named_with_the_cure(command: str) -> None:
    said = report(GOOD._replace(alarms_to="", command=command))
    assert "Nobody hears the alarms of prod" in said
    assert f"{command} STAGE=prod EMAIL=you@example.org" in said


def test_a_stage_without_alarms_is_not_reproached_for_them() -> None:
    assert "larm" not in report(GOOD._replace(stage="dev", alarms_to=None))
