"""Filing a request: what was asked is stored whole before anything is decided."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bankd.access.permissions import Permission, may, sees
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog import labels
from bankd.catalog.labels import Labels
from bankd.catalog.models import Photo
from bankd.catalog.taxonomy import Taxonomy
from bankd.licensing.use import Use
from bankd.storage import Blobs
from bankd.synthesis import layouts, products
from bankd.synthesis.errors import KeyReused, LayoutRefused, RequestNotFound, UseRefused
from bankd.synthesis.models import Request, RequestState, Variation
from bankd.synthesis.redeclaring import AFTER, refused_before
from bankd.worker import outbox
from bankd.worker.app import BANK_QUEUE
from synth.layout import Layout, count_regions
from synth.pictures import CanvasRule

ADVANCE_TASK = "synthesis.advance"
MAX_SEED = 2**53 - 1  # exact in the manifest's JSON
RefinerName = Literal["blend", "network"]


@dataclass(frozen=True)
class Asked:
    """A request before it is filed. `labels` is (H, W) uint8 house category ids."""

    labels: Labels
    use: Use
    frame: Literal["scene", "box"]
    variations: int
    seed: int
    refiner: RefinerName = "blend"
    canvas: CanvasRule = "strict"
    layout_origin: str = layouts.OWN
    products: Mapping[str, str] = field(default_factory=dict)  # as they are stated, see `products.resolve`

    def __post_init__(self) -> None:
        layouts.photo_of(self.layout_origin)
        if not 1 <= self.variations <= 16:
            raise UseRefused(f"`{self.variations}` variations: ask for 1 to 16")
        if not 0 <= self.seed <= MAX_SEED:
            raise UseRefused(f"seed `{self.seed}` is outside 0 to {MAX_SEED}")
        if self.products and self.canvas != "strict":
            raise UseRefused(
                "regions of products need a strict canvas, in which nothing else reaches into them"
            )

    def sha256(self, taxonomy: Taxonomy) -> str:
        """Of everything asked: equal for a repeat, different for anything else."""
        asked = {
            "use": self.use.as_json(),
            "layout": hashlib.sha256(labels.encode(self.labels)).hexdigest(),
            "frame": self.frame,
            "variations": self.variations,
            "seed": self.seed,
            "refiner": self.refiner,
            "taxonomy": taxonomy.digest,
        }
        if self.canvas != "strict":  # repeats of requests from before there was another are still repeats
            asked["canvas"] = self.canvas
        if self.layout_origin != layouts.OWN:  # likewise
            asked["layout_origin"] = self.layout_origin
        if self.products:
            asked["products"] = dict(self.products)
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def file(
    session: Session,
    asked: Asked,
    *,
    blobs: Blobs,
    taxonomy: Taxonomy,
    idempotency_key: str | None,
    by: Actor,
    at: datetime,
) -> Request:
    """File a request together with the hint that moves it on.

    With an idempotency key the same request twice is one request: the first
    is answered again. One that tells another story after a refusal is filed and marked so,
    and goes no further (see `redeclaring`).

    Raises:
        KeyReused: the key was used for something else.
        LayoutRefused: it is said to come from a photo that `by` cannot know of, or it comes from another,
            or has no region that is declared as a product.
        BlobUnavailable: nothing was filed.
    """
    content = asked.sha256(taxonomy)
    if idempotency_key is not None and (known := _by_key(session, idempotency_key, by=by)) is not None:
        return _same(known, content, idempotency_key)

    declared = products.resolve(asked.products, asked.labels, taxonomy)
    request_id = uuid4()
    png = labels.encode(asked.labels)
    layout_sha256 = hashlib.sha256(png).hexdigest()
    stated = layouts.photo_of(asked.layout_origin)
    origin = _origin(session, asked, layout_sha256, by=by, at=at)
    layout_key = f"requests/{request_id}/{layout_sha256}"
    blobs.put(layout_key, png, media_type="image/png")  # bytes before the row that names them

    height, width = asked.labels.shape
    use = asked.use.as_json()
    before = (
        None
        if may(by, Permission.REQUESTS_REDECLARE)
        else refused_before(session, use, layout_sha256=layout_sha256, by=by, at=at)
    )
    redeclared = {} if before is None else {AFTER: str(before)}
    request = Request(
        id=request_id,
        department_id=by.department_id,
        filed_by=by.name,
        filed_at=at,
        idempotency_key=idempotency_key,
        content_sha256=content,
        layout_key=layout_key,
        layout_sha256=layout_sha256,
        height=height,
        width=width,
        use=use,
        frame=asked.frame,
        variations=asked.variations,
        seed=asked.seed,
        refiner=asked.refiner,
        canvas=asked.canvas,
        layout_origin=origin,
        products={str(ordinal): sku for ordinal, sku in declared.items()},
        state=RequestState.FILED,
        hinted_at=at,
        outcome=redeclared,
    )
    try:
        with session.begin_nested():
            session.add(request)
    except IntegrityError:
        known = None if idempotency_key is None else _by_key(session, idempotency_key, by=by)
        if known is None:
            raise
        blobs.delete_prefix(f"requests/{request_id}")
        return _same(known, content, str(idempotency_key))
    session.add_all(Variation(request_id=request_id, index=index) for index in range(asked.variations))
    outbox.enqueue(session, ADVANCE_TASK, queue=BANK_QUEUE, at=at, request_id=request_id)
    log.append(
        session,
        Kind.REQUEST_FILED,
        by=by,
        at=at,
        request=request_id,
        content=content,
        layout=layout_sha256,
        use=request.use,
        variations=asked.variations,
        seed=asked.seed,
        frame=asked.frame,
        refiner=asked.refiner,
        canvas=asked.canvas,
        layout_origin=origin,
        **({"layout_declared": asked.layout_origin} if layouts.photo_of(origin) != stated else {}),
        **({"products": request.products} if request.products else {}),
        **redeclared,
    )
    return request


def get(session: Session, request_id: UUID, *, by: Actor | None = None) -> Request:
    """A request that `by` may know of: a department's own, or any for the whole house.

    Raises:
        RequestNotFound: there is none, or it is another department's.
    """
    request = session.get(Request, request_id)
    hidden = by is not None and by.department_id is not None
    if request is None or (hidden and request.department_id != by.department_id):  # type: ignore[union-attr]
        raise RequestNotFound(request_id)
    return request


def _origin(session: Session, asked: Asked, layout_sha256: str, *, by: Actor, at: datetime) -> str:
    """Where a layout comes from: as it is said, but where it is pixel for pixel a photo's label map.

    That takes over the photo's arrangement whatever was said, and is asked for as such.
    """
    stated = layouts.photo_of(asked.layout_origin)
    if stated is not None and not _known(session, Photo.id == stated, by=by, at=at):
        raise LayoutRefused(f"no photo has the id `{stated}`, which the layout is said to come from")
    origin = asked.layout_origin if stated is None else f"{layouts.PHOTO}{stated}"
    if count_regions(Layout(asked.labels)) < 2:  # nothing stands anywhere in it
        return origin
    same = Photo.labels_sha256 == layout_sha256
    whose = set(session.scalars(select(Photo.id).where(same, Photo.state != "erased")))
    if not whose or stated in whose:
        return origin
    known = _known(session, same, by=by, at=at)
    if not known:
        raise LayoutRefused("the layout is the label map of a photo that it may not be taken from")
    if stated is not None:
        raise LayoutRefused(f"the layout is the label map of photo `{min(known)}` and not of `{stated}`")
    return f"{layouts.PHOTO}{min(known)}"


def _known(session: Session, which: ColumnElement[bool], *, by: Actor, at: datetime) -> set[UUID]:
    """Photos that `by` may know of: not another department's, nor what waits or is embargoed."""
    over = or_(Photo.embargo_until.is_(None), Photo.embargo_until <= at)
    rows = session.execute(
        select(Photo.id, Photo.department_id).where(which, Photo.state == "admitted", over)
    )
    return {id for id, owner in rows if sees(by, owner)}


def _by_key(session: Session, key: str, *, by: Actor) -> Request | None:
    return session.scalar(
        select(Request).where(
            Request.idempotency_key == key, Request.department_id.is_not_distinct_from(by.department_id)
        )
    )


def _same(known: Request, content: str, key: str) -> Request:
    if known.content_sha256 != content:
        raise KeyReused(key, known.id)
    return known
