"""The log of everything that changed, written in the transaction of the change.

`append` only stages. Before the commit the transaction takes the log's lock,
last of all its locks, numbers its entries and writes them, so indexes have no
gaps and their order is the order of commits. The lock is held until the
commit is durable: nothing slow may stand between.
"""

import hashlib
import json
import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, text
from sqlalchemy.event import listens_for
from sqlalchemy.orm import InstrumentedAttribute, Session, SessionTransaction

from bankd.audit.actor import Actor
from bankd.audit.canonical import canonical, moment, parse
from bankd.audit.errors import NotInTransaction, SettledTooEarly
from bankd.audit.kinds import TOUCHES_RIGHTS, Kind
from bankd.audit.models import LogEntry, LogPayload

CHANNEL = "bankd_log"  # NOTIFY with the log's new size, once per transaction
LOCK = 0x62616E6B_6C6F67  # "banklog"; no other code takes this advisory lock
PAGE = 1000
STAGED = "bankd.audit.staged"
LOCKED = "bankd.audit.locked"
# One probe of the index for each kind, however long ago the last change was.
LAST_RIGHTS_CHANGE = text(
    """
    SELECT max(latest.index) FROM unnest(CAST(:kinds AS text[])) AS moved(kind)
    CROSS JOIN LATERAL (
        SELECT index FROM log_entries WHERE kind = moved.kind ORDER BY index DESC LIMIT 1
    ) AS latest
    """
)

# One statement, as the log's lock is held meanwhile: no other commit can go on.
WRITE = text(
    """
    WITH numbered AS (
        SELECT (SELECT coalesce(max(index) + 1, 0) FROM log_entries) + number - 1 AS index,
            at, kind, commitment, salt, payload
        FROM unnest(
            CAST(:at AS timestamptz[]), CAST(:kinds AS text[]), CAST(:commitments AS bytea[]),
            CAST(:salts AS bytea[]), CAST(:payloads AS text[])
        ) WITH ORDINALITY AS staged(at, kind, commitment, salt, payload, number)
    ), entries AS (
        INSERT INTO log_entries (index, at, kind, commitment)
        SELECT index, at, kind, commitment FROM numbered
    ), payloads AS (
        INSERT INTO log_payloads (index, salt, payload) SELECT index, salt, payload FROM numbered
    ), size AS (SELECT max(index) + 1 AS size FROM numbered)
    SELECT size FROM size, pg_notify(:channel, size::text)
    """
)


class Staged:
    """An entry to be. `index` is known once the log was settled, by the commit at the latest."""

    def __init__(
        self, kind: Kind, at: datetime, payload: bytes, savepoint: SessionTransaction | None
    ) -> None:
        self.kind = kind
        self.at = at
        self.salt = secrets.token_bytes(32)
        self.payload = payload
        self.savepoint = savepoint  # the innermost that it goes with
        self._index: int | None = None

    @property
    def index(self) -> int:
        if self._index is None:
            raise RuntimeError("the entry has no index before the log is settled")
        return self._index

    @property
    def settled(self) -> bool:
        return self._index is not None


@dataclass(frozen=True)
class Entry:
    """An entry as read back; `payload` None: erased."""

    index: int
    at: datetime
    kind: str
    payload: dict[str, Any] | None


def append(session: Session, kind: Kind, *, by: Actor, at: datetime, **objects: Any) -> Staged:
    """Stage an entry, to be written by the commit of this transaction and by nothing else.

    `objects` are what it is about: ids, hashes, names, reasons, in any type
    that has a canonical form. What is staged in a savepoint goes with it.

    Raises:
        NotInTransaction: the session has none open.
        NotCanonical: an object has no one way to be written.
    """
    if not session.in_transaction():
        raise NotInTransaction
    payload = canonical({"v": 1, "kind": kind, "at": at, "by": by.facts(), "objects": objects})
    staged = Staged(kind, at, payload, session.get_nested_transaction())
    session.info.setdefault(STAGED, []).append(staged)
    return staged


def locked(session: Session) -> None:
    """Take the log's lock now, to hold until the end of the transaction.

    Nobody commits an entry until then, so `epoch` and `last_rights_change`
    stay true. Take it after every other lock and do nothing slow with it.
    """
    if session.in_nested_transaction():
        raise SettledTooEarly
    session.flush()
    if LOCKED not in session.info:
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        session.info[LOCKED] = True


def settle(session: Session) -> int:
    """Write what is staged now, so that its indexes are known, and return the log's new size.

    The commit does this by itself; call it only where a row of the same
    transaction must name its own entry. Takes the lock as `locked` does.
    """
    locked(session)
    pending = [staged for staged in session.info.get(STAGED, ()) if not staged.settled]
    if not pending:
        return epoch(session)
    size: int = session.execute(
        WRITE,
        {
            "at": [staged.at for staged in pending],
            "kinds": [staged.kind.value for staged in pending],
            "commitments": [commitment(staged.salt, staged.payload) for staged in pending],
            "salts": [staged.salt for staged in pending],
            "payloads": [staged.payload.decode() for staged in pending],
            "channel": CHANNEL,
        },
    ).scalar_one()
    for index, staged in enumerate(pending, size - len(pending)):
        staged._index = index
    return size


def commitment(salt: bytes, payload: bytes) -> bytes:
    """What a leaf holds of its payload: nothing can be guessed from it once the salt is erased."""
    return hashlib.sha256(salt + payload).digest()


def leaf(index: int, at: datetime, kind: str, commitment: bytes) -> bytes:
    """The bytes that the Merkle tree hashes for an entry, version 1: canonical JSON, spelled out."""
    return (
        f'{{"at":"{moment(at)}","commitment":"{commitment.hex()}","index":{index},'
        f'"kind":{json.dumps(kind, ensure_ascii=False)},"v":1}}'
    ).encode()


def epoch(session: Session) -> int:
    """How many entries there are: the index of the next one."""
    last = session.scalar(select(func.max(LogEntry.index)))
    return 0 if last is None else last + 1


def touches_rights(kind: Kind) -> bool:
    """Whether a clearance made before such an entry must be looked at again."""
    return kind in TOUCHES_RIGHTS


def last_rights_change(session: Session) -> int:
    """The index of the last entry that touches rights; -1 if there is none."""
    found = session.scalar(LAST_RIGHTS_CHANGE, {"kinds": [kind.value for kind in TOUCHES_RIGHTS]})
    return -1 if found is None else int(found)


def last_of(session: Session, kinds: Collection[Kind]) -> datetime | None:
    """When the last entry of one of these kinds was made; None if there is none."""
    index = session.scalar(LAST_RIGHTS_CHANGE, {"kinds": [kind.value for kind in kinds]})
    return None if index is None else session.scalar(select(LogEntry.at).where(LogEntry.index == index))


def read(session: Session, *, start: int = 0, stop: int | None = None) -> Iterator[Entry]:
    """The entries from `start` up to, not including, `stop`, streamed in order."""
    rows = select(LogEntry.index, LogEntry.at, LogEntry.kind, LogPayload.payload).outerjoin(
        LogPayload, LogPayload.index == LogEntry.index
    )
    for index, at, kind, payload in paged(session, rows, by=LogEntry.index, start=start, stop=stop):
        yield Entry(index, at, kind, None if payload is None else parse(payload))


def paged(
    session: Session,
    rows: Select[*tuple[Any, ...]],
    *,
    by: InstrumentedAttribute[int],
    start: int = 0,
    stop: int | None = None,
) -> Iterator[Any]:
    """The rows in the order of a unique whole-number column, a page at a time.

    What is appended meanwhile is seen too. Nothing stays open when the reader stops early.
    """
    if stop is not None:
        rows = rows.where(by < stop)
    while page := session.execute(rows.where(by >= start).order_by(by).limit(PAGE)).all():
        yield from page
        start = getattr(page[-1], by.key) + 1


@listens_for(Session, "before_commit")
def _settle_before_commit(session: Session) -> None:
    # Called for the release of a savepoint too, which commits nothing.
    staged = session.info.get(STAGED, ())
    if not session.in_nested_transaction() and any(not entry.settled for entry in staged):
        settle(session)


@listens_for(Session, "after_commit")
def _outlive_savepoint(session: Session) -> None:
    released = session.get_nested_transaction()
    if released is not None:
        around = released.parent
        while around is not None and not around.nested:
            around = around.parent
        for staged in session.info.get(STAGED, ()):
            if staged.savepoint is released:
                staged.savepoint = around


# Not after_rollback: a savepoint whose flush failed is closed without that event.
@listens_for(Session, "after_transaction_end")
def _unstage(session: Session, ended: SessionTransaction) -> None:
    if ended.parent is None:
        session.info.pop(STAGED, None)
        session.info.pop(LOCKED, None)
    elif staged := session.info.get(STAGED):
        staged[:] = [entry for entry in staged if entry.savepoint is not ended]
