"""The window around one or two segments that the transformation and the ordering network look through.

Training and use cut their windows here and nowhere else, so that a network meets in use what it learned on.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.alignment.closed_form import Affine
from synth.composition.footprints import FIXED, warp_mask
from synth.composition.warp import Colors, lift
from synth.layout import Region
from synth.pictures import Mask, Rgb, as_point

ALIGNMENT_SIDE_PX = 64
ORDER_SIDE_PX = 64
OUTSIDE = 255  # no category: beyond the frame
_MARGIN = 0.125  # of the boxes' extent, on each side
_ONE = 1 << FIXED

Box = tuple[float, float, float, float]


def standing(box: tuple[int, int, int, int]) -> Affine:
    """The affine of a crop that stays where it is in its frame."""
    return (_ONE, 0, -box[0] * _ONE, 0, _ONE, -box[1] * _ONE)


@dataclass(frozen=True)
class Window:
    """A box of the canvas, seen as a square of `side` pixels. It may reach beyond the frame."""

    x0: float
    y0: float
    x1: float
    y1: float

    @classmethod
    def around(cls, *boxes: Box) -> "Window":
        """The box of all boxes, an eighth larger on each side."""
        x0, y0 = min(b[0] for b in boxes), min(b[1] for b in boxes)
        x1, y1 = max(b[2] for b in boxes), max(b[3] for b in boxes)
        wide, high = _MARGIN * (x1 - x0), _MARGIN * (y1 - y0)
        return cls(x0 - wide, y0 - high, x1 + wide, y1 + high)

    def labels(self, labels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
        """(side, side) of the canvas's (H, W) labels, nearest pixel; `OUTSIDE` beyond the frame."""
        at = (np.arange(side) + 0.5) / side
        x = np.floor(self.x0 + at * (self.x1 - self.x0)).astype(np.int64)
        y = np.floor(self.y0 + at * (self.y1 - self.y0)).astype(np.int64)
        height, width = labels.shape
        wide, high = (x >= 0) & (x < width), (y >= 0) & (y < height)
        out = np.full((side, side), OUTSIDE, np.uint8)
        out[np.ix_(high, wide)] = labels[np.ix_(y[high], x[wide])]
        return out

    def mask(self, mask: Mask, affine: Affine, side: int) -> Mask:
        """(side, side): where the window shows the (h, w) mask of a crop placed by `affine`."""
        return warp_mask(mask, self._through(affine, side), box=(0, 0, side, side))

    def color(self, rgb: Rgb, mask: Mask, affine: Affine, side: int) -> Colors:
        """(side, side, 3) float32 in [0, 1]: the crop placed by `affine`, 0 outside its mask."""
        through = self._through(affine, side)
        box = (0, 0, side, side)
        shown = warp_mask(mask, through, box=box)
        if not shown.any():
            return np.zeros((side, side, 3), np.float32)
        out: Colors = lift(rgb, mask, through, box=box) * shown[..., None]
        return out

    def corrected(self, affine: Affine, correction: NDArray[Any]) -> Affine:
        """The placement after a network's correction.

        Args:
            affine: the placement that the network saw.
            correction: (2, 3), from a point of the window to the point whose color it
                should show, both in [-1, 1] from edge to edge.
        """
        return in_fixed_point(composed(as_point(affine), self.on_canvas(correction)))

    def correction(self, affine: Affine, wanted: Affine) -> NDArray[np.float64]:
        """(2, 3): the correction that makes `wanted` of the placement `affine`; undoes `corrected`."""
        placed, goal = as_point(affine), as_point(wanted)
        back = np.linalg.inv(placed[:, :2])
        return self.in_window(composed(np.column_stack([back, -back @ placed[:, 2]]), goal))

    def on_canvas(self, correction: NDArray[Any]) -> NDArray[np.float64]:
        """A (2, 3) affine of the window, [-1, 1] from edge to edge, as one of the canvas's pixels."""
        half, middle = self._half, self._middle
        linear = correction[:, :2] * half[:, None] / half[None, :]
        out: NDArray[np.float64] = np.column_stack(
            [linear, correction[:, 2] * half + middle - linear @ middle]
        )
        return out

    def in_window(self, matrix: NDArray[Any]) -> NDArray[np.float64]:
        """Undoes `on_canvas`."""
        half, middle = self._half, self._middle
        moved = (matrix[:, :2] @ middle + matrix[:, 2] - middle) / half
        out: NDArray[np.float64] = np.column_stack([matrix[:, :2] * half[None, :] / half[:, None], moved])
        return out

    @property
    def _half(self) -> NDArray[np.float64]:
        return np.array([(self.x1 - self.x0) / 2, (self.y1 - self.y0) / 2])

    @property
    def _middle(self) -> NDArray[np.float64]:
        return np.array([(self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2])

    def _through(self, affine: Affine, side: int) -> Affine:
        scale = np.array([(self.x1 - self.x0) / side, (self.y1 - self.y0) / side])
        shown = np.column_stack([np.diag(scale), [self.x0, self.y0]])
        return in_fixed_point(composed(as_point(affine), shown))


@dataclass(frozen=True, eq=False)
class Sight:
    """What the transformation network sees of a segment where `placed` puts it, but for the layout.

    `target` (S, S) bool is the region, `mask` (S, S) bool the segment, `color`
    (S, S, 3) float32 in [0, 1] its color, 0 around it.
    """

    placed: Affine
    window: Window
    target: Mask
    mask: Mask
    color: Colors

    @classmethod
    def of(cls, rgb: Rgb, mask: Mask, placed: Affine, region: Region) -> "Sight":
        box, side = (region.x0, region.y0, region.x1, region.y1), ALIGNMENT_SIDE_PX
        window = Window.around(box, extent(mask, placed))
        target = window.mask(region.mask, standing(box), side)
        shown, color = window.mask(mask, placed, side), window.color(rgb, mask, placed, side)
        return cls(placed, window, target, shown, color)


def extent(mask: Mask, affine: Affine) -> Box:
    """The box of the canvas that a placed crop's mask takes up, however it is turned."""
    rows = np.flatnonzero(mask.any(axis=1))
    if rows.size == 0:
        x, y = np.array([0, mask.shape[1]] * 2), np.array([0, 0] + [mask.shape[0]] * 2)
    else:
        ends = mask[rows].argmax(axis=1), mask.shape[1] - mask[rows, ::-1].argmax(axis=1)
        x, y = np.concatenate([*ends, *ends]), np.concatenate([rows, rows, rows + 1, rows + 1])
    matrix = as_point(affine)
    points = np.linalg.solve(matrix[:, :2], np.stack([x, y]) - matrix[:, 2:])
    low, high = points.min(axis=1), points.max(axis=1)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def composed(outer: NDArray[Any], inner: NDArray[Any]) -> NDArray[np.float64]:
    """(2, 3) affines: `outer` of what `inner` makes of a point."""
    moved = outer[:, :2] @ inner[:, 2] + outer[:, 2]
    out: NDArray[np.float64] = np.column_stack([outer[:, :2] @ inner[:, :2], moved])
    return out


def in_fixed_point(matrix: NDArray[Any]) -> Affine:
    """(2, 3), canvas point to crop point, as placements write it."""
    a, b, c, d, e, f = (round(float(v) * _ONE) for v in matrix.ravel())
    return (a, b, c, d, e, f)
