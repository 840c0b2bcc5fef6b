"""What ranking answers with."""

from typing import NamedTuple
from uuid import UUID


class Ranked(NamedTuple):
    """A cleared segment and the integer terms of its score for one region."""

    segment_id: int
    photo_id: UUID
    photo_sha256: str
    im: int
    um: int
    ic: int
    uc: int
