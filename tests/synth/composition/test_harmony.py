import cv2
import numpy as np
import pytest

from synth.composition.harmony import GAIN, MAX_SHIFT, RATIO, tone, transfers
from synth.pictures import CategoryFacts, Segment

WALL, MUG = 1, 2
CATEGORIES = {WALL: CategoryFacts(WALL, "wall", planar=True), MUG: CategoryFacts(MUG, "mug")}


def segment(key: int, photo: int, category: int, color: tuple[int, int, int], noise: int = 10) -> Segment:
    rng = np.random.Generator(np.random.Philox(key))
    rgb = np.clip(np.array(color) + rng.integers(-noise, noise + 1, (30, 40, 1)), 0, 255).astype(np.uint8)
    mask = np.ones((30, 40), bool)
    mask[:10] = False
    rgb[:10] = 0  # outside the mask, black must not count
    return Segment(key, photo, category, rgb, mask, (0, 0, 40, 30), (30, 40))


def mean_lab(colors: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(colors.astype(np.float32), cv2.COLOR_RGB2Lab).reshape(-1, 3).mean(axis=0)


def applied(segments: list[Segment], key: int, anchor: int | None) -> tuple[np.ndarray, np.ndarray]:
    (mine,) = [s for s in segments if s.key == key]
    before = mine.rgb[10:].astype(np.float32) / 255
    return mean_lab(before), mean_lab(transfers(segments, CATEGORIES, anchor=anchor)[key].apply(before))


def test_a_wall_takes_the_anchor_s_wall_s_light() -> None:
    segments = [segment(1, 7, WALL, (150, 145, 140)), segment(2, 8, WALL, (120, 118, 118), noise=20)]
    _, after = applied(segments, 2, anchor=7)
    assert after == pytest.approx(tone(segments[0]).mean, abs=0.7)


def test_the_anchor_itself_and_a_picture_without_one_stay_as_they_are() -> None:
    segments = [segment(1, 7, WALL, (150, 145, 140)), segment(2, 8, WALL, (90, 88, 88))]
    for key, anchor in ((1, 7), (2, None), (2, 99)):
        before, after = applied(segments, key, anchor)
        assert np.array_equal(before, after)


def test_a_red_mug_from_a_dark_photo_is_lit_and_stays_red() -> None:
    segments = [
        segment(1, 7, WALL, (180, 180, 180)),
        segment(2, 7, MUG, (30, 60, 200)),
        segment(3, 8, WALL, (130, 130, 130)),
        segment(4, 8, MUG, (120, 30, 30)),
    ]
    before, after = applied(segments, 4, anchor=7)
    assert before[0] < after[0] <= before[0] * GAIN[1] + 0.5
    assert np.abs(after[1:] - before[1:]).max() <= MAX_SHIFT[1] + 0.5


def test_what_shares_no_category_with_the_anchor_is_left_alone() -> None:
    segments = [segment(1, 7, WALL, (180, 180, 180)), segment(2, 8, MUG, (60, 30, 30))]
    before, after = applied(segments, 2, anchor=7)
    assert np.array_equal(before, after)


def test_no_transfer_goes_beyond_its_limits() -> None:
    segments = [segment(1, 7, WALL, (250, 250, 250), noise=2), segment(2, 8, WALL, (20, 20, 120), noise=20)]
    transfer = transfers(segments, CATEGORIES, anchor=7)[2]
    assert (np.abs(transfer.shift) <= MAX_SHIFT).all()
    assert ((transfer.ratio >= RATIO[0]) & (transfer.ratio <= RATIO[1])).all()
