"""What becomes of a composite in which an erased photo was placed: kept, covered where that fed it, deleted.

"Blurred" by its name in the certificate, and no blur by its making: a blur can be undone in part, so each
area has one color for all of it.
"""

import hashlib
import io
from collections.abc import Collection
from uuid import UUID

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from bankd.provenance import manifest
from bankd.provenance.models import Composite
from bankd.storage import BlobMissing, Blobs
from bankd.synthesis.handouts import MAX_COMPOSITE_BYTES
from bankd.synthesis.made_by import gate_key as gate_key

MARGIN = 32
"""One part in so many of the picture's long side: how far blending and refining carried the photo."""

Mask = npt.NDArray[np.bool_]


def became(wanted: str, *, before: str | None) -> str:
    """What a composite is after an erasure that wants it so: never more than an earlier one left of it."""
    ranks = ("kept", "blurred", "deleted")
    return max(wanted, before or "kept", key=ranks.index)


def area(text: str, photos: Collection[UUID]) -> Mask:
    """(H, W): the pixels of a composite's canvas that these photos fed, by its manifest, and a margin."""
    sealed = manifest.read(text)
    numbers = [number for number, one in enumerate(sealed.placed_photos) if one.photo_id in photos]
    fed = np.isin(sealed.photo_map(), numbers)
    around = max(sealed.height, sealed.width) // MARGIN
    found: Mask = ndimage.distance_transform_edt(~fed) <= around if fed.any() else fed
    return found


def covered(png: bytes, where: Mask) -> bytes:
    """The picture as PNG, plain, with each area that is meant in its one mean color."""
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        pixels = np.array(image.convert("RGB"))
    areas, count = ndimage.label(where)
    for number in range(1, count + 1):
        inside = areas == number
        pixels[inside] = pixels[inside].mean(axis=0).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def keep_covered(composite: Composite, photos: Collection[UUID], *, blobs: Blobs) -> str:
    """Store what is left of a composite and return its key. Done twice, it is the same.

    Of a file that is lost already nothing is left to cover: the key is then of what was kept before.

    Raises:
        BlobUnavailable: nothing was changed.
    """
    former = composite.blurred_key or composite.blob_key
    try:
        png = blobs.get(former, limit_bytes=MAX_COMPOSITE_BYTES)
    except BlobMissing:
        return former
    made = covered(png, area(composite.manifest, photos))
    key = f"composites/{composite.id}/{hashlib.sha256(made).hexdigest()}"
    blobs.put(key, made, media_type="image/png")
    return key


def others(composite: Composite, *, keep: str) -> set[str]:
    """The keys of all of a composite's bytes but what is kept in their place."""
    keys = {composite.blob_key, composite.blurred_key or composite.blob_key, gate_key(composite.id)}
    return keys - {keep}
