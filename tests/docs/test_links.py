"""Whoever follows the documentation arrives somewhere: links, anchors, names of files and settings."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from chalicelib import settings
from tests.docs.pages import DOCS, PAGES, ROOT, anchors, code_spans, links, name_of

SETTING = re.compile(r"(?:DISCORD|AUTH_SITE|SWEEP|REMOVAL|AUDIT|UPDATE|ROLECALL)_[A-Z_]+")
A_PATH = re.compile(r"(?:chalicelib|ops|local|deploy|bench|simulation|tools|tests|docs|\.chalice|\.ci)/[\w./-]*")
MADE_LATER = (".chalice/deployed",)  # by a deployment
EXTERNAL = ("https://", "http://")
pages = pytest.mark.parametrize("page", PAGES, ids=name_of)


@pages
def test_every_link_leads_to_a_page_and_a_heading_that_exist(page: Path) -> None:
    lost = []
    for link in links(page):
        if link.startswith(EXTERNAL):
            continue
        path, _, heading = link.partition("#")
        target = (page.parent / unquote(path)).resolve() if path else page
        if not target.exists() or (heading and heading not in anchors(target)):
            lost.append(link)
    assert lost == []


@pages
def test_links_to_other_sites_are_encrypted(page: Path) -> None:
    assert [link for link in links(page) if link.startswith("http://")] == []


@pages
def test_every_file_that_is_named_exists(page: Path) -> None:
    named = [span for span in code_spans(page) if A_PATH.fullmatch(span) and not span.startswith(MADE_LATER)]
    assert [name for name in named if not (ROOT / name).exists()] == []


@pages
def test_every_setting_that_is_named_exists(page: Path) -> None:
    of_the_conformance_check = {"ROLECALL_URL"}
    known = {*settings.NAMES, *settings.AT_DEPLOYMENT, settings.STAGE} | of_the_conformance_check
    named = {found for span in code_spans(page) for found in SETTING.findall(span)}
    assert named <= known


def test_every_page_is_found_from_the_index() -> None:
    index = DOCS / "README.md"
    listed = {(DOCS / link.partition("#")[0]).resolve() for link in links(index) if not link.startswith(EXTERNAL)}
    assert {page for page in DOCS.rglob("*.md") if page != index} <= listed
    assert set(DOCS.rglob("*.json")) <= listed


def test_the_readme_is_a_first_screen() -> None:
    readme = ROOT / "README.md"
    assert len(readme.read_text().splitlines()) <= 100
    assert {"make demo", "make test"} <= set(re.findall(r"^make \w+", readme.read_text(), re.MULTILINE))
    for page in ("docs/tutorial.md", "docs/reference/contract.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"):
        assert page in links(readme)
