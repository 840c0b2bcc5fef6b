"""Proofs about the log that hold without the bank: they need the public key and nothing else."""

import base64
from collections.abc import Iterator, Sequence
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy.orm import Session

from bankd.audit import checkpoints, log, merkle, nodes, notes
from bankd.audit.canonical import parse
from bankd.audit.checkpoints import leaves
from bankd.audit.errors import EntryMissing, LogInconsistent, NoteInvalid
from bankd.audit.models import LogCheckpoint
from bankd.audit.nodes import Found, Wanted

AT_ONCE = 1000  # entries that are proven by one statement


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


class Extension(BaseModel):
    """That one checkpoint of the log extends another: `merkle.extends` over sizes and roots of both notes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    v: Literal[1] = 1
    first: str  # note
    second: str
    hashes: tuple[str, ...]  # base64, as RFC 6962 orders them


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
    """Prove an entry, by a few stored parts of the tree. The note carries what witnesses signed so far.

    Raises:
        EntryMissing: the checkpoint does not cover such an entry.
        LogInconsistent: what is stored does not lead to what the checkpoint signed.
    """
    (proof,) = prove_all(session, [index], checkpoint, with_payload=with_payload)
    return proof


def prove_all(
    session: Session, indexes: Sequence[int], checkpoint: LogCheckpoint, *, with_payload: bool = True
) -> Iterator[Proof]:
    """Prove some entries, in their order: what they have in common is read and hashed once for many of them.

    Raises:
        EntryMissing: the checkpoint does not cover one of them.
        LogInconsistent: what is stored does not lead to what the checkpoint signed.
    """
    signed = notes.head(notes.split(checkpoint.note).text)
    for start in range(0, len(indexes), AT_ONCE):
        yield from _prove_some(
            session, indexes[start : start + AT_ONCE], checkpoint, signed, with_payload=with_payload
        )


def _prove_some(
    session: Session,
    indexes: Sequence[int],
    checkpoint: LogCheckpoint,
    signed: notes.Head,
    *,
    with_payload: bool,
) -> Iterator[Proof]:
    size = checkpoint.size
    for index in indexes:
        if not 0 <= index < size:
            raise EntryMissing(index, size)
    paths = {index: merkle.inclusion_ranges(index, size) for index in indexes}
    wanted = Wanted.of(dict.fromkeys(part for path in paths.values() for part in path), size)
    found = nodes.read(session, wanted, indexes=indexes, witnessed=size)
    roots = dict(zip(wanted.ranges, _whole(session, found), strict=True))
    for index in indexes:
        if index not in found.entries:
            raise EntryMissing(index, size)
        at, kind, commitment, salt, payload = found.entries[index]
        leaf = log.leaf(index, at, kind, commitment)
        hashes = [roots[part] for part in paths[index]]
        if signed.size != size or not merkle.includes(
            merkle.leaf_hash(leaf), index=index, size=size, proof=hashes, root=signed.root
        ):
            raise LogInconsistent(size, f"entry {index} does not lead to its root")
        opened = with_payload and salt is not None
        yield Proof(
            index=index,
            leaf=leaf.decode(),
            salt=salt.hex() if opened and salt is not None else None,
            payload=payload if opened else None,
            hashes=tuple(base64.b64encode(node).decode() for node in hashes),
            note=checkpoint.note + found.witnessed,
        )


def prove_extension(session: Session, first: LogCheckpoint, second: LogCheckpoint) -> list[bytes]:
    """Hashes that show the second checkpoint to extend the first: see `merkle.extends`.

    Raises:
        LogInconsistent: what is stored does not show it.
    """
    return prove_extends(session, first.size, first.root, second)


def between(session: Session, first: int, second: int | None = None) -> Extension:
    """The proof between the checkpoints of these sizes; the last one where no second is named.

    Raises:
        CheckpointMissing: there is none of such a size.
        LogInconsistent: what is stored does not show it.
    """
    old = checkpoints.of(session, first)
    new = checkpoints.latest(session) if second is None else checkpoints.of(session, second)
    assert new is not None
    hashes = prove_extension(session, old, new)
    return Extension(
        first=checkpoints.cosigned(session, old),
        second=checkpoints.cosigned(session, new),
        hashes=tuple(base64.b64encode(node).decode() for node in hashes),
    )


def prove_extends(session: Session, size: int, root: bytes, checkpoint: LogCheckpoint) -> list[bytes]:
    """The same of a head that somebody else kept.

    Raises:
        LogInconsistent: the checkpoint does not extend it, as far as what is stored shows.
    """
    hashes = extension(session, size, checkpoint)
    if not merkle.extends(size, root, checkpoint.size, checkpoint.root, proof=hashes):
        raise LogInconsistent(size, f"the checkpoint of {checkpoint.size} does not extend it")
    return hashes


def extension(session: Session, size: int, checkpoint: LogCheckpoint) -> list[bytes]:
    """The same for who keeps the root of the first `size` entries himself, and compares."""
    if size > checkpoint.size:
        raise LogInconsistent(size, f"the checkpoint is of {checkpoint.size}")
    wanted = Wanted.of(merkle.consistency_ranges(size, checkpoint.size), checkpoint.size)
    return _whole(session, nodes.read(session, wanted))


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


def _whole(session: Session, found: Found) -> list[bytes]:
    """The roots; of what was never stored, from the entries themselves."""
    return [
        root or merkle.Frontier(leaves(session, start=start, stop=stop)).root()
        for (start, stop), root in zip(found.wanted.ranges, found.roots(), strict=True)
    ]
