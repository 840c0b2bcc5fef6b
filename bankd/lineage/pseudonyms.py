"""Opaque ids for people in what may leave the house; pure."""

import hmac
from collections.abc import Callable
from hashlib import sha256

LABEL = b"bankd lineage agents 1\n"
DIGITS = 24


def pseudonyms(secret: bytes) -> Callable[[str], str]:
    """A function from a name to its pseudonym. Without the secret nobody can try names against it.

    Args:
        secret: of the house, such as the bytes of its manifest key; another key makes other pseudonyms.
    """
    key = sha256(LABEL + secret).digest()
    return lambda name: hmac.new(key, name.encode(), sha256).hexdigest()[:DIGITS]
