"""Structured logs: one JSON object a line, an event with fields. What looks like a secret is never written.

`bind` sets the correlation id that every line of the current job or request carries, `about` whom it concerns.
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
    """Every line from here on belongs to this job or request."""
    _trace.set(trace)
    _user_id.set(None)


def bound() -> str:
    """The correlation id in force."""
    return _trace.get()


def about(user_id: str) -> None:
    """The job or request is this user's: every line from here on says so."""
    _user_id.set(user_id)


def hide(*secrets: str) -> None:
    """Never write these texts, as they are or as JSON spells them."""
    for secret in secrets:
        if len(secret) >= MIN_HIDDEN:
            _secrets.update((secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]))


def info(event: str, **fields: Any) -> None:  # noqa: ANN401 - whatever JSON can say
    """Something happened."""
    _write(logging.INFO, event, fields)


def warning(event: str, **fields: Any) -> None:  # noqa: ANN401
    """Something an operator may want to look at."""
    _write(logging.WARNING, event, fields)


def error(event: str, **fields: Any) -> None:  # noqa: ANN401
    """Something went wrong. Called while an exception is handled, its traceback goes along."""
    if sys.exc_info()[0] is not None:
        fields["traceback"] = traceback.format_exc()
    _write(logging.ERROR, event, fields)


def redacted(text: str) -> str:
    """The text without any secret that is known, and without anything that looks like a token."""
    for secret in sorted(_secrets, key=len, reverse=True):  # of two that overlap no tail is left over
        text = text.replace(secret, _HIDDEN)
    return _JWT.sub(_HIDDEN, text)


def _write(level: int, event: str, fields: dict[str, Any]) -> None:
    user_id = _user_id.get()
    whose = {} if user_id is None else {"user_id": user_id}
    line = {"level": logging.getLevelName(level), "event": event, "trace": _trace.get(), **whose, **fields}
    _logger.log(level, "%s", redacted(json.dumps(line, default=str, ensure_ascii=False)))


def to_stdout() -> None:
    """Write to standard output, which is where Lambda takes logs from."""
    if not _logger.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(message)s"))
        _logger.addHandler(handler)
    _logger.setLevel(logging.INFO)
    _logger.propagate = False
    for talkative in ("requests_oauthlib", "oauthlib"):
        logging.getLogger(talkative).setLevel(logging.WARNING)  # at DEBUG they write secrets, codes and tokens
