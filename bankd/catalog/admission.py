"""Writing one photo into the catalog: its row, segments, descriptors and rights, in one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, insert, or_, select
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog import service
from bankd.catalog.models import Descriptor, Photo, Segment, Tombstone
from bankd.licensing.terms import Depictions, EmbeddedRights

DESCRIPTOR_COLUMNS = (
    "segment_id", "format", "frame", "photo_id", "category_id", "profile_id", "mask_n", "context_n",
    "mask", "c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7",
)  # fmt: skip


@dataclass(frozen=True)
class PhotoFacts:
    """What ingestion found out about a photo; all of its bytes are in the store already."""

    id: UUID
    department_id: UUID
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    pixel_sha256: str
    frame: tuple[int, int]
    work_frame: tuple[int, int]
    pack_sha256: str
    labels_sha256: str
    thumbnail_sha256: str
    taxonomy_version: int
    scene_context: bytes
    lab_mean: tuple[float, ...]
    lab_std: tuple[float, ...]
    embedded: EmbeddedRights
    embedded_credit: dict[str, str]
    rights_unreadable: bool  # a packet in the photo may hold rights and cannot be read
    depth_sha256: str | None = None


@dataclass(frozen=True)
class SegmentFacts:
    """One segment; its ordinal is its place in the list."""

    category_id: int
    instance: int | None
    area_px: int
    box: tuple[int, int, int, int]
    small: bool
    depth_mm: int | None


@dataclass(frozen=True)
class DescriptorFacts:
    """One descriptor of the segment at `ordinal`: packed bits, the first cell highest; `planes` are 8."""

    ordinal: int
    format: int
    frame: str
    mask: bytes
    planes: tuple[bytes, ...]
    mask_n: int
    context_n: int


def is_tombstoned(session: Session, *, sha256: str | None = None, pixel_sha256: str | None = None) -> bool:
    """Whether these bytes or these pixels may not come back."""
    return bool(
        session.scalar(
            select(exists().where(or_(Tombstone.sha256 == sha256, Tombstone.pixel_sha256 == pixel_sha256)))
        )
    )


def known(session: Session, *, sha256: str | None = None, pixel_sha256: str | None = None) -> UUID | None:
    """The photo of these bytes, or of these pixels."""
    return session.scalar(
        select(Photo.id).where(or_(Photo.sha256 == sha256, Photo.pixel_sha256 == pixel_sha256))
    )


def admit(
    session: Session,
    photo: PhotoFacts,
    *,
    segments: Sequence[SegmentFacts],
    descriptors: Iterable[DescriptorFacts],
    grant_ids: Sequence[UUID],
    release_ids: Sequence[UUID],
    depictions: Depictions,
    by: Actor,
    at: datetime,
) -> Photo:
    """Write a photo that is not known yet. Without a grant, or with rights that cannot be read, it is
    quarantined: its segments have no rights profile and no ranking statement sees them.

    Raises:
        GrantNotFound, ReleaseNotFound, TooManyGrants: as `attach_grants`.
    """
    row = Photo(
        id=photo.id,
        department_id=photo.department_id,
        name=photo.name,
        media_type=photo.media_type,
        size_bytes=photo.size_bytes,
        sha256=photo.sha256,
        pixel_sha256=photo.pixel_sha256,
        height=photo.frame[0],
        width=photo.frame[1],
        work_height=photo.work_frame[0],
        work_width=photo.work_frame[1],
        pack_sha256=photo.pack_sha256,
        labels_sha256=photo.labels_sha256,
        depth_sha256=photo.depth_sha256,
        thumbnail_sha256=photo.thumbnail_sha256,
        taxonomy_version=photo.taxonomy_version,
        scene_context=photo.scene_context,
        lab_mean=list(photo.lab_mean),
        lab_std=list(photo.lab_std),
        depictions=depictions.model_dump(mode="json"),
        embedded=photo.embedded.model_dump(mode="json"),
        embedded_credit=photo.embedded_credit,
        state="quarantined",
        quarantine_reason="unreadable-rights" if photo.rights_unreadable else "unlicensed",
        taken_at=at,
        grant_blocks=0,
    )
    session.add(row)
    session.flush()
    categories = frozenset(segment.category_id for segment in segments)
    service.record_rights(
        session,
        row,
        grant_ids=grant_ids,
        release_ids=release_ids,
        depictions=depictions,
        categories=categories,
    )
    session.flush()
    _write(session, row, segments, descriptors)
    if row.state == "admitted":
        log.append(
            session, Kind.PHOTO_ADMITTED, by=by, at=at,
            photo=row.id, sha256=row.sha256, pixel_sha256=row.pixel_sha256, department=row.department_id,
            segments=len(segments), grants=sorted(grant_ids), releases=sorted(release_ids),
            depictions=row.depictions, embedded=row.embedded, profile=row.profile_id,
        )  # fmt: skip
    else:
        log.append(
            session, Kind.PHOTO_QUARANTINED, by=by, at=at,
            photo=row.id, sha256=row.sha256, pixel_sha256=row.pixel_sha256, department=row.department_id,
            segments=len(segments), reason=row.quarantine_reason,
        )  # fmt: skip
    return row


def _write(
    session: Session,
    photo: Photo,
    segments: Sequence[SegmentFacts],
    descriptors: Iterable[DescriptorFacts],
) -> None:
    ids = session.scalars(
        insert(Segment).returning(Segment.id, sort_by_parameter_order=True),
        [
            {
                "photo_id": photo.id,
                "ordinal": ordinal,
                "category_id": segment.category_id,
                "profile_id": photo.profile_id,
                "instance": segment.instance,
                "area_px": segment.area_px,
                **dict(zip(("x0", "y0", "x1", "y1"), segment.box, strict=True)),
                "small": segment.small,
                "depth_mm": segment.depth_mm,
            }
            for ordinal, segment in enumerate(segments)
        ],
    ).all()
    cursor: Any = session.connection().connection.cursor()
    statement = f"COPY {Descriptor.__tablename__} ({', '.join(DESCRIPTOR_COLUMNS)}) FROM STDIN"
    with cursor, cursor.copy(statement) as copy:
        for descriptor in descriptors:
            copy.write_row(
                (
                    ids[descriptor.ordinal],
                    descriptor.format,
                    descriptor.frame,
                    photo.id,
                    segments[descriptor.ordinal].category_id,
                    photo.profile_id,
                    descriptor.mask_n,
                    descriptor.context_n,
                    _bits(descriptor.mask),
                    *(_bits(plane) for plane in descriptor.planes),
                )
            )


def _bits(packed: bytes) -> str:
    return f"{int.from_bytes(packed, 'big'):0{8 * len(packed)}b}"
