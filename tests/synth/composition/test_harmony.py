import cv2
import numpy as np
import pytest

from synth.composition.harmony import GAIN, MAX_CAST, RATIO, tone, transfers
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
    assert np.abs(after[1:] - before[1:]).max() <= MAX_CAST + 0.5


def test_what_shares_no_category_with_the_anchor_is_left_alone() -> None:
    segments = [segment(1, 7, WALL, (180, 180, 180)), segment(2, 8, MUG, (60, 30, 30))]
    before, after = applied(segments, 2, anchor=7)
    assert np.array_equal(before, after)


def test_a_wall_of_another_paint_is_painted_like_the_anchor_s() -> None:
    segments = [segment(1, 7, WALL, (200, 200, 200)), segment(2, 8, WALL, (190, 120, 60))]
    _, after = applied(segments, 2, anchor=7)
    assert after == pytest.approx(tone(segments[0]).mean, abs=2)


def test_contrast_changes_within_limits_only() -> None:
    segments = [segment(1, 7, WALL, (250, 250, 250), noise=1), segment(2, 8, WALL, (120, 120, 120), noise=60)]
    for anchor, key in ((7, 2), (8, 1)):
        ratio = transfers(segments, CATEGORIES, anchor=anchor)[key].ratio
        assert ((ratio >= RATIO[0]) & (ratio <= RATIO[1])).all()


def test_walls_of_different_paint_say_nothing_about_the_cast_of_a_mug() -> None:
    segments = [
        segment(1, 7, WALL, (200, 200, 200)),
        segment(3, 8, WALL, (220, 150, 60)),
        segment(4, 8, MUG, (220, 220, 220)),
    ]
    before, after = applied(segments, 4, anchor=7)
    assert after[1:] == pytest.approx(before[1:], abs=0.5)


def test_two_mugs_of_different_color_say_nothing_about_the_light() -> None:
    segments = [
        segment(1, 7, MUG, (230, 230, 225)),
        segment(2, 8, MUG, (60, 58, 55)),
        segment(3, 8, WALL, (150, 150, 150)),
    ]
    before, after = applied(segments, 2, anchor=7)
    assert np.array_equal(before, after)


def test_what_is_lit_is_never_blown_out() -> None:
    ramp = np.linspace(60, 250, 40, dtype=np.uint8)[None, :, None].repeat(30, axis=0).repeat(3, axis=2)
    bright = Segment(4, 8, MUG, ramp, np.ones((30, 40), bool), (0, 0, 40, 30), (30, 40))
    segments = [segment(1, 7, WALL, (220, 220, 220)), segment(3, 8, WALL, (150, 150, 150)), bright]
    lit = transfers(segments, CATEGORIES, anchor=7)[4].apply(ramp.astype(np.float32) / 255)
    assert (lit[0, :, 0] >= ramp[0, :, 0] / 255 - 1e-3).all()
    assert lit[0, 20, 0] > ramp[0, 20, 0] / 255 + 0.05
    assert (np.diff(lit[0, :, 0]) > 0).all()  # each step of the ramp still shows
