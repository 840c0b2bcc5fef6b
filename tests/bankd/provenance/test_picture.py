from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from PIL import ImageDraw

from bankd.provenance import picture


def test_forty_photos_have_forty_colors() -> None:
    palette = picture.colors(40)

    assert len(set(palette)) == 40
    assert min(sum(abs(a - b) for a, b in zip(*pair, strict=True)) for pair in combinations(palette, 2)) >= 12


def test_outline_lies_within_its_own_area_and_leaves_the_rest_alone() -> None:
    rgb = np.full((800, 1600, 3), 128, dtype=np.uint8)
    photo_map = np.zeros((800, 1600), dtype=np.int32)
    photo_map[:, 800:] = 1

    drawn = picture.outlined(rgb, photo_map)

    red, blue = picture.colors(2)
    reds, blues = (np.abs(drawn.astype(int) - color).sum(axis=2) < 30 for color in (red, blue))
    assert np.count_nonzero(reds[:, :800]) > 2000 and not reds[:, 810:].any()
    assert np.count_nonzero(blues[:, 800:]) > 2000 and not blues[:, :790].any()
    assert (drawn[100:300, 100:300] == 128).all()
    assert (rgb == 128).all()


@pytest.mark.parametrize(("height", "width"), [(60, 90), (90, 60), (1200, 1800)])
def test_picture_keeps_its_proportions(height: int, width: int) -> None:
    drawn = picture.outlined(np.zeros((height, width, 3), np.uint8), np.zeros((height, width), np.int32))

    assert max(drawn.shape) == max(1600, height, width)
    assert drawn.shape[1] * height == pytest.approx(drawn.shape[0] * width, rel=0.002)


@pytest.mark.parametrize("photos", [1, 40])
def test_legend_stands_beside_the_picture(canvas: Callable[..., Any], photos: int) -> None:
    made = canvas(photos)
    photo_map = made.manifest.photo_map()

    names = ["Studio Mori 写真事務所 " + "long " * 30] * photos
    whole = picture.with_legend(made.rgb, photo_map, names=names)

    drawn = picture.outlined(made.rgb, photo_map)
    margin = (whole.shape[1] - drawn.shape[1]) // 2
    assert whole.shape[0] >= drawn.shape[0] and margin > 100
    assert (whole[:, -10:] == 255).all() and (whole[-10:] == 255).all()  # nothing runs off the sheet


def test_one_pixel_of_a_photo_is_outlined_too() -> None:
    photo_map = np.zeros((100, 100), dtype=np.int32)
    photo_map[50, 50] = 1

    drawn = picture.outlined(np.zeros((100, 100, 3), np.uint8), photo_map)

    assert (np.abs(drawn.astype(int) - picture.colors(2)[1]).sum(axis=2) < 30).any()


def test_canvas_without_a_photo_is_left_as_it_is() -> None:
    rgb = np.full((1600, 10, 3), 7, dtype=np.uint8)

    assert np.array_equal(picture.outlined(rgb, np.full((1600, 10), -1)), rgb)


def test_a_tiny_area_is_not_said_to_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    write = ImageDraw.ImageDraw.text

    def text(self: Any, where: Any, words: str, *rest: Any, **options: Any) -> None:
        said.append(words)
        write(self, where, words, *rest, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", text)
    photo_map = np.zeros((300, 400), dtype=np.int32)
    photo_map[0, :2] = 1
    picture.with_legend(np.zeros((300, 400, 3), dtype=np.uint8), photo_map, names=["Nine", "Ten", "None"])

    assert {"100.00 %", "< 0.01 %", "0.00 %"} <= set(said)
