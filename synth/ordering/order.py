"""The order of a picture: by depth where it is known, else by what things are, or by scores of pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from synth.pictures import CategoryFacts


@dataclass(frozen=True)
class Standing:
    """What the order looks at. `depth_mm` is the segment's, brought to its size on the canvas."""

    category: CategoryFacts
    depth_mm: float | None
    lower_edge_px: int


def back_to_front(things: Sequence[Standing]) -> list[int]:
    """Indexes of `things`, furthest first.

    Flat things and void lie behind all objects. Objects go by depth where each of
    them has one: half-known depths would not make an order. Else by
    their category's front rank, then by how far down the frame they reach.
    """
    objects = [t for t in things if not (t.category.planar or t.category.void)]
    by_depth = all(t.depth_mm is not None for t in objects)

    def key(index: int) -> tuple[float, float, float, int]:
        thing = things[index]
        if thing.category.planar or thing.category.void:
            return (0, 0 if thing.category.void else 1, thing.category.front_rank, index)
        if by_depth and thing.depth_mm is not None:
            return (1, -thing.depth_mm, 0, index)
        return (1, thing.category.front_rank, thing.lower_edge_px, index)

    return sorted(range(len(things)), key=key)


def ordered_by_scores(things: Sequence[Standing], scores: Mapping[tuple[int, int], float]) -> list[int]:
    """Indexes of `things`, furthest first, from what is known of pairs.

    `scores[i, j]` is how surely i lies in front of j, negative where j does. Never
    broken: flat things and void lie behind objects, and objects that have a depth
    stand by it among themselves. Scores count from the surest down, each unless what
    stands already says the opposite; what is left open is as `back_to_front` has it.
    """
    usual = back_to_front(things)
    before = _Before(len(things))
    flat = [i for i in usual if things[i].category.planar or things[i].category.void]
    objects = usual[len(flat) :]
    # Chains instead of every pair: the flat stand as usual, and the last of them behind each object.
    for behind, front in pairwise(flat):
        before.put(behind, front)
    for thing in objects if flat else ():
        before.put(flat[-1], thing)
    deep = sorted(  # stable: equal depths stay as usual
        (i for i in objects if things[i].depth_mm is not None), key=lambda i: -(things[i].depth_mm or 0)
    )
    for behind, front in pairwise(deep):
        before.put(behind, front)
    for (first, second), score in sorted(scores.items(), key=lambda scored: (-abs(scored[1]), scored[0])):
        if score != 0:
            before.put(*((second, first) if score > 0 else (first, second)))
    return before.order(usual)


class _Before:
    """A growing order without circles. Sets of indexes are the bits of an integer."""

    def __init__(self, count: int) -> None:
        self._below = [0] * count  # all that lies behind
        self._above = [0] * count

    def put(self, behind: int, front: int) -> None:
        """Put `behind` behind `front`, unless it is known to lie in front."""
        if behind == front or self._above[front] >> behind & 1 or self._below[front] >> behind & 1:
            return
        lower = self._below[behind] | 1 << behind
        upper = self._above[front] | 1 << front
        for i in _indexes(lower):
            self._above[i] |= upper
        for i in _indexes(upper):
            self._below[i] |= lower

    def order(self, usual: Sequence[int]) -> list[int]:
        """Furthest first; of those that may come next, the one that `usual` has first."""
        out: list[int] = []
        done, left = 0, list(usual)
        while left:
            turn = next(i for i in left if not self._below[i] & ~done)
            left.remove(turn)
            done |= 1 << turn
            out.append(turn)
        return out


def _indexes(bits: int) -> list[int]:
    return [i for i in range(bits.bit_length()) if bits >> i & 1]
