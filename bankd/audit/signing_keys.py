"""Which keys signed the log and the manifests, from when on: what the log itself says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.audit import log, rotations
from bankd.audit.canonical import parse
from bankd.audit.errors import KeyHistoryBroken, NoteInvalid
from bankd.audit.kinds import Kind
from bankd.audit.models import LogEntry, LogPayload
from bankd.audit.rotations import Rotation, Signs

ROTATED: dict[Signs, Kind] = {"log": Kind.LOG_KEY_ROTATED, "manifest": Kind.MANIFEST_KEY_ROTATED}


@dataclass(frozen=True)
class Rotated:
    """A rotation, and its entry."""

    index: int
    at: datetime
    rotation: Rotation


def rotated(session: Session, signs: Signs) -> list[Rotated]:
    """All rotations of this key, in their order, each signed by both its keys.

    Raises:
        KeyHistoryBroken: one cannot be read, was changed, or does not follow from the one before.
    """
    rows = session.execute(
        select(LogEntry.index, LogEntry.at, LogEntry.commitment, LogPayload.salt, LogPayload.payload)
        .outerjoin(LogPayload, LogPayload.index == LogEntry.index)
        .where(LogEntry.kind == ROTATED[signs])
        .order_by(LogEntry.index)
    )
    found: list[Rotated] = []
    for index, at, commitment, salt, payload in rows:
        if payload is None or log.commitment(salt, payload.encode()) != commitment:
            raise KeyHistoryBroken(index, "what it says is gone or was changed")
        try:
            rotation = rotations.read(signs, parse(payload)["objects"])
        except NoteInvalid as error:
            raise KeyHistoryBroken(index, error.why) from error
        before = found[-1].rotation if found else rotation
        if found and (before.after, before.origin) != (rotation.before, rotation.origin):
            raise KeyHistoryBroken(index, "it does not follow from the rotation before it")
        found.append(Rotated(index, at, rotation))
    return found


class LogKeys:
    """The keys of one log: the first, and what took its place."""

    def __init__(self, first: Ed25519PublicKey, rotated: Sequence[Rotated] = ()) -> None:
        self.first = rotated[0].rotation.before if rotated else first
        self.rotated = tuple(rotated)

    @property
    def now(self) -> Ed25519PublicKey:
        return self.rotated[-1].rotation.after if self.rotated else self.first

    def signing(self, size: int, *, since: int = 0) -> list[Ed25519PublicKey]:
        """Which keys sign a head of `size` entries, when the head before it is of `since`.

        The first head over a rotation is signed by both its keys, so that who knows the old one can follow.
        """
        below = [one for one in self.rotated if one.index < size]
        if not below:
            return [self.first]
        last = below[-1].rotation
        return [last.before, last.after] if below[-1].index >= since else [last.after]


def history(
    session: Session, *, log: Ed25519PublicKey, manifest: Ed25519PublicKey
) -> dict[Signs, list["SigningKey"]]:
    """All keys of log and manifests, the first of each first.

    Args:
        log, manifest: those that this installation holds now; they count where the log tells of no other.
    """
    return {
        "log": _listed(log, rotated(session, "log")),
        "manifest": _listed(manifest, rotated(session, "manifest")),
    }


@dataclass(frozen=True)
class SigningKey:
    """A key, and the entry by which it came; the first one came with the log."""

    key: Ed25519PublicKey
    index: int | None
    at: datetime | None


def _listed(held: Ed25519PublicKey, rotated: Sequence[Rotated]) -> list[SigningKey]:
    first = rotated[0].rotation.before if rotated else held
    return [
        SigningKey(first, None, None),
        *(SigningKey(one.rotation.after, one.index, one.at) for one in rotated),
    ]


def facts(history: dict[Signs, list[SigningKey]], origin: str) -> list[dict[str, Any]]:
    """Every key as programs are told: of the log as who checks notes writes it, else hexadecimal digits."""
    return [
        {
            "signs": signs,
            "key": rotations.told(signs, origin, one.key),
            "index": one.index,
            "at": one.at,
        }
        for signs, listed in history.items()
        for one in listed
    ]
