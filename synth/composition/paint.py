"""Color the canvas as the ledger says: what was placed, and what continues it into holes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from synth.composition.harmony import Transfer
from synth.composition.ledger import Canvas
from synth.composition.warp import Box, Colors, lift
from synth.pictures import Placement, Segment

_DETAIL_SIGMA = 4.0


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
    transfers: Mapping[int, Transfer],
) -> Painting:
    owner = canvas.ledger.owner
    colors = np.zeros((*owner.shape, 3), np.float32)

    def layer(index: int, box: Box) -> Colors:
        placement = placements[index]
        segment = segments[placement.segment]
        raw = lift(segment.rgb, segment.mask, placement.affine, box=box)
        return transfers[placement.segment].apply(raw)

    for index, box in owned_boxes(owner, len(placements)).items():
        part = (slice(box[1], box[3]), slice(box[0], box[2]))
        mine = owner[part] == index
        patch = layer(index, box)
        filled = mine & (canvas.source[part] >= 0)
        if filled.any():
            _continue(patch, filled, mine & ~filled, canvas.source[part], box, owner.shape[1])
        colors[part][mine] = patch[mine]
    return Painting(canvas, placements, labels, colors, layer)


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
    source_inside = (from_y >= 0) & (from_y < height) & (from_x >= 0) & (from_x < inner)
    detail = patch - _smooth(patch)
    take_y, take_x = np.where(inside, mirror_y, from_y), np.where(inside, mirror_x, from_x)
    usable = inside | source_inside
    y, x, take_y, take_x = y[usable], x[usable], take_y[usable], take_x[usable]
    patch[y, x] = np.clip(patch[y, x] + detail[take_y, take_x] * inside[usable][:, None], 0, 1)


def _smooth(colors: Colors) -> NDArray[Any]:
    out: NDArray[Any] = cv2.GaussianBlur(colors, (0, 0), _DETAIL_SIGMA)
    return out
