"""Which of many pictures are alike: exact, every pair of hashes compared; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from bankd.likeness.hashing import HASH_BYTES, ORIENTATIONS, Fingerprint

WORDS = 4  # of 64 bits

PDQ_MOST = 31
"""Bits of 256 in which the same photo may differ; what its authors recommend."""
QUALITY_LEAST = 50
"""Below it a PDQ says too little to refuse a photo by; their recommendation too."""
PHASH_MOST = 40
"""As `PDQ_MOST`, for a person to look at; measured, see docs/likeness.md."""
CROP_MOST = 48
"""As `PHASH_MOST`, for crops: those that begin a fortieth of a side apart differ in so many."""

How = Literal["pdq", "phash", "crop"]

Bits = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Distances = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Alike:
    """That a picture is like the kept one in `row`: by which hash, and how many of its bits differ.

    `telling`: there is enough to see in both.
    """

    row: int
    how: How
    distance: int
    telling: bool

    @property
    def sure(self) -> bool:
        """Whether a photo may be refused for it; everything else is for a person to look at."""
        return self.how == "pdq" and self.telling


class Kept:
    """The fingerprints that a picture is compared with, in the order in which they came."""

    def __init__(self, *, crops: bool) -> None:
        """`crops`: compare with the crops of the kept pictures too, as is done for tombstones."""
        self._with_crops = crops
        self._qualities: list[int] = []
        self._pdq, self._phash, self._crops = _Table(), _Table(), _Table()

    def __len__(self) -> int:
        return len(self._qualities)

    def add(self, fingerprint: Fingerprint) -> None:
        row = len(self._qualities)
        self._qualities.append(fingerprint.quality)
        self._pdq.add(row, upright(fingerprint.pdq))
        self._phash.add(row, upright(fingerprint.phash))
        if self._with_crops:
            self._crops.add(row, fingerprint.crops)

    def add_upright(self, pdq: bytes, phash: bytes, qualities: bytes) -> None:
        """Many at once, of each the one hash and its quality; without crops."""
        first = len(self._qualities)
        self._qualities += qualities
        self._pdq.add_all(first, pdq)
        self._phash.add_all(first, phash)

    def alike(self, asked: Fingerprint) -> list[Alike]:
        """Every kept picture that this one is like, by the hash that says it best, in their order."""
        pdq, phash = bits(asked.pdq), bits(asked.phash)
        found: dict[int, Alike] = {}
        tables: tuple[tuple[How, _Table, Bits, int], ...] = (
            ("crop", self._crops, pdq, CROP_MOST),
            ("phash", self._phash, phash, PHASH_MOST),
            ("pdq", self._pdq, pdq, PDQ_MOST),
        )
        for how, table, wanted, most in tables:
            for row, distance in table.within(wanted, most).items():
                telling = min(self._qualities[row], asked.quality) >= QUALITY_LEAST
                found[row] = Alike(row, how, distance, telling)
        return [found[row] for row in sorted(found)]


class _Table:
    """Hashes and whose they are, word by word, so that a comparison reads memory in order."""

    def __init__(self) -> None:
        self._words: Words = np.zeros((WORDS, 0), np.uint64)
        self._rows: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self._added: list[tuple[int, bytes]] = []

    def add(self, row: int, hashes: bytes) -> None:
        self._added.append((row, hashes))

    def add_all(self, first: int, hashes: bytes) -> None:
        """One hash for each row from the first on."""
        self._settle()
        words = as_words(bits(hashes))
        self._words = np.ascontiguousarray(np.concatenate([self._words, words], axis=1))
        rows = np.arange(first, first + words.shape[1], dtype=np.int64)
        self._rows = np.concatenate([self._rows, rows])

    def within(self, asked: Bits, most: int) -> dict[int, int]:
        """The distance of each row with a hash at most so far from one of those asked for."""
        self._settle()
        found = nearest(asked, self._words)
        near = np.flatnonzero(found <= most)
        best: dict[int, int] = {}
        for row, distance in zip(self._rows[near].tolist(), found[near].tolist(), strict=True):
            best[row] = min(distance, best.get(row, distance))
        return best

    def _settle(self) -> None:
        if not self._added:
            return
        words = as_words(bits(b"".join(hashes for _, hashes in self._added)))
        counts = [len(hashes) // HASH_BYTES for _, hashes in self._added]
        rows = np.repeat(np.array([row for row, _ in self._added], np.int64), counts)
        self._words = np.ascontiguousarray(np.concatenate([self._words, words], axis=1))
        self._rows = np.concatenate([self._rows, rows])
        self._added = []


def upright(hashes: bytes) -> bytes:
    """Of hashes in all orientations the upright ones: with the border, and without it where there is one."""
    turn = ORIENTATIONS * HASH_BYTES
    return b"".join(hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), turn))


def bits(hashes: bytes) -> Bits:
    """(n, 32) of as many hashes, one after the other."""
    return np.frombuffer(hashes, np.uint8).reshape(-1, HASH_BYTES)


def as_words(hashes: Bits) -> Words:
    """(n, 32) bytes as (4, n) words."""
    return np.ascontiguousarray(hashes.view(np.uint64).T)


def nearest(asked: Bits, kept: Words) -> Distances:
    """(n,) in how many bits each kept hash differs from the nearest of those asked for, (k, 32)."""
    best = np.full(kept.shape[1], 8 * HASH_BYTES, np.uint16)
    for one in as_words(asked).T:
        distance = np.zeros(kept.shape[1], np.uint16)
        for word, wanted in zip(kept, one, strict=True):
            distance += np.bitwise_count(word ^ wanted)
        np.minimum(best, distance, out=best)
    return best


def together(fingerprints: Sequence[Fingerprint], *, crops: bool = False) -> Kept:
    kept = Kept(crops=crops)
    for one in fingerprints:
        kept.add(one)
    return kept
