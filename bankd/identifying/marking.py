"""What a handout's copy is marked with, before it is signed."""

from collections.abc import Callable, Sequence
from typing import Literal
from uuid import UUID

from bankd.provenance.renditions import Mark, Rendition
from bankd.watermark.watermarks import Watermarks, mark_of

Which = Literal["copies", "all", "none"]
Marks = Callable[[UUID, tuple[int, int], bool], Sequence[Mark]]
"""For a handout's id, the (height, width) of the picture given, and whether a copy is made anyway."""

ACTION = "c2pa.watermarked.unbound"


def unmarked(handout_id: UUID, size: tuple[int, int], copied: bool) -> Sequence[Mark]:  # noqa: ARG001
    return ()


def marks_of(watermarks: Watermarks, which: Which) -> Marks:
    """The invisible mark of each handout, in all that the setting names and that is large enough.

    With `all` a PNG master is given as a marked copy too.
    """

    def marks(handout_id: UUID, size: tuple[int, int], copied: bool) -> Sequence[Mark]:
        way = watermarks.putting(*size) if which == "all" or (which == "copies" and copied) else None
        if way is None:
            return ()
        mark = mark_of(handout_id)
        says = f"a mark that cannot be seen was put into the pixels ({way.name})"
        return (Mark(put=lambda rgb: way.put(rgb, mark), action=ACTION, says=says),)

    return marks


def given_size(rendition: Rendition, height: int, width: int) -> tuple[int, int]:
    """How large a rendition of a composite comes out."""
    factor = min(1.0, (rendition.longest_side or max(height, width)) / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))
