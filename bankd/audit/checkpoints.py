"""Heads of the log, signed now and then, outside of the log's lock.

What is committed below a size never changes, so a head needs no lock: it is
worked out from the size read and signed later.
"""

from collections.abc import Iterator
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from bankd.audit import log, merkle, notes
from bankd.audit.errors import LogInconsistent
from bankd.audit.models import LogCheckpoint, LogEntry


class Signer:
    """Signs the log's head again and again, hashing only what is new since the last time.

    It starts from the whole log, and never signs a head that does not extend
    the last one stored. One per process; not for several threads.
    """

    def __init__(self, origin: str, key: Ed25519PrivateKey) -> None:
        self.origin = origin
        self._key = key
        self._frontier = merkle.Frontier()

    def sign(self, session: Session, *, at: datetime) -> LogCheckpoint | None:
        """Sign and store the head as it is now; None if the last checkpoint is of it.

        Raises:
            LogInconsistent: the log no longer is what the last checkpoint signed.
        """
        last = latest(session)
        size = log.epoch(session)
        signed = 0 if last is None else last.size
        if size < max(signed, self._frontier.size):
            raise LogInconsistent(max(signed, self._frontier.size), f"only {size} are left")
        if size == signed:
            return None
        frontier = self._frontier.copy()
        for leaf in leaves(session, start=frontier.size, stop=size):
            _agree(frontier, last)
            frontier.append(leaf)
        if frontier.size != size:
            raise LogInconsistent(signed, f"entry {frontier.size} is missing")
        self._frontier = frontier
        head = notes.Head(self.origin, size, frontier.root())
        checkpoint = LogCheckpoint(
            size=size, root=head.root, at=at, origin=head.origin, note=notes.sign(head, self._key)
        )
        # Another clerk may have been quicker: Ed25519 makes the same note.
        values = {name: getattr(checkpoint, name) for name in ("size", "root", "at", "origin", "note")}
        session.execute(insert(LogCheckpoint).values(values).on_conflict_do_nothing())
        return checkpoint


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


def leaves(session: Session, *, start: int, stop: int) -> Iterator[bytes]:
    """The leaf hashes of the entries, streamed; ends before the first gap."""
    rows = select(LogEntry.index, LogEntry.at, LogEntry.kind, LogEntry.commitment)
    found = log.paged(session, rows, by=LogEntry.index, start=start, stop=stop)
    for expected, (index, at, kind, commitment) in enumerate(found, start):
        if index != expected:
            return
        yield merkle.leaf_hash(log.leaf(index, at, kind, commitment))


def _agree(frontier: merkle.Frontier, last: LogCheckpoint | None) -> None:
    if last is not None and frontier.size == last.size and frontier.root() != last.root:
        raise LogInconsistent(last.size, "its root is another")
