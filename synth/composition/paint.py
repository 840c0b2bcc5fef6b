"""Color the canvas as the ledger says: what was placed, and what continues it into holes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.composition.footprints import TRIM_PX, own_pixels, shade_px
from synth.composition.harmony import Transfer
from synth.composition.holes import copy_texture
from synth.composition.ledger import Canvas
from synth.composition.warp import Box, Colors, lift
from synth.pictures import CategoryFacts, Mask, Placement, Segment

_DETAIL_SIGMA = 4.0
_SPREAD_SIGMA = 1.5
_SPREAD_PX = 6.0


@dataclass(frozen=True, eq=False)
class Painting:
    """A canvas in color, before a refiner: (H, W, 3) float32 in [0, 1], black where nobody owns.

    `labels` (H, W) are the categories of regions. `layer(index, box)` gives one
    placement's colors, continued beyond its mask, on the canvas pixels of `box`.
    """

    canvas: Canvas
    placements: Sequence[Placement]
    labels: NDArray[np.uint8]
    colors: Colors
    layer: Callable[[int, Box], Colors]


def paint(
    canvas: Canvas,
    labels: NDArray[np.uint8],
    placements: Sequence[Placement],
    segments: Mapping[int, Segment],
    categories: Mapping[int, CategoryFacts],
    transfers: Mapping[int, Transfer],
) -> Painting:
    """Color every owned pixel.

    Holes in a backdrop carry its texture on; those in an object only the
    colors at its edge: a mirrored wheel is worse than none.
    """
    owner = canvas.ledger.owner
    colors = np.zeros((*owner.shape, 3), np.float32)

    def layer(index: int, box: Box) -> Colors:
        placement = placements[index]
        segment = segments[placement.segment]
        own = _clean(segment, categories[segment.category], shade=shade_px(placement.affine, owner.shape[0]))
        raw = lift(segment.rgb, own, placement.affine, box=box)
        return transfers[placement.segment].apply(raw)

    for index, box in owned_boxes(owner, len(placements)).items():
        part = (slice(box[1], box[3]), slice(box[0], box[2]))
        mine = owner[part] == index
        patch = layer(index, box)
        filled = mine & (canvas.source[part] >= 0)
        if filled.any():
            source = canvas.source[part]
            filled &= ~copy_texture(patch, filled, mine & ~filled)
            if categories[segments[placements[index].segment].category].backdrop:
                _continue(patch, filled, mine & ~filled, source, box, owner.shape[1])
            else:
                _spread(patch, filled, mine, source, box, owner.shape[1])
        colors[part][mine] = patch[mine]
    return Painting(canvas, placements, labels, colors, layer)


def _clean(segment: Segment, category: CategoryFacts, *, shade: int) -> Mask:
    """Where the segment's colors are its own: not at its edge, but up to the edge of its photo."""
    mask = own_pixels(segment.mask, category, shade=shade)
    (x0, y0, x1, y1), (height, width) = segment.box, segment.frame
    for side, at_edge in (
        (np.s_[:, :TRIM_PX], x0 == 0),
        (np.s_[:TRIM_PX], y0 == 0),
        (np.s_[:, -TRIM_PX:], x1 == width),
        (np.s_[-TRIM_PX:], y1 == height),
    ):
        if at_edge:
            mask[side] |= segment.mask[side]
    return mask


def owned_boxes(owner: NDArray[np.int32], placements: int) -> dict[int, Box]:
    """The box of what each placement owns, where it owns anything."""
    rows, columns = np.nonzero(owner >= 0)
    index = owner[rows, columns]
    height, width = owner.shape
    low_y, low_x = np.full(placements, height), np.full(placements, width)
    high_y, high_x = np.full(placements, -1), np.full(placements, -1)
    np.minimum.at(low_y, index, rows)
    np.minimum.at(low_x, index, columns)
    np.maximum.at(high_y, index, rows)
    np.maximum.at(high_x, index, columns)
    return {
        i: (int(low_x[i]), int(low_y[i]), int(high_x[i]) + 1, int(high_y[i]) + 1)
        for i in range(placements)
        if high_y[i] >= 0
    }


def _continue(
    patch: Colors,
    filled: NDArray[np.bool_],
    own: NDArray[np.bool_],
    source: NDArray[np.int64],
    box: Box,
    width: int,
) -> None:
    """Give filled pixels the texture on the other side of the pixel they continue.

    The color is the layer's own smooth continuation; the detail is mirrored
    at the source pixel, so that a wall stays a wall and not a smear.
    """
    x0, y0, _, _ = box
    y, x = np.nonzero(filled)
    at = source[y, x]
    from_y, from_x = at // width - y0, at % width - x0
    mirror_y, mirror_x = 2 * from_y - y, 2 * from_x - x
    height, inner = filled.shape
    inside = (mirror_y >= 0) & (mirror_y < height) & (mirror_x >= 0) & (mirror_x < inner)
    inside &= own[np.clip(mirror_y, 0, height - 1), np.clip(mirror_x, 0, inner - 1)]
    detail = _detail(patch, own)
    y, x, mirror_y, mirror_x = y[inside], x[inside], mirror_y[inside], mirror_x[inside]
    patch[y, x] = np.clip(patch[y, x] + detail[mirror_y, mirror_x], 0, 1)


def _spread(
    patch: Colors,
    filled: NDArray[np.bool_],
    mine: NDArray[np.bool_],
    source: NDArray[np.int64],
    box: Box,
    width: int,
) -> None:
    """Give filled pixels the color of the pixel they continue, passing into the layer's own smooth
    continuation further away, where copies would be streaks."""
    x0, y0, _, _ = box
    y, x = np.nonzero(filled)
    from_y, from_x = source[y, x] // width - y0, source[y, x] % width - x0
    height, inner = filled.shape
    inside = (from_y >= 0) & (from_y < height) & (from_x >= 0) & (from_x < inner)
    y, x, from_y, from_x = y[inside], x[inside], from_y[inside], from_x[inside]
    near = np.exp(-np.hypot(from_y - y, from_x - x) / _SPREAD_PX)[:, None].astype(np.float32)
    patch[y, x] = near * patch[from_y, from_x] + (1 - near) * patch[y, x]
    weight = mine.astype(np.float32)
    sums = cv2.GaussianBlur(patch * weight[..., None], (0, 0), _SPREAD_SIGMA)
    soft = sums / np.maximum(cv2.GaussianBlur(weight, (0, 0), _SPREAD_SIGMA), 1e-6)[..., None]
    patch[y, x] = soft[y, x]


def _detail(patch: Colors, own: NDArray[np.bool_]) -> NDArray[Any]:
    """What is finer than `_DETAIL_SIGMA`, without rare strong edges: repeated, they are no texture."""
    weight = own.astype(np.float32)
    sums = cv2.GaussianBlur(patch * weight[..., None], (0, 0), _DETAIL_SIGMA)
    smooth = sums / np.maximum(cv2.GaussianBlur(weight, (0, 0), _DETAIL_SIGMA), 1e-6)[..., None]
    detail = patch - smooth
    usual = np.median(np.abs(detail[own]), axis=0)
    return np.clip(detail, -3 * usual, 3 * usual)
