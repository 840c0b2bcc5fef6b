"""What a witness is told, and what it promises."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


@dataclass(frozen=True)
class Told:
    """A checkpoint on its way.

    `prove(size)` gives the hashes that show it to extend the log's first `size` entries, `check(note)`
    the size of a head that this log signed and the checkpoint extends. Both read the database anew.

    Raises, by both of them:
        LogInconsistent: it does not extend it.
        NoteInvalid: by `check`, the note is none of this log's.
    """

    origin: str
    size: int
    root: bytes
    note: str
    at: datetime  # when it was signed
    now: datetime
    known: int  # how many entries the witness was told of before, as far as we know
    prove: Callable[[int], list[bytes]]
    check: Callable[[str], int]


class Witness(Protocol):
    """One that keeps what it is told and never takes it back."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def where(self) -> str: ...
    @property
    def every(self) -> timedelta:
        """It is told no more often than this."""

    @property
    def key(self) -> Ed25519PublicKey | None:
        """By which it signs what it saw; None of one that only keeps."""

    def tell(self, told: Told) -> str:
        """Have it keep the checkpoint; its signature lines, empty of one that signs nothing.

        Raises:
            WitnessSilent: it could not be told now.
            WitnessContradicts: it holds what the checkpoint does not extend.
            WitnessInvalid: it can never be told as it is set up.
        """

    def kept(self) -> Iterator[str]:
        """All notes that it can show, the smallest first. Raises: WitnessSilent, WitnessInvalid."""
