"""One stage that is deployed, changed, rolled back and taken away, each interrupted anywhere and then run again."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.project import bundle, clean_copy
from tests.deploy.account import NUMBER, Account, Ended, Moment, Point
from tests.deploy.inventory import everything, whole
from tests.deploy.support import STAGE, call_clean, hand_over_requirements, make_project

NEW_ROUTE = '\n\n@app.route("/added", methods=["GET"])\ndef added() -> str:\n    return ""\n'
EMAIL = ("--email", "me@example.org")  # so that there are alarms
UNKNOWN = f"arn:aws:iam::{NUMBER}:user/auth-sight"
BUCKET = f"bucket rolecall-deployments-{NUMBER}-us-east-1"
"""Kept on purpose by `destroy`: empty, and other stages may have packages in it."""

Mishap = Callable[[Path, str], Path]
"""What happens to the project's folder after the interruption; given the stage, the folder from then on."""


@dataclass(frozen=True)
class Way:
    """A way of deploying a stage. `stuck`: after a first attempt whose stack of tables can only be deleted. `return` is
    to take the stage away, and, where that was killed, to deploy it again.
    """

    name: str
    stage: str
    options: tuple[str, ...]
    operations: tuple[str, ...]
    stuck: bool = False

    @property
    def up(self) -> tuple[str, ...]:
        return ("up", self.stage, *self.options)

    @property
    def down(self) -> tuple[str, ...]:
        return ("down", self.stage, "--yes")


CHALICE = Way("chalice", STAGE, EMAIL, ("up", "change", "down", "return"))
PACKAGED = Way("packaged", STAGE, ("--packaged", *EMAIL), ("up", "change", "rollback", "down", "return"))
STUCK = Way("stuck-prod", "prod", EMAIL, ("up",), stuck=True)
STUCK_PACKAGED = Way("stuck-prod-packaged", "prod", ("--packaged", *EMAIL), ("up",), stuck=True)


class Interrupted:
    """A stage in an account of its own, deployed in one way. What stands whole is made once, and put back each time."""

    def __init__(self, account: Account, way: Way, folder: Path) -> None:
        self.way = way
        self._account = account
        self._sources = folder.parent / f"sources-{way.stage}" / "project"  # of all ways
        self._standing, self._place = folder / "standing", folder / "place"
        if not self._sources.exists():
            make_sources(self._sources, way.stage)
        self._begin_anew()
        self.finished = {"up": self._run(self._copy(self._sources), way.up)}
        shutil.copytree(self._place / "project", self._standing)
        self._whole = whole(account)
        account.save()
        self.finished["change"] = self._run(self._prepare("change"), way.up)
        self._changed = whole(account)
        if "rollback" in way.operations:
            self.finished["rollback"] = self._run(self._place / "project", ("rollback", way.stage))
        if "down" in way.operations:
            self.finished["down"] = self._run(self._place / "project", way.down)
        self.finished["return"] = self.finished.get("down", self.finished["up"])
        for ended in self.finished.values():
            assert ended.code == 0, ended.said

    def run(self, operation: str, point: Point, mishap: Mishap | None = None) -> Ended:
        """Do what `operation` names, killed at that point; something happens to its folder; the same again, to the
        end. Then everything is as it should be. Returns the killed one.
        """
        killed = self._run(self._prepare(operation), self._first(operation), point)
        self._again(operation, mishap, told="\n" in killed.lines)  # the line before what it tells
        return killed

    def moments(self, operation: str) -> list[Moment]:
        """Do what `operation` names to its end; all moments of it at which a further run would find something else."""
        into = self._place.with_name(f"moments-{operation}")
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir()
        ended = self._account.deploy(self._prepare(operation), *self._first(operation), into=into)
        assert ended.code == 0, ended.said
        return self._account.moments()

    def finish(self, operation: str, moment: Moment, mishap: Mishap | None = None) -> None:
        """Do the same again, as if it had been killed at that moment. Then everything is as it should be."""
        with self._account.at(moment):
            self._copy(Path(moment.folder))
            self._again(operation, mishap, told=moment.call.startswith("DELETE ") and "rolled-back" in moment.call)

    def roll_back_after(self, point: Point) -> Ended:
        """A deployment of a new route is killed, and what was before is put back; returns the killed one."""
        killed = self._run(self._prepare("change"), self.way.up, point)
        self._again("rollback", None)
        return killed

    def _first(self, operation: str) -> tuple[str, ...]:
        """What is killed."""
        return self.way.down if operation == "return" else self._words(operation)

    def _words(self, operation: str) -> tuple[str, ...]:
        return {"rollback": ("rollback", self.way.stage), "down": self.way.down}.get(operation, self.way.up)

    def _prepare(self, operation: str) -> Path:
        """Everything as it is before what `operation` names: the project's folder, and the account."""
        if operation == "up":
            self._begin_anew()
            return self._copy(self._sources)
        self._account.restore()
        project = self._copy(self._standing)
        if operation not in ("down", "return"):
            with (project / "app.py").open("a") as app:
                app.write(NEW_ROUTE)
        if operation == "rollback":
            assert self._run(project, self.way.up).code == 0
        return project

    def _again(self, operation: str, mishap: Mishap | None, *, told: bool = False) -> None:
        """The same once more. `told`: a rollback had said that it was done; the next one would go further back."""
        project = self._place / "project"
        if operation == "return":
            self._account.put_secrets(self.way.stage)
        ended = self._run(mishap(project, self.way.stage) if mishap else project, self._words(operation))
        undone = f"No earlier version of {self.way.stage} is kept; nothing was changed\n"
        assert ended.code == 0 or (told and undone in ended.lines), ended.said
        if operation == "down":
            assert f"Nothing of {self.way.stage} is left.\n" in ended.lines
            assert everything(self._account) <= {BUCKET}
        else:
            assert whole(self._account) == (self._changed if operation == "change" else self._whole)

    def _begin_anew(self) -> None:
        self._account.reset()
        self._account.put_secrets(self.way.stage)
        if self.way.stuck:
            leave_stuck(self._account, self.way.stage, self._sources)

    def _copy(self, of: Path) -> Path:
        shutil.rmtree(self._place, ignore_errors=True)
        return Path(shutil.copytree(of, self._place / "project"))

    def _run(self, project: Path, words: Sequence[str], point: Point | None = None) -> Ended:
        return self._account.deploy(project, *words, killed=point)


def leave_stuck(account: Account, stage: str, project: Path) -> None:
    """A stack of tables as an older version left it whose first attempt failed: its tables cannot be taken back."""
    said = {"Stage": stage, "AuthSitePrincipal": UNKNOWN, "Protection": "on"}
    account.client("cloudformation").create_stack(
        StackName=f"rolecall-{stage}-data",
        TemplateBody=(project / ".chalice" / "data-stack.yaml").read_text(),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in said.items()],
    )
    account.sleep(60)


def lose_notes(project: Path, _: str) -> Path:
    """Chalice's notes are gone."""
    shutil.rmtree(project / ".chalice" / "deployed", ignore_errors=True)
    return project


def move(project: Path, _: str) -> Path:
    """The folder has another name."""
    return project.rename(project.with_name("moved"))


def clone(project: Path, stage: str) -> Path:
    """Another machine, on which nothing was ever made."""
    for made in (".build", ".chalice/deployed"):
        shutil.rmtree(project / made, ignore_errors=True)
    hand_over_requirements(project, stage)
    call_clean(project, stage)
    return project


def make_sources(project: Path, stage: str = STAGE) -> None:
    """A project that is packaged already, with the new route and without, and whose templates were looked through."""
    project.mkdir(parents=True)
    make_project(project, stage, fitted=False)
    hand_over_requirements(project, stage)
    app, made = project / "app.py", project.with_name("packages")
    for text in (app.read_text() + NEW_ROUTE, app.read_text()):
        app.write_text(text)
        call_clean(project, stage)
        copy = clean_copy(stage, project)
        bundle(stage, project, copy)
        shutil.copytree(copy / ".chalice" / "deployments", made, dirs_exist_ok=True)
    shutil.copytree(made, copy / ".chalice" / "deployments", dirs_exist_ok=True)
