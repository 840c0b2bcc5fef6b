"""What can go wrong with provenance."""

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
