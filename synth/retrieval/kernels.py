"""The inner loops of the resident index, compiled: bounds over tiles, then exact scores of what survives.

A tile holds the bounds of 64 rows, feature by feature, so that one instruction
works on many rows: 16 pools of the mask (set cells of each 8 x 8 block) and 16 bins
of the context (cells by category, categories dealt out to bins). The smaller of
query and row, summed over pools or bins, is never below the true intersection,
and the score grows with both intersections: so the bound is never below the score.

A row is looked at only if its rights profile clears, and scored only if its
photo is not blocked; both are asked of every row, whatever its bound.
"""

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

TILE = 64
POOLS = 16
BINS = 16
FULL = 255  # a bin saturates here: the only fuller one is a context of a single bin
BUCKETS = 1024  # of bounds, which lie in [0, 2]


@intrinsic
def _popcount(_typing: Any, _word: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@njit(cache=True, nogil=True)
def spans(ranges, out):
    """Split row ranges (R, 2) at tile borders: rows of `out` are tile, first lane, last lane + 1, range."""
    count = 0
    for number in range(len(ranges)):
        row, end = ranges[number, 0], ranges[number, 1]
        while row < end:
            tile = row // TILE
            stop = min(end, (tile + 1) * TILE)
            if count < len(out):
                out[count, 0] = tile
                out[count, 1] = row - tile * TILE
                out[count, 2] = stop - tile * TILE
                out[count, 3] = number
            count += 1
            row = stop
    return count


@njit(cache=True, nogil=True, inline="always")
def _bound(tile, counts, pools, bins, mask_n, context_n, slack, mask_sum, context_sum, out):
    """Upper bounds (64,) float32 of the scores of a tile's rows."""
    for lane in range(TILE):
        mask_sum[lane] = 0
        context_sum[lane] = slack
    for feature in range(POOLS):
        most = pools[feature]
        if most > 0:
            for lane in range(TILE):
                mask_sum[lane] += min(tile[feature, lane], most)
    for feature in range(BINS):
        most = bins[feature]
        if most > 0:
            for lane in range(TILE):
                context_sum[lane] += min(tile[POOLS + feature, lane], most)
    for lane in range(TILE):
        im = np.float32(mask_sum[lane])
        known = np.float32(counts[1, lane])
        ic = min(np.float32(context_sum[lane]), min(known, context_n))
        um = mask_n + np.float32(counts[0, lane]) - im
        uc = max(context_n + known - ic, np.float32(1.0))
        # Integers below 2^24 on both sides: one rounding, and it keeps the order.
        out[lane] = (im * uc + ic * um) / (um * uc)


@njit(cache=True, nogil=True)
def tile_maxima(tiles, counts, parts, pools, bins, mask_n, context_n, slack, out):
    """The highest bound of each span, for Q queries at once: (Q, S) float32."""
    queries = len(pools)
    mask_sum = np.empty(TILE, np.uint16)
    context_sum = np.empty(TILE, np.uint16)
    bounds = np.empty(TILE, np.float32)
    for part in range(len(parts)):
        tile, first, last = parts[part, 0], parts[part, 1], parts[part, 2]
        for query in range(queries):
            _bound(
                tiles[tile], counts[tile], pools[query], bins[query], mask_n[query], context_n[query],
                slack[query], mask_sum, context_sum, bounds,
            )  # fmt: skip
            highest = np.float32(0.0)
            for lane in range(first, last):
                highest = max(highest, bounds[lane])
            out[query, part] = highest


@njit(cache=True, nogil=True)
def _behind(keys, rows, one, other, photo, ordinal, sha):
    """Whether heap entry `one` ranks behind `other`: lower score, or later photo hash, or later ordinal."""
    if keys[one] != keys[other]:
        return keys[one] < keys[other]
    return _later(rows[one], rows[other], photo, ordinal, sha)


@njit(cache=True, nogil=True)
def _later(one, other, photo, ordinal, sha):
    first, second = photo[one], photo[other]
    for word in range(4):
        if sha[first, word] != sha[second, word]:
            return sha[first, word] > sha[second, word]
    return ordinal[one] > ordinal[other]


@njit(cache=True, nogil=True)
def _sink(keys, rows, at, size, photo, ordinal, sha):
    while True:
        child = 2 * at + 1
        if child >= size:
            return
        if child + 1 < size and _behind(keys, rows, child + 1, child, photo, ordinal, sha):
            child += 1
        if not _behind(keys, rows, child, at, photo, ordinal, sha):
            return
        keys[at], keys[child] = keys[child], keys[at]
        rows[at], rows[child] = rows[child], rows[at]
        at = child


@njit(cache=True, nogil=True)
def _offer(keys, rows, size, key, row, photo, ordinal, sha):
    """Put a row among the best; the heap's root is the worst of them. The new size."""
    if size < len(keys):
        keys[size], rows[size] = key, row
        at = size
        while at > 0:
            above = (at - 1) // 2
            if not _behind(keys, rows, at, above, photo, ordinal, sha):
                break
            keys[at], keys[above] = keys[above], keys[at]
            rows[at], rows[above] = rows[above], rows[at]
            at = above
        return size + 1
    if key < keys[0] or (key == keys[0] and _later(row, rows[0], photo, ordinal, sha)):
        return size
    keys[0], rows[0] = key, row
    _sink(keys, rows, 0, size, photo, ordinal, sha)
    return size


@njit(cache=True, nogil=True, inline="always")
def _terms(masks, planes, row, mask, plane, shown):
    """(im, ic) of a row."""
    im = np.uint64(0)
    for word in range(masks.shape[1]):
        im += _popcount(masks[row, word] & mask[word])  # type: ignore[call-arg]  # numba passes the context
    ic = np.uint64(0)
    for word in range(planes.shape[2]):
        unequal = np.uint64(0)
        for number in range(planes.shape[1]):
            unequal |= planes[row, number, word] ^ plane[number, word]
        ic += _popcount(~unequal & shown[word])  # type: ignore[call-arg]
    return np.int64(im), np.int64(ic)


@njit(cache=True, nogil=True)
def best(
    tiles, counts, masks, planes, photo, ordinal, sha, blocked, until, suspect, at_us, parts, clears, maxima,
    pools, bins, mask_n, context_n, slack, mask, plane, shown, keys, rows, terms, work,
):  # fmt: skip
    """The exact best rows of one query: `len(keys)` of them, best first, with their terms; how many.

    `parts` are spans of rows whose profiles clear, `clears` by range the grants that do,
    `maxima` the spans' highest bounds. `work` counts tiles and rows that were looked at.
    """
    size = 0
    mask_sum = np.empty(TILE, np.uint16)
    context_sum = np.empty(TILE, np.uint16)
    bounds = np.empty(TILE, np.float32)
    start = _start(maxima, len(keys))
    threshold = np.float32(-1.0)
    # First the spans that promise most, for a threshold; then the others against it.
    for turn in range(2):
        for part in range(len(parts)):
            high = maxima[part] >= start
            if high != (turn == 0) or maxima[part] < threshold:
                continue
            tile = parts[part, 0]
            _bound(
                tiles[tile],
                counts[tile],
                pools,
                bins,
                mask_n,
                context_n,
                slack,
                mask_sum,
                context_sum,
                bounds,
            )
            work[0] += 1
            clear = clears[parts[part, 3]]
            doubtful = suspect[tile]
            for lane in range(parts[part, 1], parts[part, 2]):
                if bounds[lane] < threshold:
                    continue
                row = tile * TILE + lane
                if (doubtful >> np.uint64(lane)) & np.uint64(1):
                    number = photo[row]
                    if until[number] > at_us or clear & ~blocked[number] == 0:
                        continue
                im, ic = _terms(masks, planes, row, mask, plane, shown)
                work[1] += 1
                um = np.int64(mask_n) + np.int64(counts[tile, 0, lane]) - im
                uc = np.int64(context_n) + np.int64(counts[tile, 1, lane]) - ic
                known = max(uc, 1)
                key = np.float64(im * known + ic * um) / np.float64(um * known)
                size = _offer(keys, rows, size, key, row, photo, ordinal, sha)
                if size == len(keys):
                    # Rounded down, so that no row of the same score is passed over.
                    threshold = np.nextafter(np.float32(keys[0]), np.float32(-1.0))
    _sorted(keys, rows, size, photo, ordinal, sha)
    for place in range(size):
        row = rows[place]
        im, ic = _terms(masks, planes, row, mask, plane, shown)
        tile, lane = row // TILE, row % TILE
        terms[place, 0] = im
        terms[place, 1] = np.int64(mask_n) + np.int64(counts[tile, 0, lane]) - im
        terms[place, 2] = ic
        terms[place, 3] = np.int64(context_n) + np.int64(counts[tile, 1, lane]) - ic
    return size


@njit(cache=True, nogil=True)
def _start(maxima, wanted):
    """A bound that a few spans reach: enough of them to hold `wanted` good rows."""
    histogram = np.zeros(BUCKETS + 1, np.int64)
    for part in range(len(maxima)):
        histogram[int(min(maxima[part], np.float32(2.0)) * np.float32(BUCKETS / 2))] += 1
    count, bucket = 0, BUCKETS
    while bucket > 0:
        count += histogram[bucket]
        if count * 8 >= wanted:
            break
        bucket -= 1
    return np.float32(bucket * 2) / np.float32(BUCKETS)


@njit(cache=True, nogil=True)
def _sorted(keys, rows, size, photo, ordinal, sha):
    """Heap to list, best first: the worst goes last, again and again."""
    while size > 1:
        size -= 1
        keys[0], keys[size] = keys[size], keys[0]
        rows[0], rows[size] = rows[size], rows[0]
        _sink(keys, rows, 0, size, photo, ordinal, sha)
