"""Bytes kept outside the database, by key."""

import hashlib
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from bankd.storage.errors import BlobKeyInvalid

KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
KEY_MAX = 512
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class BlobStat:
    size_bytes: int
    media_type: str


class Blobs(Protocol):
    """The object store.

    A key whose last part is a SHA-256 holds the bytes of that hash and no
    others: `put` refuses others (ValueError) and `get` never returns others
    (BlobDamaged). Every method raises BlobUnavailable when the store does not
    answer in time and BlobKeyInvalid for what no key may look like.
    """

    def put(self, key: str, content: bytes, *, media_type: str) -> bool:
        """Store bytes durably, once: what is there already stays, and the answer is False."""

    def get(self, key: str, *, limit_bytes: int) -> bytes:
        """Read all of it into memory.

        Raises:
            BlobMissing: nothing is stored there.
            BlobTooLarge: more than `limit_bytes`; no more than that was read.
            BlobDamaged: the store changed the bytes.
        """

    def stat(self, key: str) -> BlobStat:
        """Raises: BlobMissing."""

    def exists(self, key: str) -> bool: ...

    def delete(self, key: str) -> None:
        """Delete one; nothing happens if there is none."""

    def delete_prefix(self, prefix: str) -> int:
        """Delete everything below `<prefix>/`, each version of it, and return how many there were."""

    def presigned_get(self, key: str, *, expires: timedelta) -> str:
        """A link by which whoever holds it can read this key alone until it expires (7 days at most)."""

    def presigned_put(self, key: str, *, expires: timedelta) -> str:
        """A link by which whoever holds it can write this key alone, as often as he likes, until it expires.

        What was put is an untrusted claim: read it with a limit.
        """


def key(photo_id: UUID, sha256: str) -> str:
    """Where a photo's bytes are kept: below its id, so that erasing the photo is erasing its prefix."""
    if not SHA256.fullmatch(sha256):
        raise BlobKeyInvalid(sha256)
    return f"{photo_id}/{sha256}"


def checked(key: str) -> str:
    """The key, if it is one. Raises: BlobKeyInvalid."""
    if len(key) > KEY_MAX or ".." in key or not KEY.fullmatch(key):
        raise BlobKeyInvalid(key)
    return key


def named_by(key: str, content: bytes) -> bool:
    """Whether the key may hold these bytes."""
    name = key.rpartition("/")[2]
    return not SHA256.fullmatch(name) or hashlib.sha256(content).hexdigest() == name
