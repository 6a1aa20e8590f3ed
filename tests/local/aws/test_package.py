"""The packaged functions are what ships, for the stage that was asked for, built only when something changed."""

import json
import os
import zipfile
from pathlib import Path

import pytest

from local.aws import CannotStart, package
from local.aws.server import ROOT

APP = """
import os
from chalice import Chalice
app = Chalice(app_name="rolecall")

@app.route("/health")
def health():
    return {}

@app.on_sqs_message(queue="rolecall-" + os.environ["ROLECALL_STAGE"] + "-jobs")
def sync_jobs(event):
    pass

@app.on_sqs_message(queue="rolecall-" + os.environ["ROLECALL_STAGE"] + "-bulk")
def sync_bulk(event):
    pass
"""
NAMES = ["update_all", "update_all_groups", "update_all_nicknames", "update_all_usernames"]
TASKS = "".join(f"\n@app.lambda_function()\ndef {name}(event, context):\n    pass\n" for name in NAMES)
SCHEDULES = "".join(
    f'\n@app.schedule("rate(1 hour)")\ndef {name}(event):\n    pass\n'
    for name in ["update_all_on_schedule", "update_all_usernames_on_schedule"]
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An app with every function's name, nothing in them and no requirements: it is packaged in a second."""
    for name, content in {
        "app.py": APP + TASKS + SCHEDULES,
        "requirements.txt": "",
        "chalicelib/__init__.py": "",
        "chalicelib/page.html": "<p>",
        "chalicelib/__pycache__/old.pyc": "",
        "notes.txt": "",
        **{path.relative_to(ROOT).as_posix(): path.read_text() for path in (ROOT / ".chalice").rglob("*.json")},
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(content)
    return tmp_path


def build(source: Path, stage: str = "local") -> package.Package:
    return package.build(stage, import_environment={"ROLECALL_STAGE": stage}, source=source)


def own_files(made: package.Package) -> set[str]:
    names = zipfile.ZipFile(made.zip_file).namelist()
    return {name for name in names if not name.startswith("chalice/") and not name.endswith(".pyc")}


def test_the_zip_holds_the_app_its_library_and_nothing_else_that_lies_about(source: Path) -> None:
    assert own_files(build(source)) == {"app.py", "chalicelib/__init__.py", "chalicelib/page.html"}


def test_roles_and_queues_are_those_of_the_stage(source: Path) -> None:
    resources = build(source, "nightly").template["Resources"]
    role = json.dumps(resources["SyncJobsRole"])
    assert "rolecall-nightly-jobs" in role
    assert "/rolecall/nightly/" in role
    assert "dev" not in role
    assert "rolecall-nightly-jobs" in json.dumps(resources["SyncJobs"]["Properties"]["Events"])


def test_a_stage_of_the_configuration_keeps_its_own_values(source: Path) -> None:
    retention = build(source, "prod").template["Resources"]["SyncJobsLogGroup"]["Properties"]["RetentionInDays"]
    assert (
        retention == json.loads((ROOT / ".chalice/config.json").read_text())["stages"]["prod"]["log_retention_in_days"]
    )


def test_functions_are_built_for_this_machine(source: Path) -> None:
    arm = os.uname().machine in {"arm64", "aarch64"}
    assert build(source).template["Resources"]["SyncJobs"]["Properties"]["Architectures"] == [
        "arm64" if arm else "x86_64"
    ]


def test_nothing_is_built_again_while_nothing_changes(source: Path) -> None:
    first = build(source).zip_file.stat()
    assert build(source).zip_file.stat() == first


def test_a_changed_line_is_in_the_next_package_and_the_requirements_are_taken_over(source: Path) -> None:
    build(source)
    taken_over = next((source / ".build/project/.chalice/deployments").glob("*.zip"))
    with zipfile.ZipFile(taken_over, "a") as last:
        last.writestr("a_requirement.py", "")  # as if it had been installed
    (source / "app.py").write_text(APP + TASKS + SCHEDULES + "\nCHANGED = True\n")
    made = build(source)
    assert b"CHANGED" in zipfile.ZipFile(made.zip_file).read("app.py")
    assert "a_requirement.py" in own_files(made)


def test_changed_requirements_are_installed_anew(source: Path) -> None:
    build(source)
    taken_over = next((source / ".build/project/.chalice/deployments").glob("*.zip"))
    with zipfile.ZipFile(taken_over, "a") as last:
        last.writestr("a_requirement.py", "")
    (source / "requirements.txt").write_text("# none\n")
    assert "a_requirement.py" not in own_files(build(source))


def test_what_chalice_complains_about_reaches_the_person(source: Path) -> None:
    (source / "app.py").write_text("import nothing_of_that_name")
    with pytest.raises(CannotStart, match="nothing_of_that_name"):
        build(source)
