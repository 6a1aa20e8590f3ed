"""The forms in which Cloudflare says that it blocks an address.

A 429 or 403 that is not Discord's own: an HTML page; JSON with `error_code` (since 11 March 2026, for clients that
accept it); JSON that looks like Discord's, with code 0 or 40333; or a 429 without any rate-limit header.
https://developers.cloudflare.com/changelog/post/2026-03-11-json-rfc9457-responses-for-1xxx-errors/
(also discord-api-docs#5810, #7137, #7146)
"""

import math
from dataclasses import replace
from typing import Any, Literal, get_args

from local.discord.messages import Answer, html_answer, json_answer

Shape = Literal["html", "html_403", "json", "json_403", "code_0", "code_40333", "bare"]
SHAPES: tuple[Shape, ...] = get_args(Shape)

PAGE = """<!doctype html> <html lang="en-US"><head><title>Access denied | discord.com used
Cloudflare to restrict access</title></head> <body><h1>Error 1015</h1><h2>You are being rate limited</h2>
<p>The owner of this website (discord.com) has banned you temporarily from accessing this
website.</p></body></html> """


def block(shape: Shape, retry_after: float | None = None) -> Answer:
    """The answer to a request from a blocked address; `retry_after`, in seconds, becomes a header if it is given."""
    answer = _answer(shape)
    headers = {**answer.headers, "Server": "cloudflare", "CF-RAY": "9d99a4434fz2d168-FRA"}
    if retry_after is not None:
        headers["Retry-After"] = str(math.ceil(retry_after))
    return replace(answer, headers=headers)


def _answer(shape: Shape) -> Answer:
    match shape:
        case "html":
            return html_answer(429, PAGE)
        case "html_403":
            return html_answer(403, PAGE.replace("1015", "1006").replace("You are being rate limited", "Access denied"))
        case "json":
            return json_answer(429, _problem(1015, 429, "You are being rate limited"))
        case "json_403":
            return json_answer(403, _problem(1020, 403, "Access denied"))
        case "code_0":
            return json_answer(429, {"message": "You are being blocked from accessing our API temporarily.", "code": 0})
        case "code_40333":
            return json_answer(403, {"message": "internal network error", "code": 40333})
        case "bare":
            return json_answer(429, {"message": "You are being rate limited."})


def _problem(number: int, status: int, title: str) -> dict[str, Any]:
    return {
        "type": "https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-1xxx-errors/"
        f"error-{number}/",
        "title": f"Error {number}: {title}",
        "status": status,
        "detail": title,
        "instance": "9d99a4434fz2d168",
        "error_code": number,
        "error_name": title.lower().replace(" ", "_"),
        "error_category": "access_denied" if status == 403 else "rate_limit",
        "ray_id": "9d99a4434fz2d168",
        "timestamp": "2026-11-25T00:00:00Z",
        "zone": "discord.com",
        "cloudflare_error": True,
        "retryable": status == 429,
        "owner_action_required": status == 403,
    }
