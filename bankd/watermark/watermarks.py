"""The watermarks that an installation puts and reads: its own, and the operator's TrustMark if it has one."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

import numpy as np
import numpy.typing as npt

from bankd.watermark.errors import WatermarkUnusable
from bankd.watermark.spread import Reading

Rgb = npt.NDArray[np.uint8]
MARK_BITS = 64


class Watermark(Protocol):
    """A way to put a 64-bit mark into a picture, and to find it again in what has become of the picture."""

    name: str

    def fits_into(self, height: int, width: int) -> bool:
        """Whether a picture of this size can carry it."""

    def put(self, rgb: Rgb, mark: int) -> Rgb:
        """A marked copy of (H, W, 3) uint8, of the same size."""

    def read(self, rgb: Rgb) -> Reading | None:
        """The mark, with how surely it is one; None where none is found."""


def mark_of(handout_id: UUID) -> int:
    """The mark of a handout: the first 64 bits of its id, 60 of them random."""
    return handout_id.int >> MARK_BITS


class Watermarks:
    """What is put is the first of them; what is read is any of them."""

    def __init__(self, ways: Sequence[Watermark] = ()) -> None:
        self._ways = tuple(ways)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self._ways)

    def putting(self, height: int, width: int) -> Watermark | None:
        """The one that marks a picture of this size; None: it leaves unmarked."""
        return next((one for one in self._ways if one.fits_into(height, width)), None)

    def read(self, rgb: Rgb) -> tuple[list[Reading], list[str]]:
        """Each mark that is found, once, whoever finds it; and a sentence for each way that cannot look."""
        found: dict[int, Reading] = {}
        unread: list[str] = []
        for way in self._ways:
            try:
                reading = way.read(rgb)
            except WatermarkUnusable as error:
                unread.append(str(error))
                continue
            if reading is not None and (
                reading.mark not in found or reading.false_at_most < found[reading.mark].false_at_most
            ):
                found[reading.mark] = reading
        return list(found.values()), unread
