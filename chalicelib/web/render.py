"""Jinja2 with automatic escaping, for the pages in `templates/`. Imported only where a page is served."""

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"
SAME_ADDRESS = "?"  # the address of the page itself, without its query, whatever precedes the path


@cache
def environment() -> Environment:
    """The templates. Every text is escaped, and a name that no template was given is an error."""
    return Environment(
        autoescape=True,
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(name: str, **values: object) -> str:
    """The page of that template."""
    defaults = {"language": "en", "mark": "", "kind": "", "wide": False, "script": False, "same_address": SAME_ADDRESS}
    return environment().get_template(name).render(defaults | values)


@cache
def style_hash() -> str:
    """The hash by which a Content-Security-Policy allows the one style that the pages have."""
    return _hash("style.css")


@cache
def script_hash() -> str:
    """The same of the one script, which the officers' page has."""
    return _hash("live.js")


def _hash(name: str) -> str:
    text = environment().get_template(name).render()
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
