"""Networks that come from elsewhere: files, the list of what they were trained on, and its rights.

A house that never held the training photos can ask its own policy about them,
because their rights come along as records: a rights file that names each
photo of the list, and from which the very rights profiles of the list follow.
"""

from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.catalog.importing import import_rights
from bankd.catalog.taxonomy import Taxonomy
from bankd.licensing import profiles, rights_file
from bankd.licensing import service as licensing
from bankd.licensing.people import WHOM_UNSAID
from bankd.licensing.rights_entries import RightsFile
from bankd.licensing.terms import EmbeddedRights
from bankd.licensing.use import Use
from bankd.policy.clearing import terms_of
from bankd.storage import Blobs
from bankd.training import service
from bankd.training.errors import CheckpointUnusable, SnapshotMismatch
from bankd.training.models import NetworkCheckpoint, Snapshot
from synth import cards
from synth.pictures import SynthError
from synth.training import snapshot as folders

RIGHTS = "rights.yaml"
CHECKPOINTS = "*.safetensors"
TRAINED = "checkpoint.safetensors"  # what `python -m synth.training` leaves


def key(sha256: str) -> str:
    """Where a network's file is kept."""
    return f"networks/{sha256}"


def import_networks(
    session: Session, folder: Path, use: Use, *, blobs: Blobs, taxonomy: Taxonomy, by: Actor, at: datetime
) -> list[NetworkCheckpoint]:
    """Register every checkpoint of a folder with the list and the rights of its training photos.

    Whether they clear is not asked here: it is each time a request wants to use them.

    Raises:
        SnapshotMismatch: list, rights and checkpoints do not belong together.
        CheckpointUnusable: a file is no checkpoint of this version and taxonomy.
        RightsFileRefused: the rights file cannot be read, or contradicts what is recorded.
        BlobUnavailable: nothing was registered.
    """
    try:
        listed = folders.read(folder)
    except SynthError as error:
        raise SnapshotMismatch(str(error)) from error
    files = sorted(folder.glob(CHECKPOINTS))
    if not files:
        raise CheckpointUnusable(f"`{folder}` holds no {CHECKPOINTS}")
    checkpoints = [read(file, taxonomy=taxonomy) for file in files]
    for card, _, sha256 in checkpoints:
        if card.snapshot_sha256 != listed.digest:
            raise SnapshotMismatch(f"network `{sha256[:12]}` was trained on `{card.snapshot_sha256[:12]}`")
    rights = rights_file.load(folder / RIGHTS)
    import_rights(session, rights, blobs=blobs, by=by, at=at)
    snapshot = _known(session, listed.digest) or service.record(
        session,
        _rows(session, listed, rights),
        digest=listed.digest,
        use=use,
        terms=terms_of(session, use, at=at),
        epoch=log.epoch(session),
        imported=True,
        by=by,
        at=at,
    )
    return [
        keep(session, snapshot, card, content, sha256, blobs=blobs, by=by, at=at)
        for card, content, sha256 in checkpoints
    ]


def read(file: Path, *, taxonomy: Taxonomy) -> tuple[cards.Card, bytes, str]:
    """A checkpoint's card, bytes and SHA-256, if this house can use it.

    Raises:
        CheckpointUnusable.
    """
    try:
        content, sha256 = cards.read_file(file)
        card = cards.read_card(content, file.name)
        card.require(file.name, kind=None, known={category.name for category in taxonomy.categories})
    except SynthError as error:
        raise CheckpointUnusable(str(error)) from error
    return card, content, sha256


def keep(
    session: Session,
    snapshot: Snapshot,
    card: cards.Card,
    content: bytes,
    sha256: str,
    *,
    blobs: Blobs,
    by: Actor,
    at: datetime,
) -> NetworkCheckpoint:
    """Store a checkpoint's bytes, then register it."""
    blobs.put(key(sha256), content, media_type="application/octet-stream")
    return service.register(
        session,
        snapshot,
        sha256=sha256,
        size_bytes=len(content),
        kind=card.kind,
        card=card.model_dump(mode="json"),
        by=by,
        at=at,
    )


def _known(session: Session, digest: str) -> Snapshot | None:
    return session.scalar(
        select(Snapshot).where(Snapshot.digest == digest).order_by(Snapshot.pinned_at).limit(1)
    )


def _rows(session: Session, listed: folders.Snapshot, rights: RightsFile) -> list[dict[str, Any]]:
    made: dict[tuple[Any, ...], tuple[str, int, list[UUID]]] = {}
    rows = []
    for photo in sorted(listed.photos, key=lambda photo: photo.photo_sha256):
        name = PurePosixPath(photo.photo).name
        record = rights.record_for(name)
        if record is None or not record.grants:
            raise SnapshotMismatch(f"the rights file gives `{name}` no grant")
        asked = (record.grants, record.releases, record.depictions)
        if asked not in made:
            facts = profiles.facts_for(
                session,
                [grant.id for grant in licensing.grants_by_ref(session, record.grants).values()],
                depictions=record.depictions,
                embedded=EmbeddedRights(),
                releases={
                    one.id: WHOM_UNSAID
                    for one in licensing.releases_by_ref(session, record.attached).values()
                },
            )
            profile = profiles.profile_for(session, [one for _, one in facts])
            made[asked] = (profile.digest, profile.id, [grant_id for grant_id, _ in facts])
        digest, profile_id, grant_ids = made[asked]
        if digest != photo.profile_sha256:
            raise SnapshotMismatch(f"the rights of `{name}` are not those that it was trained under")
        rows.append(
            {
                "photo_sha256": photo.photo_sha256,
                "label_sha256": photo.label_sha256,
                "profile_id": profile_id,
                "grant_ids": grant_ids,
                "sequence": photo.group,
                "frame": photo.number,
            }
        )
    return rows
