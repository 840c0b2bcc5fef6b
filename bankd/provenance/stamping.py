"""Time stamps that were not to be had at the seal: asked for later, and kept beside the file."""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.provenance import time_stamps
from bankd.provenance.c2pa import Clock
from bankd.provenance.credential import TimeStamp
from bankd.provenance.errors import TimeStampRefused
from bankd.provenance.models import Composite, FileTimeStamp, Handout
from bankd.storage import BlobMissing, Blobs

logger = logging.getLogger(__name__)

MAX_FILE_BYTES = 256 << 20


def waiting(session: Session, *, limit: int) -> Sequence[tuple[UUID, str, str]]:
    """Composites that were sealed without a time stamp and have none yet, the oldest first: id, key, hash."""
    stamped = exists().where(FileTimeStamp.file_sha256 == Composite.file_sha256)
    found = session.execute(
        select(Composite.id, Composite.blob_key, Composite.file_sha256)
        .where(Composite.time_stamped.is_(False), Composite.erased_at.is_(None), ~stamped)
        .order_by(Composite.sealed_at)
        .limit(limit)
    )
    return [(row.id, row.blob_key, row.file_sha256) for row in found]


def waiting_copies(session: Session, *, limit: int) -> Sequence[tuple[UUID, str]]:
    """Copies that were handed out without a time stamp and have none yet, the oldest first: of which
    composite, and the file's hash. The bank keeps no copies: their hashes are what is stamped."""
    stamped = exists().where(FileTimeStamp.file_sha256 == Handout.file_sha256)
    found = session.execute(
        select(Handout.composite_id, Handout.file_sha256)
        .where(Handout.time_stamped.is_(False), ~stamped)
        .order_by(Handout.at)
        .limit(limit)
    )
    return [(row.composite_id, row.file_sha256) for row in found]


def stamp_waiting(
    transaction: Callable[[], AbstractContextManager[Session]],
    *,
    clock: Clock,
    blobs: Blobs,
    by: Actor,
    now: Callable[[], datetime],
    limit: int = 20,
) -> int:
    """Stamp what waits, composites first, oldest first, until no authority gives one. How many were stamped.

    Nobody's transaction waits for an authority: each stamp is asked for between two.
    """
    with transaction() as session:
        kept = waiting(session, limit=limit)
        copies = waiting_copies(session, limit=limit)
    found = [(id, file_sha256, blob_key) for id, blob_key, file_sha256 in kept]
    done = 0
    for composite_id, file_sha256, blob_key in [*found, *((id, copy, None) for id, copy in copies)][:limit]:
        try:
            if blob_key is not None and not _is_there(blobs, blob_key, file_sha256):
                logger.error("the file of composite `%s` is another than was sealed", composite_id)
                continue
            response = asked(file_sha256, clock=clock)
        except BlobMissing:
            continue  # erased since
        except TimeStampRefused as refused:
            logger.warning("a file of composite `%s` waits for a time stamp: %s", composite_id, refused)
            break
        with transaction() as session:
            keep(
                session,
                response,
                composite_id=composite_id,
                file_sha256=file_sha256,
                roots_pem=clock.roots_pem,
                by=by,
                at=now(),
            )
        done += 1
    return done


def _is_there(blobs: Blobs, blob_key: str, file_sha256: str) -> bool:
    return sha256(blobs.get(blob_key, limit_bytes=MAX_FILE_BYTES)).hexdigest() == file_sha256


def asked(file_sha256: str, *, clock: Clock) -> bytes:
    """What the first authority that gives a stamp of the file answered.

    Raises:
        TimeStampRefused: none gives one; the last one's reason.
    """
    refused = TimeStampRefused("none", "no authority is set: set `time_stamp_url`")
    for authority in clock.authorities:
        try:
            return time_stamps.ask(authority, file_sha256, roots_pem=clock.roots_pem)
        except TimeStampRefused as error:
            refused = error
    raise refused


def keep(
    session: Session,
    response: bytes,
    *,
    composite_id: UUID,
    file_sha256: str,
    roots_pem: str,
    by: Actor,
    at: datetime,
) -> TimeStamp:
    """Keep an authority's response beside a file: a composite's, or a copy's of it.

    Raises:
        TimeStampRefused: it speaks of another file.
    """
    found = time_stamps.read(response, file_sha256=file_sha256, roots_pem=roots_pem)
    if found is None:
        raise TimeStampRefused("unnamed", "what it stamped is not the file")
    session.add(
        FileTimeStamp(file_sha256=file_sha256, response=response, authority=found.authority, asked_at=at)
    )
    log.append(
        session,
        Kind.COMPOSITE_TIME_STAMPED,
        by=by,
        at=at,
        composite=composite_id,
        file_sha256=file_sha256,
        authority=found.authority,
        time_stamp=found.at,
        trusted=found.trusted,
    )
    session.flush()
    return found


def of_file(session: Session, file_sha256: str, *, roots_pem: str) -> list[TimeStamp]:
    """The time stamps kept beside a file, trusted ones first, then by time."""
    rows = session.scalars(select(FileTimeStamp).where(FileTimeStamp.file_sha256 == file_sha256))
    found = [time_stamps.read(row.response, file_sha256=file_sha256, roots_pem=roots_pem) for row in rows]
    return sorted((one for one in found if one is not None), key=lambda one: (not one.trusted, one.at))


def responses(session: Session, file_sha256: str) -> list[bytes]:
    """As they came, oldest first: what goes with the file when it is handed out."""
    return list(
        session.scalars(
            select(FileTimeStamp.response)
            .where(FileTimeStamp.file_sha256 == file_sha256)
            .order_by(FileTimeStamp.asked_at)
        )
    )
