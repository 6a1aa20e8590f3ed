"""The key pair of an application, with which Discord signs interactions; the same id has the same one."""

import hashlib
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def public_key(app_id: str) -> str:
    """The public key as the Developer Portal shows it, in hexadecimal."""
    return _key(app_id).public_key().public_bytes_raw().hex()


def signature(app_id: str, timestamp: str, body: bytes) -> str:
    """The signature of a request, in hexadecimal. By another library than the one that Rolecall checks it with."""
    return _key(app_id).sign(timestamp.encode() + body).hex()


@cache
def _key(app_id: str) -> "Ed25519PrivateKey":
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"local Discord {app_id}".encode()).digest())
