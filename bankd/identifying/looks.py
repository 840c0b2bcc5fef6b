"""What is kept of a composite's pixels, to know it again; pure."""

import struct
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from bankd.likeness.hashing import HASH_BYTES, Fingerprint, look
from bankd.provenance.pixels import pixel_sha256


@dataclass(frozen=True)
class Looks:
    """`as_photo_sha256`: of the pixels as ingestion computes it, where the frame stands before in binary."""

    pixel_sha256: str
    as_photo_sha256: str
    fingerprint: Fingerprint

    @property
    def pdq(self) -> bytes:
        """Upright, as is the next: whoever asks turns what he asks with."""
        return self.fingerprint.pdq[:HASH_BYTES]

    @property
    def phash(self) -> bytes:
        return self.fingerprint.phash[:HASH_BYTES]


def looks_of(rgb: npt.NDArray[np.uint8]) -> Looks:
    """Of an (H, W, 3) uint8 picture."""
    as_photo = sha256(struct.pack(">II", *rgb.shape[:2]))
    as_photo.update(np.ascontiguousarray(rgb).data)
    return Looks(pixel_sha256(rgb), as_photo.hexdigest(), look(rgb))
