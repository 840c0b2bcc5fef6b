"""Whom somebody who checks a file believes: trust.json, which comes from elsewhere than the file; pure.

Only what concerns checkpoints is read here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bankd.audit import cosignatures, notes, rotations
from bankd.audit.errors import AuditError, NoteInvalid
from bankd.audit.notes import COSIGNATURE, ED25519, Head


class TrustUnreadable(AuditError):
    def __init__(self, why: str) -> None:
        super().__init__(f"trust.json cannot be read: {why}")
        self.why = why


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class _Log(_Part):
    origin: str
    keys: Annotated[tuple[str, ...], Field(min_length=1, strict=False)]


class _Witness(_Part):
    name: str
    key: str


class _File(_Part):
    version: Literal[1]
    log: _Log
    witnesses: Annotated[tuple[_Witness, ...], Field(strict=False)] = ()
    quorum: Annotated[int | None, Field(ge=0)] = None
    checkpoint: str | None = None


@dataclass(frozen=True)
class Trust:
    """`quorum` of the witnesses have to have signed a checkpoint; `checkpoint` was seen before."""

    origin: str
    keys: tuple[Ed25519PublicKey, ...]
    witnesses: tuple[tuple[str, Ed25519PublicKey, bytes], ...] = ()  # name, key, kind of signature
    quorum: int = 0
    checkpoint: str | None = None

    def following(self, rotated: Iterable[str]) -> "Trust":
        """With the keys that took the place of those trusted, by notes that both signed.

        Raises:
            NoteInvalid: one of the notes is no rotation of this log's keys.
        """
        keys = {key.public_bytes_raw(): key for key in self.keys}
        for note in rotated:
            lines = notes.split(note).text.split("\n")
            told = {"note": note, "before": lines[3:4] and lines[3], "after": lines[4:5] and lines[4]}
            one = rotations.read("log", told)
            if one.origin != self.origin:
                raise NoteInvalid("a key of another log was rotated")
            if one.before.public_bytes_raw() in keys:
                keys[one.after.public_bytes_raw()] = one.after
        return Trust(self.origin, tuple(keys.values()), self.witnesses, self.quorum, self.checkpoint)

    def head(self, note: str) -> Head:
        """The head of a note that a trusted key of the log signed.

        Raises:
            NoteInvalid: none did.
        """
        opened = notes.split(note)
        found = notes.head(opened.text)
        if found.origin != self.origin:
            raise NoteInvalid(f"it is of the log `{found.origin}`, and `{self.origin}` is trusted")
        # All of them: a wrong signature beside a right one is no accident.
        signed = [opened.signed_by(self.origin, key) for key in self.keys]
        if not any(signed):
            raise NoteInvalid("no key that is trusted signed it")
        return found

    def witnessed(self, note: str) -> frozenset[str]:
        """The witnesses that signed it, of those trusted.

        Raises:
            NoteInvalid: what stands there in the name of one is not its signature.
        """
        opened = notes.split(note)
        return frozenset(
            name
            for name, key, algorithm in self.witnesses
            if (
                opened.signed_by(name, key)
                if algorithm == ED25519
                else cosignatures.moment(opened, name, key) is not None
            )
        )


def read(text: str | bytes) -> Trust:
    """Raises: TrustUnreadable."""
    try:
        told = _File.model_validate_json(text)
        keys = _own_keys(told.log)
        witnesses = tuple(_witness(one) for one in told.witnesses)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise TrustUnreadable(f"`{where}`: {first['msg'][:1].lower()}{first['msg'][1:]}") from error
    except NoteInvalid as error:
        raise TrustUnreadable(error.why) from error
    quorum = len(witnesses) if told.quorum is None else told.quorum
    if quorum > len(witnesses):
        raise TrustUnreadable(f"`quorum` asks for {quorum} witnesses, and {len(witnesses)} are named")
    return Trust(told.log.origin, keys, witnesses, quorum, told.checkpoint)


def _own_keys(log: _Log) -> tuple[Ed25519PublicKey, ...]:
    named: Sequence[tuple[str, Ed25519PublicKey]] = [notes.read_public_key(line) for line in log.keys]
    for name, _ in named:
        if name != log.origin:
            raise NoteInvalid(f"the log is `{log.origin}`, and one of its keys is of `{name}`")
    return tuple(key for _, key in named)


def _witness(told: _Witness) -> tuple[str, Ed25519PublicKey, bytes]:
    try:
        name, key = notes.read_public_key(told.key, COSIGNATURE)
        return name, key, COSIGNATURE
    except NoteInvalid:
        name, key = notes.read_public_key(told.key)
        return name, key, ED25519
