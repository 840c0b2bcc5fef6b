"""Which product a photo shows, said after it was taken in."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog.errors import ProductInvalid
from bankd.catalog.models import Photo, Segment
from bankd.catalog.tombstones import changeable
from bankd.licensing.depicted import Depictions


def record(
    session: Session,
    photo_id: UUID,
    product: str | None,
    *,
    segments: Collection[int] = (),
    by: Actor,
    at: datetime,
) -> Photo:
    """Say which product a photo shows, as a rights record would; nothing else that it says is touched.

    Args:
        product: its article number; None: no product any more.
        segments: the ordinals of those that show it; none for all. What was said of other segments stays,
            unless it was said of the whole photo.

    Raises:
        PhotoNotFound, PhotoErased.
        ProductInvalid: it is no article number, or the photo has no such segment.
    """
    photo = changeable(session, photo_id)
    wanted = sorted(set(segments))
    before: dict[str, Any] = Depictions.model_validate(photo.depictions).as_json()
    last = session.scalar(select(func.max(Segment.ordinal)).where(Segment.photo_id == photo_id))
    if unknown := [one for one in wanted if not 0 <= one <= (-1 if last is None else last)]:
        raise ProductInvalid(f"photo `{photo_id}` has no segment `{unknown[0]}`")
    stated = {name: value for name, value in before.items() if name not in ("product", "products")}
    if not wanted:
        stated["product"] = product
    else:
        others = [
            {**one, "segments": [each for each in one["segments"] if each not in wanted]}
            for one in before.get("products", [])
        ]
        stated["products"] = [one for one in others if one["segments"]]
        if product is not None:
            stated["products"].append({"product": product, "segments": wanted})
    try:
        after = Depictions.model_validate(stated).as_json()
    except ValidationError as error:
        raise ProductInvalid(
            f"`{product}` is no article number of a product: use up to 64 letters, digits and `._/-`"
        ) from error
    if after == before:
        return photo
    photo.depictions = after
    session.flush()
    log.append(
        session, Kind.PHOTO_PRODUCT_RECORDED, by=by, at=at,
        photo=photo_id, product=product, segments=wanted, depictions=after,
    )  # fmt: skip
    return photo
