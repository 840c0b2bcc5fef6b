"""The secrets of API keys: how they look, and how they are kept."""

import re
import secrets
from dataclasses import dataclass, field
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

PRESENTED = re.compile(r"bankd_([0-9a-f]{32})_([A-Za-z0-9_-]{43})")
# Paid at each call. The secret has 256 random bits, which no cheapness of the hash lets anyone guess.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Checked where there is no key, so that an unknown id takes as long as a wrong secret.
_NOBODY = _HASHER.hash(secrets.token_urlsafe(32))


@dataclass(frozen=True)
class Presented:
    key_id: UUID
    secret: str = field(repr=False)


def generate() -> str:
    return secrets.token_urlsafe(32)


def written(key_id: UUID, secret: str) -> str:
    """What its holder sends: `bankd_<id>_<secret>`."""
    return f"bankd_{key_id.hex}_{secret}"


def read(text: str) -> Presented | None:
    found = PRESENTED.fullmatch(text)
    return Presented(UUID(hex=found[1]), found[2]) if found else None


def hashed(secret: str) -> str:
    return _HASHER.hash(secret)


def matches(secret: str, hash: str | None) -> bool:
    """Whether the hash is of this secret. The same work is done where there is no hash."""
    try:
        _HASHER.verify(hash or _NOBODY, secret)
    except VerifyMismatchError:
        return False
    return hash is not None
