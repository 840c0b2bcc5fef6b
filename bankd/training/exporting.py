"""A snapshot as a folder that `synth` trains from without a server: files byte for byte, and a list."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog.models import Photo
from bankd.catalog.taxonomy import VOID, Taxonomy
from bankd.licensing.models import RightsProfile
from bankd.policy.clearing import Terms
from bankd.storage import Blobs, key
from bankd.training.errors import SnapshotIncomplete, SnapshotNoLongerClears
from bankd.training.models import Snapshot, SnapshotPhoto
from bankd.training.service import standing

LIST = "snapshot.json"
MAX_BYTES = 256 << 20  # of one file
EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/tiff": "tif"}


File = tuple[str, UUID, str]  # path in the folder, photo, SHA-256


@dataclass(frozen=True)
class Export:
    """What to write: the list, and for each file where it goes and where its bytes are."""

    document: dict[str, Any]
    files: tuple[File, ...]


def clear(
    session: Session, snapshot: Snapshot, terms: Terms, *, taxonomy: Taxonomy, by: Actor, at: datetime
) -> Export:
    """Clear a snapshot's photos for `train` again, log that they leave the bank, and say what to write.

    Raises:
        SnapshotNoLongerClears: rights moved since it was pinned.
        SnapshotIncomplete: a photo of it is not in this bank.
    """
    found = standing(session, snapshot.id, terms)
    if not found.clears:
        raise SnapshotNoLongerClears(snapshot.digest, found.refused, found.reasons)
    rows = session.execute(
        select(SnapshotPhoto, Photo, RightsProfile.digest)
        .join(RightsProfile, SnapshotPhoto.profile_id == RightsProfile.id)
        .outerjoin(Photo, Photo.sha256 == SnapshotPhoto.photo_sha256)
        .where(SnapshotPhoto.snapshot_id == snapshot.id)
        .order_by(SnapshotPhoto.number)
    ).all()
    listed: list[dict[str, Any]] = []
    files: list[File] = []
    for row, photo, profile in rows:
        if photo is None or photo.labels_sha256 != row.label_sha256:
            raise SnapshotIncomplete(snapshot.digest, row.photo_sha256)
        entry, of_photo = list_photo(photo, profile, sequence=row.sequence, frame=row.frame)
        listed.append(entry)
        files += of_photo
    log.append(session, Kind.SNAPSHOT_EXPORTED, by=by, at=at, snapshot=snapshot.id, digest=snapshot.digest)
    return export_of(listed, files, digest=snapshot.digest, taxonomy=taxonomy)


def list_photo(
    photo: Photo, profile: str, *, sequence: str | None, frame: int | None
) -> tuple[dict[str, Any], list[File]]:
    """A photo's entry in the list, and its files. `profile` is the digest of its rights profile."""
    paths = {
        "photo": (f"photos/{photo.sha256}.{EXTENSIONS[photo.media_type]}", photo.sha256),
        "labels": (f"labels/{photo.labels_sha256}.png", photo.labels_sha256),
    }
    if photo.depth_sha256 is not None:
        paths["depth"] = (f"depth/{photo.depth_sha256}.png", photo.depth_sha256)
    entry = {
        "photo_sha256": photo.sha256,
        "label_sha256": photo.labels_sha256,
        "profile_sha256": profile,
        # A photo of no sequence is a group of its own: it has no neighbours.
        "group": photo.sha256 if sequence is None else sequence,
        "number": frame or 0,
        "depth": None,
        "depth_sha256": photo.depth_sha256,
        **{name: path for name, (path, _) in paths.items()},
    }
    return entry, [(path, photo.id, sha256) for path, sha256 in paths.values()]


def export_of(
    listed: list[dict[str, Any]], files: Iterable[File], *, digest: str, taxonomy: Taxonomy
) -> Export:
    document = {"version": 1, "digest": digest, "categories": categories(taxonomy), "photos": listed}
    return Export(document, tuple(dict.fromkeys(files)))


def write(
    export: Export,
    folder: Path,
    *,
    blobs: Blobs,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Path:
    """Write the files, the list last: a folder without a list is not whole. Files that are there stay.

    Raises:
        BlobUnavailable, BlobMissing, BlobDamaged.
    """
    for name in ("photos", "labels", "depth"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for done, (path, photo_id, sha256) in enumerate(export.files):
        progress(done, len(export.files))
        target = folder / path
        if target.exists():
            continue
        content = blobs.get(key(photo_id, sha256), limit_bytes=MAX_BYTES)
        _replace(target, content)
    progress(len(export.files), len(export.files))
    _replace(folder / LIST, json.dumps(export.document, indent=1, sort_keys=True).encode())
    return folder / LIST


def categories(taxonomy: Taxonomy) -> list[dict[str, Any]]:
    """The house taxonomy as `synth` knows categories."""
    return [
        {
            "id": category.id,
            "name": category.name,
            "ground": category.ground,
            "planar": category.planar,
            "thin": category.thin,
            "void": category.id == VOID,
            "front_rank": category.front_rank,
        }
        for category in taxonomy.categories
    ]


def _replace(target: Path, content: bytes) -> None:
    """Whole or not at all, whenever the machine stops."""
    partial = target.with_name(f"{target.name}.partial")
    partial.write_bytes(content)
    partial.replace(target)
