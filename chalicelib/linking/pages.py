"""The small self-contained pages that people see, and the address to which they are sent back. Pure.

No scripts, no outside assets; every text is escaped. The style is allowed by its hash, nothing else is.
"""

import base64
import hashlib
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from chalicelib.errors import Reason

STYLE = """
:root{color-scheme:light dark;--ink:#1c2033;--soft:#565d78;--paper:#fff;--ground:#eef0f7;
--accent:#4752c4;--good:#217a4b;--bad:#b3432e;--line:#dfe2ee}
@media (prefers-color-scheme:dark){:root{--ink:#eceef8;--soft:#a9afc9;--paper:#232638;--ground:#171926;
--accent:#5762e0;--line:#353a54}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.25rem;background:var(--ground);color:var(--ink);
font:1.0625rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{width:100%;max-width:27rem;background:var(--paper);border:1px solid var(--line);border-radius:1rem;
padding:2rem 1.75rem;box-shadow:0 .5rem 2rem rgb(0 0 0/.07)}
.mark{width:3rem;height:3rem;border-radius:50%;display:grid;place-items:center;
font-size:1.5rem;font-weight:700;color:#fff;background:var(--accent)}
.mark.good{background:var(--good)}
.mark.bad,button.bad{background:var(--bad)}
h1{font-size:1.375rem;line-height:1.3;margin:1.1rem 0 .5rem;text-wrap:balance}
p{margin:.5rem 0;text-wrap:pretty}
button{display:block;width:100%;margin-top:1.4rem;padding:.85rem 1rem;border:0;border-radius:.6rem;
background:var(--accent);color:#fff;font:inherit;font-weight:600;cursor:pointer}
button:hover{filter:brightness(1.08)}
button:focus-visible{outline:3px solid var(--ink);outline-offset:2px}
small{display:block;margin-top:1.4rem;color:var(--soft)}
""".strip()
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

# For each reason of the closed list: what happened, and what to do next.
WORDS: dict[Reason, tuple[str, str]] = {
    Reason.BAD_TOKEN: (
        "This link does not work",
        "It may have been used already, or cut short. Go back to your alliance’s site and click there again.",
    ),
    Reason.EXPIRED: (
        "That took too long",
        "The link was good for a few minutes only. Go back to your alliance’s site and click there again.",
    ),
    Reason.BAD_STATE: (
        "We lost track of you",
        (
            "Start and finish in the same browser, with cookies allowed, and do not reload on the way. "
            "Go back to your alliance’s site and click there again."
        ),
    ),
    Reason.DENIED: (
        "You said no at Discord",
        (
            "Nothing was changed. If that was a slip, go back to your alliance’s site, click there again and choose "
            "“Authorise”."
        ),
    ),
    Reason.ALREADY_LINKED: (
        "This Discord account is taken",
        (
            "It belongs to another user of your alliance’s site. If that is you as well, unlink it there first. "
            "If not, log in to Discord with your own account and try again, or ask an administrator."
        ),
    ),
    Reason.BANNED: (
        "You are banned from this Discord server",
        "Only its moderators can lift a ban. Ask one of your alliance’s administrators.",
    ),
    Reason.GUILD_LIMIT: (
        "You are in too many Discord servers",
        (
            "Discord lets you join no more. Leave one that you no longer need, then go back to your alliance’s site "
            "and click there again."
        ),
    ),
    Reason.DISCORD_UNAVAILABLE: (
        "Discord does not answer",
        "This is not your fault. Wait a few minutes, then go back to your alliance’s site and click there again.",
    ),
    Reason.MISCONFIGURED: (
        "Something is set up wrongly here",
        (
            "This is not your fault, and trying again will not help. Tell your alliance’s administrators, with the "
            "code below; their log says more."
        ),
    ),
    Reason.ACCOUNT_NOT_READY: (
        "Your Discord account is not ready yet",
        (
            "Discord wants you to verify it first, by e-mail or phone. Open Discord, do what it asks for under "
            "“My Account”, then go back to your alliance’s site and click there again."
        ),
    ),
}
DONE = {
    "linked": ("You are linked", "Your Discord account is linked and gets its roles. You can close this page."),
    "unlinked": (
        "You are unlinked",
        "Your Discord account is no longer linked, and was taken off the server. You can close this page.",
    ),
}
SAME_ADDRESS = "?"  # the address of the page itself, without its query, whatever precedes the path
NEUTRAL = frozenset({Reason.DENIED})  # a person's own choice is no fault


def security_headers(form_target: str = "") -> dict[str, str | list[str]]:
    """Headers of every page: it loads nothing, is framed by nothing, is not cached, and leaks no address.

    `form_target` is the address that answers a submitted form with a redirect. Browsers apply form-action to every
    redirect that follows (https://github.com/w3c/webappsec-csp/issues/8), and that address may send people on to a
    login on another host: so every host is allowed, by https, or as the address itself. The page has one form, ours.
    """
    hosts = _schemes(form_target)
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; form-action 'self'{hosts}; "
            "base-uri 'none'; frame-ancestors 'none'"
        ),
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Strict-Transport-Security": "max-age=31536000",
    }


def done_page(outcome: str) -> str:
    """The page for a success. `outcome` is linked or unlinked."""
    title, text = DONE[outcome]
    return _page(title, f"<p>{escape(text)}</p>", mark="✓", kind="good")


def refusal_page(reason: Reason) -> str:
    """The page for a refusal: why, and what to do next."""
    title, todo = WORDS[reason]
    kind = "" if reason in NEUTRAL else "bad"
    return _page(title, f"<p>{escape(todo)}</p><small>Code: {escape(reason)}</small>", mark="!", kind=kind)


def unlink_page(token: str) -> str:
    """The page that asks before unlinking. Its form is posted to the page's own address."""
    body = (
        "<p>You will be taken off the Discord server and lose your roles there. You can link again at any time.</p>"
        f'<form method="post" action="{SAME_ADDRESS}"><input type="hidden" name="token" value="{escape(token)}">'
        '<button class="bad" type="submit">Unlink Discord</button></form>'
        "<small>Changed your mind? Close this page, and all stays as it is.</small>"
    )
    return _page("Unlink Discord?", body, mark="?")


def way_back(auth_site_url: str, outcome: str, reason: Reason | None = None) -> str:
    """The auth site's address with the outcome added to its query."""
    parts = urlsplit(auth_site_url)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True)]
    added = [("discord", outcome), *([("reason", str(reason))] if reason else [])]
    return urlunsplit(parts._replace(query=urlencode(kept + added)))


def _schemes(url: str) -> str:
    if not url:
        return ""
    return " https: http:" if urlsplit(url).scheme == "http" else " https:"


def _page(title: str, body: str, *, mark: str, kind: str = "") -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><style>{STYLE}</style></head><body><main><div class="mark {kind}" '
        f'aria-hidden="true">{mark}</div><h1>{escape(title)}</h1>{body}</main></body></html>'
    )
