"""Maps as runs, stretches of equal pixels along a row: thousands where a map has millions of pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from synth.pictures import Mask

Numbers = NDArray[np.int64]

_AT_ONCE = 1 << 18  # runs whose neighbors are looked at together, which bounds the memory that noise takes


@dataclass(frozen=True, eq=False)
class Runs:
    """(n,) each, in raster order: the row, the first column, and the column behind the last."""

    row: Numbers
    start: Numbers
    stop: Numbers

    def __len__(self) -> int:
        return len(self.row)

    def take(self, which: NDArray[Any]) -> "Runs":
        return Runs(self.row[which], self.start[which], self.stop[which])

    @property
    def length(self) -> Numbers:
        return self.stop - self.start

    def pixels(self, width: int) -> Numbers:
        """Row-major indexes of all pixels, in raster order, in a map of that width."""
        length = self.length
        behind = np.cumsum(length)
        first = self.row * width + self.start - (behind - length)
        return np.repeat(first, length) + np.arange(behind[-1] if len(behind) else 0)


def runs_of(*maps: NDArray[Any]) -> Runs:
    """The longest stretches along which none of these maps (H, W) changes; each pixel is in one."""
    height, width = maps[0].shape
    begins = np.zeros((height, width), dtype=bool)
    begins[:, 0] = True
    for values in maps:
        begins[:, 1:] |= values[:, 1:] != values[:, :-1]
    first = np.flatnonzero(begins)
    row, start = np.divmod(first, width)
    behind = np.append(first[1:], height * width)
    return Runs(row, start, behind - row * width)


def runs_in(masks: Sequence[Mask]) -> tuple[Runs, Numbers]:
    """The stretches of set pixels of many masks, one mask after the other; and which mask each is of."""
    # All masks in one line, a pixel that is not set behind each row: runs end where the line changes.
    widths = np.array([mask.shape[1] + 1 for mask in masks], dtype=np.int64)
    sizes = np.array([mask.shape[0] for mask in masks], dtype=np.int64) * widths
    begins = np.cumsum(sizes) - sizes
    line = np.zeros(int(sizes.sum()) + 1, dtype=bool)
    for mask, begin, size, width in zip(masks, begins.tolist(), sizes.tolist(), widths.tolist(), strict=True):
        line[begin + 1 : begin + 1 + size].reshape(-1, width)[:, :-1] = mask
    changes = np.flatnonzero(line[1:] != line[:-1])
    first, behind = changes[::2], changes[1::2]
    of = np.repeat(np.arange(len(masks)), np.diff(np.searchsorted(first, begins), append=len(first)))
    row, start = np.divmod(first - begins[of], widths[of])
    return Runs(row, start, start + behind - first), of


def connected(runs: Runs, keys: NDArray[Any]) -> tuple[int, Numbers]:
    """The 8-connected components of runs of equal key: how many, and the number of each run's."""
    if len(runs) == 0:
        return 0, np.zeros(0, dtype=np.int64)
    stride = int(runs.stop.max()) + 2  # so that the end of a row does not touch the next one's begin
    low, high = runs.row * stride + runs.start, runs.row * stride + runs.stop
    touching = np.flatnonzero(high[:-1] == low[1:])
    touching = touching[keys[touching] == keys[touching + 1]]
    upper, lower = [touching], [touching + 1]
    for at in range(0, len(runs), _AT_ONCE):
        part = slice(at, at + _AT_ONCE)
        first = np.searchsorted(high, low[part] + stride, side="left")
        counts = np.searchsorted(low, high[part] + stride, side="right") - first
        above = np.repeat(np.arange(at, at + len(first)), counts)
        below = np.arange(counts.sum()) + np.repeat(first - (np.cumsum(counts) - counts), counts)
        same = keys[above] == keys[below]
        upper.append(above[same])
        lower.append(below[same])
    above, below = np.concatenate(upper), np.concatenate(lower)
    below = below[np.argsort(above, kind="stable")]
    behind = np.concatenate([[0], np.cumsum(np.bincount(above, minlength=len(runs)))])
    links = csr_array((np.ones(len(below)), below, behind), shape=(len(runs), len(runs)))
    count, numbers = connected_components(links, directed=False)
    return int(count), numbers.astype(np.int64)
