"""Regions that are declared to be a product: filled from photos recorded as it, and with nothing made up."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from bankd.catalog.labels import Labels
from bankd.catalog.models import Photo, Segment
from bankd.catalog.taxonomy import Taxonomy
from bankd.licensing.depicted import Depictions
from bankd.policy.facts import Pictured
from bankd.provenance.manifest import Disclosures, Manifest
from bankd.provenance.regions import owner_map
from bankd.synthesis.errors import LayoutRefused
from synth.layout import Layout, Region, regions
from synth.pictures import Ledger

SKU = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")
PIXEL = re.compile(r"(\d{1,5}),(\d{1,5})", re.ASCII)
MOST = 100
WHOLE_BP = 10_000


def read_stated(stated: Iterable[str]) -> dict[str, str]:
    """`REGION=SKU` pairs as they are written at the command line.

    Raises:
        LayoutRefused: one is no pair, or a region stands twice.
    """
    found: dict[str, str] = {}
    for one in stated:
        region, sign, sku = one.partition("=")
        if not sign or not region:
            raise LayoutRefused(f"`{one}` says of no region which product it is: use REGION=SKU")
        if region in found:
            raise LayoutRefused(f"region `{region}` is declared as a product twice")
        found[region] = sku
    return found


def resolve(stated: Mapping[str, str], labels: Labels, taxonomy: Taxonomy) -> dict[int, str]:
    """Which regions of a layout are which product.

    Args:
        stated: a category, for all of its regions, or `X,Y`, for the one that holds this pixel -> SKU.

    Raises:
        LayoutRefused: the layout has no such region, or the SKU is none.
    """
    if not stated:
        return {}
    if len(stated) > MOST:
        raise LayoutRefused(f"`{len(stated)}` regions are declared as products, {MOST} are the most")
    cut = regions(Layout(labels), taxonomy.thin)
    found: dict[int, str] = {}
    for name, sku in stated.items():
        if not SKU.fullmatch(sku):
            raise LayoutRefused(
                f"`{sku}` is no article number of a product: use up to 64 letters, digits and `._/-`"
            )
        for region in _named(name, cut, taxonomy):
            if found.setdefault(region.ordinal, sku) != sku:
                raise LayoutRefused(f"region `{name}` is declared as two products")
    return dict(sorted(found.items()))


def _named(name: str, cut: Sequence[Region], taxonomy: Taxonomy) -> list[Region]:
    if (pixel := PIXEL.fullmatch(name)) is not None:
        x, y = int(pixel[1]), int(pixel[2])
        within = [one for one in cut if one.x0 <= x < one.x1 and one.y0 <= y < one.y1]
        named = [one for one in within if one.mask[y - one.y0, x - one.x0]]
    else:
        category = taxonomy.find(name)
        named = [one for one in cut if one.category == category]
    if not named:
        names = {one.id: one.name for one in taxonomy.categories}
        there = ", ".join(f"`{names[one]}`" for one in sorted({one.category for one in cut}))
        raise LayoutRefused(
            f"the layout has no region `{name}`: name a category, or a pixel as X,Y (it has {there})"
        )
    return named


def by_region(stored: Mapping[str, str]) -> dict[int, str]:
    """As a request keeps them: JSON's keys are texts."""
    return {int(ordinal): sku for ordinal, sku in stored.items()}


def shown(sku: str) -> ColumnElement[bool]:
    """Whether a segment, of rows of `photos` and `segments`, is recorded to show a product.

    What `Depictions.product_of` says, in SQL.
    """
    by_segment: Any = func.jsonb_build_object(
        "products",
        func.jsonb_build_array(
            func.jsonb_build_object("product", sku, "segments", func.jsonb_build_array(Segment.ordinal))
        ),
    )
    return or_(Photo.depictions.contains({"product": sku}), Photo.depictions.op("@>")(by_segment))


def within(sku: str, other: ColumnElement[bool] | None) -> ColumnElement[bool]:
    return shown(sku) if other is None else and_(shown(sku), other)


def recorded(session: Session, segment_ids: Iterable[int]) -> dict[int, str | None]:
    """The product that each segment is recorded to show: read from the records, not from any filter."""
    rows = session.execute(
        select(Segment.id, Segment.ordinal, Photo.depictions)
        .join(Photo, Photo.id == Segment.photo_id)
        .where(Segment.id.in_(set(segment_ids)))
    )
    return {id: Depictions.model_validate(told).product_of(ordinal) for id, ordinal, told in rows}


@dataclass(frozen=True)
class Shown:
    """A product's region as it came out; areas are in pixels of the picture."""

    region: int
    product: str
    area_px: int
    generated_px: int  # fed by no photo, or made by a network
    foreign_px: int  # fed by what is not recorded as the product

    def as_json(self) -> dict[str, Any]:
        return {
            "region": self.region,
            "product": self.product,
            "area_px": self.area_px,
            "generated_px": self.generated_px,
        }


def look(
    declared: Mapping[int, str],
    layout: Layout,
    thin: frozenset[int],
    ledger: Ledger,
    *,
    product_of: Sequence[str | None],
    generated: npt.NDArray[np.bool_],
) -> tuple[Shown, ...]:
    """What each declared region shows, counted on the bank's own ledger.

    Args:
        product_of: of each placement.
        generated: (H, W), whether a network made the pixel, or nothing that a photo fed did.
    """
    if not declared:
        return ()
    cut = regions(layout, thin)
    found = []
    for ordinal, sku in declared.items():
        region = cut[ordinal]
        box = slice(region.y0, region.y1), slice(region.x0, region.x1)
        owner = ledger.owner[box][region.mask]
        own = np.array([*(one == sku for one in product_of), True])  # -1, nobody, takes the last
        found.append(
            Shown(
                ordinal,
                sku,
                region.area_px,
                generated_px=int(np.count_nonzero(generated[box][region.mask])),
                foreign_px=int(np.count_nonzero(~own[owner])),
            )
        )
    return tuple(found)


def pictured(seen: Iterable[Shown], *, made_px: int, frame_px: int) -> Pictured:
    """What policy is told of a picture.

    Args:
        made_px: that a network made, in the whole picture.
    """
    each = tuple(seen)
    return Pictured(
        products=frozenset(one.product for one in each),
        products_foreign=frozenset(one.product for one in each if one.foreign_px),
        generated_bp=share_bp(made_px, frame_px),
        product_generated_bp=max((share_bp(one.generated_px, one.area_px) for one in each), default=0),
    )


def as_sealed(sealed: Manifest, disclosures: Disclosures) -> Pictured:
    """The same of a picture that is made: what its records say of it."""
    stated = () if disclosures.products is None else disclosures.products.value
    each = [
        Shown(one["region"], one["product"], one["area_px"], one["generated_px"], foreign_px=0)
        for one in stated
    ]
    return pictured(each, made_px=sealed.refiner.made_px, frame_px=sealed.height * sealed.width)


def as_recorded(
    session: Session,
    sealed: Manifest,
    pictured: Pictured,
    declared: Mapping[int, str],
    layout: Layout,
    thin: frozenset[int],
) -> Pictured:
    """What is known of a picture that is made, by what its segments are recorded to show by now."""
    placed = [one.segment_id for photo in sealed.placed_photos for one in photo.segments]
    product_of = recorded(session, placed)
    owner = owner_map(sealed.owner_runs, height=sealed.height, width=sealed.width)
    cut = regions(layout, thin)
    foreign = set()
    for ordinal, sku in declared.items():
        region = cut[ordinal]
        fed = owner[region.y0 : region.y1, region.x0 : region.x1][region.mask]
        # Owners past the last segment are the seams of each, which count as its own.
        if any(one >= 0 and product_of.get(placed[one % len(placed)]) != sku for one in set(fed.tolist())):
            foreign.add(sku)
    return pictured.model_copy(update={"products_foreign": frozenset(foreign)})


def share_bp(part_px: int, whole_px: int) -> int:
    """In hundredths of a percent, rounded up."""
    return -(-part_px * WHOLE_BP // whole_px)


def not_recorded(
    declared: Mapping[int, str], picks: Sequence[Sequence[int]], product_of: Mapping[int, str | None]
) -> frozenset[int]:
    """The segments among those picked for declared regions that are not recorded as their product."""
    return frozenset(
        segment
        for ordinal, sku in declared.items()
        for segment in picks[ordinal]
        if product_of.get(segment) != sku
    )


def photos_of(segments: Iterable[int], photo_of: Mapping[int, UUID]) -> frozenset[UUID]:
    return frozenset(photo_of[segment] for segment in segments)
