"""What alignment is learned from: segments of one photo knocked out of place, with the way back known.

They are seen through the windows that requests use.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from synth.alignment.closed_form import Affine, align
from synth.composition.ledger import FIXED, warp_mask
from synth.layout import Region
from synth.networks.windows import ALIGNMENT_SIDE_PX, Window, standing
from synth.pictures import Mask, Rgb, Segment
from synth.training.prepared import Prepared

Share = Annotated[float, Field(ge=0, le=1)]
_ONE = 1 << FIXED


class ShiftRecipe(BaseModel):
    """How far segments are knocked out of place. `scale` and `aspect` are the largest factors either way,
    `shift` a share of the segment's box, `clipped` the chance that a part is cut off."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scale: float = Field(default=1.5, ge=1, le=2)
    aspect: float = Field(default=1.2, ge=1, le=2)
    shift: float = Field(default=0.2, ge=0, le=1)
    turn_degrees: float = Field(default=10.0, ge=0, le=45)
    clipped: Share = 0.5
    affine: float = Field(default=1.0, ge=0)  # weight of the affine itself beside the color
    least_share: float = Field(default=0.003, gt=0, le=1)  # of the frame: smaller segments teach nothing
    held_out: float = Field(default=0.1, gt=0, lt=1)
    measured: int = Field(default=400, ge=1)


@dataclass(frozen=True, eq=False)
class Shifted:
    """A segment knocked out of place, seen through a window of S pixels a side.

    `target` (S, S) bool is the region; `layout` (S, S) places in the snapshot's categories, `OUTSIDE`
    beyond the frame; `color` (S, S, 3) uint8 the segment as it lies, clipped, 0 around it, and `truth` the
    same in place. `answer` (2, 3) is where it has to go, in the window's coordinates.
    """

    target: Mask
    layout: NDArray[np.uint8]
    color: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    answer: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trial:
    """A shifted segment with what answers are measured by: `color`, `mask` and `truth` of it
    unclipped, and the closed-form answer to what is seen of it."""

    seen: Shifted
    color: NDArray[np.uint8]
    mask: Mask
    truth: NDArray[np.uint8]
    moments: NDArray[np.float64]


def large_rows(prepared: Prepared, photos: NDArray[np.int64], recipe: ShiftRecipe) -> NDArray[np.int64]:
    """Rows of segments worth aligning."""
    height, width = prepared.size
    large = prepared.area_px >= recipe.least_share * height * width
    return np.flatnonzero(large & np.isin(prepared.photo, photos))


def shifted(prepared: Prepared, row: int, recipe: ShiftRecipe, rng: np.random.Generator) -> Shifted:
    """Knock one segment out of place."""
    return _knocked(prepared, row, recipe, rng).seen()


def trial(prepared: Prepared, row: int, recipe: ShiftRecipe, rng: np.random.Generator) -> Trial:
    """`shifted`, to be measured on."""
    return _knocked(prepared, row, recipe, rng).trial()


@dataclass(frozen=True, eq=False)
class _Knocked:
    prepared: Prepared
    row: int
    region: Region
    rgb: Rgb
    clipped: Mask
    linear: NDArray[np.float64]
    offset: NDArray[np.float64]

    def seen(self) -> Shifted:
        still = standing(self._box)
        window, side = self._window, ALIGNMENT_SIDE_PX
        return Shifted(
            target=window.mask(self.region.mask, still, side),
            layout=self.prepared.layout_in(window, int(self.prepared.photo[self.row]), side),
            color=_bytes(window.color(self.rgb, self.clipped, self._moved, side)),
            truth=_bytes(window.color(self.rgb, self.clipped, still, side)),
            answer=_in_window(window, self.linear, self.offset),
        )

    def trial(self) -> Trial:
        window, side, mask = self._window, ALIGNMENT_SIDE_PX, self.region.mask
        return Trial(
            seen=self.seen(),
            color=_bytes(window.color(self.rgb, mask, self._moved, side)),
            mask=window.mask(mask, self._moved, side),
            truth=_bytes(window.color(self.rgb, mask, standing(self._box), side)),
            moments=self._by_moments(),
        )

    @property
    def _box(self) -> tuple[int, int, int, int]:
        return self.region.x0, self.region.y0, self.region.x1, self.region.y1

    @property
    def _moved(self) -> Affine:
        return _placed(self._box, self.linear, self.offset)

    @property
    def _reach(self) -> tuple[float, float, float, float]:
        """The box of the segment as it lies now."""
        x0, y0, x1, y1 = self._box
        corners = np.array([[x, y] for x in (x0, x1) for y in (y0, y1)]) @ self.linear.T + self.offset
        low, high = corners.min(axis=0), corners.max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    @property
    def _window(self) -> Window:
        return Window.around(self._box, self._reach)

    def _by_moments(self) -> NDArray[np.float64]:
        low_x, low_y, high_x, high_y = self._reach
        box = (int(np.floor(low_x)), int(np.floor(low_y)), int(np.ceil(high_x)), int(np.ceil(high_y)))
        mask = warp_mask(self.clipped, self._moved, box=box)
        if not mask.any():
            return np.eye(2, 3)
        size = self.prepared.size
        nothing = np.zeros((0, 0, 3), np.uint8)
        segment = Segment(0, 0, self.region.category, nothing, mask, box, size)
        affine, _ = align(segment, self.region, canvas=size, frame="scene", planar=False)
        a, b, c, d, e, f = (value / _ONE for value in affine)
        linear, offset = np.array([[a, b], [d, e]]), np.array([c + box[0], f + box[1]])
        return _in_window(self._window, linear, offset)


def _knocked(prepared: Prepared, row: int, recipe: ShiftRecipe, rng: np.random.Generator) -> _Knocked:
    region = prepared.region(row)
    box = (region.x0, region.y0, region.x1, region.y1)
    rgb = np.asarray(prepared.photos[prepared.photo[row], box[1] : box[3], box[0] : box[2]])
    linear, offset = _knock(box, recipe, rng)
    clipped = _clipped(region.mask, rng) if rng.random() < recipe.clipped else region.mask
    return _Knocked(prepared, row, region, rgb, clipped, linear, offset)


def _knock(
    box: tuple[int, int, int, int], recipe: ShiftRecipe, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A random affine of the canvas about the box's middle: linear (2, 2), offset (2,)."""
    extent = np.array([box[2] - box[0], box[3] - box[1]], np.float64)
    middle = np.array([box[0] + box[2], box[1] + box[3]]) / 2
    size = recipe.scale ** rng.uniform(-1, 1)
    stretch = recipe.aspect ** (rng.uniform(-1, 1) / 2)
    turn = np.deg2rad(rng.uniform(-1, 1) * recipe.turn_degrees)
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = turned @ np.diag([size * stretch, size / stretch])
    offset = middle - linear @ middle + rng.uniform(-1, 1, 2) * recipe.shift * extent
    return linear, offset


def _placed(
    box: tuple[int, int, int, int], linear: NDArray[np.float64], offset: NDArray[np.float64]
) -> Affine:
    """The placement of the crop of `box` after the canvas moved by the affine."""
    back = np.linalg.inv(linear)
    shift = -back @ offset - np.array(box[:2])
    a, b, d, e = (round(float(v) * _ONE) for v in back.ravel())
    return (a, b, round(float(shift[0]) * _ONE), d, e, round(float(shift[1]) * _ONE))


def _in_window(
    window: Window, linear: NDArray[np.float64], offset: NDArray[np.float64]
) -> NDArray[np.float64]:
    """An affine of the canvas in the window's coordinates, [-1, 1] from edge to edge."""
    half = np.array([window.x1 - window.x0, window.y1 - window.y0]) / 2
    middle = np.array([window.x0 + window.x1, window.y0 + window.y1]) / 2
    moved = (linear @ middle + offset - middle) / half
    out: NDArray[np.float64] = np.column_stack([linear * half[None, :] / half[:, None], moved])
    return out


def _clipped(mask: Mask, rng: np.random.Generator) -> Mask:
    """Without what lies beyond a line or inside a box of chance; at least a third of it stays."""
    height, width = mask.shape
    y, x = np.mgrid[:height, :width]
    out: Mask
    for _ in range(4):
        if rng.random() < 0.5:
            angle = rng.uniform(0, 2 * np.pi)
            along = (x / max(width, 1) - 0.5) * np.cos(angle) + (y / max(height, 1) - 0.5) * np.sin(angle)
            out = mask & (along < rng.uniform(0.05, 0.4))
        else:
            x0, y0 = rng.uniform(-0.2, 0.8, 2) * (width, height)
            wide, high = rng.uniform(0.2, 0.6, 2) * (width, height)
            out = mask & ~((x >= x0) & (x < x0 + wide) & (y >= y0) & (y < y0 + high))
        if 3 * np.count_nonzero(out) >= np.count_nonzero(mask):
            return out
    return mask


def _bytes(colors: NDArray[Any]) -> NDArray[np.uint8]:
    out: NDArray[np.uint8] = np.clip(colors * 255 + 0.5, 0, 255).astype(np.uint8)
    return out
