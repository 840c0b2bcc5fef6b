"""What can go wrong with provenance."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from bankd.errors import BankError


class ProvenanceError(BankError):
    """Root of this part's errors."""


class AreasDoNotAddUp(ProvenanceError):
    def __init__(self, counted_px: int, frame_px: int) -> None:
        super().__init__(f"areas of {counted_px} px do not add up to the frame's {frame_px} px")
        self.counted_px = counted_px
        self.frame_px = frame_px


class CertificateUnusable(ProvenanceError):
    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"the certificate `{path.name}` cannot sign composites: {reason}")
        self.path = path
        self.reason = reason


class SigningFailed(ProvenanceError):
    """Nothing was signed; the unsigned bytes must not leave the bank."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the composite could not be signed: {reason}")
        self.reason = reason


class TimeStampUnavailable(ProvenanceError):
    """No authority gave a stamp that holds, and the house signs nothing without one."""

    def __init__(self, authorities: Sequence[str]) -> None:
        asked = ", ".join(f"`{one}`" for one in authorities)
        super().__init__(
            f"nothing was signed: no trusted time-stamp authority answers ({asked}), and"
            " `time_stamp_policy` is `refuse`"
        )
        self.authorities = tuple(authorities)


class TimeStampRefused(ProvenanceError):
    """What an authority answered is no time stamp of what it was asked for."""

    def __init__(self, authority: str, reason: str) -> None:
        super().__init__(f"the time-stamp authority `{authority}` gave no time stamp: {reason}")
        self.authority = authority


class SignatureNotGiven(ProvenanceError):
    """Whoever holds the key did not sign."""

    def __init__(self, who: str, reason: str) -> None:
        super().__init__(f"`{who}` gave no signature: {reason}")


class RenditionRefused(ProvenanceError):
    """A copy cannot be made as it was asked for."""


class ManifestUnreadable(ProvenanceError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"the manifest cannot be read: {reason}")
        self.reason = reason


class CompositeErased(ProvenanceError):
    """Its file is gone, or what a photo fed of it."""

    def __init__(self, composite_id: UUID, erased_at: datetime) -> None:
        super().__init__(
            f"the file of composite `{composite_id}` was erased at {erased_at.isoformat()}, for a photo in it"
        )
        self.composite_id = composite_id
        self.erased_at = erased_at


class CompositeNotFound(ProvenanceError):
    def __init__(self, composite_id: UUID) -> None:
        super().__init__(f"no composite has the id `{composite_id}`")
        self.composite_id = composite_id
