"""Heads of the log, signed now and then, outside of the log's lock.

What is committed below a size never changes, so a head needs no lock: it is
worked out from the size read and signed later.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from bankd.audit import log, merkle, nodes, notes, signing_keys
from bankd.audit.errors import (
    CheckpointMissing,
    KeyNotHeld,
    LogInconsistent,
    NoteInvalid,
    OriginChanged,
)
from bankd.audit.models import LogCheckpoint, LogEntry, LogWitnessed
from bankd.audit.nodes import Growth
from bankd.audit.signing_keys import LogKeys

STORED_AT_ONCE = 5000  # nodes

Extend = Callable[[Session, int], tuple[str, ...]]
"""The lines to be signed with a head of so many entries: they follow from these entries alone."""


class Signer:
    """Signs the log's head again and again, hashing only what is new since the last time.

    It goes on from the last checkpoint, by the tree that is stored with it, and never signs a head that
    does not extend it. One per process; not for several threads.

    Args:
        keys: the one key, or where to ask for all that are held: with which to sign, the log says.
    """

    def __init__(
        self,
        origin: str,
        keys: Ed25519PrivateKey | Callable[[], Sequence[Ed25519PrivateKey]],
        *,
        extend: Extend | None = None,
    ) -> None:
        self.origin = origin
        self._keys = keys
        self._extend = extend
        self._growth = Growth()

    def sign(self, session: Session, *, at: datetime) -> LogCheckpoint | None:
        """Sign and store the head as it is now; None if the last checkpoint is of it.

        Raises:
            LogInconsistent: the log no longer is what the last checkpoint signed.
            KeyNotHeld, OriginChanged: the keys here are not those of this log.
        """
        last = latest(session)
        size = log.epoch(session)
        signed = 0 if last is None else last.size
        if size < signed:
            raise LogInconsistent(signed, f"only {size} are left")
        if size == signed:
            return None
        if last is not None and last.origin != self.origin:
            raise OriginChanged(last.origin, self.origin)
        held = [self._keys] if isinstance(self._keys, Ed25519PrivateKey) else list(self._keys())
        known = LogKeys(held[0].public_key(), signing_keys.rotated(session, "log"))
        if last is not None:
            _check(last, known)
        # What was grown for a checkpoint that was never committed may not be stored: begin from one that is.
        growth, self._growth = self._growth, Growth()
        if growth.size != signed or (last is not None and growth.root() != last.root):
            growth = _from(session, last)
        self._grow(session, growth, size)
        if growth.size != size:
            raise LogInconsistent(signed, f"entry {growth.size} is missing")
        lines = () if self._extend is None else self._extend(session, size)
        head = notes.Head(self.origin, size, growth.root(), lines)
        checkpoint = LogCheckpoint(
            size=size,
            root=head.root,
            at=at,
            origin=head.origin,
            note=notes.sign(head, *self._chosen(held, known.signing(size, since=signed))),
            extensions=list(lines),
        )
        # Another clerk may have been quicker: Ed25519 makes the same note.
        names = ("size", "root", "at", "origin", "note", "extensions")
        values = {name: getattr(checkpoint, name) for name in names}
        session.execute(insert(LogCheckpoint).values(values).on_conflict_do_nothing())
        self._growth = growth
        return checkpoint

    def _grow(self, session: Session, growth: Growth, size: int) -> None:
        for leaf in leaves(session, start=growth.size, stop=size):
            growth.append(leaf)
            if len(growth.made) >= STORED_AT_ONCE:
                nodes.store(session, growth.made)
                growth.made = []
        nodes.store(session, growth.made)
        growth.made = []

    def _chosen(
        self, held: Sequence[Ed25519PrivateKey], wanted: Sequence[Ed25519PublicKey]
    ) -> list[Ed25519PrivateKey]:
        by_public = {key.public_key().public_bytes_raw(): key for key in held}
        for public in wanted:
            if public.public_bytes_raw() not in by_public:
                raise KeyNotHeld(notes.key_id(self.origin, public).hex())
        return [by_public[public.public_bytes_raw()] for public in wanted]


def latest(session: Session, *, up_to: int | None = None) -> LogCheckpoint | None:
    """The last checkpoint, of no more than `up_to` entries if that is given."""
    found = select(LogCheckpoint).order_by(LogCheckpoint.size.desc()).limit(1)
    if up_to is not None:
        found = found.where(LogCheckpoint.size <= up_to)
    return session.scalar(found)


def first_over(session: Session, index: int) -> LogCheckpoint | None:
    """The first checkpoint that covers the entry; None: none does yet."""
    return session.scalar(
        select(LogCheckpoint).where(LogCheckpoint.size > index).order_by(LogCheckpoint.size).limit(1)
    )


def of(session: Session, size: int) -> LogCheckpoint:
    """Raises: CheckpointMissing."""
    found = session.get(LogCheckpoint, size)
    if found is None:
        raise CheckpointMissing(size)
    return found


def cosigned(session: Session, checkpoint: LogCheckpoint) -> str:
    """The checkpoint's note, with what witnesses signed below it."""
    lines = session.scalars(
        select(LogWitnessed.lines)
        .where(LogWitnessed.size == checkpoint.size)
        .order_by(LogWitnessed.at, LogWitnessed.lines)
    )
    return checkpoint.note + "".join(lines)


def leaves(session: Session, *, start: int, stop: int) -> Iterator[bytes]:
    """The leaf hashes of the entries, streamed; ends before the first gap."""
    rows = select(LogEntry.index, LogEntry.at, LogEntry.kind, LogEntry.commitment)
    found = log.paged(session, rows, by=LogEntry.index, start=start, stop=stop)
    for expected, (index, at, kind, commitment) in enumerate(found, start):
        if index != expected:
            return
        yield merkle.leaf_hash(log.leaf(index, at, kind, commitment))


def _check(last: LogCheckpoint, known: LogKeys) -> None:
    """What is gone on from was signed: not even the owner of the tables can have another head extended."""
    try:
        head = notes.read(last.note, known.signing(last.size)[-1])
    except NoteInvalid as error:
        raise LogInconsistent(last.size, f"its note: {error.why}") from error
    if (head.origin, head.size, head.root) != (last.origin, last.size, last.root):
        raise LogInconsistent(last.size, "it is not what its note says")


def _from(session: Session, last: LogCheckpoint | None) -> Growth:
    """The tree that the last checkpoint signed: as it is stored, else from all its entries."""
    if last is None:
        return Growth()
    growth = nodes.restored(session, last.size)
    if growth is None or growth.root() != last.root:
        growth = Growth()
        for leaf in leaves(session, start=0, stop=last.size):
            growth.append(leaf)
            if len(growth.made) >= STORED_AT_ONCE:
                nodes.store(session, growth.made)
                growth.made = []
    if growth.size != last.size:
        raise LogInconsistent(last.size, f"entry {growth.size} is missing")
    if growth.root() != last.root:
        raise LogInconsistent(last.size, "its root is another")
    return growth
