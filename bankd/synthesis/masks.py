"""The shapes of an order's segments, kept by the bank for the seal.

The seal recomputes the ledger from the bank's own masks. They are read from
the photos' packs once, when the order is made, and kept as one small object
whose hash stands in the order's row: to read a pack for each photo again
would be most of what a seal takes. No worker is given a link to it.
"""

import hashlib
import io
import json
import zlib
from collections.abc import Mapping
from uuid import UUID

import numpy as np
import numpy.typing as npt
from PIL import Image

from bankd.storage import BlobMissing, Blobs
from bankd.synthesis.models import Order

MAX_BYTES = 256 << 20

Mask = npt.NDArray[np.bool_]


def of_crop(png: bytes) -> Mask:
    """(h, w): where an RGBA crop shows its segment."""
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        shown: Mask = np.asarray(image.getchannel("A")) > 0
    return shown


def pack(masks: Mapping[int, Mask]) -> bytes:
    """A line of JSON, [[key, height, width], ..], and the masks' bits one after the other, compressed."""
    sizes = [[key, *mask.shape] for key, mask in masks.items()]
    bits = b"".join(np.packbits(mask).tobytes() for mask in masks.values())
    return json.dumps(sizes).encode() + b"\n" + zlib.compress(bits, 1)


def unpack(content: bytes) -> dict[int, Mask]:
    sizes, _, packed = content.partition(b"\n")
    bits, at = np.frombuffer(zlib.decompress(packed), np.uint8), 0
    masks = {}
    for key, height, width in json.loads(sizes):
        end = at + (height * width + 7) // 8
        masks[key] = np.unpackbits(bits[at:end], count=height * width).reshape(height, width).astype(bool)
        at = end
    return masks


def keep(blobs: Blobs, order_id: UUID, masks: Mapping[int, Mask]) -> str:
    """Store the masks of an order's segments, by their key in its archive; the SHA-256 for its row.

    Raises:
        BlobUnavailable: nothing was stored.
    """
    content = pack(masks)
    sha256 = hashlib.sha256(content).hexdigest()
    blobs.put(key_of(order_id, sha256), content, media_type="application/octet-stream")
    return sha256


def key_of(order_id: UUID, sha256: str) -> str:
    return f"orders/{order_id}/{sha256}"


def of_order(order: Order, *, blobs: Blobs) -> dict[int, Mask]:
    """The bank's own masks of all the segments that were ordered, by their key in the archive.

    Raises:
        BlobMissing: they are lost, or the order is of a version that kept none.
        BlobDamaged: these are not the bytes that the row names.
        BlobUnavailable: try again.
    """
    if order.masks_sha256 is None:
        raise BlobMissing(f"orders/{order.id}/masks")
    return unpack(blobs.get(key_of(order.id, order.masks_sha256), limit_bytes=MAX_BYTES))
