"""The audit file of composites: all that shows, without the bank, that they are what their manifests say.

Each composite's manifest and signature, the log's entries of its seal and of its clearance with proofs under
one checkpoint, and how that checkpoint goes on from those that the manifests name and from the one that the
auditor has seen before. Terms and declared uses are in it only where they are asked for.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bankd.audit import checkpoints, log, proofs, signing_keys
from bankd.audit.actor import Actor
from bankd.audit.errors import CheckpointMissing
from bankd.audit.kinds import Kind
from bankd.audit.models import LogCheckpoint, LogEntry
from bankd.exposure import subjects
from bankd.licensing.days import end_of, start_of
from bankd.licensing.models import RightsProfile
from bankd.policy import service as policy
from bankd.policy.clearing import viewable
from bankd.provenance import stamping
from bankd.provenance.errors import CompositeNotFound
from bankd.provenance.models import Composite, Handout, Usage
from bankd.proving.archive import Archive
from bankd.proving.errors import (
    AskedTwice,
    NothingToAudit,
    NotYetSigned,
    TooManyComposites,
)
from bankd.storage import Blobs
from bankd.synthesis.handouts import MAX_COMPOSITE_BYTES
from bankd.synthesis.models import Clearance

MOST_COMPOSITES = 10_000


@dataclass(frozen=True)
class Asked:
    """Which composites: those named, those sealed in a period, those that rely on a licensor's grants."""

    composites: tuple[UUID, ...] = ()
    start: date | None = None  # of seals, in UTC; both days included
    end: date | None = None
    licensor: str | None = None

    def said(self) -> dict[str, Any]:
        """As the audit file repeats it."""
        told = {
            "composites": sorted(map(str, self.composites)) or None,
            "from": None if self.start is None else self.start.isoformat(),
            "to": None if self.end is None else self.end.isoformat(),
            "licensor": self.licensor,
        }
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True)
class Within:
    """What goes into it beside what every audit file holds."""

    pictures: bool = False  # of those whose photos all may be looked at that day
    # Declared uses, licenses, credits, what clearances were decided on, and handouts with their recipients.
    disclosures: bool = False


@dataclass(frozen=True)
class Written:
    sha256: str
    size_bytes: int
    composites: int
    checkpoint: int  # entries


def write(
    session: Session,
    path: Path,
    asked: Asked,
    within: Within,
    *,
    signed: LogCheckpoint,
    prior: int | None,
    blobs: Blobs,
    by: Actor,
    at: datetime,
) -> Written:
    """Write the audit file, and log that it was given.

    The same records and checkpoint give the same bytes, but for pictures, which are withheld while one of
    their photos may not be looked at.

    Args:
        signed: the checkpoint under which all is proven.
        prior: the size of a checkpoint that the auditor has seen before.

    Raises:
        NothingToAudit, TooManyComposites, AskedTwice, CompositeNotFound: what is meant is nothing, too
            much, unclear or not there.
        NotYetSigned: the checkpoint does not cover all of them.
        CheckpointMissing: none of the prior size was signed.
        LogInconsistent: what is stored does not lead to what was signed.
        AuditFileTooLarge: more than a ZIP holds.
    """
    chosen = meant(session, asked, by=by)
    with Archive(path) as archive:
        withheld = []
        if prior is not None:
            seen = _stored(session, prior)
            _lead_on(session, archive, seen.size, seen.root, signed)
        for composite_id in chosen:
            # One at a time: a manifest may be a megabyte.
            composite = session.get_one(Composite, composite_id)
            _add(session, archive, composite, within, signed=signed)
            if within.pictures and not _add_picture(session, archive, composite, blobs=blobs, at=at):
                withheld.append(str(composite.id))
            session.expunge(composite)
        for size in sorted({signed.size, *_keys(session, archive, signed)}):
            note = checkpoints.cosigned(session, _stored(session, size))
            archive.add(f"checkpoints/{size}.note", note.encode())
        ids = sorted(map(str, chosen))
        told = {"asked": asked.said(), "checkpoint": signed.size, "composites": ids, "withheld": withheld}
        archive.finish(told)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    log.append(
        session,
        Kind.REPORT_MADE,
        by=by,
        at=at,
        report="audit",
        composites=len(chosen),
        checkpoint=signed.size,
        disclosures=within.disclosures,
        form="zip",
        sha256=digest,
    )
    return Written(digest, path.stat().st_size, len(chosen), signed.size)


def meant(session: Session, asked: Asked, *, by: Actor) -> Sequence[UUID]:
    """The composites that were asked for, of those that `by` may see, in order."""
    if asked.composites and asked != Asked(asked.composites):
        raise AskedTwice
    wanted = select(Composite.id).order_by(Composite.id)
    if asked.composites:
        wanted = wanted.where(Composite.id.in_(asked.composites))
    if asked.start is not None:
        wanted = wanted.where(Composite.sealed_at >= start_of(asked.start, "UTC"))
    if asked.end is not None:
        wanted = wanted.where(Composite.sealed_at < end_of(asked.end, "UTC"))
    if asked.licensor is not None:
        licensor = subjects.find(session, "licensor", asked.licensor, by=by)
        grants = subjects.grants_of(session, licensor)
        wanted = wanted.where(Composite.id.in_(select(Usage.composite_id).where(Usage.grant_id.in_(grants))))
    if by.department_id is not None:
        wanted = wanted.where(Composite.department_id == by.department_id)
    found = session.scalars(wanted.limit(MOST_COMPOSITES + 1)).all()
    missing = set(asked.composites).difference(found)
    if missing:
        raise CompositeNotFound(min(missing))
    if not found:
        raise NothingToAudit
    if len(found) > MOST_COMPOSITES:
        raise TooManyComposites(len(found), MOST_COMPOSITES)
    return found


def _add(
    session: Session,
    archive: Archive,
    composite: Composite,
    within: Within,
    *,
    signed: LogCheckpoint,
) -> None:
    if composite.log_index is None or composite.log_index >= signed.size:
        raise NotYetSigned
    folder = f"composites/{composite.id}"
    made = json.loads(composite.manifest)
    archive.add(f"{folder}/manifest.json", composite.manifest.encode())
    archive.add(f"{folder}/manifest.sig", composite.manifest_signature.encode() + b"\n")
    # The clearance's words hold the declared use, which the manifest gives as a hash alone.
    archive.add_json(
        f"{folder}/proof.json",
        {
            "seal": _entry(session, composite.log_index, signed),
            "clearance": _entry(session, made["clearance_log_index"], signed, opened=within.disclosures),
        },
    )
    if within.disclosures:
        words = {name: one for name, one in composite.disclosures.items() if one is not None}
        archive.add_json(f"{folder}/disclosures.json", {"words": words})
        _add_clearance(session, archive, composite.id, made["clearance_log_index"])
        handed_out = _handed_out(session, composite.id, signed)
        archive.add_json(f"{folder}/handouts.json", {"entries": [entry for _, entry in handed_out]})
        files = dict.fromkeys([composite.file_sha256, *(file for file, _ in handed_out)])
    else:
        files = {composite.file_sha256: None}
    for file_sha256 in files:
        for number, response in enumerate(stamping.responses(session, file_sha256)):
            archive.add(f"{folder}/stamp-{file_sha256}-{number}.tsr", response)
    on = made["log_checkpoint"]
    _lead_on(session, archive, on["size"], bytes.fromhex(on["root"]), signed)


def _add_clearance(session: Session, archive: Archive, composite_id: UUID, index: int) -> None:
    """What the clearance was decided on, with the policies of then; nothing where that was not kept."""
    facts = session.scalar(select(Clearance.facts).where(Clearance.log_index == index))
    digest = session.scalar(select(Clearance.bundle_digest).where(Clearance.log_index == index))
    if facts is None or digest is None:
        return
    wanted = {photo["profile"] for photo in facts["photos"].values()}
    rows = session.execute(
        select(RightsProfile.digest, RightsProfile.facts).where(RightsProfile.digest.in_(wanted))
    )
    told = {"facts": facts, "profiles": dict(rows.all())}
    archive.add_json(f"composites/{composite_id}/clearance.json", told)
    if (name := f"bundles/{digest}.json") not in archive:
        texts = [[*pair] for pair in policy.stored(session, digest).texts]
        archive.add_json(name, {"texts": texts})


def _handed_out(
    session: Session, composite_id: UUID, signed: LogCheckpoint
) -> list[tuple[str, dict[str, Any]]]:
    """What was handed out of a composite before the checkpoint: the file's SHA-256, and its entry."""
    found = []
    rows = session.execute(
        select(Handout.file_sha256, Handout.epoch)
        .where(Handout.composite_id == composite_id, Handout.epoch < signed.size)
        .order_by(Handout.epoch)
    )
    for file_sha256, epoch in rows.all():
        # The lock was held from the epoch on, so the first entry of its kind from there is the handout's own.
        index = session.scalar(
            select(func.min(LogEntry.index)).where(
                LogEntry.kind == Kind.COMPOSITE_HANDED_OUT, LogEntry.index >= epoch
            )
        )
        if index is not None and index < signed.size:
            found.append((file_sha256, _entry(session, index, signed)))
    return found


def _add_picture(
    session: Session, archive: Archive, composite: Composite, *, blobs: Blobs, at: datetime
) -> bool:
    """Whether the picture may be looked at today: all of its photos clear for that."""
    placed = [UUID(photo["photo_id"]) for photo in json.loads(composite.manifest)["placed_photos"]]
    if composite.erased_at is not None or viewable(session, placed, at=at) < set(placed):
        return False
    archive.add(f"files/{composite.id}.png", blobs.get(composite.blob_key, limit_bytes=MAX_COMPOSITE_BYTES))
    return True


def _entry(session: Session, index: int, signed: LogCheckpoint, *, opened: bool = True) -> dict[str, Any]:
    proof = proofs.prove(session, index, signed, with_payload=opened)
    return {
        "index": proof.index,
        "leaf": proof.leaf,
        "salt": proof.salt,
        "payload": proof.payload,
        "hashes": list(proof.hashes),
    }


def _lead_on(session: Session, archive: Archive, size: int, root: bytes, signed: LogCheckpoint) -> None:
    """That the checkpoint goes on from an earlier head; of none and of itself there is nothing to show."""
    name = f"consistency/{size}-{signed.size}.json"
    if name in archive:
        return
    hashes = proofs.prove_extends(session, size, root, signed)
    if 0 < size < signed.size:
        archive.add_json(name, {"hashes": [base64.b64encode(hash).decode() for hash in hashes]})


def _keys(session: Session, archive: Archive, signed: LogCheckpoint) -> set[int]:
    """The changes of keys that the log tells of; returns the checkpoints that show those of the log's own."""
    sizes = set()
    changes: dict[str, list[dict[str, Any]]] = {"log": [], "manifest": []}
    for rotated in signing_keys.rotated(session, "log"):
        over = checkpoints.first_over(session, rotated.index)
        if over is not None and over.size <= signed.size:
            sizes.add(over.size)
            changes["log"].append({"checkpoint": over.size, "entry": _entry(session, rotated.index, over)})
    for rotated in signing_keys.rotated(session, "manifest"):
        if rotated.index < signed.size:
            changes["manifest"].append({"entry": _entry(session, rotated.index, signed)})
    archive.add_json("keys.json", changes)
    return sizes


def signed(session: Session, size: int | None = None) -> LogCheckpoint:
    """The checkpoint to prove under: the last, or the one of this size.

    Raises:
        NotYetSigned, CheckpointMissing: there is none.
    """
    if size is not None:
        return _stored(session, size)
    last = checkpoints.latest(session)
    if last is None:
        raise NotYetSigned
    return last


def _stored(session: Session, size: int) -> LogCheckpoint:
    checkpoint = session.get(LogCheckpoint, size)
    if checkpoint is None:
        raise CheckpointMissing(size)
    return checkpoint
