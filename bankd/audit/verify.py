"""Work the whole log out again and say whether it is what was signed."""

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from bankd.audit import cosignatures, log, merkle, naming, notes, signing_keys
from bankd.audit.canonical import moment, parse
from bankd.audit.checkpoints import Extend
from bankd.audit.errors import KeyHistoryBroken, LogInconsistent, NoteInvalid
from bankd.audit.models import LogCheckpoint, LogEntry, LogNode, LogPayload, LogWitnessed
from bankd.audit.naming import Name, Problem
from bankd.audit.nodes import HEIGHT, Growth
from bankd.audit.signing_keys import LogKeys

GIVEN = ""  # the source of what whoever asks keeps himself


@dataclass
class Report:
    entries: int = 0
    erased: int = 0  # entries whose payload is gone; their commitments stand
    checkpoints: int = 0
    signed: int = 0  # how many entries the last good checkpoint covers
    nodes: int = 0  # stored parts of the tree that are what the entries say
    rotations: int = 0  # of the log's key
    root: bytes = field(default=merkle.EMPTY_ROOT)  # over `entries`
    proven: int = 0  # how many entries somebody else saw signed, and they still stand
    witnesses: dict[str, int] = field(default_factory=dict)  # up to how many entries each agrees
    problem: Problem | None = None

    @property
    def holds(self) -> bool:
        return self.problem is None


@dataclass(frozen=True)
class _Head:
    """A head to be found in the tree; `source` None: stored as a checkpoint, else who kept it."""

    head: notes.Head
    source: str | None


def verify(
    session: Session,
    key: Ed25519PublicKey,
    *,
    seen: Iterable[str] = (),
    kept: Mapping[str, Iterable[str]] | None = None,
    cosigners: Mapping[str, Ed25519PublicKey] | None = None,
    extend: Extend | None = None,
) -> Report:
    """Check indexes, payloads against commitments, and roots and signatures of all checkpoints.

    Streams, so memory does not grow with the log, and stops at the first
    problem. All roots are worked out from one tree, so checkpoints that agree
    with it are consistent with each other. The stored tree is compared with it.

    Args:
        key: the log's, as this installation holds it; which keys signed before it the log says.
        seen: notes kept outside of the bank. Without one, a log cut off after
            an earlier checkpoint, the later ones deleted, looks whole.
        kept: notes by the name of the witness that keeps them, the smallest first.
        cosigners: keys by the name of the witness that signs what it saw.
        extend: works out anew what lines are signed with a head, in ascending size; raises LogInconsistent
            where it cannot. Heads from before the first with lines have none.

    Raises:
        NoteInvalid: one of `seen` was not signed by a key of this log.
    """
    walk = _Walk(LogKeys(key), extend)
    try:
        walk.keys = _keys(session, key)
        given = sorted((_Head(walk.read(note), GIVEN) for note in seen), key=_size)
        held = (walk.held(witness, theirs) for witness, theirs in (kept or {}).items())
        walk.through(session, [iter(given), *held])
        for witness, public in (cosigners or {}).items():
            walk.cosigned(session, witness, public)
    except _Found as found:
        walk.report.problem = found.problem
    report = walk.report
    report.entries, report.root = walk.tree.size, walk.tree.root()
    report.rotations = len(walk.keys.rotated)
    report.proven = max([report.proven, *report.witnesses.values()])
    return report


class _Found(Exception):
    def __init__(self, name: Name, first: int, last: int, what: str) -> None:
        super().__init__(what)
        self.problem = Problem(name, first, max(first, last), what)


def _keys(session: Session, held: Ed25519PublicKey) -> LogKeys:
    """The keys of the log. The one that is held must be the last of them, or its successor comes just now."""
    try:
        keys = LogKeys(held, signing_keys.rotated(session, "log"))
    except KeyHistoryBroken as error:
        raise _Found("signing key", error.index, error.index, str(error)) from error
    mine = held.public_bytes_raw()
    if keys.rotated:
        last = keys.rotated[-1]
        if mine not in {key.public_bytes_raw() for key in (last.rotation.before, last.rotation.after)}:
            what = f"entry {last.index} rotates the log's key to one that this installation does not hold"
            raise _Found("signing key", last.index, last.index, what)
    return keys


class _Walk:
    def __init__(self, keys: LogKeys, extend: Extend | None) -> None:
        self.keys = keys
        self.extend = extend
        self.lines: tuple[int, tuple[str, ...]] = (-1, ())  # of the last size for which they were worked out
        self.tree = Growth()
        self.good = merkle.Frontier()  # as of the last good checkpoint
        self.report = Report()
        self._signed = 0  # size of the stored checkpoint read last
        self._differs: _Found | None = None

    def read(self, note: str) -> notes.Head:
        head = notes.head(notes.split(note).text)
        return notes.read(note, self.keys.signing(head.size)[-1])

    def held(self, witness: str, held: Iterable[str]) -> Iterator[_Head]:
        last = 0
        for note in held:
            try:
                head = self.read(note)
            except NoteInvalid as error:
                what = f"witness `{witness}` holds a checkpoint that this log did not sign: {error.why}"
                raise _Found("witness", 0, 0, what) from error
            if head.size < last:
                what = (
                    f"witness `{witness}` was told of {head.size} entries after {last}: the log was set back"
                )
                raise _Found("log forked", head.size, last - 1, what)
            last = head.size
            yield _Head(head, witness)

    def through(self, session: Session, outside: Iterable[Iterator[_Head]]) -> None:
        # Asked in this order: every checkpoint up to the newest is of entries below the end.
        newest = session.scalar(select(func.max(LogCheckpoint.size))) or 0
        end = log.epoch(session)
        signed = select(
            LogCheckpoint.size,
            LogCheckpoint.root,
            LogCheckpoint.origin,
            LogCheckpoint.note,
            LogCheckpoint.extensions,
        )
        stored = log.paged(session, signed, by=LogCheckpoint.size, stop=newest + 1)
        # Of one size the stored one comes first: what is wrong with the log itself is said before.
        heads = heapq.merge(map(self._read, stored), *outside, key=_size)
        head = self._agree(session, next(heads, None), heads)
        rows = select(
            LogEntry.index,
            LogEntry.at,
            LogEntry.kind,
            LogEntry.commitment,
            LogPayload.salt,
            LogPayload.payload,
        ).outerjoin(LogPayload, LogPayload.index == LogEntry.index)
        found = log.paged(session, rows, by=LogEntry.index, stop=end)
        kept = _Stored(session)
        for index, at, kind, commitment, salt, payload in found:
            if index != self.tree.size:
                there = self.tree.size
                raise _Found("entry missing", there, there, f"entry {there} is missing")
            if payload is None:
                self.report.erased += 1
            elif log.commitment(salt, payload.encode()) != commitment:
                what = f"the payload of entry {index} is not what it committed to"
                raise _Found("entry changed", index, index, what)
            elif (told := parse(payload))["kind"] != kind or told["at"] != moment(at):
                what = f"the kind or the moment of entry {index} was changed"
                raise _Found("entry changed", index, index, what)
            self.tree.append(merkle.leaf_hash(log.leaf(index, at, kind, commitment)))
            if self.tree.made:
                self._compare(kept)
            head = self._agree(session, head, heads)
        if head is not None:
            there, size = self.tree.size, head.head.size
            what = f"{size} entries were signed and {there} are there"
            raise _Found("log cut off", there, size - 1, _said(what, head.source))
        if self._differs is not None:
            raise self._differs

    def cosigned(self, session: Session, witness: str, key: Ed25519PublicKey) -> None:
        """The last head that this witness signed must be the one that stands there."""
        last = session.execute(
            select(LogWitnessed.size, LogWitnessed.lines, LogCheckpoint.note)
            .join(LogCheckpoint, LogCheckpoint.size == LogWitnessed.size)
            .where(LogWitnessed.witness == witness)
            .order_by(LogWitnessed.size.desc())
            .limit(1)
        ).one_or_none()
        if last is None:
            return
        try:
            agrees = cosignatures.moment(notes.split(last.note + last.lines), witness, key) is not None
        except NoteInvalid:
            agrees = False
        if not agrees:
            what = f"what witness `{witness}` signed is not the checkpoint of {last.size} entries"
            raise _Found("witness", 0, last.size - 1, what)
        self._agrees(witness, last.size)

    def _agree(self, session: Session, head: _Head | None, heads: Iterator[_Head]) -> _Head | None:
        """Check every head of the tree as it is now, and return the first of a larger one."""
        while head is not None and head.head.size == self.tree.size:
            if head.head.root != self.tree.root():
                raise self._other(session, head)
            self._extended(session, head)
            if head.source is None:
                if self._differs is not None:
                    raise self._differs
                self.report.checkpoints += 1
                self.report.signed = head.head.size
                self.good = self.tree.frontier()
            elif head.source == GIVEN:
                self.report.proven = max(self.report.proven, head.head.size)
                self.report.checkpoints += 1
            else:
                self._agrees(head.source, head.head.size)
            head = next(heads, None)
        return head

    def _extended(self, session: Session, head: _Head) -> None:
        """The lines signed with a head must be those that its entries make."""
        if self.extend is None or not (head.head.extensions or self.lines[1]):
            return
        size = head.head.size
        if self.lines[0] != size:
            try:
                self.lines = (size, self.extend(session, size))
            except LogInconsistent as error:
                raise _Found("usage map", self.report.signed, size - 1, error.why) from error
        if head.head.extensions != self.lines[1]:
            what = f"the usage map signed with {size} entries is not what they make"
            if not head.head.extensions:
                what = f"no usage map was signed with {size} entries, and one was before"
            raise _Found("usage map", self.report.signed, size - 1, _said(what, head.source))

    def _other(self, session: Session, head: _Head) -> _Found:
        """The log is not what was signed: an entry was changed, or it goes on from another past."""
        size = head.head.size
        if head.source is None:
            found = naming.name(session, self.good, size, head.head.root)
            return _Found(found.name, found.first, found.last, found.what)
        # Had it been signed here and stayed, it would be a checkpoint too, and would have been found before.
        first = max([self.report.proven, *self.report.witnesses.values()])
        what = f"the log was forked: entries {first} to {size - 1} are not those that were signed"
        return _Found("log forked", first, size - 1, _said(what, head.source))

    def _compare(self, kept: "_Stored") -> None:
        """Note where the stored tree is another. Whether it or the entries are wrong the next head says."""
        for height, number, hashes in self.tree.made:
            stored = kept.at(height, number)
            if stored == hashes:
                self.report.nodes += 1
            elif stored is not None and self._differs is None:  # None: from before they were stored
                above = height or HEIGHT
                first, last = number << above, ((number + 1) << above) - 1
                what = f"the stored hashes of entries {first} to {last} are not theirs"
                self._differs = _Found("stored tree", first, last, what)
        self.tree.made = []

    def _agrees(self, witness: str, size: int) -> None:
        self.report.witnesses[witness] = max(size, self.report.witnesses.get(witness, 0))

    def _read(self, checkpoint: Row[Any]) -> _Head:
        what = f"the checkpoint of {checkpoint.size} entries"
        first, last = self.report.signed, checkpoint.size - 1
        try:
            head = notes.head(notes.split(checkpoint.note).text)
            for key in self.keys.signing(checkpoint.size, since=self._signed):
                head = notes.read(checkpoint.note, key)
        except NoteInvalid as error:
            raise _Found("checkpoint changed", first, last, f"{what}: {error}") from error
        told = notes.Head(checkpoint.origin, checkpoint.size, checkpoint.root, tuple(checkpoint.extensions))
        if head != told:
            raise _Found("checkpoint changed", first, last, f"{what} is not what its note says")
        self._signed = checkpoint.size
        return _Head(head, None)


class _Stored:
    """The stored tree, each height read in order."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows: dict[int, Iterator[Row[Any]]] = {}
        self._next: dict[int, Row[Any] | None] = {}

    def at(self, height: int, number: int) -> bytes | None:
        if height not in self._rows:
            rows = select(LogNode.number, LogNode.hash).where(LogNode.height == height)
            self._rows[height] = log.paged(self._session, rows, by=LogNode.number)
            self._next[height] = next(self._rows[height], None)
        row = self._next[height]
        while row is not None and row.number < number:
            row = next(self._rows[height], None)
        self._next[height] = row
        return bytes(row.hash) if row is not None and row.number == number else None


def _said(what: str, source: str | None) -> str:
    if source is None:
        return what
    return f"{what}, as {f'witness `{source}`' if source else 'the given checkpoint'} shows"


def _size(head: _Head) -> int:
    return head.head.size
