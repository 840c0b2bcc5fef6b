"""What the tool counts. What it finds on real photos is in docs/likeness.md."""

from pathlib import Path

import numpy as np
import pytest

from tools import likeness
from tools.likeness import Photo

SAMPLE = Path(__file__).parents[2] / "sample" / "photos"


def test_altered_sample_photos_are_found_again_and_none_is_taken_for_another() -> None:
    photos = list(likeness.photos_below(SAMPLE))[::12]

    found = likeness.measure(photos)

    assert found.photos == len(photos) == 5
    assert {name: found.blocked[name] for name in likeness.WANTED} == dict.fromkeys(likeness.WANTED, 1.0)
    assert found.held["cropped by 10%"] == 1 and found.blocked["cropped by 20%"] < 1
    pairs = found.different["pdq"]
    assert pairs.compared == 5 * 4 and pairs.within(likeness.PDQ_MOST) == 0
    lines = likeness.table(found).splitlines()
    assert lines[0].startswith("5 photos, 0 of them")
    assert "| mirrored * | 100.0% | 100.0% | 100.0% |" in lines


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ("0016E5_00390.jpg", "0016E5_00420.jpg", False),
        ("0016E5_00390.jpg", "0016E5_00540.jpg", False),
        ("0016E5_00390.jpg", "0016E5_00541.jpg", True),
        ("0016E5_00390.jpg", "0006R0_f00390.jpg", True),
        ("kitchen.jpg", "desk.jpg", True),
        ("ulm_000012_000019_leftImg8bit.png", "ulm_000013_000019_leftImg8bit.png", True),
    ],
)
def test_photos_differ_by_sequence_or_by_far_more_than_a_few_frames(
    one: str, other: str, differ: bool
) -> None:
    blank = np.zeros((16, 16, 3), np.uint8)

    assert Photo(one, blank).differs(Photo(other, blank)) is differ


def test_the_bound_is_the_rule_of_three_and_grows_with_what_was_seen() -> None:
    assert likeness.bound(0, 1000) == pytest.approx(3 / 1000, rel=0.01)
    assert likeness.bound(1, 1000) == pytest.approx(4.744 / 1000, rel=0.01)
    assert likeness.bound(5, 1000) > likeness.bound(1, 1000)


def test_what_is_extrapolated_goes_on_as_the_nearest_pairs_begin() -> None:
    # Ten times as many for each 4 bits: 1 of a million within 40, so 1 of 10 ** 8 within 32.
    smallest = tuple(d for d, more in ((40, 1), (44, 9), (48, 90), (52, 900)) for _ in range(more))

    assert likeness.tail(likeness.Pairs(1_000_000, smallest), 32) == pytest.approx(1e-8, rel=0.01)
