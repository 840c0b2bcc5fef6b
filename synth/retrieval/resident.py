"""An index of descriptors in memory that gives the exact best rows, and scores none that has not cleared.

Rows lie sorted by category and rights profile, so that the profiles that clear
are ranges of rows and all others are never touched. What blocks a photo stands beside
the rows and moves without them. Rows are never edited: an `Index` is a few `Part`s,
new rows are a new part, and rows of a photo that is gone are blocked for good
until parts are joined anew.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from synth.retrieval import kernels
from synth.retrieval.descriptors import CONTEXT_CELLS, PLANES, Descriptors, Frame, Packed
from synth.retrieval.kernels import BINS, FULL, POOLS, TILE

FOREVER_US = np.iinfo(np.int64).max
NEVER_US = np.iinfo(np.int64).min
FEW, FEW_EACH = 1024, 64  # rows that clear, and more for each row asked for: so few are scored without bounds
CHUNK = 1 << 15  # rows described at once while a part is built

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Rows:
    """n rows as they come from the catalog, in any order. `photo` counts into `Photos`."""

    segment: Ints
    photo: npt.NDArray[np.int32]
    ordinal: npt.NDArray[np.int32]
    category: npt.NDArray[np.uint8]
    profile: Ints
    descriptors: Descriptors


@dataclass(frozen=True, eq=False)
class Photos:
    """p photos: their SHA-256 (p, 32) uint8, and what blocks them.

    `blocked` has a bit for each grant ordinal that is blocked, `until_us` is the
    moment up to which the whole photo is (microseconds since 1970, `NEVER_US` for not at all).
    """

    sha256: Packed
    blocked: npt.NDArray[np.uint64]
    until_us: Ints


class Found:
    """The best rows of a part for one region, best first: their scores and (m, 4) im, um, ic, uc."""

    def __init__(self, part: "Part", rows: Ints, key: npt.NDArray[np.float64], terms: Ints) -> None:
        self._part, self._rows = part, rows
        self.key, self.terms = key, terms

    @property
    def segment(self) -> Ints:
        """(m,) ids."""
        return self._part.segment[self._rows]

    @property
    def photo(self) -> npt.NDArray[np.int32]:
        """(m,) places among the part's photos."""
        return self._part.photo[self._rows]

    @property
    def ordinal(self) -> npt.NDArray[np.int32]:
        return self._part.ordinal[self._rows]

    @property
    def sha256(self) -> npt.NDArray[np.uint64]:
        """(m, 4)"""
        return self._part.sha[self.photo]


@dataclass
class Work:
    """What answering took, for tests and records: tiles bounded twice, rows of which the mask was read."""

    tiles: int = 0
    rows: int = 0
    spans: int = 0

    def add(self, other: "Work") -> None:
        self.tiles += other.tiles
        self.rows += other.rows
        self.spans += other.spans


class Part:
    """Rows that were put in together. Immutable: a change of what blocks their photos makes another part."""

    def __init__(self, rows: Rows, photos: Photos, *, frame: Frame) -> None:
        sha = _sha_words(photos.sha256)
        order = np.lexsort((rows.ordinal, *sha[rows.photo].T[::-1], rows.profile, rows.category))
        self.frame = frame
        self.segment = rows.segment[order]
        self.photo = np.ascontiguousarray(rows.photo[order])
        self.ordinal = np.ascontiguousarray(rows.ordinal[order])
        self.sha = np.ascontiguousarray(sha)
        category, profile = rows.category[order], rows.profile[order]
        self.groups = _groups(category, profile)  # (g, 4): category, profile, first row, last row + 1
        self.profiles, self.profile_of = np.unique(self.groups[:, 1], return_inverse=True)
        described = rows.descriptors.take(order)
        self.codes, self.bits = _codes(described)
        self.masks = _words(described.masks)
        self.tiles, self.counts, self.planes = self._bounds(described)
        self.blocked = photos.blocked.copy()
        self.until_us = photos.until_us.copy()
        self.suspect = self._suspects()

    def __len__(self) -> int:
        return len(self.segment)

    @property
    def size_bytes(self) -> int:
        return sum(array.nbytes for array in self.arrays().values())

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All that makes this part, to be kept; `of` makes it again."""
        return {name: array for name, array in vars(self).items() if isinstance(array, np.ndarray)}

    @classmethod
    def of(cls, arrays: Mapping[str, npt.NDArray[Any]], *, frame: Frame) -> Self:
        part = cls.__new__(cls)
        vars(part).update(arrays)
        part.frame, part.bits = frame, part.planes.shape[1]
        return part

    def blocking(self, photos: npt.NDArray[np.intp], blocked: npt.NDArray[np.uint64], until_us: Ints) -> Self:
        """The same rows where this is what blocks these photos. All else is shared."""
        other = copy(self)
        other.blocked, other.until_us = self.blocked.copy(), self.until_us.copy()
        other.blocked[photos], other.until_us[photos] = blocked, until_us
        other.suspect = other._suspects()
        return other

    def _suspects(self) -> npt.NDArray[np.uint64]:
        """A bit for each row of each tile whose photo must be asked whether it is blocked."""
        asked = (self.blocked != 0) | (self.until_us != NEVER_US)
        rows = np.zeros(len(self.tiles) * TILE, bool)
        if asked.any():
            rows[: len(self)] = asked[self.photo]
        return np.packbits(rows, bitorder="little").view("<u8").astype(np.uint64, copy=False)

    def cleared(self, clears: Mapping[int, int]) -> "Cleared":
        """What clears, where `clears` is profile -> bits of the grants that do; no other profile does."""
        masks = [clears.get(profile, 0) for profile in self.profiles.tolist()]
        return Cleared(self, np.array(masks, np.uint64))

    def search(
        self, query: Descriptors, places: Sequence[int], spans: "Spans", *, k: int, at_us: int, work: Work
    ) -> list[Found]:
        """The k best rows within `spans` for each row of `query` in `places`, best first."""
        keys = np.empty((len(places), k), np.float64)
        rows, terms = np.empty(keys.shape, np.int64), np.empty((*keys.shape, 4), np.int64)
        sizes, done = np.empty(len(places), np.int64), np.zeros(2, np.int64)
        kernels.search(
            self.tiles, self.counts, self.masks, self.planes, self.photo, self.ordinal, self.sha,
            self.blocked, self.until_us, self.suspect, self.codes,
            spans.tiles, spans.lanes, spans.ranges, spans.clears,
            query.masks, query.planes, query.mask_n, query.context_n, np.array(places, np.int64),
            at_us, spans.rows <= FEW + FEW_EACH * k, keys, rows, terms, sizes, done,
        )  # fmt: skip
        work.spans += len(spans.tiles) * len(places)
        work.tiles += int(done[0])
        work.rows += int(done[1])
        return [
            Found(self, rows[at, :size], keys[at, :size], terms[at, :size])
            for at, size in enumerate(sizes.tolist())
        ]

    def _coded(self, contexts: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        return self.codes[contexts]

    def _bounds(self, described: Descriptors) -> tuple[Any, Any, Any]:
        count = len(described)
        padded = -(-count // TILE) * TILE
        features = np.zeros((padded, POOLS + BINS), np.uint8)
        counts = np.zeros((padded, 2), np.uint16)
        counts[:count, 0], counts[:count, 1] = described.mask_n, described.context_n
        planes = np.empty((count, self.bits, CONTEXT_CELLS**2 // 64), np.uint64)
        for start in range(0, count, CHUNK):
            stop = min(start + CHUNK, count)
            features[start:stop, :POOLS] = _pools(described.masks[start:stop])
            contexts = self._coded(_numbers(described.planes[start:stop]))
            features[start:stop, POOLS:] = _bins(contexts)[0]
            planes[start:stop] = _planes(contexts, self.bits)
        return (
            np.ascontiguousarray(features.reshape(-1, TILE, POOLS + BINS).transpose(0, 2, 1)),
            np.ascontiguousarray(counts.reshape(-1, TILE, 2).transpose(0, 2, 1)),
            planes,
        )


@dataclass(frozen=True, eq=False)
class Spans:
    """The rows of a category whose profiles clear."""

    ranges: Ints  # (r, 2) first row, last row + 1
    clears: npt.NDArray[np.uint64]  # (r,) bits of the grants that clear
    tiles: npt.NDArray[np.int32]  # (s,) tiles that the ranges reach into
    lanes: npt.NDArray[np.uint64]  # (s,) which rows of each
    rows: int


class Cleared:
    """The rows of a part whose profiles clear, as ranges. A category's are worked out once.

    It holds for whatever part has the same rows: what blocks their photos is none of it.
    """

    def __init__(self, part: Part, masks: npt.NDArray[np.uint64]) -> None:
        """`masks` has the bits of the grants that clear for each of `part.profiles`."""
        self._groups, self._profile_of = part.groups, part.profile_of
        self.masks = masks
        self._spans: dict[int, Spans] = {}

    def spans(self, category: int) -> Spans:
        held = self._spans.get(category)
        if held is None:
            held = self._spans[category] = self._worked_out(category)
        return held

    def _worked_out(self, category: int) -> Spans:
        first, last = np.searchsorted(self._groups[:, 0], [category, category + 1])
        masks = self.masks[self._profile_of[first:last]]
        chosen = np.flatnonzero(masks)
        found, bits = self._groups[first + chosen, 2:], masks[chosen]
        if len(found) > 1:
            # Neighbours that clear alike are one range.
            apart = np.concatenate([[True], (found[1:, 0] != found[:-1, 1]) | (bits[1:] != bits[:-1])])
            ends = np.concatenate([np.flatnonzero(apart)[1:] - 1, [len(found) - 1]])
            found, bits = np.stack([found[apart, 0], found[ends, 1]], axis=1), bits[apart]
        found = np.ascontiguousarray(found)
        room = int(((found[:, 1] - found[:, 0]) // TILE + 2).sum())
        tiles, lanes = np.empty(room, np.int32), np.empty(room, np.uint64)
        count = kernels.spans(found, tiles, lanes)
        rows = int((found[:, 1] - found[:, 0]).sum())
        return Spans(found, np.ascontiguousarray(bits), tiles[:count].copy(), lanes[:count].copy(), rows)


def merge(found: Sequence[Found], k: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """The k best of several parts' answers: (m,) which part, (m,) which place in it, best first."""
    part = np.concatenate([np.full(len(one.key), number) for number, one in enumerate(found)])
    place = np.concatenate([np.arange(len(one.key)) for one in found])
    key = np.concatenate([one.key for one in found])
    sha = np.concatenate([one.sha256 for one in found])
    ordinal = np.concatenate([one.ordinal for one in found])
    order = np.lexsort((ordinal, *sha.T[::-1], -key))[:k]
    return part[order].astype(np.intp), place[order].astype(np.intp)


def _groups(category: npt.NDArray[np.uint8], profile: Ints) -> Ints:
    count = len(category)
    if count == 0:
        return np.zeros((0, 4), np.int64)
    starts = np.flatnonzero(
        np.concatenate([[True], (category[1:] != category[:-1]) | (profile[1:] != profile[:-1])])
    )
    ends = np.concatenate([starts[1:], [count]])
    return np.stack([category[starts], profile[starts], starts, ends], axis=1).astype(np.int64)


def _codes(described: Descriptors) -> tuple[npt.NDArray[np.uint8], int]:
    """(256,) uint8 from category to a dense code, the commonest first, and how many bits codes take.

    0 stays void. The highest code stands for every category that no row holds: it
    equals no row's, as their categories would not.
    """
    seen = np.zeros(256, np.int64)
    for start in range(0, len(described), CHUNK):
        seen += np.bincount(_numbers(described.planes[start : start + CHUNK]).ravel(), minlength=256)
    held = [category for category in np.argsort(-seen, kind="stable").tolist() if category and seen[category]]
    bits = min(PLANES, max(1, (len(held) + 1).bit_length()))
    codes = np.full(256, (1 << bits) - 1, np.uint8)
    codes[0] = 0
    codes[held] = np.arange(1, len(held) + 1)
    return codes, bits


def _numbers(planes: Packed) -> npt.NDArray[np.uint8]:
    """(n, 8, 32) packed planes to (n, 256) category numbers."""
    bits = np.unpackbits(planes, axis=2)  # (n, 8, 256)
    numbers = np.zeros((len(planes), CONTEXT_CELLS**2), np.uint8)
    for plane in range(PLANES):
        numbers |= bits[:, plane] << np.uint8(plane)
    return numbers


def _planes(codes: npt.NDArray[np.uint8], bits: int) -> npt.NDArray[np.uint64]:
    """(n, 256) codes to (n, bits, 4) words."""
    shifts = np.arange(bits, dtype=np.uint8)[:, None]
    return _words(np.packbits((codes[:, None, :] >> shifts) & 1, axis=2))


def _pools(masks: Packed) -> npt.NDArray[np.uint8]:
    """(n, 128) packed masks to (n, 16): set cells of each block of 8 x 8."""
    blocks = np.bitwise_count(masks.reshape(len(masks), 4, 8, 4))
    pools: npt.NDArray[np.uint8] = blocks.sum(axis=2, dtype=np.uint8).reshape(len(masks), POOLS)
    return pools


def _bins(codes: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint16]]:
    """(n, 256) codes to (n, 16) saturated counts, and what saturation may hide of a query: 0 or 1.

    The commonest categories have a bin each, the others share the last one; void has none.
    """
    count = len(codes)
    bin_of = np.minimum(codes.astype(np.int64), BINS) - 1  # void: -1
    at = np.where(bin_of < 0, BINS, bin_of) + np.arange(count)[:, None] * (BINS + 1)
    counts = np.bincount(at.ravel(), minlength=count * (BINS + 1)).reshape(count, BINS + 1)[:, :BINS]
    hidden: npt.NDArray[np.uint16] = np.any(counts > FULL, axis=1).astype(np.uint16)
    return np.minimum(counts, FULL).astype(np.uint8), hidden


def _words(packed: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    return np.ascontiguousarray(packed).view(np.uint64)


def _sha_words(sha256: Packed) -> npt.NDArray[np.uint64]:
    """(p, 32) bytes to (p, 4) numbers that order as the bytes do."""
    return np.ascontiguousarray(sha256).view(">u8").astype(np.uint64)
