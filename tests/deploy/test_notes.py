"""Chalice's notes, written from what there is."""

from deploy import notes
from deploy.found import Found, Trigger, function_of

API, OLD = "a1b2c3", "d4e5f6"
FOUND = Found(
    functions={"sync_jobs": "arn:aws:lambda:us-east-1:1:function:rolecall-dev-sync_jobs"},
    roles={"sync_jobs": "arn:aws:iam::1:role/rolecall-dev-sync_jobs"},
    rules={"update_all_on_schedule": "rolecall-dev-update_all_on_schedule-event"},
    triggers=(Trigger("u-1", "arn:aws:sqs:us-east-1:1:rolecall-dev-jobs", "arn:function", "sync_jobs"),),
    apis=(OLD, API),
)


def test_what_chalice_would_make_twice_is_noted_as_it_notes_it() -> None:
    made = notes.notes_of(FOUND, api=API, address="https://a")
    assert made is not None
    by_name = {one["name"]: one for one in made["resources"]}
    assert by_name["sync_jobs-sqs-event-source"]["event_uuid"] == "u-1"
    assert by_name["sync_jobs-sqs-event-source"]["queue"] == "rolecall-dev-jobs"
    assert by_name["rest_api"]["rest_api_id"] == API
    assert by_name["sync_jobs_role"]["role_name"] == "rolecall-dev-sync_jobs"
    assert by_name["update_all_on_schedule-event"]["rule_name"] == "rolecall-dev-update_all_on_schedule-event"
    assert made["schema_version"] == "2.0"


def test_where_nothing_is_there_are_no_notes() -> None:
    assert notes.notes_of(Found(), api=None, address="") is None


def test_of_several_apis_people_keep_theirs() -> None:
    callback = f"https://{API}.execute-api.eu-central-1.amazonaws.com/api/discord/callback"
    noted = {"resources": [{"name": "rest_api", "rest_api_id": API}]}
    assert notes.api_of(FOUND, callback, {}) == API
    assert notes.api_of(FOUND, "https://own.example.org/discord/callback", noted) == API
    assert notes.api_of(FOUND, "", {}) == OLD
    assert notes.api_of(Found(), callback, noted) is None


def test_notes_that_make_no_sense_count_as_none() -> None:
    assert notes.read("") == notes.read("{half") == notes.read("[]") == {}


def test_a_stage_whose_name_begins_another_is_told_apart() -> None:
    assert function_of("a", "rolecall-a") == "api_handler"
    assert function_of("a", "rolecall-a-sync_jobs") == "sync_jobs"
    assert function_of("a", "rolecall-a-b") is None, "the web function of the stage a-b"
    assert function_of("a", "rolecall-a-b-sync_jobs") is None
    assert function_of("a-b", "rolecall-a-b-sync_jobs") == "sync_jobs"
