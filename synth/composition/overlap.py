"""The overlap canvas: footprints that reach beyond their region, and the order that cuts them.

On a strict canvas a layout's outlines are the picture's. Here a segment keeps its own outline as far as
`overlap_px` beyond its region, where nothing that stands before it is; and where it falls short of
its region's border, what lies behind shows, as it would in a photo. Integers alone, as in the ledger.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from synth.composition.footprints import footprint, warp_mask, window
from synth.layout import Region
from synth.pictures import CategoryFacts, Mask, Placement


def overlap_px(height: int) -> int:
    """How far a footprint may reach beyond its region, by rows and by columns: 0.02 of the height."""
    return max(1, height // 50)


def spill(
    owner: NDArray[np.int32],
    areas: Sequence[Region],
    placements: Sequence[Placement],
    masks: Mapping[int, Mask],
    categories: Mapping[int, CategoryFacts],
    height_order: NDArray[np.int32],
) -> Mask:
    """Give each foremost placement of a region what it spills; (H, W) the pixels that changed hands so.

    Of several the one in front has a pixel. What a region's own segment covers goes only to what stands
    before it. A hole goes to whatever reaches it, but in a thin thing, which would be lost, only to what
    stands before it; and what nothing was placed in is left to whoever makes it up. Void is
    everybody's, and spills nowhere. A table, or whatever else bears things, covers none that could stand
    on it, however they were ordered: by depth its front edge lies before them, and would bite into them.

    Args:
        owner: as a strict canvas has it, before holes are filled; changed in place.
        height_order: by placement its place from back to front, from 0.
    """
    height, width = owner.shape
    reach = overlap_px(height)
    foremost = _foremost(placements, height_order)
    stands, borne = _standing(owner, areas, placements, masks, categories, height_order, foremost)
    spilled = np.zeros(owner.shape, bool)
    for index in sorted(foremost.values(), key=lambda i: int(height_order[i])):
        placement = placements[index]
        region = areas[placement.region]
        category = categories[region.category]
        if category.void:
            continue
        x0, y0 = max(0, region.x0 - reach), max(0, region.y0 - reach)
        x1, y1 = min(width, region.x1 + reach), min(height, region.y1 + reach)
        part = (slice(y0, y1), slice(x0, x1))
        inside = np.zeros((y1 - y0, x1 - x0), bool)
        inside[region.y0 - y0 : region.y1 - y0, region.x0 - x0 : region.x1 - x0] = region.mask
        beside = window(inside, reach, highest=True) & ~inside
        reached = footprint(
            masks[placement.segment], category, placement.affine, (x0, y0, x1, y1), owner.shape
        )
        taken = beside & reached & (stands[part] < height_order[index])
        if category.bearing:
            taken &= ~borne[part]
        owner[part][taken] = index
        stands[part][taken] = height_order[index]
        borne[part][taken] = _could_stand(category)
        spilled[part] |= taken
    return spilled


def _foremost(placements: Sequence[Placement], height_order: NDArray[np.int32]) -> dict[int, int]:
    """By region its placement that lies in front; further ones close holes, and would stick out of it."""
    out: dict[int, int] = {}
    for index, placement in enumerate(placements):
        known = out.get(placement.region)
        if known is None or height_order[index] > height_order[known]:
            out[placement.region] = index
    return out


def _standing(
    owner: NDArray[np.int32],
    areas: Sequence[Region],
    placements: Sequence[Placement],
    masks: Mapping[int, Mask],
    categories: Mapping[int, CategoryFacts],
    height_order: NDArray[np.int32],
    foremost: Mapping[int, int],
) -> tuple[NDArray[np.int32], Mask]:
    """(H, W): the place in the order that a spill has to be in front of, to have the pixel; and whether it
    is of a thing that could stand on another."""
    # -1, nobody, takes the last.
    places = np.append(height_order, -1).astype(np.int32)
    things = np.array([*(_could_stand(categories[areas[p.region].category]) for p in placements), False])
    stands: NDArray[np.int32] = places[owner]
    borne: Mask = things[owner]
    for region in areas:
        part = (slice(region.y0, region.y1), slice(region.x0, region.x1))
        category = categories[region.category]
        index = foremost.get(region.ordinal)
        if index is None:
            if not category.void:
                stands[part][region.mask] = len(placements)
            continue
        hole = region.mask & (owner[part] < 0)
        if not category.thin:  # the edge that the segment was trimmed of is its own color's, continued
            box = (region.x0, region.y0, region.x1, region.y1)
            hole &= warp_mask(masks[placements[index].segment], placements[index].affine, box=box)
        stands[part][hole] = height_order[index]
        borne[part][hole] = _could_stand(category)
    return stands, borne


def _could_stand(category: CategoryFacts) -> bool:
    return not (category.bearing or category.backdrop)
