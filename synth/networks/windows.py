"""The window around one or two segments that the transformation and the ordering network look through.

Training and use cut their windows here and nowhere else, so that a network meets in use what it learned on.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.alignment.closed_form import Affine
from synth.composition.ledger import FIXED, warp_mask
from synth.composition.warp import Colors, lift
from synth.pictures import Mask, Rgb, as_point

ALIGNMENT_SIDE_PX = 96
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
        half = np.array([(self.x1 - self.x0) / 2, (self.y1 - self.y0) / 2])
        middle = np.array([(self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2])
        linear = correction[:, :2] * half[:, None] / half[None, :]
        offset = correction[:, 2] * half + middle - linear @ middle
        return _composed(as_point(affine), linear, offset)

    def _through(self, affine: Affine, side: int) -> Affine:
        scale = np.array([(self.x1 - self.x0) / side, (self.y1 - self.y0) / side])
        return _composed(as_point(affine), np.diag(scale), np.array([self.x0, self.y0]))


def _composed(placed: NDArray[Any], linear: NDArray[Any], offset: NDArray[Any]) -> Affine:
    """`placed` after (linear, offset), in fixed point."""
    matrix = placed[:, :2] @ linear
    moved = placed[:, :2] @ offset + placed[:, 2]
    a, b, d, e = (round(float(v) * _ONE) for v in matrix.ravel())
    c, f = (round(float(v) * _ONE) for v in moved)
    return (a, b, c, d, e, f)
