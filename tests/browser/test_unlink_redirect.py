"""After unlinking, the browser goes back to the auth site, which may send it on to a login on another host.

Chrome applies a page's `form-action` to every redirect that follows the form's answer (w3c/webappsec-csp#8). A page
that names only the auth site's origin leaves the person on a button that seems dead.
"""

from typing import TYPE_CHECKING

import pytest

from tests.browser.stage import Reply, stage

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
TIMEOUT = 5000  # milliseconds; a redirect takes some


def arrives(browser: "Browser", host: str) -> bool:
    """Whether a person is unlinked and arrives at the login, on `host`, to which the auth site sends them on."""
    from playwright.sync_api import TimeoutError as PlaywrightTimeout

    with stage(returns=True) as made:
        made.world.link("101", "kira", groups=["Member"])
        login = f"{made.auth_site.replace('localhost', host)}/login"
        plain = made.sites["a"]

        def auth_site(method: str, url: str, headers: dict[str, str], body: bytes) -> Reply:
            if url.startswith("/services"):
                return 302, [("Location", login)], b""
            return plain(method, url, headers, body)

        made.sites["a"] = auth_site
        page = browser.new_page()
        page.goto(made.opening("unlink"))
        page.get_by_role("button").click()
        try:
            page.wait_for_url(f"{login}*", timeout=TIMEOUT)
        except PlaywrightTimeout:
            return False
        finally:
            page.close()
        return made.world.roles("kira") is None


def test_a_login_of_the_auth_site_itself_is_reached(chromium: "Browser") -> None:
    assert arrives(chromium, "localhost")


def test_a_login_on_another_host_is_reached(chromium: "Browser") -> None:
    assert arrives(chromium, "127.0.0.1")
