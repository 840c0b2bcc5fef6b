"""Writing one photo into the catalog: its row, segments, descriptors and rights, in one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog import service
from bankd.catalog.models import Descriptor, Photo, Segment, Tombstone
from bankd.licensing.terms import Depictions, EmbeddedRights

SEGMENT_COLUMNS = (
    "photo_id", "ordinal", "category_id", "profile_id", "instance", "area_px", "x0", "y0", "x1", "y1",
    "small", "depth_mm",
)  # fmt: skip

# A descriptor's columns in a binary COPY: the bytes of each value and how numpy writes it, the highest byte
# first. Bits have their number before them.
MASK_BITS, PLANE_BITS, PLANES = 1024, 256, 8
DESCRIPTOR_COLUMNS = {
    "segment_id": (8, ">i8"), "format": (2, ">i2"), "frame": (0, ""), "photo_id": (16, "V16"),
    "category_id": (2, ">i2"), "profile_id": (4, ">i4"), "mask_n": (2, ">i2"), "context_n": (2, ">i2"),
    "mask": (4 + MASK_BITS // 8, [("bits", ">i4"), ("value", "u1", MASK_BITS // 8)]),
    **{f"c{plane}": (4 + PLANE_BITS // 8, [("bits", ">i4"), ("value", "u1", PLANE_BITS // 8)])
       for plane in range(PLANES)},
}  # fmt: skip
COPY_BEGIN = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_END = b"\xff\xff"
NULL = -1  # as the length of a value


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


@dataclass(frozen=True, eq=False)
class DescriptorFacts:
    """The descriptors of all segments in one frame, by ordinal: packed bits, the first cell highest."""

    format: int
    frame: str
    masks: npt.NDArray[np.uint8]  # (n, 128)
    planes: npt.NDArray[np.uint8]  # (n, 8, 32)
    mask_n: npt.NDArray[np.int32]  # (n,)
    context_n: npt.NDArray[np.int32]  # (n,)


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
    """Segments by COPY, which gives them their ids, then their descriptors by one COPY of all."""
    if not segments:
        return
    connection: Any = session.connection().connection
    lines = []
    for ordinal, one in enumerate(segments):
        fields = (
            photo.id, ordinal, one.category_id, photo.profile_id, one.instance, one.area_px, *one.box,
            "t" if one.small else "f", one.depth_mm,
        )  # fmt: skip
        lines.append("\t".join("\\N" if field is None else str(field) for field in fields))
    with connection.cursor() as cursor:
        columns = ", ".join(SEGMENT_COLUMNS)
        with cursor.copy(f"COPY {Segment.__tablename__} ({columns}) FROM STDIN") as copy:
            copy.write("\n".join(lines))
        ids = session.scalars(
            select(Segment.id).where(Segment.photo_id == photo.id).order_by(Segment.ordinal)
        ).all()
        columns = ", ".join(DESCRIPTOR_COLUMNS)
        statement = f"COPY {Descriptor.__tablename__} ({columns}) FROM STDIN (FORMAT BINARY)"
        with cursor.copy(statement) as copy:
            copy.write(COPY_BEGIN)
            for described in descriptors:
                copy.write(_rows(photo, np.array(ids), segments, described))
            copy.write(COPY_END)


def _rows(
    photo: Photo,
    ids: npt.NDArray[np.int64],
    segments: Sequence[SegmentFacts],
    described: DescriptorFacts,
) -> bytes:
    """The rows of one frame as a binary COPY wants them: the number of columns, then each with its length."""
    frame = described.frame.encode()
    values: dict[str, Any] = {
        "segment_id": ids,
        "format": described.format,
        "frame": frame,
        "photo_id": np.void(photo.id.bytes),
        "category_id": [one.category_id for one in segments],
        "profile_id": photo.profile_id,
        "mask_n": described.mask_n,
        "context_n": described.context_n,
    }
    fields: list[tuple[str, Any]] = [("columns", ">i2")]
    for name, (_, kind) in DESCRIPTOR_COLUMNS.items():
        fields.append((f"{name} length", ">i4"))
        if name == "frame":
            fields.append((name, f"S{len(frame)}"))
        elif name not in values or values[name] is not None:
            fields.append((name, kind))
    rows = np.zeros(len(ids), dtype=fields)
    rows["columns"] = len(DESCRIPTOR_COLUMNS)
    for name, (length, _) in DESCRIPTOR_COLUMNS.items():
        rows[f"{name} length"] = length
        if name in values and values[name] is not None:
            rows[name] = values[name]
    rows["frame length"] = len(frame)
    if photo.profile_id is None:
        rows["profile_id length"] = NULL
    rows["mask"]["bits"], rows["mask"]["value"] = MASK_BITS, described.masks
    for plane in range(PLANES):
        rows[f"c{plane}"]["bits"], rows[f"c{plane}"]["value"] = PLANE_BITS, described.planes[:, plane]
    return rows.tobytes()
