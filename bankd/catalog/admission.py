"""Writing one photo into the catalog: its row, segments, descriptors and rights, in one transaction."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from sqlalchemy import exists, insert, or_, select
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog import fingerprints, likenesses, pulling, releases, service, taxonomy, tombstones
from bankd.catalog.likenesses import Found
from bankd.catalog.models import Descriptor, Photo, PhotoGrant
from bankd.catalog.releases import NO_FACES, Covers, FlaggedFaces
from bankd.licensing import profiles
from bankd.licensing.depicted import Depictions
from bankd.licensing.people import WHOM_UNSAID, PersonSegment
from bankd.licensing.profiles import NO_RELEASES
from bankd.licensing.terms import EmbeddedRights
from bankd.likeness.hashing import Fingerprint

SEGMENTS = """
    INSERT INTO segments
        (photo_id, profile_id, ordinal, category_id, instance, area_px, x0, y0, x1, y1, small, depth_mm)
    SELECT %s, %s, cut.* FROM unnest(
        %s::int[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[], %s::int[], %s::bool[],
        %s::int[]
    ) AS cut
    RETURNING ordinal, id
"""

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
DESCRIPTORS = f"COPY {Descriptor.__tablename__} ({', '.join(DESCRIPTOR_COLUMNS)}) FROM STDIN (FORMAT BINARY)"


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
    faces: FlaggedFaces = NO_FACES
    fingerprint: Fingerprint | None = None
    credentials: dict[str, Any] | None = None  # content credentials that it arrived with
    store_sha256: str | None = None  # of the manifest store that the house signed for it


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


@dataclass(frozen=True)
class Seen:
    """What the catalog knows of bytes and pixels: whether they may not come back, and whose they are."""

    tombstoned: bool
    same_bytes: UUID | None
    same_pixels: UUID | None


def seen(
    session: Session, *, sha256: str, pixel_sha256: str | None = None, grant_ids: Sequence[UUID] = ()
) -> Seen:
    """Look for these bytes and, where they are given, these pixels, on their way in under these grants."""
    same = or_(Photo.sha256 == sha256, Photo.pixel_sha256 == pixel_sha256)
    # Out of use, and its rows not erased yet: nobody brings it back meanwhile, whatever way.
    leaving = exists().where(same, Photo.state == "erased")
    bytes_of = select(Photo.id).where(Photo.sha256 == sha256).scalar_subquery()
    pixels_of = select(Photo.id).where(Photo.pixel_sha256 == pixel_sha256).scalar_subquery()
    gone = or_(leaving, tombstones.burying(sha256, pixel_sha256, grant_ids))
    return Seen(*session.execute(select(gone, bytes_of, pixels_of)).one())


def admit(
    session: Session,
    photo: PhotoFacts,
    *,
    segments: Sequence[SegmentFacts],
    descriptors: Iterable[DescriptorFacts],
    grant_ids: Sequence[UUID],
    release_ids: Sequence[UUID],
    people: Covers = NO_RELEASES,
    depictions: Depictions,
    alike: Sequence[Found] = (),
    by: Actor,
    at: datetime,
) -> Photo:
    """Write a photo that is not known yet. Without a grant, with rights that cannot be read, with faces where
    its rights record says that it shows nobody, or too like another (`alike`), it is quarantined: its
    segments have no rights profile and no ranking statement sees them.

    Raises:
        GrantNotFound, TooManyGrants, CoverInvalid: nothing was written.
        ReleaseNotFound: roll back then.
    """
    covers: Covers = {**dict.fromkeys(release_ids, WHOM_UNSAID), **people}
    persons = [
        PersonSegment(ordinal, segment.instance)
        for ordinal, segment in enumerate(segments)
        if segment.category_id in taxonomy.house().person
    ]
    rights = service.rights_of(
        session,
        grant_ids,
        covers=covers,
        depictions=depictions,
        embedded=photo.embedded,
        persons=persons,
        faces=photo.faces,
    )
    quarantine = releases.quarantine(
        unreadable=photo.rights_unreadable,
        licensed=bool(rights.ordered),
        persons=rights.depictions.persons,
        faces=photo.faces,
        likeness=likenesses.holds(session, alike, [grant_id for grant_id, _ in rights.ordered]),
    )
    profile = None
    if quarantine is None:
        profile = profiles.profile_for(session, [facts for _, facts in rights.ordered]).id
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
        depictions=rights.depictions.as_json(),
        faces=photo.faces.found,
        embedded=photo.embedded.model_dump(mode="json"),
        embedded_credit=photo.embedded_credit,
        credentials=photo.credentials,
        store_sha256=photo.store_sha256,
        state="admitted" if quarantine is None else "quarantined",
        quarantine_reason=quarantine,
        taken_at=at,
        profile_id=profile,
        grant_blocks=rights.blocks,
    )
    session.add(row)
    session.flush()
    if rights.ordered:
        session.execute(
            insert(PhotoGrant),
            [
                {"photo_id": row.id, "ordinal": ordinal, "grant_id": grant_id}
                for ordinal, (grant_id, _) in enumerate(rights.ordered)
            ],
        )
    if photo.fingerprint is not None:
        fingerprints.record(session, row.id, photo.fingerprint)
    likenesses.keep(session, row.id, alike, at=at)
    releases.add(session, row.id, covers)
    _write(session, row, segments, descriptors)
    if covers:
        pulling.settle(session, [row.id])
    if row.state == "admitted":
        log.append(
            session, Kind.PHOTO_ADMITTED, by=by, at=at,
            photo=row.id, sha256=row.sha256, pixel_sha256=row.pixel_sha256, department=row.department_id,
            segments=len(segments), grants=sorted(grant_ids), releases=sorted(covers),
            covers={str(id): one.as_json() for id, one in people.items()},
            depictions=row.depictions, embedded=row.embedded, profile=row.profile_id,
            **({"alike": [one.as_json() for one in alike]} if alike else {}),
        )  # fmt: skip
    else:
        log.append(
            session, Kind.PHOTO_QUARANTINED, by=by, at=at,
            photo=row.id, sha256=row.sha256, pixel_sha256=row.pixel_sha256, department=row.department_id,
            segments=len(segments), reason=row.quarantine_reason,
            **({"alike": [one.as_json() for one in alike]} if alike else {}),
        )  # fmt: skip
    return row


def _write(
    session: Session,
    photo: Photo,
    segments: Sequence[SegmentFacts],
    descriptors: Iterable[DescriptorFacts],
) -> None:
    """All segments by one statement, which answers with their ids, then all descriptors by one COPY."""
    if not segments:
        return
    boxes = list(zip(*(one.box for one in segments), strict=True))
    columns: tuple[Iterable[object], ...] = (
        range(len(segments)),
        (one.category_id for one in segments),
        (one.instance for one in segments),
        (one.area_px for one in segments),
        *boxes,
        (one.small for one in segments),
        (one.depth_mm for one in segments),
    )
    connection: Any = session.connection().connection
    with connection.cursor() as cursor:
        cursor.execute(SEGMENTS, (photo.id, photo.profile_id, *map(_array, columns)))
        ids = np.array([number for _, number in sorted(cursor.fetchall())], np.int64)
        with cursor.copy(DESCRIPTORS) as copy:
            copy.write(
                b"".join((COPY_BEGIN, *(_rows(photo, ids, segments, one) for one in descriptors), COPY_END))
            )


def _array(values: Iterable[object]) -> str:
    """An array of numbers or truths as SQL writes it."""
    return "{" + ",".join("NULL" if value is None else str(value) for value in values) + "}"


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
