"""The tokens that the auth site signs for its users: JWT, HS256, short-lived, for one purpose, used once. Pure."""

from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from chalicelib.errors import LinkRefused, Reason
from chalicelib.linking.purpose import Purpose
from chalicelib.messages import MAX_CLOCK_SKEW, ChangedAt, Groups, Nickname, UserId

__all__ = ["ALGORITHM", "MAX_LIFETIME", "MAX_TOKEN", "Claims", "Purpose", "Token", "read_token"]

ALGORITHM = "HS256"
MAX_LIFETIME = 15 * 60  # seconds from `iat` to `exp`
MAX_TOKEN = 8000  # characters; API Gateway takes 10,240 bytes of request line and headers


class Claims(msgspec.Struct):
    """The claims of a token that the auth site signs for one of its users."""

    sub: UserId
    purpose: Annotated[str, Meta(description="What the token allows; it allows nothing else.", examples=["link"])]
    iat: Annotated[
        int | float, Meta(description="When it was signed, in seconds since 1970 (UTC).", examples=[1767225600])
    ]
    exp: Annotated[
        int | float,
        Meta(description="Until when it is valid: at most 900 seconds after `iat`.", examples=[1767226200]),
    ]
    jti: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=256,
            description="A value that no other token has. A token can be used once.",
            examples=["0b8f2f1e6d5c4b3a9f8e7d6c5b4a3f2e"],
        ),
    ]
    # Not in our contract, but a sender may add it (RFC 7519, section 4.1.5).
    nbf: Annotated[int | float, Meta(description="Not valid before, in seconds since 1970 (UTC).")] | UnsetType = UNSET
    groups: Groups | UnsetType = UNSET
    nickname: Nickname | UnsetType = UNSET
    changed_at: ChangedAt | UnsetType = UNSET
    name: (
        Annotated[
            str,
            Meta(
                max_length=100,
                description="For `admin`: who it is, for the audit trail. Without it their id stands there.",
                examples=["Kira Vantari"],
            ),
        ]
        | UnsetType
    ) = UNSET


@dataclass(frozen=True, slots=True)
class Token:
    """A valid token. `changed_at` (epoch ms) is None if the token states neither groups nor nickname."""

    user_id: str
    purpose: Purpose
    jti: str
    issued_at: float
    expires_at: float
    groups: tuple[str, ...] = ()
    nickname: str | None = None
    changed_at: int | None = None
    name: str = ""  # of an officer, for the audit trail


def read_token(text: str | None, purpose: Purpose, *, secret: str, now: float) -> Token:
    """Check the token in `text` for `purpose` at `now`, and return it.

    Raises LinkRefused(expired) if it was valid once, LinkRefused(bad_token) for every other fault.
    """
    if not text or len(text) > MAX_TOKEN:
        raise _bad("no token, or an over-long one")
    import jwt  # here, so that functions that read no tokens start faster

    try:
        # PyJWT checks the signature. The claims are checked here, as strict JSON and by our clock.
        payload: bytes = jwt.PyJWS().decode(text, secret, algorithms=[ALGORITHM])
        claims = msgspec.json.decode(payload, type=Claims)
    except jwt.InvalidTokenError as error:
        raise _bad(type(error).__name__) from None
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise _bad("claims are missing or of a wrong type") from None
    _check(claims, purpose, now)
    return Token(
        user_id=claims.sub,
        purpose=purpose,
        jti=claims.jti,
        issued_at=claims.iat,
        expires_at=claims.exp,
        groups=tuple(claims.groups or ()),
        nickname=claims.nickname or None,
        changed_at=claims.changed_at if isinstance(claims.changed_at, int) else None,
        name=" ".join((claims.name or "").split()),
    )


def _check(claims: Claims, purpose: Purpose, now: float) -> None:
    if claims.purpose != purpose:
        raise _bad("a token for another purpose")
    if not 0 <= claims.exp - claims.iat <= MAX_LIFETIME:
        raise _bad(f"it lives longer than {MAX_LIFETIME} s, or ends before it begins")
    if claims.iat > now + MAX_CLOCK_SKEW:
        raise _bad("issued in the future; compare the clocks")
    if claims.nbf is not UNSET and claims.nbf > now + MAX_CLOCK_SKEW:
        raise _bad("not to be used yet")
    stated = [claim is not UNSET for claim in (claims.groups, claims.nickname, claims.changed_at)]
    if purpose is Purpose.LINK and any(stated) and not all(stated):
        raise _bad("a link token states groups, nickname and changed_at together, or none of them")
    if isinstance(claims.changed_at, int) and claims.changed_at > (now + 24 * 3600) * 1000:
        raise _bad("changed_at lies more than a day ahead; it is in milliseconds")
    if now >= claims.exp:
        raise LinkRefused(Reason.EXPIRED, "the token's time is over")


def _bad(detail: str) -> LinkRefused:
    return LinkRefused(Reason.BAD_TOKEN, detail)
