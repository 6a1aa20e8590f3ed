"""A new stage, from templates."""

import json
import shutil
from pathlib import Path

import pytest

from deploy import stages
from deploy.check import check, no_secrets
from deploy.project import ROOT, clean_copy, environment_of
from deploy.stages import StageRefused


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / ".chalice" / "templates", tmp_path / ".chalice" / "templates")
    for name in ("config.json", "package-merge.json"):
        shutil.copyfile(ROOT / ".chalice" / name, tmp_path / ".chalice" / name)
    for name in ("app.py", "requirements.txt"):
        (tmp_path / name).touch()
    return tmp_path


def test_a_new_stage_gets_its_configuration_and_four_policies_of_its_own(project: Path) -> None:
    before = json.loads((project / ".chalice" / "config.json").read_text())["stages"]
    written = stages.add("alliance-2", project)
    after = json.loads((project / ".chalice" / "config.json").read_text())["stages"]
    assert {name: after[name] for name in before} == before
    assert after["alliance-2"]["environment_variables"]["ROLECALL_STAGE"] == "alliance-2"
    own = [path for path in written if "alliance-2" in path.name]
    used = {after["alliance-2"]["iam_policy_file"]} | {
        function["iam_policy_file"] for function in after["alliance-2"]["lambda_functions"].values()
    }
    assert {path.name for path in own} == used
    assert len(own) == 4
    assert all("rolecall-alliance-2" in path.read_text() and "${" not in path.read_text() for path in own)


def test_a_new_stage_lacks_only_what_nobody_else_can_know(project: Path) -> None:
    stages.add("second", project)
    own = {"DISCORD_APP_ID": "1", "DISCORD_GUILD_ID": "2"}
    check("second", {**environment_of("second", project), **own}, no_secrets, address_known=False)


@pytest.mark.parametrize("name", ["a", "prod2", "x" * 16, "two-words", "a-"])
def test_such_a_name_is_taken(name: str) -> None:
    stages.check_name(name)


@pytest.mark.parametrize(
    "name", ["", "Prod", "2nd", "-a", "under_score", "x" * 17, "prod-data", "dev-watch", "a.b", "é"]
)
def test_another_name_is_refused(name: str) -> None:
    with pytest.raises(StageRefused):
        stages.check_name(name)


def test_a_stage_that_is_there_is_not_made_again(project: Path) -> None:
    with pytest.raises(StageRefused, match="There is a stage 'dev' already"):
        stages.add("dev", project)


def test_the_longest_name_leaves_room_for_every_name_that_aws_limits() -> None:
    stage = "x" * 16
    rule = f"rolecall-{stage}-update_all_usernames_on_schedule-event"
    assert len(rule) <= 64  # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html


def test_what_is_deployed_has_the_policies_of_its_stage_and_of_no_other(project: Path) -> None:
    stages.add("second", project)
    copy = clean_copy("second", project)
    assert {path.name for path in copy.glob(".chalice/policy-*.json")} == set(stages.policies("second", project))


def test_a_policy_that_was_changed_by_hand_is_renewed_and_a_plain_deployment_has_all(project: Path) -> None:
    assert len(stages.write_policies(project)) == 8
    changed = project / ".chalice" / "policy-dev-api.json"
    changed.write_text("{}")
    assert stages.write_policies(project) == [changed]
    assert stages.write_policies(project) == []
