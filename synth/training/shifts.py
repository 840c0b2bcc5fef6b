"""What alignment is learned from: segments of one photo knocked out of place, with the way back known.

They are seen through the windows that requests use.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from synth.alignment.closed_form import Affine, align
from synth.composition.footprints import warp_mask
from synth.composition.warp import lift
from synth.layout import Region
from synth.networks.aligner import improved, overlap_of
from synth.networks.windows import (
    ALIGNMENT_SIDE_PX,
    Sight,
    composed,
    extent,
    in_fixed_point,
    standing,
)
from synth.pictures import Mask, Rgb, Segment, as_point
from synth.training.prepared import Prepared

Share = Annotated[float, Field(ge=0, le=1)]


class ShiftRecipe(BaseModel):
    """How far segments are knocked out of place. `scale` and `aspect` are the largest factors either way,
    `shift` a share of the segment's box, `clipped` the chance that a part is cut off."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scale: float = Field(default=1.5, ge=1, le=2)
    aspect: float = Field(default=1.2, ge=1, le=2)
    shift: float = Field(default=0.2, ge=0, le=1)
    turn_degrees: float = Field(default=10.0, ge=0, le=45)
    clipped: Share = 0.5
    affine: float = Field(default=2.0, ge=0)  # weight of the way still to go, beside the color
    least_share: float = Field(default=0.003, gt=0, le=1)  # of the frame: smaller segments teach nothing
    held_out: float = Field(default=0.1, gt=0, lt=1)
    measured: int = Field(default=400, ge=1)


@dataclass(frozen=True, eq=False)
class Shifted:
    """A segment knocked out of place and put back by the closed form, seen through a window of S pixels.

    `target` (S, S) bool is the region; `layout` (S, S) places in the snapshot's categories, `OUTSIDE`
    beyond the frame; `color` (S, S, 3) uint8 the segment, clipped, 0 around it, and `mask` (S, S) bool its
    mask. `answer` (2, 3) is the correction that is left to be made, in the window's coordinates.
    """

    target: Mask
    layout: NDArray[np.uint8]
    color: NDArray[np.uint8]
    mask: Mask
    answer: NDArray[np.float64]

    def mirrored(self) -> "Shifted":
        """Left for right."""
        return Shifted(
            target=np.ascontiguousarray(self.target[:, ::-1]),
            layout=np.ascontiguousarray(self.layout[:, ::-1]),
            color=np.ascontiguousarray(self.color[:, ::-1]),
            mask=np.ascontiguousarray(self.mask[:, ::-1]),
            answer=self.answer * [[1, -1, -1], [-1, 1, 1]],
        )


def large_rows(prepared: Prepared, photos: NDArray[np.int64], recipe: ShiftRecipe) -> NDArray[np.int64]:
    """Rows of segments worth aligning."""
    height, width = prepared.size
    large = prepared.area_px >= recipe.least_share * height * width
    return np.flatnonzero(large & np.isin(prepared.photo, photos))


def shifted(prepared: Prepared, row: int, recipe: ShiftRecipe, rng: np.random.Generator) -> Shifted:
    """Knock one segment out of place; half of them are mirrored."""
    made = knocked(prepared, row, recipe, rng)
    seen = made.seen(made.sight())
    return seen.mirrored() if rng.random() < 0.5 else seen


@dataclass(frozen=True, eq=False)
class Knocked:
    """A segment of a photo, out of place in it.

    `rgb` and `region` are of the whole segment, `visible` (h, w) bool what clipping left of it. Placements
    are of its crop: `still` where it was knocked to, `moments` where the closed form puts what is
    visible, `best` where it belongs.
    """

    prepared: Prepared
    photo: int
    region: Region
    rgb: Rgb
    visible: Mask
    still: Affine
    moments: Affine

    @property
    def best(self) -> Affine:
        return standing(_box(self.region))

    def sight(self) -> Sight:
        """What the network sees first, as in use."""
        return Sight.of(self.rgb, self.visible, self.moments, self.region)

    def seen(self, sight: Sight) -> Shifted:
        return Shifted(
            target=sight.target,
            layout=self.prepared.layout_in(sight.window, self.photo, ALIGNMENT_SIDE_PX),
            color=_bytes(sight.color),
            mask=sight.mask,
            answer=sight.window.correction(sight.placed, self.best),
        )

    def improved(self, answer: Callable[[Shifted], NDArray[np.float64]], *, undo: bool) -> Affine:
        """The placement by a network's answers, undone where use undoes them or taken as they are."""
        return improved(
            self.rgb,
            self.visible,
            self.moments,
            self.region,
            lambda sight: answer(self.seen(sight)),
            first=self.still,
            canvas=self.prepared.size,
            undo=undo,
        )

    def fit(self, placement: Affine) -> tuple[float, float]:
        """How well a placement puts the whole segment, unclipped, back on the canvas: mean absolute color
        difference inside the region (0 where it leaves it bare), and overlap with the region (IoU)."""
        box, mask = _box(self.region), self.region.mask
        shown = lift(self.rgb, mask, placement, box=box) * warp_mask(mask, placement, box=box)[..., None]
        apart = np.abs(shown - self.rgb / 255).mean(axis=2)[mask]
        return float(apart.mean()), overlap_of(mask, placement, self.region, self.prepared.size)


def knocked(prepared: Prepared, row: int, recipe: ShiftRecipe, rng: np.random.Generator) -> Knocked:
    region = prepared.region(row)
    x0, y0, x1, y1 = box = _box(region)
    photo = int(prepared.photo[row])
    rgb = np.asarray(prepared.photos[photo, y0:y1, x0:x1])
    still = _knock(box, recipe, rng)
    visible = _clipped(region.mask, rng) if rng.random() < recipe.clipped else region.mask
    moments = _by_moments(visible, still, region, prepared.size)
    return Knocked(prepared, photo, region, rgb, visible, still, moments)


def _by_moments(visible: Mask, still: Affine, region: Region, canvas: tuple[int, int]) -> Affine:
    """Where the closed form puts a segment that stands as `still` has it in a photo."""
    reach = extent(visible, still)
    left, top = int(np.floor(reach[0])), int(np.floor(reach[1]))
    box = (left, top, int(np.ceil(reach[2])), int(np.ceil(reach[3])))
    mask = warp_mask(visible, still, box=box)
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return still
    mask = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    left, top = left + int(columns[0]), top + int(rows[0])
    box = (left, top, left + mask.shape[1], top + mask.shape[0])
    segment = Segment(0, 0, region.category, np.zeros((0, 0, 3), np.uint8), mask, box, canvas)
    affine, _ = align(segment, region, canvas=canvas, frame="scene", planar=False)
    if affine == standing(box):
        return still
    to_photo = as_point(affine) + np.array([[0, 0, left], [0, 0, top]])
    return in_fixed_point(composed(as_point(still), to_photo))


def _box(region: Region) -> tuple[int, int, int, int]:
    return region.x0, region.y0, region.x1, region.y1


def _knock(box: tuple[int, int, int, int], recipe: ShiftRecipe, rng: np.random.Generator) -> Affine:
    """The placement of the crop of `box` after a random affine of the canvas about the box's middle."""
    extent_px = np.array([box[2] - box[0], box[3] - box[1]], np.float64)
    middle = np.array([box[0] + box[2], box[1] + box[3]]) / 2
    size = recipe.scale ** rng.uniform(-1, 1)
    stretch = recipe.aspect ** (rng.uniform(-1, 1) / 2)
    turn = np.deg2rad(rng.uniform(-1, 1) * recipe.turn_degrees)
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = turned @ np.diag([size * stretch, size / stretch])
    offset = middle - linear @ middle + rng.uniform(-1, 1, 2) * recipe.shift * extent_px
    back = np.linalg.inv(linear)
    return in_fixed_point(np.column_stack([back, -back @ offset - np.array(box[:2])]))


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
