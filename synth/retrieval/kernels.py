"""The inner loops of the resident index, compiled: bounds over tiles, then exact scores of what survives.

A tile holds the bounds of 64 rows, feature by feature, so that one instruction
works on many rows: 16 pools of the mask (set cells of each 8 x 8 block) and 16 bins
of the context (cells by category, categories dealt out to bins). The smaller of
query and row, summed over pools or bins, is never below the true intersection,
and the score grows with both intersections: so the bound is never below the score.

A row is looked at only if its rights profile clears, and scored only if its
photo is not blocked; both are asked of every row, whatever its bound. Of a row that is scored the mask comes
first, and only where the region's own is set: the context is read if the row can still be among the best.
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
EVERY_LANE = np.uint64(2**64 - 1)


@intrinsic
def _popcount(_typing: Any, _word: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


def _compiled(function):
    # Without Python's check of each division, or no loop that divides works on many lanes at once.
    return njit(function, cache=True, nogil=True, error_model="numpy")


@_compiled
def spans(ranges, tiles, lanes):
    """The tiles that row ranges (R, 2), ascending, reach into, and a bit for each row there; how many."""
    count = 0
    for number in range(len(ranges)):
        row, end = ranges[number, 0], ranges[number, 1]
        while row < end:
            tile = row // TILE
            first, last = row - tile * TILE, min(end - tile * TILE, TILE)
            bits = (EVERY_LANE >> np.uint64(TILE - last + first)) << np.uint64(first)
            if count > 0 and tiles[count - 1] == tile:
                lanes[count - 1] |= bits
            else:
                tiles[count], lanes[count] = tile, bits
                count += 1
            row = (tile + 1) * TILE
    return count


@_compiled
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


@_compiled
def _maxima(tiles, counts, span_tiles, span_lanes, pools, bins, mask_n, context_n, slack, out):
    """The highest bound of each span, for Q queries at once: (Q, S) float32."""
    mask_sum = np.empty(TILE, np.uint16)
    context_sum = np.empty(TILE, np.uint16)
    bounds = np.empty(TILE, np.float32)
    for span in range(len(span_tiles)):
        tile, lanes = span_tiles[span], span_lanes[span]
        for query in range(len(pools)):
            _bound(
                tiles[tile], counts[tile], pools[query], bins[query], mask_n[query], context_n[query],
                slack[query], mask_sum, context_sum, bounds,
            )  # fmt: skip
            highest = np.float32(0.0)
            if lanes == EVERY_LANE:
                for lane in range(TILE):
                    highest = max(highest, bounds[lane])
            else:
                for lane in range(TILE):
                    if (lanes >> np.uint64(lane)) & np.uint64(1):
                        highest = max(highest, bounds[lane])
            out[query, span] = highest


@_compiled
def _behind(keys, rows, one, other, photo, ordinal, sha):
    """Whether heap entry `one` ranks behind `other`: lower score, or later photo hash, or later ordinal."""
    if keys[one] != keys[other]:
        return keys[one] < keys[other]
    return _later(rows[one], rows[other], photo, ordinal, sha)


@_compiled
def _later(one, other, photo, ordinal, sha):
    first, second = photo[one], photo[other]
    for word in range(4):
        if sha[first, word] != sha[second, word]:
            return sha[first, word] > sha[second, word]
    return ordinal[one] > ordinal[other]


@_compiled
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


@_compiled
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


@_compiled
def _asked(packed_mask, packed_planes, codes, mask, plane, shown, pools, bins):
    """Lay out a region as rows are laid out; what saturated bins may hide of it, 0 or 1."""
    pools[:] = 0
    for word in range(len(mask)):
        bits = np.uint64(0)
        for byte in range(8):
            at = word * 8 + byte
            value = packed_mask[at]
            bits |= np.uint64(value) << np.uint64(8 * byte)
            # Four bytes a row of cells, eight rows a block.
            pools[at // 32 * 4 + at % 4] += _popcount(np.uint64(value))  # type: ignore[call-arg]
        mask[word] = bits
    plane[:] = 0
    shown[:] = 0
    counted = np.zeros(BINS, np.int64)
    for cell in range(packed_planes.shape[1] * 8):
        byte, shift = cell // 8, np.uint8(7 - cell % 8)
        number = np.int64(0)
        for bit in range(packed_planes.shape[0]):
            number |= np.int64((packed_planes[bit, byte] >> shift) & 1) << bit
        code = np.int64(codes[number])
        if code == 0:
            continue
        counted[min(code, np.int64(BINS)) - 1] += 1
        word, place = byte // 8, np.uint64(byte % 8 * 8 + 7 - cell % 8)
        shown[word] |= np.uint64(1) << place
        for bit in range(len(plane)):
            plane[bit, word] |= np.uint64((code >> bit) & 1) << place
    for bin_ in range(BINS):
        bins[bin_] = min(counted[bin_], FULL)
    return np.uint16(counted.max() > FULL)


@_compiled
def _mask_shared(masks, row, mask, used, count):
    im = np.uint64(0)
    for at in range(count):
        word = used[at]
        im += _popcount(masks[row, word] & mask[word])  # type: ignore[call-arg]  # numba passes the context
    return np.int64(im)


@_compiled
def _cells_shared(planes, row, plane, shown):
    ic = np.uint64(0)
    for word in range(len(shown)):
        if shown[word] == 0:
            continue
        unequal = np.uint64(0)
        for number in range(len(plane)):
            unequal |= planes[row, number, word] ^ plane[number, word]
        ic += _popcount(~unequal & shown[word])  # type: ignore[call-arg]
    return np.int64(ic)


@_compiled
def _clear_bits(ranges, clears, row):
    """The grants that clear for a row, which lies in one of the ranges."""
    low, high = 0, len(ranges)
    while high - low > 1:
        middle = (low + high) // 2
        if ranges[middle, 0] <= row:
            low = middle
        else:
            high = middle
    return clears[low]


@_compiled
def search(
    tiles, counts, masks, planes, photo, ordinal, sha, blocked, until, suspect, codes,
    span_tiles, span_lanes, ranges, clears,
    packed_masks, packed_planes, mask_ns, context_ns, places,
    at_us, few, keys, rows, terms, sizes, work,
):  # fmt: skip
    """The exact best rows for each of Q regions, best first, with their terms.

    Args:
        tiles .. codes: the rows, as a `Part` lays them out.
        span_tiles, span_lanes: those whose profiles clear, as `spans` makes of `ranges`, and
            `clears` the grants that do, by range.
        packed_masks .. context_ns: descriptors, of which `places` (Q,) names the regions.
        few: whether to score every row that clears, without a look at its bounds.
        keys, rows, terms: (Q, k), (Q, k) and (Q, k, 4), filled up to `sizes` (Q,).
        work: tiles and rows that were looked at are added to it.
    """
    queries = len(places)
    mask = np.empty((queries, masks.shape[1]), np.uint64)
    plane = np.empty((queries, planes.shape[1], planes.shape[2]), np.uint64)
    shown = np.empty((queries, planes.shape[2]), np.uint64)
    pools = np.empty((queries, POOLS), np.uint8)
    bins = np.empty((queries, BINS), np.uint8)
    slack = np.empty(queries, np.uint16)
    mask_n = np.empty(queries, np.float32)
    context_n = np.empty(queries, np.float32)
    for query in range(queries):
        at = places[query]
        mask_n[query], context_n[query] = mask_ns[at], context_ns[at]
        slack[query] = _asked(
            packed_masks[at], packed_planes[at], codes, mask[query], plane[query], shown[query],
            pools[query], bins[query],
        )  # fmt: skip
    if few:
        for query in range(queries):
            sizes[query] = _straight(
                counts, masks, planes, photo, ordinal, sha, blocked, until, suspect, ranges, clears,
                mask_n[query], context_n[query], mask[query], plane[query], shown[query],
                at_us, keys[query], rows[query], terms[query], work,
            )  # fmt: skip
        return
    maxima = np.empty((queries, len(span_tiles)), np.float32)
    _maxima(tiles, counts, span_tiles, span_lanes, pools, bins, mask_n, context_n, slack, maxima)
    for query in range(queries):
        sizes[query] = _best(
            tiles, counts, masks, planes, photo, ordinal, sha, blocked, until, suspect,
            span_tiles, span_lanes, ranges, clears, maxima[query],
            pools[query], bins[query], mask_n[query], context_n[query], slack[query],
            mask[query], plane[query], shown[query],
            at_us, keys[query], rows[query], terms[query], work,
        )  # fmt: skip


@_compiled
def _best(
    tiles, counts, masks, planes, photo, ordinal, sha, blocked, until, suspect,
    span_tiles, span_lanes, ranges, clears, maxima,
    pools, bins, mask_n, context_n, slack, mask, plane, shown,
    at_us, keys, rows, terms, work,
):  # fmt: skip
    size = 0
    used = np.empty(len(mask), np.int64)
    count = _used(mask, used)
    mask_sum = np.empty(TILE, np.uint16)
    context_sum = np.empty(TILE, np.uint16)
    bounds = np.empty(TILE, np.float32)
    start = _start(maxima, len(keys))
    threshold = np.float32(-1.0)
    # First the spans that promise most, for a threshold; then the others against it.
    for turn in range(2):
        for span in range(len(span_tiles)):
            high = maxima[span] >= start
            if high != (turn == 0) or maxima[span] < threshold:
                continue
            tile, lanes = span_tiles[span], span_lanes[span]
            _bound(
                tiles[tile], counts[tile], pools, bins, mask_n, context_n, slack,
                mask_sum, context_sum, bounds,
            )  # fmt: skip
            work[0] += 1
            doubtful = suspect[tile]
            for lane in range(TILE):
                bit = np.uint64(1) << np.uint64(lane)
                if lanes & bit == 0 or bounds[lane] < threshold:
                    continue
                row = tile * TILE + lane
                if doubtful & bit:
                    number = photo[row]
                    if until[number] > at_us or _clear_bits(ranges, clears, row) & ~blocked[number] == 0:
                        continue
                work[1] += 1
                im = _mask_shared(masks, row, mask, used, count)
                um = np.int64(mask_n) + np.int64(counts[tile, 0, lane]) - im
                cells = np.int64(context_n) + np.int64(counts[tile, 1, lane])
                if size == len(keys):
                    # The mask is known by now; of the context the bound again.
                    most = min(
                        np.int64(context_sum[lane]), np.int64(context_n), np.int64(counts[tile, 1, lane])
                    )
                    known = max(cells - most, 1)
                    if np.float32(np.float64(im * known + most * um) / np.float64(um * known)) < threshold:
                        continue
                ic = _cells_shared(planes, row, plane, shown)
                known = max(cells - ic, 1)
                key = np.float64(im * known + ic * um) / np.float64(um * known)
                size = _offer(keys, rows, size, key, row, photo, ordinal, sha)
                if size == len(keys):
                    # Rounded down, so that no row of the same score is passed over.
                    threshold = np.nextafter(np.float32(keys[0]), np.float32(-1.0))
    _sorted(keys, rows, size, photo, ordinal, sha)
    _told(counts, masks, planes, mask_n, context_n, mask, plane, shown, used, count, rows, terms, size)
    return size


@_compiled
def _straight(
    counts, masks, planes, photo, ordinal, sha, blocked, until, suspect, ranges, clears,
    mask_n, context_n, mask, plane, shown,
    at_us, keys, rows, terms, work,
):  # fmt: skip
    """As `_best`, over all rows in their order: where they are few, bounds cost more than they spare."""
    used = np.empty(len(mask), np.int64)
    count = _used(mask, used)
    size = 0
    for number in range(len(ranges)):
        for row in range(ranges[number, 0], ranges[number, 1]):
            tile, lane = row // TILE, row % TILE
            if (suspect[tile] >> np.uint64(lane)) & np.uint64(1):
                of = photo[row]
                if until[of] > at_us or clears[number] & ~blocked[of] == 0:
                    continue
            work[1] += 1
            im = _mask_shared(masks, row, mask, used, count)
            um = np.int64(mask_n) + np.int64(counts[tile, 0, lane]) - im
            ic = _cells_shared(planes, row, plane, shown)
            known = max(np.int64(context_n) + np.int64(counts[tile, 1, lane]) - ic, 1)
            key = np.float64(im * known + ic * um) / np.float64(um * known)
            if size < len(keys) or key >= keys[0]:
                size = _offer(keys, rows, size, key, row, photo, ordinal, sha)
    _sorted(keys, rows, size, photo, ordinal, sha)
    _told(counts, masks, planes, mask_n, context_n, mask, plane, shown, used, count, rows, terms, size)
    return size


@_compiled
def _used(mask, used):
    """The words of a mask that are not empty; how many."""
    count = 0
    for word in range(len(mask)):
        if mask[word] != 0:
            used[count] = word
            count += 1
    return count


@_compiled
def _told(counts, masks, planes, mask_n, context_n, mask, plane, shown, used, count, rows, terms, size):
    """The terms of the rows that were found."""
    for place in range(size):
        row = rows[place]
        tile, lane = row // TILE, row % TILE
        im = _mask_shared(masks, row, mask, used, count)
        ic = _cells_shared(planes, row, plane, shown)
        terms[place, 0] = im
        terms[place, 1] = np.int64(mask_n) + np.int64(counts[tile, 0, lane]) - im
        terms[place, 2] = ic
        terms[place, 3] = np.int64(context_n) + np.int64(counts[tile, 1, lane]) - ic


@_compiled
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


@_compiled
def _sorted(keys, rows, size, photo, ordinal, sha):
    """Heap to list, best first: the worst goes last, again and again."""
    while size > 1:
        size -= 1
        keys[0], keys[size] = keys[size], keys[0]
        rows[0], rows[size] = rows[size], rows[0]
        _sink(keys, rows, 0, size, photo, ordinal, sha)
