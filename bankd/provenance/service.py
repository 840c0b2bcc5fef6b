"""What can be done with composites once they are made: kept, found, traced, handed out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Select, insert, select
from sqlalchemy.orm import Session, selectinload

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.provenance.c2pa import Sealed
from bankd.provenance.errors import CompositeNotFound, ManifestUnreadable
from bankd.provenance.manifest import Disclosures, Manifest
from bankd.provenance.models import Composite, Handout, LayoutUsage, NetworkUsage, Usage
from bankd.provenance.renditions import MASTER, Made, Rendition


@dataclass(frozen=True)
class Known:
    """A composite that this bank has on record, or a copy that it handed out, as `verify` wants it."""

    composite_id: UUID
    file_sha256: str
    manifest_text: str
    manifest_signature: bytes
    named: bool = True  # whether who asks may know of it
    copy: str | None = None  # what kind of copy


def record(
    session: Session,
    sealed: Sealed,
    *,
    order_id: UUID,
    department_id: UUID | None,
    blob_key: str,
    disclosures: Disclosures,
    decided: Mapping[str, Any] = MappingProxyType({}),
    by: Actor,
    at: datetime,
) -> tuple[Composite, log.Staged]:
    """Keep a sealed composite, its usage rows and its log entry; the file's bytes are stored before.

    The entry has no index yet: whoever calls may `log.settle` and set the composite's `log_index`.

    Args:
        decided: what the entry says of how it was cleared.

    Raises:
        ManifestUnreadable: the disclosures are not the ones that the manifest commits to.
    """
    manifest = sealed.manifest
    if disclosures.commitments() != manifest.commitments:
        raise ManifestUnreadable("its commitments are not of these disclosures")
    file_sha256 = sha256(sealed.file).hexdigest()
    composite = Composite(
        id=manifest.composite_id,
        request_id=manifest.request_id,
        order_id=order_id,
        variation=manifest.variation,
        department_id=department_id,
        blob_key=blob_key,
        file_sha256=file_sha256,
        pixel_sha256=manifest.pixel_sha256,
        height=manifest.height,
        width=manifest.width,
        manifest=sealed.manifest_text,
        manifest_signature=sealed.manifest_signature.hex(),
        disclosures=disclosures.model_dump(mode="json"),
        sealed_at=at,
        time_stamped=sealed.time_stamped,
    )
    session.add(composite)
    session.flush()
    session.execute(insert(Usage), usages(manifest))
    session.add_all(network_usages(manifest))
    if (layout := manifest.layout_photo) is not None:
        session.add(
            LayoutUsage(composite_id=composite.id, photo_id=layout.photo_id, grant_id=layout.grant_id)
        )
    entry = log.append(
        session,
        Kind.COMPOSITE_SEALED,
        by=by,
        at=at,
        composite=composite.id,
        request=composite.request_id,
        order=order_id,
        variation=composite.variation,
        file_sha256=file_sha256,
        pixel_sha256=composite.pixel_sha256,
        manifest_sha256=sha256(sealed.manifest_text.encode()).hexdigest(),
        grants=sorted({str(photo.grant_id) for photo in manifest.placed_photos}),
        time_stamped=sealed.time_stamped,
        **({} if layout is None else {"layout_photo": layout.photo_id, "layout_grant": layout.grant_id}),
        **decided,
    )
    session.flush()
    return composite, entry


def usages(manifest: Manifest) -> list[dict[str, Any]]:
    """The usage rows that a manifest states."""
    return [
        {
            "composite_id": manifest.composite_id,
            "segment_id": segment.segment_id,
            "photo_id": photo.photo_id,
            "grant_id": photo.grant_id,
            "canvas_px": segment.canvas_px,
            "placed_px": segment.placed_px,
            "filled_px": segment.filled_px,
            "blended_px": segment.blended_px + (segment.seam_px or 0),  # the table counts by owner alone
        }
        for photo in manifest.placed_photos
        for segment in photo.segments
    ]


def network_usages(manifest: Manifest) -> list[NetworkUsage]:
    """Of each network that the manifest names."""
    refiner = manifest.refiner
    networks = {"refiner": refiner.checkpoint, "aligner": refiner.aligner, "sorter": refiner.sorter}
    return [
        NetworkUsage(composite_id=manifest.composite_id, role=role, checkpoint_sha256=sha256)
        for role, sha256 in networks.items()
        if sha256 is not None
    ]


def hand_out(
    session: Session,
    composite: Composite,
    *,
    id: UUID | None = None,
    recipient: str,
    channel: str,
    epoch: int,
    bundle_digest: str,
    clearance: dict[str, Any],
    decided: Mapping[str, Any] = MappingProxyType({}),
    copy: Made | None = None,
    comp: bool = False,
    rendition: Rendition = MASTER,
    by: Actor,
    at: datetime,
) -> Handout:
    """Record a handout that policy has cleared today; whoever calls has asked it.

    Args:
        id: of the handout, where it stands in its pixels already.
        decided: what the log's entry says of how it was cleared.
        copy: the file, where not the composite itself is given; `rendition` says what was asked for, and
            `comp` whether it bears the watermark.
    """
    handout = Handout(
        id=id or uuid4(),
        composite_id=composite.id,
        recipient=recipient,
        channel=channel,
        at=at,
        by=by.name,
        file_sha256=composite.file_sha256 if copy is None else copy.sha256,
        comp=comp,
        format=rendition.format,
        rendition=None
        if copy is None
        else {**rendition.as_json(), "height": copy.height, "width": copy.width},
        pixel_sha256=composite.pixel_sha256 if copy is None else copy.pixel_sha256,
        time_stamped=None if copy is None else copy.time_stamped,
        epoch=epoch,
        bundle_digest=bundle_digest,
        clearance=clearance,
    )
    session.add(handout)
    session.flush()
    log.append(
        session,
        Kind.COMPOSITE_HANDED_OUT,
        by=by,
        at=at,
        handout=handout.id,
        composite=composite.id,
        recipient=recipient,
        channel=channel,
        file_sha256=handout.file_sha256,
        comp=handout.comp,
        format=handout.format,
        rendition=handout.rendition,
        pixel_sha256=handout.pixel_sha256,
        time_stamped=handout.time_stamped,
        epoch=epoch,
        bundle=bundle_digest,
        **decided,
    )
    return handout


def get(session: Session, composite_id: UUID) -> Composite:
    """With its usages and handouts.

    Raises:
        CompositeNotFound: no composite has this id.
    """
    composite = session.scalar(
        select(Composite)
        .where(Composite.id == composite_id)
        .options(selectinload(Composite.usages), selectinload(Composite.handouts))
    )
    if composite is None:
        raise CompositeNotFound(composite_id)
    return composite


def find_by_pixels(session: Session, pixel_sha256: str, *, by: Actor) -> list[Known]:
    """Every composite with these pixels and every copy handed out with them, composites first, newest first.

    Another department's may not be named to `by`.
    """
    rows = session.scalars(
        select(Composite)
        .where(Composite.pixel_sha256 == pixel_sha256)
        .order_by(Composite.sealed_at.desc(), Composite.id)
    )
    copies = session.execute(
        select(Composite, Handout)
        .join(Handout, Handout.composite_id == Composite.id)
        .where(Handout.pixel_sha256 == pixel_sha256, Handout.file_sha256 != Composite.file_sha256)
        .order_by(Handout.at.desc(), Handout.id)
    )
    return [_known(row, row.file_sha256, by=by) for row in rows] + [
        _known(row, handout.file_sha256, copy=_kind(handout), by=by) for row, handout in copies
    ]


def _known(row: Composite, file_sha256: str, *, copy: str | None = None, by: Actor) -> Known:
    return Known(
        row.id,
        file_sha256,
        row.manifest,
        bytes.fromhex(row.manifest_signature),
        named=by.department_id in (None, row.department_id),
        copy=copy,
    )


def _kind(handout: Handout) -> str:
    told = handout.rendition or {}
    size = f", {told['width']} x {told['height']} px" if "width" in told else ""
    return f"a {'comp' if handout.comp else 'rendition'} ({handout.format}{size})"


def usages_of(session: Session, composite_id: UUID) -> Sequence[Usage]:
    """By canvas area, largest first."""
    return session.scalars(
        select(Usage)
        .where(Usage.composite_id == composite_id)
        .order_by(Usage.canvas_px.desc(), Usage.segment_id)
    ).all()


def composite_ids_of_photo(session: Session, photo_id: UUID) -> Sequence[UUID]:
    """The composites that the photo was placed in, sorted. By index alone, however many usages there are."""
    return session.scalars(placed_in(photo_id)).all()


def placed_in(photo_id: UUID) -> Select[Any]:
    """The ids of the composites that a photo was placed in, each once, sorted."""
    used = select(Usage.composite_id).where(Usage.photo_id == photo_id)
    return used.distinct().order_by(Usage.composite_id)


def composites_of_photo(session: Session, photo_id: UUID) -> Sequence[Composite]:
    """Every composite that the photo was placed in, oldest first."""
    return _composites(session, Usage.photo_id == photo_id)


def composites_on_grant(session: Session, grant_id: UUID) -> Sequence[Composite]:
    """Every composite that relies on the grant, oldest first."""
    return _composites(session, Usage.grant_id == grant_id)


def _composites(session: Session, condition: Any) -> Sequence[Composite]:
    used_in = select(Usage.composite_id).where(condition)
    return session.scalars(
        select(Composite).where(Composite.id.in_(used_in)).order_by(Composite.sealed_at, Composite.id)
    ).all()
