"""Photos that are composites of this bank: recognised when they come in, and on record for lineage.

A picture that the bank made may come back as a photo: bought in again, sent by a partner. That is no
reason to refuse it, its own grants say what may be done with it; but what it was made of stays what it was.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Uuid, literal, null, select, union_all
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.identifying import kept
from bankd.identifying.models import CompositeFingerprint, PhotoOrigin
from bankd.likeness.hashing import Fingerprint
from bankd.provenance.models import Composite, Handout

MOST = 16  # composites that one photo is found to be; variations of one request can be so alike


@dataclass(frozen=True)
class Origin:
    composite_id: UUID
    handout_id: UUID | None
    how: str
    distance: int


def trace(
    session: Session,
    photo_id: UUID,
    *,
    sha256: str,
    pixel_sha256: str,
    fingerprint: Fingerprint,
    by: Actor,
    at: datetime,
) -> list[Origin]:
    """Write down of which composite a photo that has just come in is a copy, where it is one of any.

    By bytes, else by pixels, else by PDQ where there is enough to see: the nearest.

    Args:
        pixel_sha256: as ingestion computes it.
    """
    found = find(session, sha256=sha256, pixel_sha256=pixel_sha256, fingerprint=fingerprint)
    for one in found:
        session.add(
            PhotoOrigin(
                photo_id=photo_id,
                composite_id=one.composite_id,
                handout_id=one.handout_id,
                how=one.how,
                distance=one.distance,
                found_at=at,
            )
        )
    if found:
        session.flush()
        log.append(
            session,
            Kind.PHOTO_RETURNED,
            by=by,
            at=at,
            photo=photo_id,
            composites=[one.composite_id for one in found],
            handouts=[one.handout_id for one in found if one.handout_id is not None],
            how=found[0].how,
            distance=found[0].distance,
        )
    return found


def find(session: Session, *, sha256: str, pixel_sha256: str, fingerprint: Fingerprint) -> list[Origin]:
    """The composites, each once, of which a photo is a copy by the surest evidence there is."""
    rows = session.execute(_equal(sha256, pixel_sha256)).all()
    # A file that was handed out is told by its handout, which says to whom it went.
    if surest := [row for row in rows if row.place == rows[0].place]:
        how = "pixels" if surest[0].place == PIXELS else "file"
        return _each([Origin(row.composite_id, row.handout_id, how, 0) for row in surest])
    like = [one for one in kept.alike(session, fingerprint) if one.how == "pdq" and one.telling]
    nearest = [one for one in like if one.distance == like[0].distance]
    return _each([Origin(one.composite_id, one.handout_id, "pdq", one.distance) for one in nearest])


HANDED_OUT, SEALED, PIXELS = range(3)


def _equal(sha256: str, pixel_sha256: str) -> Any:
    """What equals a photo, by bytes or pixels, in one statement: the surest first, then the earliest."""
    of = CompositeFingerprint
    none = null().cast(Uuid)
    never = null().cast(DateTime(timezone=True))
    found = union_all(
        select(
            literal(HANDED_OUT).label("place"),
            Handout.composite_id.label("composite_id"),
            Handout.id.label("handout_id"),
            Handout.at.label("at"),
            literal(0).label("number"),
        ).where(Handout.file_sha256 == sha256),
        select(literal(SEALED), Composite.id, none, never, literal(0)).where(Composite.file_sha256 == sha256),
        select(literal(PIXELS), of.composite_id, of.handout_id, never, of.id).where(
            of.as_photo_sha256 == pixel_sha256
        ),
    ).subquery()
    return select(found).order_by(found.c.place, found.c.at, found.c.number, found.c.handout_id)


def _each(found: list[Origin]) -> list[Origin]:
    """Each composite once; where one file went out several times, by the first that is told."""
    once: dict[UUID, Origin] = {}
    for one in found:
        once.setdefault(one.composite_id, one)
    return list(once.values())[:MOST]
