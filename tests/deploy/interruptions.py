"""One stage that is deployed, changed, rolled back and taken away, each interrupted anywhere and then run again."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.project import bundle, clean_copy
from tests.deploy.account import NUMBER, Account, Ended, Point
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
    """A way of deploying a stage. `stuck`: after a first attempt whose stack of tables can only be deleted."""

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


CHALICE = Way("chalice", STAGE, EMAIL, ("up", "change", "down"))
PACKAGED = Way("packaged", STAGE, ("--packaged", *EMAIL), ("up", "change", "rollback", "down"))
STUCK = Way("stuck-prod", "prod", EMAIL, ("up",), stuck=True)
STUCK_PACKAGED = Way("stuck-prod-packaged", "prod", ("--packaged", *EMAIL), ("up",), stuck=True)


class Interrupted:
    """A stage in an account of its own, deployed in one way. What stands whole is made once, and put back each time."""

    def __init__(self, account: Account, way: Way, folder: Path) -> None:
        self.way = way
        self._account = account
        self._sources, self._standing, self._place = folder / "sources", folder / "standing", folder / "place"
        make_sources(self._sources, way.stage)
        self._begin_anew()
        self.finished = {"up": self._run(self._copy(self._sources), way.up)}
        shutil.copytree(self._place / "project", self._standing)
        self._whole = whole(account)
        account.save()
        self.finished["change"] = self._run(self._changed_project(), way.up)
        self._changed = whole(account)
        if "rollback" in way.operations:
            self.finished["rollback"] = self._run(self._place / "project", ("rollback", way.stage))
        if "down" in way.operations:
            self.finished["down"] = self._run(self._place / "project", way.down)
        for ended in self.finished.values():
            assert ended.code == 0, ended.said

    def run(self, operation: str, point: Point, mishap: Mishap | None = None) -> Ended:
        """Do what `operation` names, killed at that point; something happens to its folder; the same again, to the
        end. Then everything is as it should be. Returns the killed one.
        """
        done = {"up": self._up, "change": self._change, "rollback": self._roll_back, "down": self._down}[operation]
        return done(point, mishap)

    def _up(self, point: Point, mishap: Mishap | None) -> Ended:
        self._begin_anew()
        killed = self._run(self._copy(self._sources), self.way.up, point)
        self._expect(self._again(self.way.up, mishap), self._whole)
        return killed

    def _change(self, point: Point, mishap: Mishap | None) -> Ended:
        """A deployment of a new route."""
        self._account.restore()
        killed = self._run(self._changed_project(), self.way.up, point)
        self._expect(self._again(self.way.up, mishap), self._changed)
        return killed

    def _roll_back(self, point: Point, mishap: Mishap | None) -> Ended:
        """Putting back what was before the new route."""
        self._account.restore()
        project = self._changed_project()
        self._expect(self._run(project, self.way.up), self._changed)
        words = ("rollback", self.way.stage)
        killed = self._run(project, words, point)
        self._expect(self._again(words, mishap), self._whole)
        return killed

    def _down(self, point: Point, mishap: Mishap | None) -> Ended:
        self._account.restore()
        killed = self._run(self._copy(self._standing), self.way.down, point)
        ended = self._again(self.way.down, mishap)
        assert ended.code == 0, ended.said
        assert f"Nothing of {self.way.stage} is left.\n" in ended.lines
        assert everything(self._account) <= {BUCKET}
        return killed

    def roll_back_after(self, point: Point) -> Ended:
        """A deployment of a new route is killed, and what was before is put back; returns the killed one."""
        self._account.restore()
        project = self._changed_project()
        killed = self._run(project, self.way.up, point)
        self._expect(self._run(project, ("rollback", self.way.stage)), self._whole)
        return killed

    def _begin_anew(self) -> None:
        self._account.reset()
        self._account.put_secrets(self.way.stage)
        if self.way.stuck:
            leave_stuck(self._account, self.way.stage, self._sources)

    def _changed_project(self) -> Path:
        project = self._copy(self._standing)
        with (project / "app.py").open("a") as app:
            app.write(NEW_ROUTE)
        return project

    def _copy(self, of: Path) -> Path:
        shutil.rmtree(self._place, ignore_errors=True)
        return Path(shutil.copytree(of, self._place / "project"))

    def _again(self, words: Sequence[str], mishap: Mishap | None) -> Ended:
        project = self._place / "project"
        return self._run(mishap(project, self.way.stage) if mishap else project, words)

    def _run(self, project: Path, words: Sequence[str], point: Point | None = None) -> Ended:
        return self._account.deploy(project, *words, killed=point)

    def _expect(self, ended: Ended, expected: dict[str, Any]) -> None:
        assert ended.code == 0, ended.said
        assert whole(self._account) == expected


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
    project.mkdir()
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
