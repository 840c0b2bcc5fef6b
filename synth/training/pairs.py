"""What alignment and order are learned from: segments knocked out of place, neighbours of known order.

Both are seen through the windows that requests use.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from synth.alignment.closed_form import Affine, align
from synth.composition.ledger import FIXED, warp_mask
from synth.layout import Region
from synth.networks.windows import ALIGNMENT_SIDE_PX, ORDER_SIDE_PX, OUTSIDE, Window, standing
from synth.pictures import Mask, Segment
from synth.training.prepared import Prepared

Share = Annotated[float, Field(ge=0, le=1)]
_BORDER_PX = 5  # an 11 x 11 window
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


class OrderRecipe(BaseModel):
    """Which neighbours count as ordered: nearer by `depth_ratio`, or by cues of at least `cue`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    depth_ratio: float = Field(default=1.02, gt=1)
    cue: float = Field(default=0.15, ge=0, le=1)
    held_out: float = Field(default=0.1, gt=0, lt=1)


@dataclass(frozen=True, eq=False)
class Shifted:
    """A segment knocked out of place, seen through a window of S pixels a side.

    `target` (S, S) bool is the region; `layout` (S, S) places in the snapshot's categories, `OUTSIDE`
    beyond the frame; `color` (S, S, 3) uint8 the segment as it lies, clipped, 0 around it, and `truth` the
    same in place.
    `whole_color`, `whole_mask` and `whole_truth` show it unclipped. `moments` (2, 3) is the
    closed-form answer, `answer` the true one, in the window's coordinates.
    """

    target: Mask
    layout: NDArray[np.uint8]
    color: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    whole_color: NDArray[np.uint8]
    whole_mask: Mask
    whole_truth: NDArray[np.uint8]
    answer: NDArray[np.float64]
    moments: NDArray[np.float64] | None


@dataclass(frozen=True, eq=False)
class Ordered:
    """Two neighbours through a window: masks (S, S) bool, `layout` (S, S). Does the first lie in front?"""

    first: Mask
    second: Mask
    layout: NDArray[np.uint8]
    first_in_front: bool


@dataclass(frozen=True, eq=False)
class Neighbors:
    """Touching segments with a known order: rows of the table, the front one first.

    `by_depth` where depths said so, and not what kinds of things they are.
    """

    front: NDArray[np.int64]
    behind: NDArray[np.int64]
    by_depth: NDArray[np.bool_]

    def of(self, prepared: Prepared, photos: NDArray[np.int64]) -> "Neighbors":
        chosen = np.isin(prepared.photo[self.front], photos)
        return Neighbors(self.front[chosen], self.behind[chosen], self.by_depth[chosen])


def split(prepared: Prepared, *, held_out: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Photos to learn from and photos to be measured on, which show other scenes: those at the end of
    the snapshot's list, less what the first share with them."""
    count = len(prepared.photos)
    measured = np.arange(count - max(1, round(held_out * count)), count)
    near = np.unique(np.concatenate([prepared.near[at] for at in measured]))
    learned = np.setdiff1d(np.arange(count), near)
    if learned.size == 0:  # one scene only: there is nothing to hold out
        learned = np.setdiff1d(np.arange(count), measured) if count > 1 else measured
    return learned, measured


def large_rows(prepared: Prepared, photos: NDArray[np.int64], recipe: ShiftRecipe) -> NDArray[np.int64]:
    """Rows of segments worth aligning."""
    height, width = prepared.size
    large = prepared.area_px >= recipe.least_share * height * width
    return np.flatnonzero(large & np.isin(prepared.photo, photos))


def shifted(
    prepared: Prepared, row: int, recipe: ShiftRecipe, rng: np.random.Generator, *, moments: bool = False
) -> Shifted:
    """Knock one segment out of place. `moments` adds the closed-form answer."""
    region = prepared.region(row)
    box = (region.x0, region.y0, region.x1, region.y1)
    rgb = np.asarray(prepared.photos[prepared.photo[row], box[1] : box[3], box[0] : box[2]])
    linear, offset = _knock(box, recipe, rng)
    moved = _placed(box, linear, offset)
    clipped = _clipped(region.mask, rng) if rng.random() < recipe.clipped else region.mask
    corners = np.array([[x, y] for x in (box[0], box[2]) for y in (box[1], box[3])]) @ linear.T + offset
    window = Window.around(box, (*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist()))
    side, still = ALIGNMENT_SIDE_PX, standing(box)
    closed = _by_moments(prepared, region, clipped, moved, corners, window) if moments else None
    return Shifted(
        target=window.mask(region.mask, still, side),
        layout=_layout(prepared, row, window, side),
        color=_bytes(window.color(rgb, clipped, moved, side)),
        truth=_bytes(window.color(rgb, clipped, still, side)),
        whole_color=_bytes(window.color(rgb, region.mask, moved, side)),
        whole_mask=window.mask(region.mask, moved, side),
        whole_truth=_bytes(window.color(rgb, region.mask, still, side)),
        answer=_in_window(window, linear, offset),
        moments=closed,
    )


def neighbors(prepared: Prepared, recipe: OrderRecipe) -> Neighbors:
    """All touching segments whose order can be told.

    A flat thing or void lies behind an object. Else the nearer one is in front, by the
    medians of both along their shared border, where depths are known there; where not, by who
    owns the border (the convex side), by how categories stand to each other over the
    whole snapshot, and by how far down the frame they reach.
    """
    facts = prepared.facts()
    flat = np.array([facts[int(c)].planar or facts[int(c)].void for c in prepared.category])
    rank = np.array([facts[int(c)].front_rank for c in prepared.category])
    pairs: list[tuple[int, int]] = []
    depth: list[float] = []
    cue: list[float] = []
    for photo in range(len(prepared.photos)):
        for a, b in _touching(prepared, photo):
            near, convex = _along_border(prepared, a, b)
            pairs.append((a, b))
            depth.append(near)
            cue.append(convex)
    at = np.array(pairs, np.int64).reshape(-1, 2)
    near_by, convex_by = np.array(depth), np.array(cue)
    known = np.isfinite(near_by)
    by_depth = np.where(known & (np.abs(near_by) >= np.log(recipe.depth_ratio)), near_by, 0.0)
    first, second = at[:, 0], at[:, 1]
    lower = np.sign(prepared.box[first, 3] - prepared.box[second, 3])
    same = prepared.category[first] == prepared.category[second]
    usual = _usual(prepared.category[first], prepared.category[second], convex_by)
    by_cue = convex_by + np.where(same, 0.5 * lower, usual + 0.5 * np.sign(rank[first] - rank[second]))
    score = np.where(known, by_depth, np.where(np.abs(by_cue) >= recipe.cue, by_cue, 0.0))
    kinds = flat[second].astype(int) - flat[first].astype(int)
    score = np.where(kinds != 0, kinds, score)
    told = score != 0
    ahead = np.where(score > 0, first, second)[told]
    behind = np.where(score > 0, second, first)[told]
    return Neighbors(ahead, behind, (known & (kinds == 0))[told])


def ordered(prepared: Prepared, front: int, behind: int, rng: np.random.Generator) -> Ordered:
    """A pair through its window, either of the two first."""
    one, other = (front, behind) if rng.random() < 0.5 else (behind, front)
    regions = [prepared.region(one), prepared.region(other)]
    boxes = [(r.x0, r.y0, r.x1, r.y1) for r in regions]
    window = Window.around(*boxes)
    masks = [window.mask(r.mask, standing(box), ORDER_SIDE_PX) for r, box in zip(regions, boxes, strict=True)]
    layout = _layout(prepared, front, window, ORDER_SIDE_PX)
    return Ordered(masks[0], masks[1], layout, one == front)


def by_rule(prepared: Prepared, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the order without learning puts the first in front: flat things behind, then front rank,
    then the lower edge."""
    facts = prepared.facts()

    def key(rows: NDArray[np.int64]) -> Any:
        kinds = [facts[int(c)] for c in prepared.category[rows]]
        flat = np.array([0.0 if k.void else 1.0 if k.planar else 2.0 for k in kinds])
        rank = np.array([float(k.front_rank) for k in kinds])
        return flat * 1e6 + rank * 1e4 + prepared.box[rows, 3]

    out: NDArray[np.bool_] = key(first) > key(second)
    return out


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


def _by_moments(
    prepared: Prepared, region: Region, clipped: Mask, moved: Affine, corners: NDArray[Any], window: Window
) -> NDArray[np.float64]:
    low, high = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int)
    box = (int(low[0]), int(low[1]), int(high[0]), int(high[1]))
    mask = warp_mask(clipped, moved, box=box)
    if not mask.any():
        return np.eye(2, 3)
    segment = Segment(0, 0, region.category, np.zeros((0, 0, 3), np.uint8), mask, box, prepared.size)
    affine, _ = align(segment, region, canvas=prepared.size, frame="scene", planar=False)
    a, b, c, d, e, f = (value / _ONE for value in affine)
    return _in_window(window, np.array([[a, b], [d, e]]), np.array([c + box[0], f + box[1]]))


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


def _layout(prepared: Prepared, row: int, window: Window, side: int) -> NDArray[np.uint8]:
    labels = window.labels(np.asarray(prepared.labels[prepared.photo[row]]), side)
    out: NDArray[np.uint8] = np.where(labels == OUTSIDE, np.uint8(OUTSIDE), prepared.places()[labels])
    return out


def _touching(prepared: Prepared, photo: int) -> list[tuple[int, int]]:
    """Pairs of rows whose segments have neighbouring pixels, each pair once."""
    ordinals = np.asarray(prepared.ordinals[photo]).astype(np.int64)
    found = []
    for one, other in ((ordinals[:, 1:], ordinals[:, :-1]), (ordinals[1:], ordinals[:-1])):
        low, high = np.minimum(one, other), np.maximum(one, other)
        found.append((low << 16 | high)[low != high])
    base = int(prepared.first[photo])
    return [(base + (key >> 16), base + (key & 0xFFFF)) for key in np.unique(np.concatenate(found)).tolist()]


def _along_border(prepared: Prepared, a: int, b: int) -> tuple[float, float]:
    """How much nearer `a` is than `b` along their border (log of the ratio of medians, NaN where unknown),
    and how convex it is there (-1 to 1)."""
    photo = prepared.photo[a]
    boxes = prepared.box[[a, b]].astype(int)
    x0, y0 = np.maximum(boxes[:, :2].max(axis=0) - 2 * _BORDER_PX, 0)
    x1, y1 = boxes[:, 2:].min(axis=0) + 2 * _BORDER_PX
    part = (photo, slice(y0, y1), slice(x0, x1))
    ordinals = prepared.ordinals[part]
    masks = [(ordinals == prepared.ordinal[row]).astype(np.uint8) for row in (a, b)]
    square = np.ones((2 * _BORDER_PX + 1,) * 2, np.uint8)
    zone = (cv2.dilate(masks[0], square) > 0) & (cv2.dilate(masks[1], square) > 0)
    inside = [(mask > 0) & zone for mask in masks]
    sizes = [int(np.count_nonzero(one)) for one in inside]
    convex = (sizes[1] - sizes[0]) / max(1, sizes[0] + sizes[1])
    depths = prepared.depths[part]
    known = [depths[one & (depths > 0)] for one in inside]
    if any(values.size == 0 for values in known):
        return float("nan"), convex
    return float(np.log(np.median(known[1]) / np.median(known[0]))), convex


def _usual(
    first: NDArray[np.uint8], second: NDArray[np.uint8], convex: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How convex the first's category is against the second's over all pairs of the two."""
    key = first.astype(np.int64) * 256 + second
    back = second.astype(np.int64) * 256 + first
    total = np.bincount(key, convex, 65536) - np.bincount(back, convex, 65536)
    count = np.bincount(key, minlength=65536) + np.bincount(back, minlength=65536)
    mean = total / np.maximum(count, 1)
    out: NDArray[np.float64] = np.clip(4 * mean[key], -1, 1)
    return out


def _bytes(colors: NDArray[Any]) -> NDArray[np.uint8]:
    out: NDArray[np.uint8] = np.clip(colors * 255 + 0.5, 0, 255).astype(np.uint8)
    return out
