"""Structured logs: each line is one JSON object, an event with fields. Secrets are never written.

`bind` sets the correlation id that every line of the current job or request carries; `about` sets the user.
"""

import json
import logging
import re
import sys
import traceback
from contextvars import ContextVar
from typing import Any

_trace: ContextVar[str] = ContextVar("trace", default="-")
_user_id: ContextVar[str | None] = ContextVar("user_id", default=None)
_secrets: set[str] = set()
_JWT = re.compile(r"eyJ[\w-]+\.[\w-]*\.[\w-]*")
_HIDDEN = "[hidden]"
MIN_HIDDEN = 6  # characters; hiding shorter texts would hide half of every line
_logger = logging.getLogger("rolecall")


def bind(trace: str) -> None:
    """Set the correlation id of the job or request that begins; forget the user of the one before."""
    _trace.set(trace)
    _user_id.set(None)


def bound() -> str:
    """Return the current correlation id."""
    return _trace.get()


def about(user_id: str) -> None:
    """Set the user whom the job or request concerns: every line from here on names them."""
    _user_id.set(user_id)


def hide(*secrets: str) -> None:
    """Never write these texts, neither as they are nor as JSON escapes them."""
    for secret in secrets:
        if len(secret) >= MIN_HIDDEN:
            _secrets.update((secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]))


def info(event: str, **fields: Any) -> None:  # noqa: ANN401 - whatever JSON can say
    """Log an event."""
    _write(logging.INFO, event, fields)


def warning(event: str, **fields: Any) -> None:  # noqa: ANN401
    """Log an event that an operator may want to look at."""
    _write(logging.WARNING, event, fields)


def error(event: str, **fields: Any) -> None:  # noqa: ANN401
    """Log that something failed, with the traceback of the exception that is being handled, if any."""
    if sys.exc_info()[0] is not None:
        fields["traceback"] = traceback.format_exc()
    _write(logging.ERROR, event, fields)


def redacted(text: str) -> str:
    """Return the text without known secrets, and without anything that looks like a JWT."""
    for secret in sorted(_secrets, key=len, reverse=True):  # longest first, so that nothing is left of two that overlap
        text = text.replace(secret, _HIDDEN)
    return _JWT.sub(_HIDDEN, text)


def _write(level: int, event: str, fields: dict[str, Any]) -> None:
    user_id = _user_id.get()
    whose = {} if user_id is None else {"user_id": user_id}
    line = {"level": logging.getLevelName(level), "event": event, "trace": _trace.get(), **whose, **fields}
    _logger.log(level, "%s", redacted(json.dumps(line, default=str, ensure_ascii=False)))


def to_stdout() -> None:
    """Write to standard output, from which Lambda takes the logs."""
    if not _logger.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(message)s"))
        _logger.addHandler(handler)
    _logger.setLevel(logging.INFO)
    _logger.propagate = False
    for talkative in ("requests_oauthlib", "oauthlib"):
        logging.getLogger(talkative).setLevel(logging.WARNING)  # at DEBUG they write secrets, codes and tokens
