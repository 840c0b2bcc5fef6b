"""Semantic layouts and label maps, and the regions they fall into.

The same rule cuts a layout into regions and a photo into segments, so that a
photo's own layout finds the photo's own segments.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synth.distance import nearest
from synth.runs import Numbers, Runs, connected, runs_of

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
    return pieces(labels, instances).regions(thin)


def count_regions(layout: Layout) -> int:
    """How many regions a layout falls into, found without cutting them out; thin ones join nothing,
    so `regions` never gives more."""
    return pieces(layout.labels).count


def despeckled(labels: Labels) -> Labels:
    """The label map that `regions` sees: each speckle pixel takes the category of the nearest pixel
    that is none, of equally near ones the upper, then the left one. Far from anything else, speckle stays."""
    settled = pieces(labels)
    return np.repeat(settled.categories, settled.runs.length).reshape(labels.shape)


@dataclass(frozen=True, eq=False)
class Pieces:
    """A label map without its speckle, as runs and the components that they make.

    Per run: its category, its instance, and the number of its component, of which there are `count`.
    """

    frame: tuple[int, int]
    runs: Runs
    categories: Labels
    instances: Numbers
    components: Numbers
    count: int

    def regions(self, thin: frozenset[int] = frozenset()) -> list[Region]:
        """The components as regions; `thin` as in the function of this name."""
        runs, numbers = self.runs, self._joined(thin)
        order = np.argsort(numbers, kind="stable")
        first = np.flatnonzero(np.diff(numbers[order], prepend=-1))  # where the runs of each region begin
        top, last = order[first], order[np.append(first[1:], len(order)) - 1]
        x0, x1 = np.minimum.reduceat(runs.start[order], first), np.maximum.reduceat(runs.stop[order], first)
        area_px = np.add.reduceat(runs.length[order], first)

        ranked = np.lexsort((top, self.categories[top]))  # runs lie in raster order
        ordinals = np.empty(len(first), dtype=np.int32)
        ordinals[ranked] = np.arange(len(first), dtype=np.int32)
        of_run = np.empty(len(runs), dtype=np.int32)
        of_run[order] = np.repeat(ordinals, np.diff(first, append=len(order)))
        numbered = np.repeat(of_run, runs.length).reshape(self.frame)
        table = np.stack(
            [self.categories[top], x0, runs.row[top], x1, runs.row[last] + 1, area_px, self.instances[top]]
        )
        return [
            Region(
                at, category, left, upper, right, lower, area,
                mask=numbered[upper:lower, left:right] == at, instance=instance or None,
            )
            for at, (category, left, upper, right, lower, area, instance) in enumerate(
                table[:, ranked].T.tolist()
            )
        ]  # fmt: skip

    def _joined(self, thin: frozenset[int]) -> Numbers:
        """Components again, those of one category and instance that thin pixels join having one number."""
        is_thin = np.isin(self.categories, sorted(thin))
        if not is_thin.any():
            return self.components
        keys = _keys(self.categories, self.instances)
        order = np.argsort(keys, kind="stable")
        several = [
            own
            for own in np.split(order, np.flatnonzero(np.diff(keys[order])) + 1)
            if not is_thin[own[0]] and (self.components[own] != self.components[own[0]]).any()
        ]
        if not several:
            return self.components
        # One map for each category and instance, one below the other: its own runs and the thin ones.
        height, width = self.frame
        thin_runs = self.runs.take(is_thin)
        maps = []
        for at, own in enumerate(several):
            runs = self.runs.take(own)
            between = _within(thin_runs, runs)
            maps += [(one.row + at * (height + 1), one.start, one.stop) for one in (runs, between)]
        row, start, stop = (np.concatenate(parts) for parts in zip(*maps, strict=True))
        ordered = np.argsort(row * width + start)
        _, found = connected(Runs(row, start, stop).take(ordered), np.zeros(len(row), dtype=np.int8))
        joined = np.empty(len(row), dtype=np.int64)
        joined[ordered] = found
        numbers, begin = self.components.copy(), 0
        for at, own in enumerate(several):
            numbers[own] = self.count + joined[begin : begin + len(own)]
            begin += len(own) + len(maps[2 * at + 1][0])
        return numbers


def pieces(labels: Labels, instances: npt.NDArray[np.int32] | None = None) -> Pieces:
    """Settle the speckle of a label map and find its components; pixels of different `instances`
    (0: none) never share one.

    In integers, ties and all: the worker and the bank must see the same regions.
    """
    found = _pieces(labels, instances)
    runs, count = found.runs, found.count
    x0, y0 = np.full(count, labels.shape[1]), np.full(count, labels.shape[0])
    x1, y1 = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    np.minimum.at(x0, found.components, runs.start)
    np.maximum.at(x1, found.components, runs.stop)
    np.minimum.at(y0, found.components, runs.row)
    np.maximum.at(y1, found.components, runs.row + 1)
    small = (x1 - x0 <= SPECKLE_PX) & (y1 - y0 <= SPECKLE_PX)
    if not small.any():
        return found
    speckle = np.zeros(labels.shape, dtype=bool)
    speckle.ravel()[runs.take(small[found.components]).pixels(labels.shape[1])] = True
    filled, source, _ = nearest(speckle, ~speckle, reach_px=SPECKLE_REACH_PX)
    if filled.size == 0:
        return found
    settled = labels.copy()
    settled.ravel()[filled] = labels.ravel()[source]
    if instances is None:
        return _pieces(settled, None)
    parted = instances.copy()
    parted.ravel()[filled] = instances.ravel()[source]
    return _pieces(settled, parted)


def _pieces(labels: Labels, instances: npt.NDArray[np.int32] | None) -> Pieces:
    runs = runs_of(labels) if instances is None else runs_of(labels, instances)
    categories = labels[runs.row, runs.start]
    numbers = np.zeros(len(runs), np.int64)
    if instances is not None:
        numbers = instances[runs.row, runs.start].astype(np.int64)
    count, found = connected(runs, _keys(categories, numbers))
    height, width = labels.shape
    return Pieces((height, width), runs, categories, numbers, found, count)


def _keys(categories: Labels, instances: Numbers) -> Numbers:
    """One number for each pair."""
    return (instances << 8) | categories


def _within(some: Runs, others: Runs) -> Runs:
    """The parts of some runs that lie within the box around the others, of which there is one at least."""
    rows = slice(*np.searchsorted(some.row, [others.row[0], others.row[-1] + 1]))
    start = np.maximum(some.start[rows], others.start.min())
    stop = np.minimum(some.stop[rows], others.stop.max())
    return Runs(some.row[rows], start, stop).take(start < stop)
