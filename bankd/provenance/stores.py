"""The bytes of a C2PA manifest store, as each kind of file holds them. Pure.

They are found by structure alone and mean nothing before the C2PA library has
read the whole file; but they can be kept, hashed and searched.
"""

import io
import struct
import warnings
from collections.abc import Iterator

from PIL import Image

TIFF_TAG = 52545
_APP11, _SOS = 0xEB, 0xDA
_JUMBF_HEAD = 8  # `JP`, instance, sequence: before what the segments of one box share


def manifest_store(file: bytes) -> bytes | None:
    """The manifest store inside a JPEG, PNG, WebP or TIFF; None where there is none that can be found."""
    try:
        if file.startswith(b"\xff\xd8"):
            found = _jpeg(file)
        elif file.startswith(b"\x89PNG\r\n\x1a\n"):
            found = next((body for kind, body in _png(file) if kind == b"caBX"), b"")
        elif file.startswith(b"RIFF") and file[8:12] == b"WEBP":
            found = next((body for kind, body in _riff(file) if kind == b"C2PA"), b"")
        elif file.startswith((b"II*\0", b"MM\0*")):
            found = _tiff(file)
        else:
            found = b""
    except (struct.error, IndexError, OSError, SyntaxError, ValueError):
        return None
    return found or None


def _jpeg(file: bytes) -> bytes:
    """The boxes of APP11 segments, put together again in the order of their numbers."""
    boxes: dict[int, dict[int, bytes]] = {}
    at = 2
    while at + 4 <= len(file) and file[at] == 0xFF and file[at + 1] != _SOS:
        marker = file[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        (length,) = struct.unpack(">H", file[at + 2 : at + 4])
        body = file[at + 4 : at + 2 + length]
        if marker == _APP11 and body[:2] == b"JP":
            instance, sequence = struct.unpack(">HI", body[2:_JUMBF_HEAD])
            boxes.setdefault(instance, {})[sequence] = body[_JUMBF_HEAD:]
        at += 2 + length
    for parts in boxes.values():
        first, *others = (parts[number] for number in sorted(parts))
        whole = first + b"".join(part[8:] for part in others)  # each repeats length and kind of the box
        if b"c2pa" in whole[:64]:
            return whole
    return b""


def _png(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 8 <= len(file):
        (length,) = struct.unpack(">I", file[at : at + 4])
        yield file[at + 4 : at + 8], file[at + 8 : at + 8 + length]
        at += 12 + length


def _riff(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at + 8 <= len(file):
        (length,) = struct.unpack("<I", file[at + 4 : at + 8])
        yield file[at : at + 4], file[at + 8 : at + 8 + length]
        at += 8 + length + length % 2


def _tiff(file: bytes) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tags that are cut off: what is not whole is not found
        with Image.open(io.BytesIO(file), formats=("TIFF",)) as image:
            found = image.tag_v2.get(TIFF_TAG, b"")  # type: ignore[attr-defined]
    return found if isinstance(found, bytes) else b""
