"""The reference path: exact two-term ranking in Postgres, over cleared segments alone.

Clearance is part of the ranking statement, compiled from the policies: a
segment that does not clear is never scored. Faster paths must give the same
rows in the same order.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    Integer,
    SmallInteger,
    String,
    and_,
    any_,
    cast,
    column,
    false,
    func,
    literal,
    or_,
    select,
    true,
    values,
)
from sqlalchemy.dialects.postgresql import BIT
from sqlalchemy.orm import Session

from bankd.catalog.models import Descriptor, Photo, PhotoGrant, Segment
from bankd.policy.filters import Filter
from bankd.retrieval.ranked import Ranked
from synth.retrieval.descriptors import FORMAT, PLANES, Descriptors, Packed

MASK = BIT(1024)
CONTEXT = BIT(256)


def rank(
    session: Session,
    cleared: Filter,
    categories: Sequence[int],
    query: Descriptors,
    *,
    k: int,
    at: datetime,
    without: frozenset[UUID] = frozenset(),
    without_grants: frozenset[UUID] = frozenset(),
    within: ColumnElement[bool] | None = None,
) -> list[list[Ranked]]:
    """The k best cleared segments for each region, best first; equal scores by photo SHA-256 and ordinal.

    Args:
        cleared: which profiles clear, compiled from policy.
        categories: the category of each region.
        query: the descriptors of the regions, in their order.
        at: the moment at which blocks are read.
        without: photos to leave out.
        without_grants: grants that clear nothing here, as if they were blocked.
        within: which photos to look at, of rows of `photos`; all if None.
    """
    if not categories:
        return []
    clears = cleared.profiles.cte("clears").prefix_with("MATERIALIZED", dialect="postgresql")
    # Rows travel as text bits; the server casts each once.
    asked = (
        values(
            column("region", Integer),
            column("category_id", SmallInteger),
            column("mask", String),
            *(column(f"c{plane}", String) for plane in range(PLANES)),
            column("mask_n", BigInteger),
            column("context_n", BigInteger),
            name="asked",
        )
        .data([_row(region, category, query) for region, category in enumerate(categories)])
        .cte("asked_text")
    )
    regions = (
        select(
            asked.c.region,
            asked.c.category_id,
            cast(asked.c.mask, MASK).label("mask"),
            *(cast(asked.c[f"c{plane}"], CONTEXT).label(f"c{plane}") for plane in range(PLANES)),
            asked.c.mask_n,
            asked.c.context_n,
        )
        .cte("regions")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )

    shared = Descriptor.mask.op("&", return_type=MASK)(regions.c.mask)
    scored = (
        select(
            Descriptor.segment_id,
            Photo.id.label("photo_id"),
            Photo.sha256,
            Segment.ordinal,
            func.bit_count(shared, type_=BigInteger).label("im"),
            func.bit_count(_equal_cells(regions), type_=BigInteger).label("ic"),
            Descriptor.mask_n,
            Descriptor.context_n,
        )
        .join(clears, clears.c.profile_id == Descriptor.profile_id)
        .join(Photo, Photo.id == Descriptor.photo_id)
        .join(Segment, Segment.id == Descriptor.segment_id)
        .where(
            Descriptor.category_id == regions.c.category_id,
            Descriptor.frame == query.frame,
            Descriptor.format == FORMAT,
            Photo.state == "admitted",
            _without(clears.c.mask, _blocked(without_grants), BigInteger) != 0,
            or_(Photo.blocked_until.is_(None), Photo.blocked_until <= at, in_view_of(cleared, at=at)),
            *([Photo.id.not_in(without)] if without else []),
            *([] if within is None else [within]),
        )
        .correlate(regions)
        .lateral("scored")
    )
    um = scored.c.mask_n + regions.c.mask_n - scored.c.im
    uc = scored.c.context_n + regions.c.context_n - scored.c.ic
    score = _key(scored.c.im, um, scored.c.ic, uc).label("score")
    best = (
        select(scored, um.label("um"), uc.label("uc"), score)
        .order_by(score.desc(), scored.c.sha256, scored.c.ordinal)
        .limit(k)
        .correlate(regions)
        .lateral("best")
    )
    statement = (
        select(
            regions.c.region,
            best.c.segment_id,
            best.c.photo_id,
            best.c.sha256,
            best.c.im,
            best.c.um,
            best.c.ic,
            best.c.uc,
        )
        .select_from(regions)
        .join(best, true())
        .order_by(regions.c.region, best.c.score.desc(), best.c.sha256, best.c.ordinal)
    )
    ranked: list[list[Ranked]] = [[] for _ in categories]
    for region, *fields in session.execute(statement):
        ranked[region].append(Ranked(*fields))
    return ranked


def in_view_of(cleared: Filter, *, at: datetime) -> ColumnElement[bool]:
    """Photos that are held back by nothing but an embargo that who asks may see, and that ends in time.

    What policy says of `embargo_visible_to` and `embargo_ends_at`, of a row of photos.
    """
    if not cleared.department:
        return false()
    return and_(
        Photo.embargo_until > at,
        Photo.embargo_until <= cleared.starts_at,
        literal(cleared.department) == any_(Photo.embargo_visible_to),
        Photo.disputed_at.is_(None),
        Photo.withdrawn_at.is_(None),
        Photo.erased_at.is_(None),
        or_(Photo.held_until.is_(None), Photo.held_until <= at),
    )


def _blocked(grants: frozenset[UUID]) -> Any:
    """A photo's block bits, with those of these grants."""
    if not grants:
        return Photo.grant_blocks
    theirs = (
        select(func.bit_or(literal(1, BigInteger).op("<<")(cast(PhotoGrant.ordinal, Integer))))
        .where(PhotoGrant.photo_id == Photo.id, PhotoGrant.grant_id.in_(grants))
        .correlate(Photo)
        .scalar_subquery()
    )
    return Photo.grant_blocks.op("|", return_type=BigInteger)(func.coalesce(theirs, 0, type_=BigInteger))


def _without(bits: Any, taken: Any, kind: Any) -> Any:
    """`bits` less the bits of `taken`."""
    return bits.op("#", return_type=kind)(bits.op("&", return_type=kind)(taken))


def _equal_cells(regions: Any) -> Any:
    """Context cells that are not void in the query and show the same category in both."""
    differs = [
        getattr(Descriptor, f"c{plane}").op("#", return_type=CONTEXT)(regions.c[f"c{plane}"])
        for plane in range(PLANES)
    ]
    shown = [regions.c[f"c{plane}"] for plane in range(PLANES)]
    return _without(reduce(_either, shown), reduce(_either, differs), CONTEXT)


def _either(one: Any, other: Any) -> Any:
    return one.op("|", return_type=CONTEXT)(other)


def _key(im: Any, um: Any, ic: Any, uc: Any) -> Any:
    """`synth.retrieval.score.key`: one division of integers keeps the order of the fractions."""
    known = func.greatest(uc, 1, type_=BigInteger)
    return cast(im * known + ic * um, Double) / cast(um * known, Double)


def _row(region: int, category: int, query: Descriptors) -> tuple[Any, ...]:
    return (
        region,
        category,
        _bits(query.masks[region]),
        *(_bits(plane) for plane in query.planes[region]),
        int(query.mask_n[region]),
        int(query.context_n[region]),
    )


def _bits(packed: Packed) -> str:
    return "".join(f"{byte:08b}" for byte in packed.tolist())
