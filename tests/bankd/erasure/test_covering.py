"""What is left of a composite."""

import io

import numpy as np
import pytest
from PIL import Image

from bankd.erasure import covering


@pytest.mark.parametrize(
    ("wanted", "before", "is_then"),
    [
        ("kept", None, "kept"),
        ("blurred", None, "blurred"),
        ("kept", "blurred", "blurred"),
        ("blurred", "deleted", "deleted"),
        ("deleted", "blurred", "deleted"),
    ],
)
def test_an_erasure_never_gives_back_what_another_took(wanted: str, before: str | None, is_then: str) -> None:
    assert covering.became(wanted, before=before) == is_then


def test_each_area_has_one_color_and_all_else_stays_and_twice_is_once() -> None:
    rng = np.random.Generator(np.random.Philox(1))
    pixels = rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)
    where = np.zeros((24, 32), dtype=bool)
    where[2:6, 2:9] = where[15:20, 20:30] = True
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")

    once = covering.covered(out.getvalue(), where)

    made = np.asarray(Image.open(io.BytesIO(once)))
    assert np.array_equal(made[~where], pixels[~where])
    for area in (np.s_[2:6, 2:9], np.s_[15:20, 20:30]):
        assert len(np.unique(made[area].reshape(-1, 3), axis=0)) == 1
    assert covering.covered(once, where) == once
