"""Proofs about the log that hold without the bank: they need the public key and nothing else."""

import base64
from collections.abc import Sequence
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy.orm import Session

from bankd.audit import log, merkle, notes
from bankd.audit.canonical import parse
from bankd.audit.checkpoints import leaves
from bankd.audit.errors import EntryMissing, NoteInvalid
from bankd.audit.models import LogCheckpoint, LogEntry, LogPayload


class Proof(BaseModel):
    """That an entry stands in the log at its index, as signed in a checkpoint. A file of its own as JSON.

    `leaf` is what was hashed; `salt` and `payload` open its commitment and are
    None when the payload was erased or is not for the reader.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    v: Literal[1] = 1
    index: int
    leaf: str
    salt: str | None  # hexadecimal
    payload: str | None  # canonical JSON, byte for byte
    hashes: tuple[str, ...]  # base64, the nearest first
    note: str


def read(text: str | bytes) -> Proof:
    """A proof from the JSON that `Proof.model_dump_json` wrote.

    Raises:
        NoteInvalid: it is no such thing.
    """
    try:
        return Proof.model_validate_json(text)
    except ValidationError as error:
        raise NoteInvalid("its proof cannot be read") from error


def prove(session: Session, index: int, checkpoint: LogCheckpoint, *, with_payload: bool = True) -> Proof:
    """Prove an entry. Reads the whole log up to the checkpoint once, in bounded memory.

    Raises:
        EntryMissing: the checkpoint does not cover such an entry.
    """
    entry = session.get(LogEntry, index)
    if entry is None or index >= checkpoint.size:
        raise EntryMissing(index, checkpoint.size)
    opened = session.get(LogPayload, index) if with_payload else None
    hashes = _roots(session, merkle.inclusion_ranges(index, checkpoint.size))
    return Proof(
        index=index,
        leaf=log.leaf(entry.index, entry.at, entry.kind, entry.commitment).decode(),
        salt=opened.salt.hex() if opened else None,
        payload=opened.payload if opened else None,
        hashes=tuple(base64.b64encode(node).decode() for node in hashes),
        note=checkpoint.note,
    )


def prove_extension(session: Session, first: LogCheckpoint, second: LogCheckpoint) -> list[bytes]:
    """Hashes that show the second checkpoint to extend the first: see `merkle.extends`."""
    return _roots(session, merkle.consistency_ranges(first.size, second.size))


def check(proof: Proof, key: Ed25519PublicKey) -> notes.Head:
    """The signed head that the proof leads to; offline.

    Raises:
        NoteInvalid: some part of it does not follow from another.
    """
    head = notes.read(proof.note, key)
    try:
        hashes = [base64.b64decode(node, validate=True) for node in proof.hashes]
        leaf = parse(proof.leaf)
        commitment = bytes.fromhex(leaf["commitment"])
        index = leaf["index"]
        salt = bytes.fromhex(proof.salt or "")
    except (ValueError, KeyError, TypeError) as error:
        raise NoteInvalid("its proof cannot be read") from error
    if index != proof.index:
        raise NoteInvalid(f"the leaf is not that of entry {proof.index}")
    if not merkle.includes(
        merkle.leaf_hash(proof.leaf.encode()),
        index=proof.index,
        size=head.size,
        proof=hashes,
        root=head.root,
    ):
        raise NoteInvalid(f"it does not cover this entry {proof.index}")
    if proof.payload is not None and log.commitment(salt, proof.payload.encode()) != commitment:
        raise NoteInvalid(f"the payload is not what entry {proof.index} committed to")
    return head


def _roots(session: Session, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
    return [merkle.Frontier(leaves(session, start=start, stop=stop)).root() for start, stop in ranges]
