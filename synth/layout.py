"""Semantic layouts and label maps, and the regions they fall into.

The same rule cuts a layout into regions and a photo into segments, so that a
photo's own layout finds the photo's own segments.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import find_objects

from synth.distance import nearest

VOID = 0
"""The house id of unlabelled pixels: a category like any other, except that contexts leave it out."""

SPECKLE_PX = 3
"""A component whose box is at most this many pixels each way is speckle."""

SPECKLE_REACH_PX = 64
"""Speckle with nothing else within this distance stays as it is: that much of it is the map itself."""

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Layout:
    """What is where: (H, W) uint8 house category ids, 0 = void."""

    labels: Labels

    def __post_init__(self) -> None:
        if self.labels.dtype != np.uint8 or self.labels.ndim != 2 or self.labels.size == 0:
            raise ValueError("a layout is a (H, W) uint8 array of category ids")

    @property
    def frame(self) -> tuple[int, int]:
        """(height, width)."""
        height, width = self.labels.shape
        return height, width


@dataclass(frozen=True, eq=False)
class Region:
    """One maximal 8-connected component of a category.

    `mask` is (y1 - y0, x1 - x0) bool, within the half-open box
    (x0, y0, x1, y1). Ordinals count from 0 by category, then by the first
    pixel in raster order: equal label maps give equal ordinals.
    """

    ordinal: int
    category: int
    x0: int
    y0: int
    x1: int
    y1: int
    area_px: int
    mask: Mask
    instance: int | None = None


def regions(layout: Layout, thin: frozenset[int] = frozenset()) -> list[Region]:
    """Cut a layout into regions; together they cover each pixel exactly once.

    Speckle is given to its surroundings first (`despeckled`). Categories in
    `thin` (poles, signs) count as part of every other category while
    components are labelled, within that category's box, so that a pole does
    not cut a building in two; the masks leave the thin pixels out.
    """
    return components(layout.labels, thin=thin)


def components(
    labels: Labels, *, instances: npt.NDArray[np.int32] | None = None, thin: frozenset[int] = frozenset()
) -> list[Region]:
    """Regions as in `regions`; pixels of different `instances` (0: none) never share one."""
    keys, categories, numbers = _keyed(labels, instances)
    keys = _settled(keys)
    thin_pixels = np.isin(categories, sorted(thin))[keys] if thin else np.zeros(labels.shape, dtype=bool)
    found: list[tuple[int, int, Region]] = []
    for key, top, left, cut in _boxes(keys, len(categories)):
        own = cut == key
        category = int(categories[key])
        joined = (
            own
            if category in thin
            else own | thin_pixels[top : top + cut.shape[0], left : left + cut.shape[1]]
        )
        for first_px, y, x, mask in _parts(joined, own):
            height, width = mask.shape
            region = Region(
                ordinal=0,
                category=category,
                x0=left + x,
                y0=top + y,
                x1=left + x + width,
                y1=top + y + height,
                area_px=int(np.count_nonzero(mask)),
                mask=mask,
                instance=int(numbers[key]) or None,
            )
            first_row, first_column = divmod(first_px, cut.shape[1])
            found.append((category, (top + first_row) * labels.shape[1] + left + first_column, region))
    found.sort(key=lambda entry: entry[:2])
    return [
        Region(at, r.category, r.x0, r.y0, r.x1, r.y1, r.area_px, r.mask, r.instance)
        for at, (_, _, r) in enumerate(found)
    ]


def count_regions(layout: Layout, *, instances: npt.NDArray[np.int32] | None = None) -> int:
    """How many regions a label map falls into, found without cutting them out; thin ones join nothing,
    so `regions` never gives more."""
    keys, categories, _ = _keyed(layout.labels, instances)
    return sum(
        cv2.connectedComponents((cut == key).astype(np.uint8), connectivity=8)[0] - 1
        for key, _, _, cut in _boxes(_settled(keys), len(categories))
    )


def despeckled(labels: Labels) -> Labels:
    """The label map that `regions` sees: each speckle pixel takes the category of the nearest pixel
    that is none, of equally near ones the upper, then the left one. Far from anything else, speckle stays."""
    keys, categories, _ = _keyed(labels, None)
    settled: Labels = categories[_settled(keys)].astype(np.uint8)
    return settled


def _keyed(
    labels: Labels, instances: npt.NDArray[np.int32] | None
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Number the pairs (category, instance) densely: the map of numbers, and what each stands for."""
    if instances is None:
        present = np.flatnonzero(np.bincount(labels.ravel(), minlength=256)).astype(np.int64)
        dense = np.zeros(256, dtype=np.int32)
        dense[present] = np.arange(len(present), dtype=np.int32)
        keys = dense[labels]
    else:
        present, inverse = np.unique((instances.astype(np.int64) << 8) | labels, return_inverse=True)
        keys = inverse.reshape(labels.shape).astype(np.int32)
    return keys, present & 0xFF, present >> 8


def _settled(keys: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """`keys` with speckle filled from the nearest pixel that is no speckle.

    In integers, ties and all: the worker and the bank must see the same regions.
    """
    speckle = np.zeros(keys.shape, dtype=bool)
    for key, top, left, cut in _boxes(keys, int(keys.max()) + 1):
        own = (cut == key).astype(np.uint8)
        _, numbered, stats, _ = cv2.connectedComponentsWithStats(own, connectivity=8)
        small = (stats[:, cv2.CC_STAT_WIDTH] <= SPECKLE_PX) & (stats[:, cv2.CC_STAT_HEIGHT] <= SPECKLE_PX)
        small[0] = False
        if small.any():
            speckle[top : top + cut.shape[0], left : left + cut.shape[1]] |= small[numbered]
    filled, source, _ = nearest(speckle, ~speckle, reach_px=SPECKLE_REACH_PX)
    if filled.size == 0:
        return keys
    settled = keys.copy()
    settled.ravel()[filled] = keys.ravel()[source]
    return settled


def _boxes(keys: npt.NDArray[np.int32], count: int) -> Iterator[tuple[int, int, int, npt.NDArray[np.int32]]]:
    """Per key that occurs: the key, its box's top and left, and the map cut to that box."""
    for key, where in enumerate(find_objects(keys + 1, max_label=count)):
        if where is not None:
            yield key, where[0].start, where[1].start, keys[where]


def _parts(joined: Mask, own: Mask) -> Iterator[tuple[int, int, int, Mask]]:
    """Components of `joined` cut down to `own`: first pixel (raster index), top, left and mask of each."""
    count, numbered, stats, _ = cv2.connectedComponentsWithStats(joined.astype(np.uint8), connectivity=8)
    flat = np.where(own, numbered, 0).ravel()
    first = np.full(count, -1, dtype=np.int64)
    first[flat[::-1]] = np.arange(
        flat.size - 1, -1, -1
    )  # of equal indices the last written stays: the lowest
    for number in range(1, count):
        if first[number] < 0:  # nothing but thin pixels
            continue
        x, y, width, height = (int(value) for value in stats[number, :4])
        mask = (numbered[y : y + height, x : x + width] == number) & own[y : y + height, x : x + width]
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        mask = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy()
        yield int(first[number]), y + int(rows[0]), x + int(columns[0]), mask
