"""Every function does its whole job with its policy, and without any one statement of it some of the job fails.

What the local AWS does not judge is guarded by tests of the policies themselves: tests/test_templates.py.
"""

import json
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
import requests

from chalicelib.commands.catalogue import COMMANDS
from chalicelib.messages import (
    AnswerCommand,
    ComparePage,
    DeleteUser,
    Parts,
    RemoveReplacedAccount,
    RepairMember,
    UpdateGroups,
    VerifyLink,
)
from local.aws.stack import FunctionFailed
from tests.stack.support import Stack, record, wait_until

pytestmark = pytest.mark.stack
POLICIES = Path(__file__).parents[2] / ".chalice"
USERS = (str(number) for number in count(1000))  # a new one for whoever needs one

# By policy file: the function that shows what its statements are for.
SHOWN_BY = {"api": "api_handler", "sweep": "update_all", "sync-jobs": "sync_jobs", "sync-bulk": "sync_bulk"}
NOT_JUDGED = {
    "WriteLogs",  # the emulator writes logs itself
    "DecryptSecrets",  # it decrypts parameters without asking KMS
    "SendTraces",  # it traces nothing
}
COLD = {"ReadSecrets", "RememberGuild"}  # remembered by a running function

# --- the whole job -----------------------------------------------------------------------------------------------


def event_of_schedule() -> dict[str, object]:
    texts = ("version", "id", "account", "region", "time", "source", "detail-type")
    return dict.fromkeys(texts, "-") | {"detail": {}, "resources": []}


def test_a_person_links_changes_groups_is_repaired_and_unlinks(stack: Stack) -> None:
    user, notices = next(USERS), []
    with stack.flowing():
        assert stack.link(user, "Member").roles == ("Member",)
        stack.site.groups(user, ["Pilot", "Newly Made"])
        wait_until("groups", lambda: set(stack.member(user).roles) == {"Pilot", "Newly Made"})
        stack.discord.change_member(f"person{user}", take=["Pilot"], nick="wrong")
        assert stack.aws.invoke("update_all_on_schedule", event_of_schedule()) is None
        wait_until("repaired", lambda: set(stack.member(user).roles) == {"Pilot", "Newly Made"})
        wait_until("renamed", lambda: stack.member(user).nick == f"Person{user}")
        token = stack.site.token(user, "read")
        said = stack.get(f"/discord/users/{user}", Authorization=f"Bearer {token}")
        assert said.json()["username"] == f"@person{user}"
        form = {"token": stack.site.token(user, "unlink")}
        gone = requests.post(f"{stack.aws.api_url}/discord/unlink", data=form, timeout=30)
        assert gone.status_code == 200, gone.text
        assert stack.discord.member(f"person{user}") is None

        def told() -> set[str]:
            notices.extend(stack.site.notices())
            return {notice["kind"] for notice in notices if notice["user_id"] == user} & {"linked", "unlinked"}

        wait_until("the auth site heard it", lambda: told() == {"linked", "unlinked"})
        stack.site.post("nonsense")
        sqs, queue = stack.aws.client("sqs"), stack.aws.dead_letter_queue_url
        wait_until("set aside", lambda: "nonsense" in json.dumps(sqs.receive_message(QueueUrl=queue), default=str))


@pytest.mark.parametrize(
    "function", ["update_all", "update_all_groups", "update_all_nicknames", "update_all_usernames"]
)
def test_a_task_rehearses_and_starts(stack: Stack, function: str) -> None:
    assert stack.aws.invoke(function, {"dry_run": True})["state"] == "dry_run"
    assert stack.aws.invoke(function)["state"] in ("surveying", "repairing")


def test_a_user_whom_the_bot_may_not_remove_loses_their_roles_and_their_link(stack: Stack) -> None:
    user = linked_user(stack)
    stack.discord.create_role("Director", position=50)
    stack.discord.change_member(f"person{user}", give=["Director"])
    stack.settle("sync_jobs", DeleteUser(user_id=user, notify=True))
    USED.remove(user)
    assert stack.member(user).roles == ("Director",)
    assert (
        stack.get(f"/discord/users/{user}", Authorization=f"Bearer {stack.site.token(user, 'read')}").status_code == 404
    )


def test_the_schedule_of_usernames_starts_a_sweep(stack: Stack) -> None:
    assert stack.aws.invoke("update_all_usernames_on_schedule", event_of_schedule()) is None


def test_the_page_that_adds_the_bot_opens_and_health_is_told(stack: Stack) -> None:
    assert stack.get(f"/discord/add_bot?token={stack.site.token('1', 'add_bot')}").status_code == 302
    assert stack.get("/health").status_code == 200


def test_members_use_commands(stack: Stack) -> None:
    user = linked_user(stack)
    bot = {"Authorization": f"Bot {stack.aws.settings['DISCORD_BOT_TOKEN']}", "User-Agent": "DiscordBot (tests, 1)"}
    at = f"{stack.aws.settings['DISCORD_API_BASE_URL']}/applications"
    app, guild = stack.aws.settings["DISCORD_APP_ID"], stack.aws.settings["DISCORD_GUILD_ID"]
    url = {"interactions_endpoint_url": f"{stack.aws.api_url}/discord/interactions"}
    saved = requests.patch(f"{at}/@me", json=url, headers=bot, timeout=30)
    assert saved.status_code == 200, saved.text
    registered = requests.put(f"{at}/{app}/guilds/{guild}/commands", json=list(COMMANDS), headers=bot, timeout=30)
    assert registered.status_code == 200, registered.text
    shown = stack.discord.use_command(f"person{user}", "whoami")
    assert (shown.state, "by your group Member" in shown.content) == ("answered", True), shown
    stack.aws.client("dynamodb").delete_item(
        TableName=f"rolecall-{stack.aws.stage}-guild", Key={"key": {"S": f"{guild}:facts"}}
    )
    stack.forget("api_handler")
    with stack.flowing():
        shown = stack.discord.use_command(f"person{user}", "whoami", locale="de")
        assert shown.state == "thinking", shown
        wait_until("answered", lambda: stack.discord.command_shown(shown.id).state == "answered")
        assert "durch deine Gruppe Member" in stack.discord.command_shown(shown.id).content
        assert stack.discord.use_command(f"person{user}", "refresh").content.startswith("Asked for.")


# --- each statement ----------------------------------------------------------------------------------------------


def looking_after_the_server(stack: Stack, **query: str) -> None:
    address = f"{stack.aws.api_url}/discord/admin"
    with requests.Session() as browser:
        token = stack.site.token("1", "admin")
        assert browser.get(address, params={"token": token}, timeout=30, allow_redirects=False).status_code == 302
        page = browser.get(address, params=query, timeout=30)
        assert page.status_code == 200, page.text
        assert "Groups and their roles" in page.text


def searching_for_a_name(stack: Stack) -> None:
    looking_after_the_server(stack, member="@nobody")


def looking_at_the_past_of_the_queues(stack: Stack) -> None:
    """A page that may not see it is shown without it, and the log says why."""
    stack.forget("api_handler")  # or what another page has seen would be shown
    logged = len(stack.aws.logs("api_handler"))
    looking_after_the_server(stack)
    assert "AccessDenied" not in "".join(stack.aws.logs("api_handler")[logged:])


def linking(stack: Stack) -> None:
    stack.link(next(USERS), "Member")


def rehearsing(stack: Stack) -> None:
    stack.aws.invoke("update_all", {"dry_run": True})


def starting(stack: Stack) -> None:
    stack.aws.invoke("update_all", {"force": True})  # beside one that runs without force, so there is always a message


def taking_a_role(stack: Stack) -> None:
    """At once, whatever else happens: other changes may wait to be compared with a list of members."""
    user = linked_user(stack)
    USED.remove(user)
    stack.discord.change_member(f"person{user}", give=["Member"])
    stack.settle("sync_jobs", UpdateGroups(user_id=user, groups=[], changed_at=stack.site.stamp()))
    assert stack.member(user).roles == ()


def unlinking_while_held(stack: Stack) -> None:
    """Somebody from whom the removal limit withholds something unlinks: what is on record must go."""
    user = next(USERS)
    stack.link(user, "Member")
    stack.aws.client("dynamodb").update_item(
        TableName=f"rolecall-{stack.aws.stage}-users",
        Key={"user_id": {"S": user}},
        UpdateExpression="SET last_error = :error, problems = :problems",
        ExpressionAttributeValues={
            ":error": {"S": "removal_held"},
            ":problems": {"S": json.dumps([{"kind": "removal_held"}])},
        },
    )
    form = {"token": stack.site.token(user, "unlink")}
    answer = requests.post(f"{stack.aws.api_url}/discord/unlink", data=form, timeout=30)
    assert answer.status_code == 200, answer.text


def deleting(stack: Stack) -> None:
    user = linked_user(stack)
    stack.settle("sync_jobs", DeleteUser(user_id=user, notify=True))
    USED.remove(user)


def refusing(function: str) -> Callable[[Stack], None]:
    def refuse(stack: Stack) -> None:
        stack.settle(function, "nonsense")

    return refuse


def settling_beside_a_broken_one(function: str) -> Callable[[Stack], None]:
    """A message whose queue does not exist cannot be put back: its neighbour must be deleted, or it would repeat."""

    def settle(stack: Stack) -> None:
        sqs, kind = stack.aws.client("sqs"), function.removeprefix("sync_")
        url = {"jobs": stack.aws.jobs_queue_url, "bulk": stack.aws.bulk_queue_url}[kind]
        sqs.purge_queue(QueueUrl=url)
        sqs.send_message(QueueUrl=url, MessageBody="nonsense")
        (message,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1)["Messages"]
        own, broken = f"rolecall-{stack.aws.stage}-{kind}", f"rolecall-{stack.aws.stage}-nowhere"
        later = record("{}", broken, due=str(time.time() + 3600))
        records = [record("nonsense", own, handle=message["ReceiptHandle"]), later]
        with pytest.raises(FunctionFailed) as failed:
            stack.deliver(function, *records)
        assert "1 of 2 messages; see the log" in str(failed.value)

    return settle


def repairing(stack: Stack) -> None:
    user = linked_user(stack)
    stack.discord.change_member(f"person{user}", take=["Member"])
    job = RepairMember(user_id=user, sweep_id="none", parts=Parts.ALL.value, version=0)
    stack.settle("sync_bulk", job)
    assert stack.member(user).roles == ("Member",)


def checking_a_link(stack: Stack) -> None:
    stack.settle("sync_bulk", VerifyLink(user_id="nobody"))


def parting(stack: Stack) -> None:
    stack.settle("sync_bulk", RemoveReplacedAccount(user_id="nobody", discord_id=42))


def surveying(stack: Stack) -> None:
    linked_user(stack)
    sweep = stack.aws.invoke("update_all")["sweep_id"]
    stack.settle("sync_bulk", ComparePage(sweep_id=sweep))


def answering_a_command(stack: Stack) -> None:
    stack.settle("sync_bulk", AnswerCommand(interaction_id="1"))


def looking_up_a_sweep(stack: Stack) -> None:
    stack.settle("sync_bulk", ComparePage(sweep_id="none"))


USED: list[str] = []


def linked_user(stack: Stack) -> str:
    """A user who is linked, with the role Member; the same again until somebody removes them."""
    if not USED:
        USED.append(next(USERS))
        stack.link(USED[-1], "Member")
    return USED[-1]


NEEDED_FOR: dict[tuple[str, str], Callable[[Stack], None]] = {
    ("api", "ReadSecrets"): linking,
    ("api", "KeepUsers"): linking,
    ("api", "ReadLinksInOrder"): searching_for_a_name,
    ("api", "CountMessages"): looking_after_the_server,
    ("api", "SeeQueuesOverTime"): looking_at_the_past_of_the_queues,
    ("api", "ClaimAccounts"): linking,
    ("api", "KeepAttempts"): linking,
    ("api", "RememberGuild"): linking,
    ("api", "SpendBudgets"): linking,
    ("api", "LimitRemovals"): unlinking_while_held,
    ("api", "KeepAudit"): linking,
    ("api", "SendMessages"): linking,
    ("sweep", "ReadSecrets"): rehearsing,
    ("sweep", "ReadLinksInOrder"): rehearsing,
    ("sweep", "RememberGuild"): rehearsing,
    ("sweep", "SpendBudgets"): rehearsing,
    ("sweep", "KeepSweeps"): rehearsing,
    ("sweep", "SendMessages"): starting,
    ("sync-jobs", "ReadSecrets"): taking_a_role,
    ("sync-jobs", "KeepUsers"): taking_a_role,
    ("sync-jobs", "RememberGuild"): taking_a_role,
    ("sync-jobs", "SpendBudgets"): taking_a_role,
    ("sync-jobs", "LimitRemovals"): taking_a_role,
    ("sync-jobs", "WriteAudit"): taking_a_role,
    ("sync-jobs", "ReleaseAccounts"): deleting,
    ("sync-jobs", "SendMessages"): refusing("sync_jobs"),
    ("sync-jobs", "TakeMessages"): settling_beside_a_broken_one("sync_jobs"),
    ("sync-bulk", "ReadSecrets"): repairing,
    ("sync-bulk", "KeepUsers"): checking_a_link,
    ("sync-bulk", "AnswerCommands"): answering_a_command,
    ("sync-bulk", "ReleaseAccounts"): parting,
    ("sync-bulk", "RememberGuild"): repairing,
    ("sync-bulk", "SpendBudgets"): repairing,
    ("sync-bulk", "WriteAudit"): repairing,
    ("sync-bulk", "KeepSweeps"): looking_up_a_sweep,
    ("sync-bulk", "ReadLinksInOrder"): surveying,
    ("sync-bulk", "SendMessages"): refusing("sync_bulk"),
    ("sync-bulk", "TakeMessages"): settling_beside_a_broken_one("sync_bulk"),
}


def statements() -> Iterator[tuple[str, str]]:
    for policy in SHOWN_BY:
        for statement in json.loads((POLICIES / f"policy-dev-{policy}.json").read_text())["Statement"]:
            yield policy, statement["Sid"]


def test_every_statement_has_a_job_that_needs_it() -> None:
    assert {(policy, sid) for policy, sid in statements() if sid not in NOT_JUDGED} == set(NEEDED_FOR)


@pytest.mark.parametrize(("policy", "sid"), NEEDED_FOR)
def test_without_this_statement_a_job_fails_that_succeeds_with_it(stack: Stack, policy: str, sid: str) -> None:
    function, job = SHOWN_BY[policy], NEEDED_FOR[policy, sid]
    linked_user(stack)
    if sid in COLD:
        stack.forget(function)
    logged = len(stack.aws.logs(function))
    with stack.without(function, sid), pytest.raises((AssertionError, FunctionFailed)) as failed:
        job(stack)
    assert "AccessDenied" in str(failed.value) + "".join(stack.aws.logs(function)[logged:])
    job(stack)
