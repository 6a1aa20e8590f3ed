"""Decides which request falls under which rate limit, and writes the headers.

The limits per guild are not Discord's word: two independent tables of observed values agree on them (issue
3). Routes that are not listed have the global limit only and send no bucket headers. A bucket is its name and
the *major* parameter, the guild; all members of a guild share one.
"""

import hashlib
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from local.discord.limits import Bucket, Limit, RollingBucket, Verdict, bucket_for, up_to_milliseconds
from local.discord.messages import Answer, json_answer

Scope = Literal["user", "global", "shared"]

GLOBAL_REQUESTS = 50
GLOBAL_WINDOW = 1.0  # second

_MEMBER = "/guilds/{guild_id}/members/{user_id}"
_ONE_ROLE = Limit("member-role", 10, 10.0, "fixed")

OBSERVED: dict[str, Limit] = {
    f"PATCH {_MEMBER}": Limit("member-patch", 10, 10.0),
    f"PUT {_MEMBER}/roles/{{role_id}}": _ONE_ROLE,
    f"DELETE {_MEMBER}/roles/{{role_id}}": _ONE_ROLE,
    f"PUT {_MEMBER}": Limit("member-join", 10, 10.0),
    f"GET {_MEMBER}": Limit("member-get", 5, 1.0),
    "GET /guilds/{guild_id}/members": Limit("member-list", 10, 10.0),
    f"DELETE {_MEMBER}": Limit("member-kick", 5, 1.0),
    "POST /webhooks/{webhook_id}/{token}": Limit("webhook-post", 5, 2.0),
    # Fixed, because people report that a refused creation has to wait for a day and more.
    "POST /guilds/{guild_id}/roles": Limit("role-create", 250, 172_800.0, "fixed"),
}


@dataclass(frozen=True, slots=True)
class Ruling:
    """The decision on one request: the headers of every answer to it, and the refusal if it is refused."""

    headers: dict[str, str]
    refusal: Answer | None = None
    scope: Scope | None = None


class Limiter:
    """All buckets of one Discord."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str], Bucket] = {}
        self._global: dict[str, RollingBucket] = {}
        self._scale = 1.0

    def reset(self) -> None:
        """Forget every bucket: all of them are empty again."""
        self._buckets.clear()
        self._global.clear()

    def rule(self, route: str, major: str, caller: str, *, now: float, scale: float, look: bool = False) -> Ruling:
        """Accept or refuse a request by `caller` to `route`. With `look` it does not count in any bucket."""
        if scale != self._scale:
            self._scale = scale
            self.reset()
        overall = self._overall(caller)
        everything = overall.look(now) if look else overall.take(now)
        if not everything.allowed:
            return Ruling({}, too_many("global", everything.retry_after, scale=scale), "global")
        limit = OBSERVED.get(route)
        if limit is None:
            return Ruling({})
        bucket = self._bucket(limit, major)
        verdict = bucket.look(now) if look else bucket.take(now)
        headers = _headers(limit, verdict, now)
        if verdict.allowed:
            return Ruling(headers)
        return Ruling(headers, too_many("user", verdict.retry_after, scale=scale, headers=headers), "user")

    def _overall(self, caller: str) -> RollingBucket:
        if caller not in self._global:
            self._global[caller] = RollingBucket(GLOBAL_REQUESTS, GLOBAL_WINDOW / self._scale)
        return self._global[caller]

    def _bucket(self, limit: Limit, major: str) -> Bucket:
        key = (limit.name, major)
        if key not in self._buckets:
            self._buckets[key] = bucket_for(limit, self._scale)
        return self._buckets[key]


@lru_cache
def bucket_id(name: str) -> str:
    """The opaque id that stands in X-RateLimit-Bucket; it does not contain the guild."""
    return hashlib.sha256(f"bucket {name}".encode()).hexdigest()[:32]


def _headers(limit: Limit, verdict: Verdict, now: float) -> dict[str, str]:
    reset_after = up_to_milliseconds(verdict.reset_after)
    return {
        "X-RateLimit-Limit": str(verdict.limit),
        "X-RateLimit-Remaining": str(verdict.remaining),
        "X-RateLimit-Reset": f"{now + reset_after:.3f}",
        "X-RateLimit-Reset-After": f"{reset_after:.3f}",
        "X-RateLimit-Bucket": bucket_id(limit.name),
    }


def too_many(
    scope: Scope,
    retry_after: float,
    *,
    scale: float = 1.0,
    headers: dict[str, str] | None = None,
    code: int = 0,
) -> Answer:
    """A 429 of Discord's own.

    `Retry-After` counts whole seconds, as Discord's does (of the scaled clock, if it is scaled); `retry_after` in the
    body is exact to the millisecond.
    """
    whole = math.ceil(retry_after * scale - 1e-6) / scale
    said = dict(headers or {})
    said["Retry-After"] = str(int(whole)) if whole == int(whole) else f"{whole:.3f}"
    said["X-RateLimit-Scope"] = scope
    if scope == "global":
        said["X-RateLimit-Global"] = "true"
    message = "The resource is being rate limited." if scope == "shared" else "You are being rate limited."
    body = {
        "message": message,
        "retry_after": up_to_milliseconds(retry_after),
        "global": scope == "global",
        "code": code,
    }
    return json_answer(429, body, said)
