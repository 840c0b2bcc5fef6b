"""Work the whole log out again and say whether it is what was signed."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from bankd.audit import log, merkle, notes
from bankd.audit.canonical import moment, parse
from bankd.audit.errors import NoteInvalid
from bankd.audit.models import LogCheckpoint, LogEntry, LogPayload


@dataclass(frozen=True)
class Problem:
    """The first wrong entry is one of `first` to `last`: more than one where only a root shows it."""

    first: int
    last: int
    what: str


@dataclass
class Report:
    entries: int = 0
    erased: int = 0  # entries whose payload is gone; their commitments stand
    checkpoints: int = 0
    signed: int = 0  # how many entries the last good checkpoint covers
    root: bytes = field(default=merkle.EMPTY_ROOT)  # over `entries`
    problem: Problem | None = None

    @property
    def holds(self) -> bool:
        return self.problem is None


def verify(session: Session, key: Ed25519PublicKey, *, seen: Iterable[str] = ()) -> Report:
    """Check indexes, payloads against commitments, and roots and signatures of all checkpoints.

    Streams, so memory does not grow with the log, and stops at the first
    problem. All roots are worked out from one tree, so checkpoints that agree
    with it are consistent with each other.

    Args:
        seen: notes kept outside of the bank. Without one, a log cut off after
            an earlier checkpoint, the later ones deleted, looks whole.

    Raises:
        NoteInvalid: one of `seen` was not signed by this key.
    """
    outside = sorted((notes.read(note, key) for note in seen), key=_size)
    walk = _Walk(key)
    try:
        walk.through(session, outside)
    except _Found as found:
        walk.report.problem = found.problem
    walk.report.entries, walk.report.root = walk.tree.size, walk.tree.root()
    return walk.report


class _Found(Exception):
    def __init__(self, first: int, last: int, what: str) -> None:
        super().__init__(what)
        self.problem = Problem(first, max(first, last), what)


class _Walk:
    def __init__(self, key: Ed25519PublicKey) -> None:
        self.key = key
        self.tree = merkle.Frontier()
        self.report = Report()

    def through(self, session: Session, outside: list[notes.Head]) -> None:
        # Asked in this order: every checkpoint up to the newest is of entries below the end.
        newest = session.scalar(select(func.max(LogCheckpoint.size))) or 0
        end = log.epoch(session)
        signed = select(LogCheckpoint.size, LogCheckpoint.root, LogCheckpoint.origin, LogCheckpoint.note)
        stored = log.paged(session, signed, by=LogCheckpoint.size, stop=newest + 1)
        heads = heapq.merge(outside, map(self._read, stored), key=_size)
        head = self._agree(next(heads, None), heads)
        rows = select(
            LogEntry.index,
            LogEntry.at,
            LogEntry.kind,
            LogEntry.commitment,
            LogPayload.salt,
            LogPayload.payload,
        ).outerjoin(LogPayload, LogPayload.index == LogEntry.index)
        found = log.paged(session, rows, by=LogEntry.index, stop=end)
        for index, at, kind, commitment, salt, payload in found:
            if index != self.tree.size:
                raise _Found(self.tree.size, self.tree.size, f"entry {self.tree.size} is missing")
            if payload is None:
                self.report.erased += 1
            elif log.commitment(salt, payload.encode()) != commitment:
                raise _Found(index, index, f"the payload of entry {index} is not what it committed to")
            elif (told := parse(payload))["kind"] != kind or told["at"] != moment(at):
                raise _Found(index, index, f"the kind or the moment of entry {index} was changed")
            self.tree.append(merkle.leaf_hash(log.leaf(index, at, kind, commitment)))
            head = self._agree(head, heads)
        if head is not None:
            there = self.tree.size
            raise _Found(there, head.size - 1, f"{head.size} entries were signed and {there} are there")

    def _agree(self, head: notes.Head | None, heads: Iterator[notes.Head]) -> notes.Head | None:
        """Check every head of the tree as it is now, and return the first of a larger one."""
        while head is not None and head.size == self.tree.size:
            if head.root != self.tree.root():
                first, last = self.report.signed, head.size - 1
                raise _Found(first, last, f"entries {first} to {last} are not those that were signed")
            self.report.checkpoints += 1
            self.report.signed = head.size
            head = next(heads, None)
        return head

    def _read(self, checkpoint: Row[Any]) -> notes.Head:
        what = f"the checkpoint of {checkpoint.size} entries"
        try:
            head = notes.read(checkpoint.note, self.key)
        except NoteInvalid as error:
            raise _Found(self.report.signed, checkpoint.size - 1, f"{what}: {error}") from error
        if head != notes.Head(checkpoint.origin, checkpoint.size, checkpoint.root):
            raise _Found(self.report.signed, checkpoint.size - 1, f"{what} is not what its note says")
        return head


def _size(head: notes.Head) -> int:
    return head.size
