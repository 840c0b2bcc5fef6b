"""Who owns each canvas pixel: integers only, so worker and bank agree to the pixel.

The worker composes by this ledger and the bank recomputes it from the
placements and its own masks. Torch-free and without floats: warps are fixed
point, distances squared integers, ties decided by written rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.composition.footprints import (
    Box,
    footprint,
    narrowed,
    opened,
    small_hole_px,
    window,
)
from synth.composition.overlap import spill
from synth.distance import nearest
from synth.layout import Layout, Region, regions
from synth.pictures import (
    MAX_AREA_PX,
    MAX_SIDE_PX,
    UNCOVERED_SHARE,
    BadPlacement,
    CanvasRule,
    CategoryFacts,
    Kind,
    LayoutTooLarge,
    Ledger,
    Mask,
    Placement,
    Uncovered,
)

MAX_PER_REGION = 3
NETWORK_REACH_PX = (
    128  # a network makes what is further away, and then work does not grow with what is missing
)
_MANY_HOLES = 1 << 14
_MAX_LINEAR = 1 << 26  # a thousandfold shrink
_MAX_OFFSET = 1 << 36  # a million pixels


@dataclass(frozen=True, eq=False)
class Canvas:
    """A ledger with what the pixels need beside it.

    `source` (H, W) int64: for each filled pixel the row-major index of the
    canvas pixel it continues, else -1. `under` (H, W) uint8: how many rows
    below an object that stands on it a pixel lies, 0 where none does. `shown` (H, W) uint8: the category
    that a pixel shows, which is its region's, or on an overlap canvas of what reaches there.
    """

    ledger: Ledger
    source: NDArray[np.int64]
    under: NDArray[np.uint8]
    shown: NDArray[np.uint8]
    regions: tuple[Region, ...]


def thin_ids(categories: Mapping[int, CategoryFacts]) -> frozenset[int]:
    return frozenset(c.id for c in categories.values() if c.thin)


def check_size(layout: Layout) -> None:
    """Raises LayoutTooLarge past 2048 px a side or 2048 x 1024 px in all."""
    height, width = layout.labels.shape
    if max(height, width) > MAX_SIDE_PX or height * width > MAX_AREA_PX:
        raise LayoutTooLarge(height, width)


def recompute(
    layout: Layout,
    placements: Sequence[Placement],
    masks: Mapping[int, Mask],
    categories: Mapping[int, CategoryFacts],
    *,
    network: bool = False,
    rule: CanvasRule = "strict",
) -> Ledger:
    """The ledger of these placements: see `recompose`."""
    return recompose(layout, placements, masks, categories, network=network, rule=rule).ledger


def recompose(
    layout: Layout,
    placements: Sequence[Placement],
    masks: Mapping[int, Mask],
    categories: Mapping[int, CategoryFacts],
    *,
    network: bool = False,
    rule: CanvasRule = "strict",
) -> Canvas:
    """The canvas of these placements: its ledger equals, to the pixel, the one that `synthesize` made.

    Args:
        masks: (h, w) bool by segment key, in the crop's frame.
        network: the refiner is a network: it makes what nobody owns, however much that is.
        rule: on an `overlap` canvas segments reach beyond their regions, see `overlap`.

    Raises:
        BadPlacement: a placement names an unknown region or segment, or its numbers are absurd.
        Uncovered: without a network more than a tenth of the frame would have to be made up.
        LayoutTooLarge: see `check_size`.
    """
    check_size(layout)
    areas = regions(layout, thin=thin_ids(categories))
    return compose(layout, areas, placements, masks, categories, network=network, rule=rule)


def compose(
    layout: Layout,
    areas: Sequence[Region],
    placements: Sequence[Placement],
    masks: Mapping[int, Mask],
    categories: Mapping[int, CategoryFacts],
    *,
    require_cover: bool = True,
    network: bool = False,
    rule: CanvasRule = "strict",
) -> Canvas:
    """`recompute`, keeping what the pixels need. `areas` are the layout's regions.

    What a canvas lacks is the same by either rule: reaching beyond a region covers no other.
    """
    require_cover = require_cover and not network
    _check(placements, len(areas), masks)
    labels = area_labels(layout, areas)
    owner = np.full(labels.shape, -1, np.int32)
    front = sorted(range(len(placements)), key=lambda i: (placements[i].rank, i))
    height_order = np.empty(len(placements), np.int32)
    height_order[front] = np.arange(len(placements), dtype=np.int32)
    for index in reversed(front):
        placement = placements[index]
        region = areas[placement.region]
        box = (region.x0, region.y0, region.x1, region.y1)
        part = owner[region.y0 : region.y1, region.x0 : region.x1]
        free = region.mask & (part < 0)
        if np.count_nonzero(free) < region.area_px:  # not the region's first
            free = opened(free, small_hole_px(labels.shape[0]))
        category = categories[region.category]
        part[free & footprint(masks[placement.segment], category, placement.affine, box, labels.shape)] = (
            index
        )
    short = _short(owner, areas) if require_cover else []
    _require_cover(short, 0, labels.size)  # before the work of filling, which grows with what is missing
    spilled = np.zeros(labels.shape, bool)
    if rule == "overlap":
        spilled = spill(owner, areas, placements, masks, categories, height_order)
    kind = np.where(owner >= 0, np.uint8(Kind.PLACED), np.uint8(0))
    reach = min(reach_px(labels.shape), NETWORK_REACH_PX) if network else reach_px(labels.shape)
    source = _fill(owner, kind, labels, areas, categories, own=~spilled, reach=reach)
    if require_cover:
        _require_cover(short, _left_px(owner, areas, short), labels.size)
    kind[kind == 0] = Kind.REFINER if network else Kind.INPAINTED
    shown = labels
    if spilled.any():
        shown = labels.copy()
        of = np.array([areas[placement.region].category for placement in placements], np.uint8)
        shown[spilled] = of[owner[spilled]]
    under = _contact(owner, shown, height_order, categories)
    _blend(owner, kind, shown, height_order)
    kind[(under > 0) & (owner >= 0)] = Kind.BLENDED
    return Canvas(Ledger(owner, kind), source, under, shown, tuple(areas))


def area_labels(layout: Layout, areas: Sequence[Region]) -> NDArray[np.uint8]:
    """(H, W) category of each pixel as its region has it, which is the layout's less its speckle."""
    labels = layout.labels.copy()
    for region in areas:
        labels[region.y0 : region.y1, region.x0 : region.x1][region.mask] = region.category
    return labels


def reach_px(shape: tuple[int, ...]) -> int:
    """How far a hole may be from the pixel it continues."""
    return max(16, max(shape) // 4)


def seam_px(height: int) -> tuple[int, int]:
    """Half-widths of the blended band: along a category's own seams, and where a thing meets another."""
    return max(2, height // 48), max(1, height // 256)


def _check(placements: Sequence[Placement], areas: int, masks: Mapping[int, Mask]) -> None:
    seen: dict[int, set[int]] = {}
    for placement in placements:
        if not 0 <= placement.region < areas:
            raise BadPlacement(f"no region `{placement.region}` in the layout")
        if placement.segment not in masks:
            raise BadPlacement(f"no segment `{placement.segment}` in the order")
        linear = (placement.affine[0], placement.affine[1], placement.affine[3], placement.affine[4])
        offset = (placement.affine[2], placement.affine[5])
        if max(map(abs, linear)) > _MAX_LINEAR or max(map(abs, offset)) > _MAX_OFFSET:
            raise BadPlacement(f"the affine of segment `{placement.segment}` is out of bounds")
        if abs(placement.rank) >= 1 << 31:
            raise BadPlacement(f"the rank of segment `{placement.segment}` is out of bounds")
        keys = seen.setdefault(placement.region, set())
        if placement.segment in keys:
            raise BadPlacement(
                f"segment `{placement.segment}` is placed twice in region `{placement.region}`"
            )
        keys.add(placement.segment)
        if len(keys) > MAX_PER_REGION:
            raise BadPlacement(f"more than {MAX_PER_REGION} segments in region `{placement.region}`")


def _short(owner: NDArray[np.int32], areas: Sequence[Region]) -> list[tuple[int, int]]:
    """Regions that nothing covers, each with the pixels that lack, the largest lack first.

    A segment that covers a third of its region may be continued into the rest; less is no cover.
    """
    lacking = []
    for region in areas:
        pasted = (owner[region.y0 : region.y1, region.x0 : region.x1] >= 0) & region.mask
        pasted_px = int(np.count_nonzero(pasted))
        if 3 * pasted_px < region.area_px:
            lacking.append((region.area_px - pasted_px, region.ordinal))
    return [(ordinal, px) for px, ordinal in sorted(lacking, key=lambda short: (-short[0], short[1]))]


def _left_px(owner: NDArray[np.int32], areas: Sequence[Region], short: Sequence[tuple[int, int]]) -> int:
    """Pixels that nobody owns, beside those of regions that count as short already."""
    counted = {ordinal for ordinal, _ in short}
    return sum(
        int(np.count_nonzero((owner[r.y0 : r.y1, r.x0 : r.x1] < 0) & r.mask))
        for r in areas
        if r.ordinal not in counted
    )


def _require_cover(short: Sequence[tuple[int, int]], left_px: int, frame_px: int) -> None:
    lacking_px = sum(px for _, px in short) + left_px
    if lacking_px > UNCOVERED_SHARE * frame_px:
        raise Uncovered([ordinal for ordinal, _ in short], lacking_px / frame_px)


def _fill(
    owner: NDArray[np.int32],
    kind: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    areas: Sequence[Region],
    categories: Mapping[int, CategoryFacts],
    *,
    own: Mask,
    reach: int,
) -> NDArray[np.int64]:
    """Give holes to the nearest placed pixel: of their region, else of their category. Only pixels of
    `own` region are continued.

    A void hole goes at last to the nearest flat thing, which is what lies
    behind where nobody said what is there.
    """
    height, width = labels.shape
    source = np.full(labels.shape, -1, np.int64)
    placed = (kind == Kind.PLACED) & own

    def take(holes: Mask, sources: Mask, box: Box) -> None:
        x0, y0, x1, _ = box
        if not sources.any():
            return
        if np.count_nonzero(holes) > _MANY_HOLES:  # else each would look in vain as far as it may
            holes = holes & window(sources, reach, highest=True)
        hole, found, _ = nearest(holes, sources, reach_px=reach)
        if hole.size == 0:
            return
        inner = x1 - x0
        at = (hole // inner + y0) * width + hole % inner + x0
        of = (found // inner + y0) * width + found % inner + x0
        owner.reshape(-1)[at] = owner.reshape(-1)[of]
        kind.reshape(-1)[at] = Kind.FILLED
        source.reshape(-1)[at] = of

    for region in areas:
        box = (region.x0, region.y0, region.x1, region.y1)
        part = (slice(region.y0, region.y1), slice(region.x0, region.x1))
        take(region.mask & (kind[part] == 0), region.mask & placed[part], box)
    whole = (0, 0, width, height)
    flat = _of(labels, [c.id for c in categories.values() if c.planar])
    for category in np.unique(labels[kind == 0]).tolist():
        of_category = labels == category
        take(of_category & (kind == 0), of_category & placed, whole)
        if category in categories and categories[category].void:
            take(of_category & (kind == 0), flat & placed, whole)
    return source


def _blend(
    owner: NDArray[np.int32],
    kind: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    height_order: NDArray[np.int32],
) -> None:
    """Mark the band along borders between owners; owners stay."""
    owned = owner >= 0
    if not owned.any():
        return
    along, across = seam_px(labels.shape[0])
    low, high = np.int32(-1), np.int32(height_order.size)
    order = narrowed(np.where(owned, height_order[np.maximum(owner, 0)], low))
    upper = narrowed(np.where(owned, order, high))
    band = (window(order, across, highest=True) > order) | (window(upper, across, highest=False) < upper)
    touching = own_seams(owner, labels)
    for category in np.unique(labels[touching]).tolist():
        of_category = labels == category
        near = window(touching & of_category, along, highest=True)
        band |= near & of_category
    kind[band & owned] = Kind.BLENDED


def contact_px(height: int) -> int:
    """How far below an object its contact shadow may reach."""
    return max(2, height // 48)


def _contact(
    owner: NDArray[np.int32],
    labels: NDArray[np.uint8],
    height_order: NDArray[np.int32],
    categories: Mapping[int, CategoryFacts],
) -> NDArray[np.uint8]:
    """Rows up to the nearest pixel above of an object that stands on this: further in front, and by
    its kind too (a mug on a table, not the table on its cloth)."""
    owned = owner >= 0
    objects = _of(labels, [c.id for c in categories.values() if not c.backdrop]) & owned
    supports = objects | (_of(labels, [c.id for c in categories.values() if c.ground]) & owned)
    ranks = np.zeros(256, np.int32)
    for category in categories.values():
        ranks[category.id] = category.front_rank
    front = narrowed(ranks)[labels]
    order = narrowed(np.where(owned, height_order[np.maximum(owner, 0)], -1) if height_order.size else owner)
    under = np.zeros(owner.shape, np.uint8)
    if not objects.any():
        return under
    for rows in range(min(contact_px(owner.shape[0]), owner.shape[0] - 1), 0, -1):
        above = objects[:-rows] & supports[rows:]
        above &= (order[:-rows] > order[rows:]) & (front[:-rows] > front[rows:])
        np.copyto(under[rows:], np.uint8(rows), where=above)
    return under


def _of(labels: NDArray[np.uint8], ids: Sequence[int]) -> Mask:
    """Where a pixel is of one of these categories."""
    named = np.zeros(256, bool)
    named[list(ids)] = True
    out: Mask = named[labels]
    return out


def own_seams(owner: NDArray[np.int32], labels: NDArray[np.uint8]) -> Mask:
    """Pixels with a neighbour (of four) of their own category that another placement owns."""
    out = np.zeros(owner.shape, bool)
    for one, other in (
        ((slice(None), slice(1, None)), (slice(None), slice(None, -1))),
        ((slice(1, None), slice(None)), (slice(None, -1), slice(None))),
    ):
        differ = (labels[one] == labels[other]) & (owner[one] != owner[other])
        differ &= (owner[one] >= 0) & (owner[other] >= 0)
        out[one] |= differ
        out[other] |= differ
    return out
