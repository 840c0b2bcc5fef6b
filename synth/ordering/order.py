"""The order of a picture without learning: by depth where it is known, else by what things are."""

from collections.abc import Sequence
from dataclasses import dataclass

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
