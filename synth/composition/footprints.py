"""Where a placed segment's pixels fall: masks warped, trimmed and opened, by integers alone.

What the ledger is made of; see there.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from synth.pictures import MAX_SIDE_PX, CategoryFacts, Mask

FIXED = 16  # fraction bits of an affine
TRIM_PX = 2
_RIM_PX = 4
_NARROW = 16  # OpenCV's time grows with the radius, scipy's does not, and starts higher

Box = tuple[int, int, int, int]


def footprint(
    mask: Mask, category: CategoryFacts, affine: tuple[int, ...], box: Box, shape: tuple[int, ...]
) -> Mask:
    """Where canvas pixels of `box` show a segment's own pixels; the canvas is of `shape` (height, width)."""
    height, width = shape
    out = warp_mask(own_pixels(mask, category, shade=shade_px(affine, height)), affine, box=box)
    # At the frame's edge there is no neighbour whose color could have crept in.
    x0, y0, x1, y1 = box
    if min(x0, y0, width - x1, height - y1) < _RIM_PX:
        y, x = np.arange(y0, y1)[:, None], np.arange(x0, x1)[None, :]
        rim = (np.minimum(y, height - 1 - y) < _RIM_PX) | (np.minimum(x, width - 1 - x) < _RIM_PX)
        out |= warp_mask(mask, affine, box=box) & rim
    return out


def warp_mask(mask: Mask, affine: tuple[int, ...], *, box: Box) -> Mask:
    """Where canvas pixels of `box` show the mask: (y1 - y0, x1 - x0) bool, nearest pixel."""
    a, b, c, d, e, f = affine
    x0, y0, x1, y1 = box
    # Centers lie at half-integers: doubled coordinates keep them whole, with one fraction bit more.
    x = 2 * np.arange(x0, x1, dtype=np.int64) + 1
    y = 2 * np.arange(y0, y1, dtype=np.int64) + 1
    height, width = mask.shape
    if b == 0 and d == 0:  # upright, as nearly all are: the same answer from one row and one column
        u, v = (a * x + 2 * c) >> (FIXED + 1), (e * y + 2 * f) >> (FIXED + 1)
        wide, high = _within(u, width), _within(v, height)
        upright = np.zeros((y1 - y0, x1 - x0), bool)
        upright[high, wide] = mask[v[high]][:, u[wide]]
        return upright
    u = (a * x + (b * y + 2 * c)[:, None]) >> (FIXED + 1)
    v = (d * x + (e * y + 2 * f)[:, None]) >> (FIXED + 1)
    inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    out: Mask = inside & mask[np.clip(v, 0, height - 1), np.clip(u, 0, width - 1)]
    return out


def _within(places: NDArray[np.int64], size: int) -> slice:
    """Of places that only grow, or only fall: those in [0, size)."""
    inside = np.flatnonzero((places >= 0) & (places < size))
    return slice(inside[0], inside[-1] + 1) if inside.size else slice(0, 0)


def opened(mask: Mask, radius: int) -> Mask:
    """Without what a square of side 2 * radius + 1 does not fit into.

    Where a region's best segment leaves crumbs, another photo's pixels would only make patchwork:
    crumbs are filled from the segment around them.
    """
    core = window(_padded(mask, radius), radius, highest=False)
    out: Mask = window(core, radius, highest=True)[radius:-radius, radius:-radius]
    return out


def _padded(mask: Mask, around: int) -> Mask:
    height, width = mask.shape
    out = np.zeros((height + 2 * around, width + 2 * around), bool)
    out[around : around + height, around : around + width] = mask
    return out


def trimmed(mask: Mask, *, backdrop: bool) -> Mask:
    """Less its outermost two pixels.

    At its edge a photo already shows the neighbour's color (optics, JPEG, a
    labeller's hand), which would stand around the segment as a halo. An
    object keeps what is too thin to spare them. A backdrop does not, while anything else
    of it is left: its slivers between leaves are the ghost of a plant that is not there.
    """
    core = window(_padded(mask, 2 * TRIM_PX), TRIM_PX, highest=False)
    inner = slice(2 * TRIM_PX, -2 * TRIM_PX)
    if backdrop and core.any():
        return core[inner, inner]
    near_core = window(core, TRIM_PX, highest=True) & ~core
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
    near = window(_padded(between, shade), shade, highest=True)[shade:-shade, shade:-shade]
    if category.ground:  # light falls from above, and what drives or sits on the ground is large
        near[shade:] |= near[:-shade]
    lit: Mask = inner & ~near
    return lit if 2 * np.count_nonzero(lit) > np.count_nonzero(inner) else inner


def shade_px(affine: tuple[int, ...], height: int) -> int:
    """How far a shadow reaches, in pixels of the crop that `affine` places on a canvas `height` high."""
    return min(max(1, height // 48) * max(abs(affine[0]), abs(affine[4])) >> FIXED, MAX_SIDE_PX)


def small_hole_px(height: int) -> int:
    return max(TRIM_PX + 1, height // 64)


def window(values: NDArray[Any], radius: int, *, highest: bool) -> NDArray[Any]:
    """The highest or lowest value, whole numbers or truth, in the square of `radius` around each pixel."""
    size = 2 * radius + 1
    if radius <= _NARROW and values.dtype != np.int32:
        of_bytes = values.view(np.uint8) if values.dtype == np.bool_ else values
        square = np.ones((size, size), np.uint8)
        found: NDArray[Any] = (cv2.dilate if highest else cv2.erode)(of_bytes, square)
        return found.view(values.dtype)
    extreme = maximum_filter1d if highest else minimum_filter1d
    out: NDArray[Any] = extreme(extreme(values, size, axis=0, mode="nearest"), size, axis=1, mode="nearest")
    return out


def narrowed(values: NDArray[Any]) -> NDArray[Any]:
    """The same numbers in half of the bytes, where they fit."""
    fit = values.size and values.min() >= -(1 << 15) and values.max() < 1 << 15
    return values.astype(np.int16) if fit else values
