"""The demo's Alliance Auth: its people, and its pages without internet."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import allianceauth
import pytest
from allianceauth.authentication.models import User
from demo import assets, people
from demo.middleware import WithoutInternet
from django.http import HttpResponse
from django.test import RequestFactory

PAGES = Path(allianceauth.__file__).parent
MOMENT, JQUERY = "moment.js/2.30.1/moment.min.js", "jquery/3.7.1/jquery.min.js"


def test_people_have_the_state_of_their_alliance_and_a_permission_only_where_it_has_one(db: None) -> None:
    people.settle()
    found = {user.username: user for user in User.objects.all()}
    states = {name: user.profile.state.name for name, user in found.items()}
    assert states == {"admin": "Member", "kira": "Member", "dov": "Member", "sanne": "Blue", "tess": "Guest"}
    assert {name for name, user in found.items() if user.has_perm("aa_rolecall.access_discord")} == {
        "admin",
        "kira",
        "dov",
        "sanne",
    }
    assert [group.name for group in found["kira"].groups.all()] == ["Logistics"]


def test_everything_that_alliance_auth_asks_the_cdn_for_is_listed() -> None:
    assert assets.digests(PAGES).keys() <= assets.FILES.keys()
    assert all(digest.startswith("sha512-") for digest in assets.digests(PAGES).values())


@pytest.fixture
def page(settings: Any, tmp_path: Path) -> Callable[..., str]:
    """What becomes of a page."""
    settings.CDN_FOLDER = str(tmp_path)
    (tmp_path / assets.DIFFERING).write_text(json.dumps([MOMENT]))

    def show(text: str, content_type: str = "text/html; charset=utf-8") -> str:
        answer = WithoutInternet(lambda _: HttpResponse(text, content_type=content_type))
        return answer(RequestFactory().get("/")).content.decode()

    return show


def test_a_page_loads_from_this_machine_what_it_loaded_from_elsewhere(page: Callable[..., str]) -> None:
    shown = page(
        f'<script src="{assets.CDN}{JQUERY}"></script><img src="https://images.evetech.net/characters/1/portrait">'
    )
    assert f'src="/static/cdn/{JQUERY}"' in shown
    assert 'src="/demo/images/characters/1/portrait"' in shown
    assert "https://" not in shown


def test_only_a_file_that_is_not_the_cdns_own_goes_without_its_digest(page: Callable[..., str]) -> None:
    shown = page(
        f'<script src="{assets.CDN}{MOMENT}" integrity="sha512-a==" crossorigin="anonymous"></script>'
        f'<script src="{assets.CDN}{JQUERY}" integrity="sha512-b=="></script>'
    )
    assert f'<script src="/static/cdn/{MOMENT}" crossorigin="anonymous"></script>' in shown
    assert f'<script src="/static/cdn/{JQUERY}" integrity="sha512-b=="></script>' in shown


def test_what_is_no_page_stays_as_it_is(page: Callable[..., str]) -> None:
    assert page(assets.CDN, "application/json") == assets.CDN


def packages_in(folder: Path) -> None:
    for source in assets.FILES.values():
        assets.put(folder / source, f"content of {source}".encode())
    for source in assets.FOLDERS.values():
        assets.put(folder / source / "icons.woff2", b"icons")
    for family, variants in assets.FONTS.items():
        for variant in variants:
            for subset in ("latin", "latin-ext"):
                name = f"{family}-{subset}-{variant}.woff2"
                sheet = f"@font-face {{ src: url(./files/{name}) }}"
                assets.put(folder / "@fontsource" / family / f"{subset}-{variant}.css", sheet.encode())
                assets.put(folder / "@fontsource" / family / "files" / name, b"letters")


def test_files_are_laid_out_as_the_cdn_does_with_the_fonts_beside_them(tmp_path: Path) -> None:
    packages_in(tmp_path / "packages")
    theme = "@import url(https://fonts.googleapis.com/css2?family=Lato:ital,wght@0,400;0,700&display=swap);body{}"
    assets.put(tmp_path / "packages" / "bootswatch/dist/flatly/bootstrap.min.css", theme.encode())
    same = assets.digest_of(b"content of jquery/dist/jquery.min.js")
    assets.put(
        tmp_path / "pages" / "base.html",
        f'<script src="{assets.CDN}{JQUERY}" integrity="{same}">'
        f'<script src="{assets.CDN}{MOMENT}" integrity="sha512-another==">'.encode(),
    )
    assets.assemble(tmp_path / "packages", tmp_path / "cdn", tmp_path / "pages")
    themed = (tmp_path / "cdn" / "bootswatch/5.3.3/flatly/bootstrap.min.css").read_text()
    assert themed == "@import url(../../../fonts/lato.css);body{}"
    assert "./lato/lato-latin-400-italic.woff2" in (tmp_path / "cdn" / "fonts" / "lato.css").read_text()
    assert (tmp_path / "cdn" / "fonts" / "lato" / "lato-latin-400-italic.woff2").exists()
    assert json.loads((tmp_path / "cdn" / assets.DIFFERING).read_text()) == [MOMENT]


def test_a_file_that_is_not_listed_is_named(tmp_path: Path) -> None:
    assets.put(tmp_path / "base.html", f'<script src="{assets.CDN}left-pad/1.0/left-pad.min.js">'.encode())
    with pytest.raises(SystemExit, match="left-pad"):
        assets.assemble(tmp_path, tmp_path / "cdn", tmp_path)
