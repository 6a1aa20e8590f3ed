"""The small self-contained pages of linking and unlinking, and the headers that every page has.

No outside assets, no scripts but one of our own on the officers' page; every text is escaped. Style and script are
allowed by their hashes, nothing else is.
"""

from urllib.parse import urlsplit

from chalicelib.errors import Reason
from chalicelib.http import preferred_language
from chalicelib.web.outcomes import DONE, LANGUAGES, NEUTRAL, UNLINK, WORDS
from chalicelib.web.render import render, script_hash, style_hash


def security_headers(*form_targets: str, script: bool = False) -> dict[str, str | list[str]]:
    """Headers of every page: it loads nothing, is framed by nothing, is not cached, and leaks no address.

    `form_targets` are the addresses to which the answer to a submitted form redirects. Browsers apply form-action to
    every redirect that follows (https://github.com/w3c/webappsec-csp/issues/8), and such an address may send people on
    to a login on another host: so every host is allowed, by https, or as the address itself. The pages have no form but
    ours. `script`: the page has our one script, which may ask this host only.
    """
    allowed = f"script-src 'sha256-{script_hash()}'; connect-src 'self'; " if script else ""
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{style_hash()}'; {allowed}"
            f"form-action 'self'{_schemes(form_targets)}; base-uri 'none'; frame-ancestors 'none'"
        ),
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Strict-Transport-Security": "max-age=31536000",
    }


def done_page(outcome: str, languages: str = "") -> str:
    """The page for a success. `outcome` is linked or unlinked; `languages` the browser's header Accept-Language."""
    language = preferred_language(languages, LANGUAGES)
    title, text = DONE[language][outcome]
    return render("outcome.html", language=language, title=title, text=text, reason=None, mark="✓", kind="good")


def refusal_page(reason: Reason, languages: str = "") -> str:
    """The page for a refusal: why, and what to do next. The code is the same in every language."""
    language = preferred_language(languages, LANGUAGES)
    title, todo = WORDS[language][reason]
    kind = "" if reason in NEUTRAL else "bad"
    return render("outcome.html", language=language, title=title, text=todo, reason=str(reason), mark="!", kind=kind)


def unlink_page(token: str, languages: str = "") -> str:
    """The page that asks before unlinking. Its form is posted to the page's own address."""
    language = preferred_language(languages, LANGUAGES)
    title, text, button, otherwise = UNLINK[language]
    texts = {"text": text, "button": button, "otherwise": otherwise}
    return render("unlink.html", language=language, title=title, token=token, mark="?", **texts)


def _schemes(urls: tuple[str, ...]) -> str:
    schemes = {urlsplit(url).scheme for url in urls if url}
    if not schemes:
        return ""
    return " https: http:" if "http" in schemes else " https:"
