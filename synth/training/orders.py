"""What order is learned from: neighbours of which one is known to lie in front, or likely to.

They are seen through the windows that requests use.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from synth.networks.windows import ORDER_SIDE_PX, Window, standing
from synth.pictures import Mask
from synth.training.prepared import Prepared

_BORDER_PX = 5  # an 11 x 11 window


class OrderRecipe(BaseModel):
    """Which neighbours count as ordered: nearer by `depth_ratio`, or by cues of at least `cue`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    depth_ratio: float = Field(default=1.02, gt=1)
    cue: float = Field(default=0.15, ge=0, le=1)
    held_out: float = Field(default=0.1, gt=0, lt=1)


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
    layout = prepared.layout_in(window, int(prepared.photo[front]), ORDER_SIDE_PX)
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
