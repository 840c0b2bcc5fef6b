import io
import json
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from PIL import Image

from bankd.catalog.errors import ClassesInvalid, UnknownCategories
from bankd.catalog.taxonomy import house
from bankd.synthesis.errors import LayoutRefused
from bankd.synthesis.layouts import MAX_REGIONS, photo_of, read_layout

WALL, MUG = 1, 22
NO_NUMBERS = r"no indexed, 8-bit or 16-bit grey PNG: each pixel has to hold the id of its class$"
CLASSES = json.dumps([{"id": 0, "name": "wall"}, {"id": 300, "name": "mug"}]).encode()


def png(image: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(out, "PNG", **options)
    return out.getvalue()


def plan(dtype: type = np.uint8, mug: int = 1) -> np.ndarray:
    numbers = np.zeros((20, 30), dtype=dtype)
    numbers[5:12, 5:12] = mug
    return numbers


def test_a_layout_is_read_by_its_classes_in_16_bits() -> None:
    found = read_layout(png(plan(np.uint16, 300)), CLASSES, taxonomy=house())

    assert np.unique(found).tolist() == [WALL, MUG]
    assert (found == MUG).sum() == 49


def test_without_classes_ids_are_the_house_s_own() -> None:
    numbers = plan() * (MUG - WALL) + WALL

    assert np.array_equal(read_layout(png(numbers), None, taxonomy=house()), numbers)


@pytest.mark.parametrize("bits", [1, 4, 8])
def test_a_palette_of_few_bits_is_read_by_its_numbers(bits: int) -> None:
    image = Image.fromarray(plan())
    image.putpalette([9, 9, 9, 200, 0, 0] + [0] * (3 * 2**bits - 6))

    found = read_layout(png(image, bits=bits), None, taxonomy=house())

    assert np.unique(found).tolist() == [0, WALL]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", r"^the layout is an empty file$"),
        (b"%PDF-1.7", r"^the layout is no PNG$"),
        (png(Image.new("L", (1, 1))), r"^the layout is `1x1` px: make it at least 16 px a side$"),
        (png(Image.new("L", (2049, 16))), r"^the layout is `2049x16` px: make it at most 2048 px a side"),
        (png(Image.new("RGB", (30, 20))), NO_NUMBERS),
        (png(Image.new("1", (30, 20))), NO_NUMBERS),
        (png(Image.new("L", (30, 20))), r"^the layout labels nothing: every pixel is void$"),
        (png(plan(np.uint16, 300)), r"that the house taxonomy does not name: `300`; name them"),
    ],
)  # fmt: skip
def test_what_is_no_layout_is_refused_in_a_sentence(content: bytes, sentence: str) -> None:
    with pytest.raises(LayoutRefused, match=sentence):
        read_layout(content, None, taxonomy=house())


def test_ids_that_the_classes_do_not_name_are_all_named() -> None:
    numbers = plan()
    numbers[0, :15] = np.arange(15) + 5

    with pytest.raises(LayoutRefused, match=r"that its classes do not name: `1`, `5`, .*`13` and more$"):
        read_layout(png(numbers), CLASSES, taxonomy=house())


def test_classes_that_the_house_does_not_know_are_named() -> None:
    classes = json.dumps([{"id": 0, "name": "wall"}, {"id": 1, "name": "unicorn"}]).encode()

    with pytest.raises(UnknownCategories, match="knows no category `unicorn`"):
        read_layout(png(plan()), classes, taxonomy=house())
    with pytest.raises(ClassesInvalid):
        read_layout(png(plan()), b"[", taxonomy=house())


def test_noise_is_no_layout() -> None:
    noise = np.random.Generator(np.random.Philox(1)).integers(1, 60, (200, 200), dtype=np.uint8)

    with pytest.raises(LayoutRefused, match=rf"regions, `{MAX_REGIONS}` are the most: is it a label map"):
        read_layout(png(np.kron(noise, np.ones((4, 4), np.uint8))), None, taxonomy=house())


def test_a_layout_comes_from_the_house_a_license_or_a_photo() -> None:
    photo = UUID(int=7)

    assert photo_of("own") is photo_of("licensed") is None
    assert photo_of(f"photo:{photo}") == photo
    for origin in ("", "mine", "photo:", "photo:mug.png", f"foto:{photo}"):
        with pytest.raises(LayoutRefused, match="is no origin of a layout"):
            photo_of(origin)
