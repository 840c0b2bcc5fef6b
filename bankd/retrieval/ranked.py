"""What ranking answers with."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True)
class Ranked:
    """A cleared segment and the integer terms of its score for one region."""

    segment_id: int
    photo_id: UUID
    photo_sha256: str
    im: int
    um: int
    ic: int
    uc: int
