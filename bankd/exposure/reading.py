"""Everything that was made from a photo, a license, a licensor, a release or a person: counts, then pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Subquery, and_, exists, func, literal, select
from sqlalchemy.orm import Session

from bankd.audit.actor import Actor
from bankd.catalog.models import Photo
from bankd.exposure.models import ExposedComposite, Takedown
from bankd.exposure.subjects import Named, grants_of, photos_of, uses
from bankd.licensing.withdrawal_effects import Why
from bankd.provenance.models import Composite, Handout, Publication
from bankd.training.models import NetworkCheckpoint, Snapshot, SnapshotPhoto


@dataclass(frozen=True)
class Network:
    """A network that learned from one of the photos, and the snapshot that it learned them in."""

    sha256: str
    kind: str
    snapshot: str  # digest
    registered_at: datetime


@dataclass(frozen=True)
class Exposure:
    """How much a subject touches. Of a department's actor only what that department may see is counted."""

    subject: str
    ref: str
    photos: int
    composites: int
    segments: int  # placed, over all composites
    handouts: int
    publications: int
    takedowns_open: int
    snapshots: int
    networks: tuple[Network, ...]


@dataclass(frozen=True)
class TakedownLine:
    """A handout to be called back, or a publication to be taken down; one that was taken down is done."""

    id: UUID
    withdrawal_id: UUID
    composite_id: UUID
    what: str
    subject_id: UUID | None
    told: str  # the recipient, or the place of a publication
    asked_at: datetime
    done_at: datetime | None
    done_by: str | None
    note: str | None


OPEN = and_(
    Takedown.done_at.is_(None),
    ~exists()
    .where(Publication.id == Takedown.publication_id, Publication.taken_down_at.is_not(None))
    .correlate(Takedown),
)


@dataclass(frozen=True)
class CompositeLine:
    """One composite of an exposure; marked once a withdrawal of the subject has reached it."""

    composite_id: UUID
    request_id: UUID
    sealed_at: datetime
    height: int
    width: int
    canvas_px: int  # fed by the subject, before refinement
    handouts: int
    publications: int
    exposed_at: datetime | None
    why: Why | None


def exposure(session: Session, named: Named, *, by: Actor) -> Exposure:
    """Count what a subject touches. One statement, by index, for what is in the ten millions of usages."""
    grants = grants_of(session, named)
    each = uses(named, grants)
    hit = (
        select(each.c.composite_id, func.sum(each.c.segments).label("segments"))
        .where(*_seen(by, each))
        .group_by(each.c.composite_id)
        .cte("hit")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    touched = select(hit.c.composite_id)
    photos = photos_of(named, grants).subquery()
    counts = session.execute(
        select(
            select(func.count()).select_from(photos).scalar_subquery(),
            select(func.count()).select_from(hit).scalar_subquery(),
            select(func.coalesce(func.sum(hit.c.segments), 0)).scalar_subquery(),
            select(func.count()).where(Handout.composite_id.in_(touched)).scalar_subquery(),
            select(func.count())
            .where(Publication.composite_id.in_(touched), Publication.replaced_by_id.is_(None))
            .scalar_subquery(),
            select(func.count()).where(Takedown.composite_id.in_(touched), OPEN).scalar_subquery(),
        )
    ).one()
    learned = _snapshots(named, grants)
    networks = session.execute(
        select(NetworkCheckpoint, Snapshot.digest)
        .join(Snapshot, Snapshot.id == NetworkCheckpoint.snapshot_id)
        .where(NetworkCheckpoint.snapshot_id.in_(learned))
        .order_by(NetworkCheckpoint.ordinal)
    ).all()
    snapshots = session.scalar(select(func.count()).select_from(learned.subquery()))
    return Exposure(
        subject=named.subject,
        ref=named.ref,
        photos=counts[0],
        composites=counts[1],
        segments=int(counts[2]),
        handouts=counts[3],
        publications=counts[4],
        takedowns_open=counts[5],
        snapshots=snapshots or 0,
        networks=tuple(Network(one.sha256, one.kind, digest, one.registered_at) for one, digest in networks),
    )


def composites(
    session: Session, named: Named, *, by: Actor, after: UUID | None = None, limit: int = 100
) -> list[CompositeLine]:
    """A page of an exposure's composites, in the order of their ids."""
    grants = grants_of(session, named)
    each = uses(named, grants)
    page = (
        select(each.c.composite_id, func.sum(each.c.canvas_px).label("canvas_px"))
        .where(*_seen(by, each), *([each.c.composite_id > after] if after else []))
        .group_by(each.c.composite_id)
        .order_by(each.c.composite_id)
        .limit(limit)
        .subquery()
    )
    marked = (
        select(ExposedComposite.exposed_at, ExposedComposite.why)
        .where(ExposedComposite.composite_id == page.c.composite_id)
        .order_by(ExposedComposite.why.desc(), ExposedComposite.exposed_at)
        .limit(1)
        .lateral()
    )
    rows = session.execute(
        select(
            Composite.id,
            Composite.request_id,
            Composite.sealed_at,
            Composite.height,
            Composite.width,
            page.c.canvas_px,
            select(func.count()).where(Handout.composite_id == page.c.composite_id).scalar_subquery(),
            select(func.count())
            .where(Publication.composite_id == page.c.composite_id, Publication.replaced_by_id.is_(None))
            .scalar_subquery(),
            marked.c.exposed_at,
            marked.c.why,
        )
        .join(page, page.c.composite_id == Composite.id)
        .outerjoin(marked, literal(True))
        .order_by(Composite.id)
    )
    return [CompositeLine(*row) for row in rows]


def marks(
    session: Session, withdrawal_id: UUID, *, after: UUID | None = None, limit: int = 100
) -> Sequence[ExposedComposite]:
    """A page of the composites that a withdrawal marked, in the order of their ids."""
    wanted = select(ExposedComposite).where(ExposedComposite.withdrawal_id == withdrawal_id)
    if after is not None:
        wanted = wanted.where(ExposedComposite.composite_id > after)
    return session.scalars(wanted.order_by(ExposedComposite.composite_id).limit(limit)).all()


def takedowns(
    session: Session, *, withdrawal_id: UUID | None = None, done: bool = False, limit: int = 100
) -> list[TakedownLine]:
    """What is still to be called back or taken down, the longest waiting first; with `done` the rest too."""
    wanted = (
        select(Takedown, Handout, Publication)
        .outerjoin(Handout, Handout.id == Takedown.handout_id)
        .outerjoin(Publication, Publication.id == Takedown.publication_id)
        .order_by(Takedown.asked_at, Takedown.id)
        .limit(limit)
    )
    if withdrawal_id is not None:
        wanted = wanted.where(Takedown.withdrawal_id == withdrawal_id)
    return [
        TakedownLine(
            id=one.id,
            withdrawal_id=one.withdrawal_id,
            composite_id=one.composite_id,
            what="handout" if one.handout_id else "publication",
            subject_id=one.handout_id or one.publication_id,
            told=f"{handout.recipient}, {handout.channel}" if handout else publication.place,
            asked_at=one.asked_at,
            done_at=one.done_at or (publication.taken_down_at if publication else None),
            done_by=one.done_by or (publication.taken_down_by if publication else None),
            note=one.note or (publication.taken_down_evidence if publication else None),
        )
        for one, handout, publication in session.execute(wanted if done else wanted.where(OPEN))
    ]


def _seen(by: Actor, each: Subquery) -> list[ColumnElement[bool]]:
    if by.department_id is None:
        return []
    theirs = Composite.department_id == by.department_id  # what is of none is the whole house's
    return [exists().where(Composite.id == each.c.composite_id, theirs)]


def _snapshots(named: Named, grants: Sequence[UUID]) -> Select[Any]:
    """The snapshots that hold one of its photos, or a photo that held one of its grants."""
    if named.subject in ("license", "grant", "licensor"):
        return select(SnapshotPhoto.snapshot_id).where(SnapshotPhoto.grant_ids.overlap([*grants])).distinct()
    photos = select(Photo.sha256).where(Photo.id.in_(photos_of(named, grants)))
    return select(SnapshotPhoto.snapshot_id).where(SnapshotPhoto.photo_sha256.in_(photos)).distinct()
