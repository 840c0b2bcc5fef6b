"""Where a placed segment's pixels fall: masks warped, trimmed and opened, by integers alone.

What the ledger is made of; see there.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from synth.pictures import MAX_SIDE_PX, CategoryFacts, Mask

FIXED = 16  # fraction bits of an affine
TRIM_PX = 2
_RIM_PX = 4

Box = tuple[int, int, int, int]


def footprint(
    mask: Mask, category: CategoryFacts, affine: tuple[int, ...], box: Box, shape: tuple[int, ...]
) -> Mask:
    """Where canvas pixels of `box` show a segment's own pixels; the canvas is of `shape` (height, width)."""
    height, width = shape
    out = warp_mask(own_pixels(mask, category, shade=shade_px(affine, height)), affine, box=box)
    # At the frame's edge there is no neighbour whose color could have crept in.
    x0, y0, x1, y1 = box
    y, x = np.arange(y0, y1)[:, None], np.arange(x0, x1)[None, :]
    rim = (np.minimum(y, height - 1 - y) < _RIM_PX) | (np.minimum(x, width - 1 - x) < _RIM_PX)
    if rim.any():
        out |= warp_mask(mask, affine, box=box) & rim
    return out


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
    core = window(np.pad(mask, radius).astype(np.int32), radius, highest=False)
    out: Mask = window(core, radius, highest=True)[radius:-radius, radius:-radius] > 0
    return out


def trimmed(mask: Mask, *, backdrop: bool) -> Mask:
    """Less its outermost two pixels.

    At its edge a photo already shows the neighbour's color (optics, JPEG, a
    labeller's hand), which would stand around the segment as a halo. An
    object keeps what is too thin to spare them. A backdrop does not, while anything else
    of it is left: its slivers between leaves are the ghost of a plant that is not there.
    """
    padded = np.pad(mask, 2 * TRIM_PX).astype(np.int32)
    core = window(padded, TRIM_PX, highest=False)
    inner = slice(2 * TRIM_PX, -2 * TRIM_PX)
    if backdrop and core.any():
        return (core[inner, inner] > 0).astype(bool)
    near_core = window(core, TRIM_PX, highest=True) > core
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
        window(np.pad(between, shade).astype(np.int32), shade, highest=True)[shade:-shade, shade:-shade] > 0
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


def window(values: NDArray[np.int32], radius: int, *, highest: bool) -> NDArray[Any]:
    """The highest or lowest value in the square of `radius` around each pixel."""
    extreme = maximum_filter1d if highest else minimum_filter1d
    size = 2 * radius + 1
    out: NDArray[Any] = extreme(extreme(values, size, axis=0, mode="nearest"), size, axis=1, mode="nearest")
    return out
