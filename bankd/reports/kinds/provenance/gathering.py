"""The provenance report of a composite, from what is on record, with the pixels that may be shown today."""

import io
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal
from uuid import UUID

from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from bankd.catalog.models import Photo
from bankd.licensing import evidence
from bankd.licensing.models import Grant, License
from bankd.policy.clearing import viewable
from bankd.provenance import picture, pixels
from bankd.provenance import service as provenance
from bankd.provenance.effective import CreditOwed
from bankd.provenance.manifest import Disclosures, LayoutPhoto, Manifest, PlacedPhoto, moment, read
from bankd.provenance.models import Composite
from bankd.provenance.shares import apportion, basis_points
from bankd.reports.errors import PictureIsAnother
from bankd.reports.heading import head
from bankd.reports.kind import Context, Gathered
from bankd.reports.kinds.provenance.model import (
    Area,
    Clearance,
    LayoutSource,
    Mark,
    MarkCode,
    OwedCredit,
    ProvenanceReport,
    ProvenanceScope,
    ReportedPhoto,
    ReportedProduct,
)
from bankd.reports.report import Head
from bankd.storage import BlobMissing, Blobs
from bankd.storage.blobs import key
from bankd.synthesis import reading
from bankd.synthesis.handouts import MAX_COMPOSITE_BYTES
from bankd.synthesis.models import Request

THUMBNAIL_PX = 256
MAX_THUMBNAIL_BYTES = 8 << 20
PICTURE = "picture"

View = Callable[[Sequence[UUID]], Mapping[UUID, bytes | None]]
"""Thumbnails of the photos that action `view` clears at the report's moment; None or nothing for the rest."""


@dataclass(frozen=True)
class Asked:
    """Who asked for the composite and when, as the request says."""

    by: str
    at: datetime


def gather(session: Session, scope: ProvenanceScope, context: Context) -> Gathered[ProvenanceReport]:
    """Photos are shown where action `view` clears them now, the composite where it clears all of its
    photos; what may not be shown is withheld and said so.

    Raises:
        CompositeNotFound: there is none, or it is another department's.
    """
    composite = reading.composite_of(session, scope.composite, by=context.by)
    placed = [photo.photo_id for photo in read(composite.manifest).placed_photos]
    file = None
    if composite.erased_at is None and viewable(session, placed, at=context.at) >= set(placed):
        file = context.blobs.get(composite.blob_key, limit_bytes=MAX_COMPOSITE_BYTES)
    return illustrated(session, composite, file=file, context=context)


def illustrated(
    session: Session, composite: Composite, *, file: bytes | None, context: Context
) -> Gathered[ProvenanceReport]:
    """The report with `file`, the composite's own, and the thumbnails that may be shown."""

    def view(photo_ids: Sequence[UUID]) -> Mapping[UUID, bytes | None]:
        shown = viewable(session, photo_ids, at=context.at)
        rows = session.execute(select(Photo.id, Photo.thumbnail_sha256).where(Photo.id.in_(shown)))
        return {photo_id: _stored(context.blobs, key(photo_id, sha256)) for photo_id, sha256 in rows}

    request = session.get_one(Request, composite.request_id)
    asked = Asked(request.filed_by, request.filed_at)
    return provenance_report(session, composite.id, asked=asked, view=view, file=file, context=context)


def provenance_report(
    session: Session,
    composite_id: UUID,
    *,
    asked: Asked,
    view: View,
    file: bytes | None,
    context: Context,
) -> Gathered[ProvenanceReport]:
    """The provenance report of a composite as of the context's moment.

    Args:
        file: the composite's own file where it may be shown, else None.

    Raises:
        CompositeNotFound: no composite has this id.
        PictureIsAnother: the file does not hold the composite's pixels.
    """
    composite = provenance.get(session, composite_id)
    manifest = read(composite.manifest)
    disclosures = Disclosures.model_validate(composite.disclosures)
    given = manifest.layout_photo
    photo_ids = [photo.photo_id for photo in manifest.placed_photos]
    grant_ids = {photo.grant_id for photo in manifest.placed_photos}
    if given is not None:
        photo_ids.append(given.photo_id)
        grant_ids.add(given.grant_id)
    grants = _grants(session, grant_ids)
    shown = view(photo_ids)
    thumbnails = {photo_id: _thumbnail(data) for photo_id, data in shown.items() if data is not None}
    report = _report(
        composite,
        manifest,
        disclosures,
        grants=grants,
        photos=_photos(session, photo_ids),
        thumbnails=thumbnails.keys(),
        asked=asked,
        picture_shown=file is not None,
        head=head(session, context, unverified=0),
        at=context.at,
    )
    report = report.model_copy(
        update={"head": report.head.model_copy(update={"unverified_facts": len(report.marks())})}
    )
    pictures = {str(photo_id): jpeg for photo_id, jpeg in thumbnails.items()}
    if file is not None:
        rgb = pixels.decode(file)
        if pixels.pixel_sha256(rgb) != composite.pixel_sha256:
            raise PictureIsAnother(composite_id)
        pictures[PICTURE] = _jpeg(Image.fromarray(picture.outlined(rgb, manifest.photo_map())))
    return Gathered(report, pictures)


def provenance_picture(
    session: Session, composite_id: UUID, *, file: bytes, words: picture.Words | None = None
) -> bytes:
    """The composite as PNG with each placed photo's area outlined, numbered and named by its licensor.

    Raises:
        CompositeNotFound: no composite has this id.
        PictureIsAnother: the file does not hold the composite's pixels.
    """
    composite = provenance.get(session, composite_id)
    manifest = read(composite.manifest)
    rgb = pixels.decode(file)
    if pixels.pixel_sha256(rgb) != composite.pixel_sha256:
        raise PictureIsAnother(composite_id)
    grants = _grants(session, {photo.grant_id for photo in manifest.placed_photos})
    names = [grants[photo.grant_id].license.licensor.name for photo in manifest.placed_photos]
    return pixels.encode(picture.with_legend(rgb, manifest.photo_map(), names=names, words=words))


def _report(
    composite: Composite,
    manifest: Manifest,
    disclosures: Disclosures,
    *,
    grants: Mapping[UUID, Grant],
    photos: Mapping[UUID, Photo],
    thumbnails: Iterable[UUID],
    asked: Asked,
    picture_shown: bool,
    head: Head,
    at: datetime,
) -> ProvenanceReport:
    counts = [photo.canvas_px for photo in manifest.placed_photos]
    *points, inpainted_bp, refiner_bp = basis_points([*counts, manifest.inpainted_px, manifest.refiner_px])
    segments = manifest.segments()
    own = [
        sum(segment.placed_px for segment in segments),
        sum(segment.filled_px for segment in segments),
        sum(segment.blended_px for segment in segments),
        manifest.seam_px or 0,
    ]
    placed_px, placed_bp = sum(own), sum(points)
    made_px = manifest.refiner.made_px
    own_bp = apportion(placed_bp, own, whole=placed_px)
    cleared = set(thumbnails)
    return ProvenanceReport(
        head=head,
        composite_id=composite.id,
        request_id=composite.request_id,
        variation=composite.variation,
        asked_by=asked.by,
        asked_at=moment(asked.at),
        sealed_at=moment(composite.sealed_at),
        sealed_log_index=composite.log_index,
        height=manifest.height,
        width=manifest.width,
        file_sha256=composite.file_sha256,
        pixel_sha256=composite.pixel_sha256,
        manifest_sha256=sha256(composite.manifest.encode()).hexdigest(),
        photos=tuple(
            _photo(
                number,
                placed,
                grants[placed.grant_id],
                photos[placed.photo_id],
                basis_points=bp,
                shown=placed.photo_id in cleared,
                at=at,
            )
            for number, (placed, bp) in enumerate(zip(manifest.placed_photos, points, strict=True), 1)
        ),
        placed=Area(px=placed_px, basis_points=placed_bp),
        placed_own=Area(px=own[0], basis_points=own_bp[0]),
        placed_filled=Area(px=own[1], basis_points=own_bp[1]),
        placed_blended=Area(px=own[2], basis_points=own_bp[2]),
        placed_seams=None if manifest.seam_px is None else Area(px=own[3], basis_points=own_bp[3]),
        inpainted=Area(px=manifest.inpainted_px, basis_points=inpainted_bp),
        refiner_only=Area(px=manifest.refiner_px, basis_points=refiner_bp),
        network_made=None
        if manifest.refiner.checkpoint is None
        else Area(px=made_px, basis_points=made_px * 10_000 // (manifest.height * manifest.width)),
        refiner=manifest.refiner,
        recipe=manifest.recipe,
        frame=manifest.frame,
        canvas=manifest.canvas,
        seed=manifest.seed,
        declared_use=disclosures.use(),
        effective_license=disclosures.license(),
        credits_owed=tuple(_credit(credit, manifest) for credit in disclosures.credits()),
        clearance=Clearance(
            log_index=manifest.clearance_log_index,
            policy_bundle=manifest.policy_bundle,
            log_checkpoint=manifest.log_checkpoint,
        ),
        picture="shown" if picture_shown else "withheld",
        file_erased_at=None if composite.erased_at is None else moment(composite.erased_at),
        layout_origin=_origin(disclosures),
        layout=None
        if manifest.layout_photo is None
        else _layout(manifest.layout_photo, grants, photos, cleared, at=at),
        products=_products(disclosures, frame_px=manifest.height * manifest.width),
    )


def _origin(disclosures: Disclosures) -> Literal["own", "licensed", "photo"] | None:
    if disclosures.layout_origin is None:
        return None
    match disclosures.layout_origin.value:
        case "own":
            return "own"
        case "licensed":
            return "licensed"
    return "photo"


def _layout(
    given: LayoutPhoto,
    grants: Mapping[UUID, Grant],
    photos: Mapping[UUID, Photo],
    cleared: Container[UUID],
    *,
    at: datetime,
) -> LayoutSource:
    grant = grants[given.grant_id]
    license = grant.license
    return LayoutSource(
        photo_id=given.photo_id,
        sha256=given.sha256,
        licensor=license.licensor.name,
        license=license.ref,
        license_title=license.title,
        grant=grant.ref,
        grant_id=grant.id,
        basis="owned" if license.basis == "owned" else "licensed",
        marks=_marks(license, grant, photos[given.photo_id], at=at),
        thumbnail="shown" if given.photo_id in cleared else "withheld",
    )


def _products(disclosures: Disclosures, *, frame_px: int) -> tuple[ReportedProduct, ...]:
    """As they were disclosed at the seal; the largest first."""
    stated = () if disclosures.products is None else disclosures.products.value
    found = [
        ReportedProduct(
            region=one["region"],
            product=one["product"],
            area=Area(px=one["area_px"], basis_points=one["area_px"] * 10_000 // frame_px),
            generated_px=one["generated_px"],
        )
        for one in stated
    ]
    return tuple(sorted(found, key=lambda one: (-one.area.px, one.region)))


def _photo(
    number: int,
    placed: PlacedPhoto,
    grant: Grant,
    photo: Photo,
    *,
    basis_points: int,
    shown: bool,
    at: datetime,
) -> ReportedPhoto:
    license = grant.license
    return ReportedPhoto(
        number=number,
        photo_id=placed.photo_id,
        sha256=placed.sha256,
        licensor=license.licensor.name,
        license=license.ref,
        license_title=license.title,
        grant=grant.ref,
        grant_id=grant.id,
        basis="owned" if license.basis == "owned" else "licensed",
        segments=len(placed.segments),
        categories=tuple(dict.fromkeys(segment.category for segment in placed.segments)),
        area=Area(px=placed.canvas_px, basis_points=basis_points),
        placed_px=sum(segment.placed_px for segment in placed.segments),
        filled_px=sum(segment.filled_px for segment in placed.segments),
        blended_px=sum(segment.blended_px for segment in placed.segments),
        seam_px=placed.seam_px,
        share_ppm=placed.share_ppm,
        marks=_marks(license, grant, photo, at=at),
        thumbnail="shown" if shown else "withheld",
    )


def _marks(license: License, grant: Grant, photo: Photo, *, at: datetime) -> tuple[Mark, ...]:
    found: list[tuple[MarkCode, datetime | None]] = []
    if (grant.document_sha256 or license.document_sha256) is None:
        found.append(("no-document", None))
    if evidence.verified_by(license, grant) is None:
        found.append(("unverified", None))
    since: list[tuple[MarkCode, datetime | None]] = [
        ("withdrawn", license.withdrawn_at),
        ("superseded", license.superseded_at),
        ("grant-withdrawn", grant.withdrawn_at),
        ("grant-superseded", grant.superseded_at),
        ("disputed", photo.disputed_at),
        ("erased", photo.erased_at),
    ]
    found += [(code, happened) for code, happened in since if happened is not None and happened <= at]
    return tuple(
        Mark(
            code=code, license=license.ref, grant=grant.ref, at=None if happened is None else moment(happened)
        )
        for code, happened in found
    )


def _credit(credit: CreditOwed, manifest: Manifest) -> OwedCredit:
    owed_for = tuple(
        number for number, photo in enumerate(manifest.placed_photos, 1) if photo.grant_id in credit.grant_ids
    )
    if manifest.layout_photo is not None and manifest.layout_photo.grant_id in credit.grant_ids:
        owed_for = (*owed_for, 0)
    return OwedCredit(text=credit.text, text_ja=credit.text_ja, placement=credit.placement, photos=owed_for)


def _grants(session: Session, ids: Iterable[UUID]) -> dict[UUID, Grant]:
    rows = session.scalars(
        select(Grant)
        .where(Grant.id.in_(list(ids)))
        .options(joinedload(Grant.license).joinedload(License.licensor))
    )
    return {grant.id: grant for grant in rows}


def _photos(session: Session, ids: Iterable[UUID]) -> dict[UUID, Photo]:
    return {photo.id: photo for photo in session.scalars(select(Photo).where(Photo.id.in_(list(ids))))}


def _stored(blobs: Blobs, at_key: str) -> bytes | None:
    try:
        return blobs.get(at_key, limit_bytes=MAX_THUMBNAIL_BYTES)
    except BlobMissing:
        return None  # erased since: the report shows a grey box


def _thumbnail(data: bytes) -> bytes:
    """At most 256 px on the long side whatever was handed in, without what else the file carried."""
    with Image.open(io.BytesIO(data)) as image:
        small = image.convert("RGB")
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS)
    return _jpeg(small)


def _jpeg(image: Image.Image) -> bytes:
    """Small enough to be filed; chroma at full size, so that colored outlines stay sharp."""
    clean = io.BytesIO()
    image.save(clean, "JPEG", quality=90, subsampling=0, optimize=True)
    return clean.getvalue()
