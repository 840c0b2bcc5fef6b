"""What the bank's records say of what was placed in a picture, and of what it shows."""

import logging
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import numpy as np
from sqlalchemy import BigInteger, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from bankd.catalog.models import Photo, PhotoFingerprint, Segment
from bankd.catalog.taxonomy import Taxonomy
from bankd.policy.clearing import Adapted
from bankd.policy.facts import Pictured
from bankd.provenance import sidecars
from bankd.provenance.c2pa import Store
from bankd.provenance.chains import Chain
from bankd.provenance.manifest import LayoutPhoto, Source
from bankd.provenance.sidecars import Sidecar
from bankd.storage import Blobs
from bankd.storage.blobs import key
from bankd.synthesis import made_by, products
from bankd.synthesis.models import Request
from synth.layout import Layout
from synth.pictures import Ledger
from synth.refinement import Refined

logger = logging.getLogger(__name__)

MAX_PHOTO_BYTES = 512 << 20


def pictured_of(
    request: Request,
    layout: Layout,
    ledger: Ledger,
    made: Refined,
    placed: Sequence[int],
    *,
    product_of: Mapping[int, str | None],
    thin: frozenset[int],
) -> tuple[tuple[products.Shown, ...], Pictured]:
    """What the bank's own ledger and the gate say of a picture, beside its sources.

    Args:
        product_of: of the placed segments, where the layout declares products.
    """
    network = np.zeros(ledger.owner.shape, bool) if made.gate is None else made.gate >= made_by.MADE
    declared = products.by_region(request.products)
    seen: tuple[products.Shown, ...] = ()
    if declared:
        seen = products.look(
            declared,
            layout,
            thin,
            ledger,
            product_of=[product_of.get(segment) for segment in placed],
            generated=network | (ledger.owner < 0),
        )
    made_px = int(np.count_nonzero(network))
    return seen, products.pictured(seen, made_px=made_px, frame_px=ledger.owner.size)


def stores_of(
    session: Session, sources: Collection[Source], *, blobs: Blobs, anchors_pem: str, stamped: bool
) -> dict[UUID, Store]:
    """The placed photos that the house signed at ingestion, held against their original bytes once more.

    Args:
        stamped: only those whose manifest has a time stamp, see `sidecars.ingredient`.
    """
    rows = session.execute(
        select(Photo.id, Photo.media_type, Photo.sha256, Photo.store_sha256).where(
            Photo.id.in_({source.photo_id for source in sources}), Photo.store_sha256.is_not(None)
        )
    )
    found = {}
    for row in rows:
        content, store = (
            blobs.get(key(row.id, sha256), limit_bytes=MAX_PHOTO_BYTES)
            for sha256 in (row.sha256, row.store_sha256)
        )
        says = sidecars.ingredient(
            Sidecar(row.media_type, content, store), anchors_pem=anchors_pem, stamped=stamped
        )
        if says is None:
            logger.warning(
                "photo `%s` goes by hash alone: its manifest does not hold, or not for long", row.id
            )
        else:
            found[row.id] = Store(store, says)
    return found


def layout_photo(session: Session, adapted: Adapted | None) -> LayoutPhoto | None:
    if adapted is None:
        return None
    photo = session.get_one(Photo, adapted.photo_id)
    iscc = session.scalar(select(PhotoFingerprint.iscc).where(PhotoFingerprint.photo_id == photo.id))
    return LayoutPhoto(photo_id=photo.id, sha256=photo.sha256, grant_id=adapted.grant_id, iscc=iscc)


def sources_of(
    session: Session, segment_ids: set[int], relied: Mapping[UUID, UUID], taxonomy: Taxonomy
) -> dict[int, Source]:
    names = {category.id: category.name for category in taxonomy.categories}
    return {
        row.id: Source(
            segment_id=row.id,
            category=names[row.category_id],
            area_px=row.area_px,
            photo_id=row.photo_id,
            photo_sha256=row.sha256,
            photo_height=row.work_height,
            photo_width=row.work_width,
            grant_id=relied[row.photo_id],
            photo_iscc=row.iscc,
            photo_credentials_sha256=(row.credentials or {}).get("store_sha256"),
            photo_generated=bool((row.credentials or {}).get("generative")),
        )
        for row in session.execute(_SOURCES, {"segments": [*segment_ids]})
    }


_SOURCES = (
    select(
        Segment.id,
        Segment.category_id,
        Segment.area_px,
        Segment.photo_id,
        Photo.sha256,
        Photo.work_height,
        Photo.work_width,
        Photo.credentials,
        PhotoFingerprint.iscc,
    )
    .join(Photo, Photo.id == Segment.photo_id)
    .outerjoin(PhotoFingerprint, PhotoFingerprint.photo_id == Photo.id)
    .where(Segment.id == any_(bindparam("segments", type_=ARRAY(BigInteger))))
)


def chains_of(session: Session, sources: Collection[Source], *, blobs: Blobs) -> dict[UUID, Chain]:
    """The placed photos that arrived with content credentials that hold, with their original bytes."""
    arrived = {source.photo_id for source in sources if source.photo_credentials_sha256 is not None}
    if not arrived:
        return {}
    rows = session.scalars(select(Photo).where(Photo.id.in_(arrived), Photo.credentials.is_not(None)))
    return {
        photo.id: Chain(photo.media_type, blobs.get(key(photo.id, photo.sha256), limit_bytes=MAX_PHOTO_BYTES))
        for photo in rows
        if photo.credentials is not None and photo.credentials["state"] in ("trusted", "valid")
    }
