"""A mark is not seen, survives what is done to pictures, and is not read where there is none."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from bankd.watermark import spread
from bankd.watermark.spread import FITS_LEAST, PSNR_DB, Spread, false_at_most
from tools import marks

SAMPLE = Path(__file__).parents[3] / "sample" / "photos"
MARK = 0xFEDCBA9876543210
SPREAD = Spread(b"k" * 32)
OTHER = Spread(b"o" * 32)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.asarray(Image.open(sorted(SAMPLE.glob("*.jpg"))[2]).convert("RGB"))


@pytest.fixture(scope="module")
def marked(photo: np.ndarray) -> np.ndarray:
    return SPREAD.put(photo, MARK)


def test_a_marked_picture_differs_by_no_more_than_is_said(photo, marked) -> None:
    assert marked.shape == photo.shape and marked.dtype == np.uint8
    assert cv2.PSNR(photo, marked) >= PSNR_DB - 0.5 >= 42
    assert np.abs(marked.astype(int) - photo).max() <= 2 * spread.MOST + 1


@pytest.mark.parametrize("name", [*marks.ASKED, "mirrored"])
def test_a_mark_survives(marked, name) -> None:
    rng = np.random.Generator(np.random.Philox(5))

    reading = SPREAD.read(marks.ALTERED[name](marked, rng))

    assert reading is not None
    assert reading.mark == MARK
    assert reading.false_at_most < 1e-10
    assert (reading.scale < 0.95) == name.startswith("cropped")
    assert (reading.turned > 0) == (name == "mirrored")


def test_without_the_key_nothing_is_read_and_where_nothing_is_nothing_is_found(photo, marked) -> None:
    reading = SPREAD.read(photo)
    assert reading is None or (reading.fits < FITS_LEAST and reading.mark != MARK)
    whole = spread._Place(1.0, 1.0, 0, 0, 0, 0.0)
    assert SPREAD._decoded(spread._luma(marked), whole)[1] == MARK
    fits, mark = OTHER._decoded(spread._luma(marked), whole)
    assert fits < FITS_LEAST and mark != MARK


def test_what_is_too_small_stays_as_it_is() -> None:
    tiny = np.full((64, 96, 3), 128, np.uint8)

    assert not SPREAD.fits_into(64, 96)
    assert SPREAD.put(tiny, MARK) is tiny
    assert SPREAD.read(tiny) is None
    assert SPREAD.read(tiny[:20, :20]) is None


def test_a_plain_picture_can_be_marked_and_looked_at() -> None:
    plain = np.full((300, 400, 3), 255, np.uint8)
    marked = SPREAD.put(plain, MARK)

    assert marked.max() == 255 and cv2.PSNR(plain, marked) > 40
    assert SPREAD.read(marked).mark == MARK


def test_the_bound_on_false_readings_is_that_of_hoeffding() -> None:
    assert false_at_most(FITS_LEAST, 1) == pytest.approx(2**64 * math.exp(-(FITS_LEAST**2) / 2))
    assert false_at_most(FITS_LEAST, 12) < 1e-10
    assert false_at_most(3.0, 1) == 1.0


def test_over_many_keys_noise_agrees_with_a_code_word_no_more_than_the_bound_allows() -> None:
    """One fixed picture, many keys: the best of all code words stays far below what is asked for."""
    rng = np.random.Generator(np.random.Philox(6))
    luma = cv2.GaussianBlur(rng.normal(128, 60, (256, 256)).astype(np.float32), (0, 0), 2)
    best = []
    for number in range(12):
        one = Spread(number.to_bytes(32, "big"))
        best.append(one._decoded(luma, spread._Place(1.0, 1.0, 0, 0, 0, 0.0))[0])

    assert max(best) < FITS_LEAST - 1
