import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from bankd.catalog.errors import NumbersUnreadable, UnknownNumbers
from bankd.catalog.labels import DEEP, encode, house_ids, read_numbers, stored

NOISE = np.random.Generator(np.random.Philox(1)).integers(0, 256, (20, 30), dtype=np.uint8)


def png(image: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", **options)
    return out.getvalue()


def claiming(width: int, height: int) -> bytes:
    """A PNG whose header claims a size that its bytes do not hold."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


def anything(height: int, width: int) -> None:
    pass


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_are_read_by_their_numbers_whatever_their_depth_and_colors(bits: int) -> None:
    numbers = (np.indices((20, 30)).sum(axis=0) % 2**bits).astype(np.uint8)
    image = Image.fromarray(numbers)
    image.putpalette([200, 0, 0] * 2**bits)

    assert np.array_equal(read_numbers(png(image, bits=bits), fits=anything), numbers)


def test_16_bit_greys_keep_their_numbers() -> None:
    numbers = np.arange(600, dtype=np.uint16).reshape(20, 30) * 109

    assert np.array_equal(read_numbers(png(Image.fromarray(numbers)), fits=anything), numbers)
    assert np.array_equal(read_numbers(encode(numbers), fits=anything, modes=frozenset({DEEP})), numbers)


@pytest.mark.parametrize(
    ("content", "reason", "why"),
    [
        (b"", "no-png", "is an empty file"),
        (b"id: 1", "no-png", "is no PNG"),
        (png(Image.new("RGB", (30, 20))), "no-numbers", "is no indexed, 8-bit or 16-bit grey PNG"),
        (png(Image.new("RGBA", (30, 20))), "no-numbers", "is no indexed, 8-bit or 16-bit grey PNG"),
        (png(Image.new("LA", (30, 20))), "no-numbers", "is no indexed, 8-bit or 16-bit grey PNG"),
        (png(Image.new("1", (30, 20))), "no-numbers", "is no indexed, 8-bit or 16-bit grey PNG"),
        (png(Image.fromarray(NOISE))[:300], "corrupt", "is truncated or corrupt"),
        (claiming(1 << 20, 1 << 20), "too-large", "has far too many pixels"),
        (claiming(30, 20), "corrupt", "is truncated or corrupt"),
    ],
)
def test_what_is_no_map_of_numbers_says_why(content: bytes, reason: str, why: str) -> None:
    with pytest.raises(NumbersUnreadable) as refused:
        read_numbers(content, fits=anything)

    assert (refused.value.reason, refused.value.why) == (reason, why)


def test_a_size_is_refused_before_a_pixel_is_decoded() -> None:
    def fits(height: int, width: int) -> None:
        assert (height, width) == (9000, 8000)
        raise LookupError

    with pytest.raises(LookupError):
        read_numbers(claiming(8000, 9000), fits=fits)


def test_numbers_without_a_class_are_all_named() -> None:
    numbers = np.array([[0, 7, 300], [9, 7, 0]], dtype=np.uint16)

    assert house_ids(numbers, {0: 1, 7: 22, 9: 0, 300: 125}).tolist() == [[1, 22, 125], [0, 22, 1]]
    with pytest.raises(UnknownNumbers, match="`9`, `300`") as refused:
        house_ids(numbers, {0: 1, 7: 22})
    assert refused.value.numbers == (9, 300)


def test_stored_labels_are_read_back_and_equal_labels_are_equal_bytes() -> None:
    house = np.arange(240, dtype=np.uint8).reshape(12, 20)

    assert np.array_equal(stored(encode(house)), house)
    assert encode(house) == encode(house.copy())
