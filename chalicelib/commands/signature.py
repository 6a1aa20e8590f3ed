"""Discord's signature of an interaction: Ed25519 over the timestamp and the body.

https://discord.com/developers/docs/interactions/overview#setting-up-an-endpoint-validating-security-request-headers
The library is pure Python, a thirtieth of the size of one in C, and takes 3 to 9 ms for a signature. That it is open to
timing attacks concerns those who sign: nothing here is secret. Imported only where an interaction is answered.
"""

import re

from ecdsa import BadSignatureError, Ed25519, VerifyingKey

PUBLIC_KEY = re.compile("[0-9a-fA-F]{64}")
SIGNATURE = re.compile("[0-9a-fA-F]{128}")
TIMESTAMP = re.compile("[0-9]{1,12}")  # seconds since 1970


def is_signed(public_key: str, signature: str, timestamp: str, body: bytes) -> bool:
    """Whether Discord signed this body at this time. Keys and signatures are hexadecimal, as Discord sends them."""
    if not (SIGNATURE.fullmatch(signature) and TIMESTAMP.fullmatch(timestamp)):
        return False
    try:
        key = VerifyingKey.from_string(bytes.fromhex(public_key), curve=Ed25519)
        return bool(key.verify(bytes.fromhex(signature), timestamp.encode() + body))
    except (BadSignatureError, ValueError, AssertionError):  # ecdsa's words for points that lie on no curve
        return False
