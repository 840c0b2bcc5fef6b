"""Who owns each canvas pixel: integers only, so worker and bank agree to the pixel.

The worker composes by this ledger and the bank recomputes it from the
placements and its own masks. Torch-free and without floats: warps are fixed
point, distances squared integers, ties decided by written rules.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from synth.distance import nearest
from synth.layout import Layout, Region, regions
from synth.pictures import (
    MAX_AREA_PX,
    MAX_SIDE_PX,
    UNCOVERED_SHARE,
    BadPlacement,
    CategoryFacts,
    Kind,
    LayoutTooLarge,
    Ledger,
    Mask,
    Placement,
    Uncovered,
)

FIXED = 16  # fraction bits of an affine
MAX_PER_REGION = 3
TRIM_PX = 2
NETWORK_REACH_PX = (
    128  # a network makes what is further away, and then work does not grow with what is missing
)
_RIM_PX = 4
_MANY_HOLES = 1 << 14
_MAX_LINEAR = 1 << 26  # a thousandfold shrink
_MAX_OFFSET = 1 << 36  # a million pixels

Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Canvas:
    """A ledger with what the pixels need beside it.

    `source` (H, W) int64: for each filled pixel the row-major index of the
    canvas pixel it continues, else -1. `under` (H, W) uint8: how many rows
    below an object that stands on it a pixel lies, 0 where none does.
    """

    ledger: Ledger
    source: NDArray[np.int64]
    under: NDArray[np.uint8]
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
) -> Ledger:
    """The ledger of these placements: equal, to the pixel, to the one that `synthesize` made by them.

    Args:
        masks: (h, w) bool by segment key, in the crop's frame.
        network: the refiner is a network: it makes what nobody owns, however much that is.

    Raises:
        BadPlacement: a placement names an unknown region or segment, or its numbers are absurd.
        Uncovered: without a network more than a tenth of the frame would have to be made up.
        LayoutTooLarge: see `check_size`.
    """
    check_size(layout)
    areas = regions(layout, thin=thin_ids(categories))
    return compose(layout, areas, placements, masks, categories, network=network).ledger


def compose(
    layout: Layout,
    areas: Sequence[Region],
    placements: Sequence[Placement],
    masks: Mapping[int, Mask],
    categories: Mapping[int, CategoryFacts],
    *,
    require_cover: bool = True,
    network: bool = False,
) -> Canvas:
    """`recompute`, keeping what the pixels need. `areas` are the layout's regions."""
    require_cover = require_cover and not network
    _check(placements, len(areas), masks)
    labels = area_labels(layout, areas)
    owner = np.full(labels.shape, -1, np.int32)
    front = sorted(range(len(placements)), key=lambda i: (placements[i].rank, i))
    height_order = np.empty(len(placements), np.int32)
    height_order[front] = np.arange(len(placements), dtype=np.int32)
    rim = np.ones(labels.shape, bool)
    rim[_RIM_PX:-_RIM_PX, _RIM_PX:-_RIM_PX] = False
    for index in reversed(front):
        placement = placements[index]
        region = areas[placement.region]
        box = (region.x0, region.y0, region.x1, region.y1)
        part = owner[region.y0 : region.y1, region.x0 : region.x1]
        free = region.mask & (part < 0)
        if free.sum() < region.area_px:  # not the region's first
            free = opened(free, small_hole_px(labels.shape[0]))
        mask = masks[placement.segment]
        inner = own_pixels(
            mask, categories[region.category], shade=shade_px(placement.affine, labels.shape[0])
        )
        hit = warp_mask(inner, placement.affine, box=box)
        # At the frame's edge there is no neighbour whose color could have crept in.
        hit |= warp_mask(mask, placement.affine, box=box) & rim[region.y0 : region.y1, region.x0 : region.x1]
        part[free & hit] = index
    kind = np.where(owner >= 0, np.uint8(Kind.PLACED), np.uint8(0))
    short = _short(owner, areas) if require_cover else []
    _require_cover(short, 0, labels.size)  # before the work of filling, which grows with what is missing
    reach = min(reach_px(labels.shape), NETWORK_REACH_PX) if network else reach_px(labels.shape)
    source = _fill(owner, kind, labels, areas, categories, reach=reach)
    if require_cover:
        _require_cover(short, _left_px(owner, areas, short), labels.size)
    kind[kind == 0] = Kind.REFINER if network else Kind.INPAINTED
    under = _contact(owner, labels, height_order, categories)
    _blend(owner, kind, labels, height_order)
    kind[(under > 0) & (owner >= 0)] = Kind.BLENDED
    return Canvas(Ledger(owner, kind), source, under, tuple(areas))


def area_labels(layout: Layout, areas: Sequence[Region]) -> NDArray[np.uint8]:
    """(H, W) category of each pixel as its region has it, which is the layout's less its speckle."""
    labels = layout.labels.copy()
    for region in areas:
        labels[region.y0 : region.y1, region.x0 : region.x1][region.mask] = region.category
    return labels


def warp_mask(mask: Mask, affine: tuple[int, ...], *, box: Box) -> Mask:
    """Where canvas pixels of `box` show the mask: (y1 - y0, x1 - x0) bool, nearest pixel."""
    a, b, c, d, e, f = affine
    x0, y0, x1, y1 = box
    # Centers lie at half-integers: doubled coordinates keep them whole, with one fraction bit more.
    x = 2 * np.arange(x0, x1, dtype=np.int64)[None, :] + 1
    y = 2 * np.arange(y0, y1, dtype=np.int64)[:, None] + 1
    u = (a * x + b * y + 2 * c) >> (FIXED + 1)
    v = (d * x + e * y + 2 * f) >> (FIXED + 1)
    height, width = mask.shape
    if b == 0 and d == 0:  # upright, as nearly all are: the same answer from one row and one column
        wide, high = (u[0] >= 0) & (u[0] < width), (v[:, 0] >= 0) & (v[:, 0] < height)
        upright = np.zeros((y1 - y0, x1 - x0), bool)
        upright[np.ix_(high, wide)] = mask[np.ix_(v[high, 0], u[0, wide])]
        return upright
    inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    out: Mask = inside & mask[np.clip(v, 0, height - 1), np.clip(u, 0, width - 1)]
    return out


def opened(mask: Mask, radius: int) -> Mask:
    """Without what a square of side 2 * radius + 1 does not fit into.

    Where a region's best segment leaves crumbs, another photo's pixels would only make patchwork:
    crumbs are filled from the segment around them.
    """
    core = _window(np.pad(mask, radius).astype(np.int32), radius, highest=False)
    out: Mask = _window(core, radius, highest=True)[radius:-radius, radius:-radius] > 0
    return out


def trimmed(mask: Mask, *, backdrop: bool) -> Mask:
    """Less its outermost two pixels.

    At its edge a photo already shows the neighbour's color (optics, JPEG, a
    labeller's hand), which would stand around the segment as a halo. An
    object keeps what is too thin to spare them. A backdrop does not, while anything else
    of it is left: its slivers between leaves are the ghost of a plant that is not there.
    """
    padded = np.pad(mask, 2 * TRIM_PX).astype(np.int32)
    core = _window(padded, TRIM_PX, highest=False)
    inner = slice(2 * TRIM_PX, -2 * TRIM_PX)
    if backdrop and core.any():
        return (core[inner, inner] > 0).astype(bool)
    near_core = _window(core, TRIM_PX, highest=True) > core
    out: Mask = mask & ~near_core[inner, inner]
    return out


def own_pixels(mask: Mask, category: CategoryFacts, *, shade: int) -> Mask:
    """`trimmed`, and of what bears things less the shade at their feet.

    What stood on a table in its photo leaves a hole in the table's mask, and around the hole its
    shadow, which continued into the hole would be a smudge. So `shade` pixels around what lies
    between the table's own pixels of a row go with it, unless little would be left.
    """
    inner = trimmed(mask, backdrop=category.backdrop)
    if not category.bearing or shade < 1:
        return inner
    seen = mask.cumsum(axis=1, dtype=np.int32)
    between = opened(~mask & (seen > 0) & (seen < seen[:, -1:]), max(1, shade // 4))  # crumbs cast none
    near = (
        _window(np.pad(between, shade).astype(np.int32), shade, highest=True)[shade:-shade, shade:-shade] > 0
    )
    if category.ground:  # light falls from above, and what drives or sits on the ground is large
        near[shade:] |= near[:-shade]
    lit: Mask = inner & ~near
    return lit if 2 * np.count_nonzero(lit) > np.count_nonzero(inner) else inner


def shade_px(affine: tuple[int, ...], height: int) -> int:
    """How far a shadow reaches, in pixels of the crop that `affine` places on a canvas `height` high."""
    return min(max(1, height // 48) * max(abs(affine[0]), abs(affine[4])) >> FIXED, MAX_SIDE_PX)


def small_hole_px(height: int) -> int:
    return max(TRIM_PX + 1, height // 64)


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
    reach: int,
) -> NDArray[np.int64]:
    """Give holes to the nearest placed pixel: of their region, else of their category.

    A void hole goes at last to the nearest flat thing, which is what lies
    behind where nobody said what is there.
    """
    height, width = labels.shape
    source = np.full(labels.shape, -1, np.int64)
    placed = kind == Kind.PLACED

    def take(holes: Mask, sources: Mask, box: Box) -> None:
        x0, y0, x1, _ = box
        if not sources.any():
            return
        if np.count_nonzero(holes) > _MANY_HOLES:  # else each would look in vain as far as it may
            holes = holes & (_window(sources.astype(np.int32), reach, highest=True) > 0)
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
    flat = np.isin(labels, [c.id for c in categories.values() if c.planar])
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
    order = np.where(owned, height_order[np.maximum(owner, 0)], low)
    upper = np.where(owned, order, high)
    band = (_window(order, across, highest=True) > order) | (_window(upper, across, highest=False) < upper)
    touching = own_seams(owner, labels)
    for category in np.unique(labels[touching]).tolist():
        of_category = labels == category
        near = _window((touching & of_category).astype(np.int32), along, highest=True) > 0
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
    objects = np.isin(labels, [c.id for c in categories.values() if not c.backdrop]) & owned
    supports = objects | (np.isin(labels, [c.id for c in categories.values() if c.ground]) & owned)
    ranks = np.zeros(256, np.int32)
    for category in categories.values():
        ranks[category.id] = category.front_rank
    front = ranks[labels]
    order = np.where(owned, height_order[np.maximum(owner, 0)], -1) if height_order.size else owner
    under = np.zeros(owner.shape, np.uint8)
    for rows in range(min(contact_px(owner.shape[0]), owner.shape[0] - 1), 0, -1):
        above = objects[:-rows] & supports[rows:]
        above &= (order[:-rows] > order[rows:]) & (front[:-rows] > front[rows:])
        under[rows:][above] = rows
    return under


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


def _window(values: NDArray[np.int32], radius: int, *, highest: bool) -> NDArray[Any]:
    """The highest or lowest value in the square of `radius` around each pixel."""
    extreme = maximum_filter1d if highest else minimum_filter1d
    size = 2 * radius + 1
    out: NDArray[Any] = extreme(extreme(values, size, axis=0, mode="nearest"), size, axis=1, mode="nearest")
    return out
