"""A right auth site passes every check; each wrong one fails those that are about its fault, and no others."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from local.conformance.checks import CHECKS
from local.conformance.report import examine
from tests.local.conformance.conftest import Run
from tests.local.conformance.small_site import SmallSite

ALL = {check.__name__ for check in CHECKS}
Recipe = dict[str, Any]
Wrong = Callable[[Recipe], tuple[type[SmallSite], type[Any]]]


def faults(run: Run) -> dict[str, str]:
    """What the checks found wrong."""
    return {found.name: found.wrong for found in examine(run.examination) if found.wrong}


def test_the_recipe_passes_every_check_and_reads_accounts(run: Run) -> None:
    assert faults(run) == {}
    assert run.played.reads > 0


def rolecall(**methods: Any) -> Wrong:
    """A site whose half differs in these methods."""
    return lambda recipe: (SmallSite, type("Rolecall", (recipe["Rolecall"],), methods))


def site(**methods: Any) -> Wrong:
    """A site that uses a right half wrongly."""
    return lambda recipe: (type("Site", (SmallSite,), methods), recipe["Rolecall"])


def signed(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Wrong:
    """A site whose tokens have other claims."""

    def wrong(recipe: Recipe) -> tuple[type[SmallSite], type[Any]]:
        half: Any = recipe["Rolecall"]

        class Rolecall(half):  # type: ignore[misc]  # made at run time
            def token(self, user: Any, purpose: str, **claims: Any) -> str:
                jwt = recipe["jwt"]
                usual = jwt.decode(super().token(user, purpose, **claims), options={"verify_signature": False})
                made: str = jwt.encode(change(usual), self.secret, algorithm="HS256")
                return made

        return SmallSite, Rolecall

    return wrong


def posted(change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> Wrong:
    """A site whose messages differ; None: not sent."""

    def wrong(recipe: Recipe) -> tuple[type[SmallSite], type[Any]]:
        half: Any = recipe["Rolecall"]

        class Rolecall(half):  # type: ignore[misc]  # made at run time
            def post(self, kind: str, user: Any, **fields: Any) -> None:
                message = change({"kind": kind, "user_id": user.id, **fields})
                if message is not None:
                    self.sqs.send_message(QueueUrl=self.jobs, MessageBody=json.dumps(message))

        return SmallSite, Rolecall

    return wrong


def in_seconds(recipe: Recipe) -> tuple[type[SmallSite], type[Any]]:
    def stamp(_self: Any, user: Any) -> int:
        user.stamp = max(int(recipe["time"].time()), user.stamp + 1)
        return int(user.stamp)

    return SmallSite, type("Rolecall", (recipe["Rolecall"],), {"stamp": stamp})


def to_the_second(recipe: Recipe) -> tuple[type[SmallSite], type[Any]]:
    def stamp(_self: Any, _user: Any) -> int:
        return int(recipe["time"].time()) * 1000

    return SmallSite, type("Rolecall", (recipe["Rolecall"],), {"stamp": stamp})


def no_queue_for_many(recipe: Recipe) -> tuple[type[SmallSite], type[Any]]:
    recipe["MAX_TOKEN"] = 10**6
    return SmallSite, recipe["Rolecall"]


def believing(self: Any, find_user: Any, wait: int) -> None:  # noqa: ARG001 - as the recipe has it
    answer = self.sqs.receive_message(QueueUrl=self.notices, MaxNumberOfMessages=10)
    for message in answer.get("Messages", []):
        notice = json.loads(message["Body"])
        user = find_user(notice["user_id"])
        if user and notice["kind"] == "linked":
            user.discord_id = notice["discord_id"]
        if user and notice["kind"] == "unlinked":
            user.discord_id = ""
        self.sqs.delete_message(QueueUrl=self.notices, ReceiptHandle=message["ReceiptHandle"])


def keeping(self: Any, find_user: Any, wait: int) -> None:  # noqa: ARG001 - as the recipe has it
    answer = self.sqs.receive_message(QueueUrl=self.notices, MaxNumberOfMessages=10)
    for message in answer.get("Messages", []):
        user = find_user(json.loads(message["Body"])["user_id"])
        if user:
            self.learn(user)


def stumbling(self: Any) -> None:
    self.rolecall.read_notices(self.users.__getitem__, wait=0)


def reading_by_query(recipe: Recipe) -> tuple[type[SmallSite], type[Any]]:
    get = recipe["requests"].get

    def in_query(url: str, *, headers: dict[str, str], timeout: float) -> Any:
        return get(f"{url}?verbose=1", headers=headers, timeout=timeout)

    recipe["requests"].get = in_query
    return SmallSite, recipe["Rolecall"]


def one_read_token(recipe: Recipe) -> tuple[type[SmallSite], type[Any]]:
    kept: dict[str, str] = {}

    half: Any = recipe["Rolecall"]

    class Rolecall(half):  # type: ignore[misc]  # made at run time
        def token(self, user: Any, purpose: str, **claims: Any) -> str:
            made: str = super().token(user, purpose, **claims)
            return kept.setdefault(user.id, made) if purpose == "read" else made

    return SmallSite, Rolecall


def with_attributes(self: Any, kind: str, user: Any, **fields: Any) -> None:
    self.sqs.send_message(
        QueueUrl=self.jobs,
        MessageBody=json.dumps({"kind": kind, "user_id": user.id, **fields}),
        MessageAttributes={"tries": {"DataType": "Number", "StringValue": "1"}},
    )


def without_last_name(said: dict[str, Any]) -> dict[str, Any]:
    return {**said, "nickname": said["nickname"].split()[0]} if said.get("nickname") else said


STATING = {
    "very_many_groups_fit",
    "changes_are_stated",
    "losing_all_groups_is_stated",
    "names_are_stated",
    "newer_changes_win",
}
LINKING = ALL - {"messages_can_be_read", "tokens_and_requests_were_right"}
WRONG: dict[str, tuple[Wrong, set[str]]] = {
    "signs with another secret": (
        rolecall(token=lambda self, user, purpose, **claims: "e30.e30.e30"),  # noqa: ARG005 - as the recipe has it
        LINKING | {"tokens_and_requests_were_right"},
    ),
    "signs for an hour": (
        signed(lambda claims: claims | {"exp": claims["iat"] + 3600}),
        LINKING | {"tokens_and_requests_were_right"},
    ),
    "gives numbers for ids in tokens": (
        signed(lambda claims: claims | {"sub": 7}),
        LINKING | {"tokens_and_requests_were_right"},
    ),
    "uses a jti twice": (
        signed(lambda claims: claims | {"jti": claims["sub"] + claims["purpose"]}),
        {"tokens_are_made_per_click", "tokens_and_requests_were_right"},
    ),
    "puts very many groups into a token": (
        no_queue_for_many,
        {"very_many_groups_fit", "tokens_and_requests_were_right"},
    ),
    "gives stamps in seconds": (in_seconds, {"newer_changes_win"}),
    "gives one stamp to all changes of a second": (
        to_the_second,
        STATING - {"very_many_groups_fit"} | {"who_returns_is_stated_anew"},
    ),
    "leaves out empty lists": (
        posted(lambda said: {name: value for name, value in said.items() if value != []}),
        {"losing_all_groups_is_stated"},
    ),
    "states no changes": (
        posted(lambda said: None if said["kind"] == "update_all" else said),
        STATING,
    ),
    "states first names": (posted(without_last_name), {"names_are_stated"}),
    "gives numbers for ids in messages": (
        posted(lambda said: said | {"user_id": 7}),
        STATING | {"removals_are_told", "who_returns_is_stated_anew", "messages_can_be_read"},
    ),
    "invents a kind": (
        posted(lambda said: said | {"kind": "remove_user"} if said["kind"] == "delete_user" else said),
        {"removals_are_told", "who_returns_is_stated_anew", "messages_can_be_read"},
    ),
    "sends attributes": (rolecall(post=with_attributes), {"messages_can_be_read"}),
    "tells of no removal": (
        rolecall(removed=lambda self, user: None),  # noqa: ARG005 - as the recipe has it
        {"removals_are_told", "who_returns_is_stated_anew"},
    ),
    "believes notices": (rolecall(read_notices=believing), {"late_notices_change_nothing"}),
    "keeps notices": (rolecall(read_notices=keeping), {"notices_are_deleted"}),
    "stumbles over an unknown user": (
        site(do_work=stumbling),
        {"unknown_notices_are_passed_over", "notices_are_deleted"},
    ),
    "reads with a query": (reading_by_query, {"tokens_and_requests_were_right"}),
    "reads with one token again and again": (one_read_token, {"tokens_and_requests_were_right"}),
    "unlinks without Rolecall": (
        site(do_unlink=lambda self, user_id: None),  # noqa: ARG005 - as the driver has it
        {"unlinking_reaches_rolecall"},
    ),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_site_fails_the_checks_of_its_fault(run: Run, recipe: Recipe, fault: str) -> None:
    wrong, expected = WRONG[fault]
    run.stage(*wrong(recipe))
    assert set(faults(run)) == expected
