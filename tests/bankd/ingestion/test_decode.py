import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from bankd.ingestion import decode as decoding
from bankd.ingestion.decode import decode, thumbnail, working, working_size
from bankd.ingestion.errors import (
    CorruptImage,
    ImageTooLarge,
    ImageTooSmall,
    TransparentImage,
    UnsupportedImage,
)

Pixels = Callable[..., np.ndarray]
Encode = Callable[..., bytes]


@pytest.mark.parametrize(
    ("kind", "media_type"), [("PNG", "image/png"), ("WEBP", "image/webp"), ("TIFF", "image/tiff")]
)
def test_lossless_formats_come_back_pixel_for_pixel(
    pixels: Pixels, encode: Encode, kind: str, media_type: str
) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}

    found = decode(encode(Image.fromarray(pixels()), kind, **options), name="a")

    assert np.array_equal(found.rgb, pixels())
    assert found.media_type == media_type
    assert found.frame == (48, 64)


def test_a_jpeg_is_read_and_equal_pixels_in_other_bytes_have_one_pixel_hash(
    pixels: Pixels, encode: Encode
) -> None:
    jpeg = encode(Image.fromarray(pixels()), "JPEG", quality=95)
    found = decode(jpeg, name="a.jpg")
    again = decode(encode(Image.fromarray(found.rgb), "PNG"), name="a.png")

    assert found.media_type == "image/jpeg"
    assert np.abs(found.rgb.astype(int) - pixels()).mean() < 3
    assert found.pixel_sha256() == again.pixel_sha256()


def test_the_pixel_hash_knows_the_size(encode: Encode) -> None:
    wide = decode(encode(Image.new("RGB", (64, 32), "red")), name="a")
    tall = decode(encode(Image.new("RGB", (32, 64), "red")), name="a")

    assert wide.pixel_sha256() != tall.pixel_sha256()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied(pixels: Pixels, encode: Encode, kind: str) -> None:
    image = Image.fromarray(pixels())
    exif = Image.Exif()
    exif[0x0112] = 6  # shown upright by a quarter turn clockwise
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "JPEG" else {}

    found = decode(encode(image, kind, exif=exif, **options), name="a")

    assert found.frame == (64, 48)
    assert np.abs(found.rgb.astype(int) - np.rot90(pixels(), -1)).mean() < 3


@pytest.mark.parametrize("orientation", range(10))  # 0 and 9 mean nothing
@pytest.mark.parametrize("subsampling", [0, 2])
def test_a_plain_jpeg_has_the_pixels_that_pillow_reads(
    pixels: Pixels, encode: Encode, orientation: int, subsampling: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encode(
        Image.fromarray(pixels(3, 37, 61)),
        "JPEG",
        exif=exif,
        subsampling=subsampling,
        progressive=subsampling == 0,
    )

    found = decode(content, name="a.jpg")

    with Image.open(io.BytesIO(content)) as image:
        assert np.array_equal(found.rgb, np.asarray(ImageOps.exif_transpose(image)))
    assert found.rgb.flags.c_contiguous


def test_a_jpeg_with_a_slip_that_pillow_forgives_is_read_by_pillow(pixels: Pixels, encode: Encode) -> None:
    content = encode(Image.fromarray(pixels()), "JPEG")
    begins = content.index(b"\xff\xda")
    slipped = content[:begins] + bytes(3) + content[begins:]  # bytes between two markers

    found = decode(slipped, name="a.jpg")

    with Image.open(io.BytesIO(content)) as image:
        assert np.array_equal(found.rgb, np.asarray(image))


def test_an_icc_profile_is_converted_to_srgb(encode: Encode) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"????").replace(b"bXYZ", b"rXYZ").replace(b"????", b"bXYZ")
    red = Image.new("RGB", (32, 32), (250, 10, 10))

    for kind in ("PNG", "TIFF"):
        assert (
            np.abs(decode(encode(red, kind, icc_profile=profile), name="a").rgb[0, 0] - (250, 10, 10)).max()
            < 2
        )
        assert decode(encode(red, kind, icc_profile=swapped), name="a").rgb[0, 0, 2] > 200


def test_a_profile_that_is_none_is_ignored(encode: Encode) -> None:
    found = decode(encode(Image.new("RGB", (32, 32), (9, 80, 7)), icc_profile=b"no profile"), name="a")

    assert (found.rgb == (9, 80, 7)).all()


def test_sixteen_bits_are_rounded_to_eight(encode: Encode) -> None:
    grey = np.tile(np.array([0, 128, 129, 32768, 65535], dtype=np.uint16), (16, 4))

    for kind in ("PNG", "TIFF"):
        found = decode(encode(Image.fromarray(grey), kind), name="a")
        assert found.rgb[0, :5, 0].tolist() == [0, 0, 1, 128, 255]
        assert found.rgb.shape == (16, 20, 3)


def test_sixteen_bit_color_is_read(encode: Encode) -> None:
    samples = np.zeros((20, 20, 3), dtype=">u2")
    samples[..., 0] = 0xFF00
    samples[..., 1] = 0x8000
    found = decode(a_png(20, 20, depth=16, color=2, rows=samples.reshape(20, -1).view(np.uint8)), name="a")

    assert found.rgb[3, 3].tolist() == [255, 128, 0]


def test_cmyk_is_converted(encode: Encode) -> None:
    for kind in ("JPEG", "TIFF"):
        options = {"quality": 100} if kind == "JPEG" else {}
        found = decode(encode(Image.new("CMYK", (32, 32), (0, 255, 255, 0)), kind, **options), name="a")
        assert np.abs(found.rgb[5, 5].astype(int) - (255, 0, 0)).max() < 6


def test_palette_grey_and_bilevel_become_color(pixels: Pixels, encode: Encode) -> None:
    image = Image.fromarray(pixels())

    palette = image.quantize(16)
    assert np.array_equal(decode(encode(palette), name="a").rgb, np.asarray(palette.convert("RGB")))
    grey = image.convert("L")
    assert np.array_equal(decode(encode(grey), name="a").rgb[..., 1], np.asarray(grey))
    bilevel = grey.convert("1")
    assert np.array_equal(decode(encode(bilevel), name="a").rgb[..., 2], np.asarray(bilevel) * np.uint8(255))


def test_opaque_alpha_is_dropped_and_any_transparency_refused(pixels: Pixels, encode: Encode) -> None:
    image = Image.fromarray(pixels()).convert("RGBA")

    assert np.array_equal(decode(encode(image), name="a").rgb, pixels())
    image.putpixel((3, 3), (1, 2, 3, 254))
    for kind in ("PNG", "TIFF", "WEBP"):
        with pytest.raises(TransparentImage, match="flatten"):
            decode(encode(image, kind), name="a")
    with pytest.raises(TransparentImage):
        decode(encode(image.convert("LA")), name="a")
    palette = Image.fromarray(pixels()).quantize(8)
    with pytest.raises(TransparentImage):
        decode(encode(palette, transparency=2), name="a")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_truncated_photo_is_corrupt_wherever_it_is_cut(pixels: Pixels, encode: Encode, kind: str) -> None:
    whole = encode(Image.fromarray(pixels(height=200, width=300)), kind)

    for share in (0.1, 0.5, 0.9):
        with pytest.raises((CorruptImage, UnsupportedImage), match="`cut`"):
            decode(whole[: int(len(whole) * share)], name="cut")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_scrambled_bytes_are_refused_or_read_and_never_anything_else(
    pixels: Pixels, encode: Encode, kind: str
) -> None:
    whole = bytearray(encode(Image.fromarray(pixels()), kind))
    rng = np.random.Generator(np.random.Philox(5))
    refused = 0
    for _ in range(150):
        broken = bytearray(whole)
        for at in rng.integers(2, len(whole), 8):
            broken[at] = rng.integers(0, 256)
        try:
            decode(bytes(broken), name="a")
        except (CorruptImage, UnsupportedImage, ImageTooLarge, ImageTooSmall, TransparentImage):
            refused += 1
    assert refused > 10


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"%PDF-1.7", b"<svg/>", bytes(1000)])
def test_what_is_no_photo_is_unsupported(content: bytes) -> None:
    with pytest.raises(UnsupportedImage, match="no JPEG, PNG, WebP or TIFF"):
        decode(content, name="a")


def test_a_decompression_bomb_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = a_png(60_000, 60_000, depth=8, color=0, rows=np.zeros((1, 10), dtype=np.uint8))
    with pytest.raises(ImageTooLarge, match="160000000 pixels"):
        decode(bomb, name="bomb")
    just_above = a_png(16_001, 10_000, depth=8, color=0, rows=np.zeros((1, 10), dtype=np.uint8))
    with pytest.raises(ImageTooLarge, match="`bomb` has 10000 x 16001 pixels"):
        decode(just_above, name="bomb")
    monkeypatch.setattr(decoding, "BYTES_MOST", 10)
    with pytest.raises(ImageTooLarge, match="11 bytes"):
        decode(bytes(11), name="large")


def test_animation_and_several_pages_are_refused(pixels: Pixels, encode: Encode) -> None:
    frames = [Image.fromarray(pixels(seed)) for seed in (1, 2)]

    for kind in ("PNG", "WEBP", "TIFF"):
        with pytest.raises(UnsupportedImage, match="animated or has several pages"):
            decode(encode(frames[0], kind, save_all=True, append_images=frames[1:]), name="a")


def test_a_camera_jpeg_with_a_preview_behind_it_is_its_first_picture(pixels: Pixels, encode: Encode) -> None:
    first, preview = Image.fromarray(pixels(1)), Image.fromarray(pixels(2))

    found = decode(encode(first, "MPO", save_all=True, append_images=[preview], quality=95), name="a")

    assert found.media_type == "image/jpeg"
    assert np.abs(found.rgb.astype(int) - pixels(1)).mean() < 3


def test_other_pixel_kinds_are_refused(encode: Encode) -> None:
    floats = Image.fromarray(np.zeros((32, 32), dtype=np.float32))

    with pytest.raises(UnsupportedImage, match="of the kind `F`"):
        decode(encode(floats, "TIFF"), name="a")


def test_sixteen_pixels_a_side_are_the_least(encode: Encode) -> None:
    assert decode(encode(Image.new("RGB", (16, 16))), name="a").frame == (16, 16)
    with pytest.raises(ImageTooSmall, match="`a` is 16 x 15 px: 16 px a side is the least"):
        decode(encode(Image.new("RGB", (16, 15))), name="a")


def test_the_working_frame_is_at_most_2048_px_and_never_enlarged() -> None:
    assert working_size((360, 480)) == (360, 480)
    assert working_size((2048, 1000)) == (2048, 1000)
    assert working_size((4096, 2999)) == (2048, 1500)
    assert working_size((30, 30_000)) == (2, 2048)
    assert working_size((16, 200_000)) == (1, 2048)
    assert working(np.zeros((40, 4096, 3), dtype=np.uint8)).shape == (20, 2048, 3)


def test_a_thumbnail_has_at_most_256_px_and_no_metadata(pixels: Pixels) -> None:
    small = Image.open(io.BytesIO(thumbnail(pixels(height=300, width=600))))

    assert small.size == (256, 128)
    assert "exif" not in small.info


def a_png(height: int, width: int, *, depth: int, color: int, rows: np.ndarray) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )
