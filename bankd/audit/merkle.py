"""Merkle trees as RFC 6962 section 2 defines them, over leaf hashes; pure."""

import hashlib
from collections.abc import Iterable, Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """All of a tree that is needed to grow it: the roots of its full subtrees, the largest first.

    There is one for each bit set in `size`, so a tree of any size is about 20 hashes.
    """

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        self.size = 0
        self._roots: list[bytes] = []
        for leaf in leaf_hashes:
            self.append(leaf)

    def append(self, leaf_hash: bytes) -> None:
        node, size = leaf_hash, self.size
        while size & 1:
            node = node_hash(self._roots.pop(), node)
            size >>= 1
        self._roots.append(node)
        self.size += 1

    @classmethod
    def at(cls, size: int, roots: Sequence[bytes]) -> "Frontier":
        frontier = cls()
        frontier.size, frontier._roots = size, list(roots)
        return frontier

    @property
    def roots(self) -> list[bytes]:
        return list(self._roots)

    def root(self) -> bytes:
        return joined(self._roots)

    def copy(self) -> "Frontier":
        return Frontier.at(self.size, self._roots)


def joined(roots: Sequence[bytes]) -> bytes:
    """The root over full subtrees that follow each other, the largest first."""
    if not roots:
        return EMPTY_ROOT
    *larger, node = roots
    for left in reversed(larger):
        node = node_hash(left, node)
    return node


def full_subtrees(start: int, stop: int) -> list[tuple[int, int]]:
    """The full subtrees, as (height, number), that a range of a proof is made of, the largest first."""
    found = []
    while start < stop:
        height = (stop - start).bit_length() - 1
        found.append((height, start >> height))
        start += 1 << height
    return found


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """The ranges of leaves, half-open, whose roots are the inclusion proof of `index`, nearest first."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    start, stop, path = 0, size, []
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            path.append((middle, stop))
            stop = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def consistency_ranges(first: int, second: int) -> list[tuple[int, int]]:
    """The ranges whose roots prove that the tree of `first` leaves is the beginning of that of `second`."""
    if not 0 <= first <= second:
        raise ValueError(f"a tree of {first} is not the beginning of one of {second}")
    if first in (0, second):
        return []
    start, stop, path = 0, second, []
    while stop != first:
        middle = start + _split(stop - start)
        if first <= middle:
            path.append((middle, stop))
            stop = middle
        else:
            path.append((start, middle))
            start = middle
    # The old root itself is known to who asks.
    return ([] if start == 0 else [(start, stop)]) + path[::-1]


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    ranges = inclusion_ranges(index, len(leaf_hashes))
    return [Frontier(leaf_hashes[start:stop]).root() for start, stop in ranges]


def consistency_proof(leaf_hashes: Sequence[bytes], first: int) -> list[bytes]:
    ranges = consistency_ranges(first, len(leaf_hashes))
    return [Frontier(leaf_hashes[start:stop]).root() for start, stop in ranges]


def includes(leaf_hash: bytes, *, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof shows this leaf at `index` of the tree of `size` leaves with this root."""
    if not 0 <= index < size:
        return False
    ranges = inclusion_ranges(index, size)
    if len(proof) != len(ranges):
        return False
    node = leaf_hash
    for (start, _), beside in zip(ranges, proof, strict=True):
        node = node_hash(node, beside) if start > index else node_hash(beside, node)
    return node == root


def extends(
    first: int, first_root: bytes, second: int, second_root: bytes, *, proof: Sequence[bytes]
) -> bool:
    """Whether the proof shows the tree of `second` leaves to begin with the tree of `first` leaves."""
    if not 0 <= first <= second:
        return False
    if first in (0, second):
        return not proof and first_root == (second_root if first else EMPTY_ROOT)
    ranges = consistency_ranges(first, second)
    if len(proof) != len(ranges):
        return False
    nodes = iter(zip(ranges, proof, strict=True))
    old = new = first_root if ranges[0][0] >= first else next(nodes)[1]
    for (start, _), beside in nodes:
        if start < first:  # to the left: part of both trees
            old, new = node_hash(beside, old), node_hash(beside, new)
        else:
            new = node_hash(new, beside)
    return old == first_root and new == second_root


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    half: int = 1 << ((size - 1).bit_length() - 1)
    return half
