"""The pages of the authorise flow: plain HTML with inline style and no scripts, readable on a phone."""

from collections.abc import Iterable
from html import escape

_STYLE = """
:root { color-scheme: dark; --ink: #f2f3f5; --dim: #b5bac1; --page: #1e1f22; --card: #313338; --line: #4e5058;
  --blurple: #5865f2; --field: #1e1f22 }
* { box-sizing: border-box } body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding:
16px; background: var(--page);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { width: 100%; max-width: 440px; background: var(--card); border-radius: 12px; overflow: hidden }
.body { padding: 24px }
.badge { width: 64px; height: 64px; margin: 0 auto 16px; border-radius: 50%; background: var(--blurple);
  display: grid; place-items: center; font-size: 28px; font-weight: 700 }
h1 { margin: 0 0 4px; font-size: 22px; line-height: 1.25; text-align: center; overflow-wrap: anywhere }
p.lead { margin: 0 0 20px; color: var(--dim); text-align: center; overflow-wrap: anywhere }
h2 { margin: 20px 0 8px; font-size: 13px; letter-spacing: .02em; color: var(--dim) }
ul { margin: 0; padding: 0; list-style: none; border-top: 1px solid var(--line) }
li { padding: 10px 0 10px 28px; border-bottom: 1px solid var(--line); position: relative }
li::before { content: "✓"; position: absolute; left: 4px; color: #23a55a; font-weight: 700 }
label { display: block; margin: 0 0 8px; font-size: 13px; font-weight: 600; color: var(--dim) }
select, button { width: 100%; min-height: 48px; font: inherit; border-radius: 8px; border: 0 }
select { padding: 0 12px; color: var(--ink); background: var(--field); border: 1px solid var(--line) }
.buttons { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; padding: 16px 24px; background: #2b2d31 }
button { cursor: pointer; font-weight: 600; color: var(--ink); background: transparent }
button.yes { background: var(--blurple); color: #fff }
button:hover { filter: brightness(1.1) }
:focus-visible { outline: 2px solid #00a8fc; outline-offset: 2px }
small { display: block; margin-top: 16px; color: var(--dim); overflow-wrap: anywhere }
"""

_WORDS = {
    "identify": "See your username and display name",
    "guilds.join": "Join servers for you",
    "guilds": "Know what servers you are in",
    "guilds.members.read": "Read your member info in servers",
    "email": "See your e-mail address",
    "bot": "Add a bot to a server",
    "applications.commands": "Create commands",
}

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


def consent(
    *,
    app_name: str,
    scopes: Iterable[str],
    people: Iterable[tuple[str, str]],
    chosen: str | None,
    action: str,
    destination: str,
    wishes: Iterable[str] = (),
) -> str:
    """Who are you, and do you agree?

    `people` are ids and what each is called; `wishes` are further lines of what is asked for.
    """
    asked = [_WORDS.get(scope, scope) for scope in scopes] + list(wishes)
    lines = "".join(f"<li>{escape(line)}</li>" for line in asked)
    options = "".join(
        f'<option value="{escape(person)}"{" selected" if person == chosen else ""}>{escape(name)}</option>'
        for person, name in people
    )
    return _page(
        f"Authorise {app_name}",
        f'<form method="post" action="{escape(action)}"><div class="body">'
        f'<div class="badge" aria-hidden="true">{escape(app_name[:1])}</div>'
        f'<h1>{escape(app_name)}</h1><p class="lead">wants to access your account on this local Discord</p>'
        f'<label for="person">Signed in as</label><select id="person" name="person">{options}</select>'
        f"<h2>This will allow {escape(app_name)} to</h2><ul>{lines}</ul>"
        f"<small>Afterwards you go to {escape(destination)}</small></div>"
        '<div class="buttons"><button name="decision" value="cancel">Cancel</button>'
        '<button class="yes" name="decision" value="authorise">Authorise</button></div></form>',
    )


def message(title: str, text: str) -> str:
    """A page that only says something."""
    return _page(title, f'<div class="body"><h1>{escape(title)}</h1><p class="lead">{escape(text)}</p></div>')
