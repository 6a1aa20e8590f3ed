"""One stage that is deployed, changed and taken away, each interrupted anywhere and then run again."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.project import bundle, clean_copy
from tests.deploy.account import Account, Ended, Point
from tests.deploy.inventory import everything, whole
from tests.deploy.support import STAGE, call_clean, hand_over_requirements, make_project

NEW_ROUTE = '\n\n@app.route("/added", methods=["GET"])\ndef added() -> str:\n    return ""\n'


@dataclass(frozen=True)
class Way:
    """A way of deploying."""

    name: str
    up: tuple[str, ...]


CHALICE = Way("chalice", ("up", STAGE))
PACKAGED = Way("packaged", ("up", STAGE, "--packaged"))
DOWN = ("down", STAGE, "--yes")


class Interrupted:
    """A stage in an account of its own, deployed in one way. What stands whole is made once, and put back each time."""

    def __init__(self, account: Account, way: Way, folder: Path) -> None:
        self._account = account
        self._way = way
        self._sources, self._standing, self._place = folder / "sources", folder / "standing", folder / "place"
        make_sources(self._sources)
        self.finished = {"up": self._begin_up(self._sources)}
        shutil.copytree(self._place / "project", self._standing)
        self._whole = whole(account)
        account.save()
        self.finished["change"] = self._run(self._changed_project(), way.up)
        self._changed = whole(account)
        account.restore()
        self.finished["down"] = self._run(self._copy(self._standing), DOWN)
        for ended in self.finished.values():
            assert ended.code == 0, ended.said

    def run(self, operation: str, point: Point, mishap: "Mishap | None" = None) -> Ended:
        """`up`, `change` or `down`."""
        done = {"up": self.up, "change": self.change, "down": self.down}[operation]
        return done(point, mishap)

    def up(self, point: Point, mishap: "Mishap | None" = None) -> Ended:
        """A first deployment, killed at that point; something happens to its folder; the same again, to the end."""
        killed = self._begin_up(self._sources, point)
        self._expect(self._again(self._way.up, mishap), self._whole)
        return killed

    def change(self, point: Point, mishap: "Mishap | None" = None) -> Ended:
        """The same with a deployment of a new route."""
        self._account.restore()
        killed = self._run(self._changed_project(), self._way.up, point)
        self._expect(self._again(self._way.up, mishap), self._changed)
        return killed

    def down(self, point: Point, mishap: "Mishap | None" = None) -> Ended:
        """The same with taking it away."""
        self._account.restore()
        killed = self._run(self._copy(self._standing), DOWN, point)
        ended = self._again(DOWN, mishap)
        assert ended.code == 0, ended.said
        assert f"Nothing of {STAGE} is left.\n" in ended.lines
        assert {one for one in everything(self._account) if not one.startswith("bucket ")} == set()
        return killed

    def _begin_up(self, sources: Path, point: Point | None = None) -> Ended:
        self._account.reset()
        self._account.put_secrets(STAGE)
        return self._run(self._copy(sources), self._way.up, point)

    def _changed_project(self) -> Path:
        project = self._copy(self._standing)
        with (project / "app.py").open("a") as app:
            app.write(NEW_ROUTE)
        return project

    def _copy(self, of: Path) -> Path:
        shutil.rmtree(self._place, ignore_errors=True)
        return Path(shutil.copytree(of, self._place / "project"))

    def _again(self, words: Iterable[str], mishap: "Mishap | None") -> Ended:
        project = self._place / "project"
        return self._run(mishap(project) if mishap else project, words)

    def _run(self, project: Path, words: Iterable[str], point: Point | None = None) -> Ended:
        return self._account.deploy(project, *words, killed=point)

    def _expect(self, ended: Ended, expected: dict[str, Any]) -> None:
        assert ended.code == 0, ended.said
        assert whole(self._account) == expected


Mishap = Callable[[Path], Path]
"""What happens to the project's folder after the interruption; the folder from then on."""


def lose_notes(project: Path) -> Path:
    """Chalice's notes are gone."""
    shutil.rmtree(project / ".chalice" / "deployed", ignore_errors=True)
    return project


def move(project: Path) -> Path:
    """The folder has another name."""
    return project.rename(project.with_name(f"{project.name}-moved"))


def clone(project: Path) -> Path:
    """Another machine, on which nothing was ever made."""
    for made in (".build", ".chalice/deployed"):
        shutil.rmtree(project / made, ignore_errors=True)
    hand_over_requirements(project)
    call_clean(project)
    return project


def make_sources(project: Path) -> None:
    """A project that is packaged already, with the new route and without, and whose templates were looked through."""
    project.mkdir()
    make_project(project, fitted=False)
    hand_over_requirements(project)
    app, made = project / "app.py", project.with_name("packages")
    for text in (app.read_text() + NEW_ROUTE, app.read_text()):
        app.write_text(text)
        call_clean(project)
        copy = clean_copy(STAGE, project)
        bundle(STAGE, project, copy)
        shutil.copytree(copy / ".chalice" / "deployments", made, dirs_exist_ok=True)
    shutil.copytree(made, copy / ".chalice" / "deployments", dirs_exist_ok=True)
