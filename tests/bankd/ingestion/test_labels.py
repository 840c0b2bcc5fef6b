from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from bankd.ingestion.errors import CorruptImage, EmptyLabelMap, SizesDiffer, UnknownIds, UnsupportedImage
from bankd.ingestion.labels import decode_depth, decode_instances, decode_labels, nearest

Encode = Callable[..., bytes]
FRAME = (20, 30)
HOUSE = {0: 1, 1: 22, 7: 0, 300: 125}


def numbers() -> np.ndarray:
    values = np.zeros(FRAME, dtype=np.uint8)
    values[5:10, 5:10] = 1
    return values


def read(content: bytes) -> np.ndarray:
    return decode_labels(content, name="a.jpg", frame=FRAME, classes=HOUSE)


@pytest.mark.parametrize("kind", ["L", "P", "I;16"])
def test_each_kind_of_label_map_is_read_by_its_numbers(encode: Encode, kind: str) -> None:
    image = Image.fromarray(numbers() if kind != "I;16" else numbers().astype(np.uint16) * 300)
    if kind == "P":
        image.putpalette([9, 9, 9, 200, 0, 0] + [0] * 762)

    found = read(encode(image))

    assert found.dtype == np.uint8
    assert np.unique(found).tolist() == ([1, 125] if kind == "I;16" else [1, 22])


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bit_palettes_are_read_and_few_bit_greys_refused(encode: Encode, bits: int) -> None:
    palette = Image.fromarray(numbers())
    palette.putpalette([0] * 768)

    assert np.unique(read(encode(palette, bits=bits))).tolist() == [1, 22]
    with pytest.raises(UnsupportedImage):
        read(encode(Image.fromarray(numbers() * 255).convert("1")))


def test_unknown_ids_are_named(encode: Encode) -> None:
    values = numbers()
    values[0, :3] = [9, 200, 9]

    with pytest.raises(
        UnknownIds, match=r"`a.jpg` holds ids that `classes.json` lacks: `9`, `200`$"
    ) as refused:
        read(encode(Image.fromarray(values)))

    assert refused.value.ids == (9, 200)


def test_a_map_of_nothing_but_void_is_empty(encode: Encode) -> None:
    with pytest.raises(EmptyLabelMap):
        read(encode(Image.new("L", FRAME[::-1], 7)))
    one_pixel = np.full(FRAME, 7, dtype=np.uint8)
    one_pixel[4, 4] = 1
    assert np.count_nonzero(read(encode(Image.fromarray(one_pixel)))) == 1


def test_another_size_is_refused_with_both_sizes(encode: Encode) -> None:
    with pytest.raises(
        SizesDiffer, match=r"label map of `a.jpg` is 20 x 30 px, the upright photo 30 x 20 px"
    ):
        read(encode(Image.new("L", (20, 30))))


def test_colors_other_formats_and_no_bytes_are_refused(encode: Encode) -> None:
    with pytest.raises(UnsupportedImage, match="label map is no indexed"):
        read(encode(Image.new("RGB", FRAME[::-1])))
    with pytest.raises(UnsupportedImage, match="label map is no PNG"):
        read(encode(Image.new("L", FRAME[::-1]), "JPEG"))
    with pytest.raises(UnsupportedImage, match="label map is an empty file"):
        read(b"")


def test_a_truncated_map_is_corrupt(encode: Encode) -> None:
    noise = np.random.Generator(np.random.Philox(1)).integers(0, 2, FRAME).astype(np.uint8)
    whole = encode(Image.fromarray(noise))

    with pytest.raises(CorruptImage, match="label map"):
        read(whole[: len(whole) // 2])


def test_instances_and_depth_keep_their_numbers(encode: Encode) -> None:
    wide = (numbers().astype(np.uint16) * 65535)[: FRAME[0]]

    assert decode_instances(encode(Image.fromarray(wide)), name="a", frame=FRAME).max() == 65535
    assert decode_depth(encode(Image.fromarray(wide)), name="a", frame=FRAME)[5, 5] == 65535
    with pytest.raises(UnsupportedImage, match="16-bit"):
        decode_depth(encode(Image.fromarray(numbers())), name="a", frame=FRAME)


def test_nearest_takes_the_pixel_that_holds_the_center() -> None:
    values = np.arange(24).reshape(4, 6)

    assert nearest(values, (2, 3)).tolist() == [[7, 9, 11], [19, 21, 23]]
    assert nearest(values, (4, 6)) is values
