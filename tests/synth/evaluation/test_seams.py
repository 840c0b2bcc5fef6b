"""Edges and detail, on pictures drawn for it."""

import numpy as np
import pytest

from synth.evaluation.pictures import EvaluationError, Trace
from synth.evaluation.seams import borders, lab_gradient, power_spectrum, seam_sums
from synth.pictures import Kind

H, W = 48, 64


def two_halves() -> Trace:
    owner = np.zeros((H, W), np.int32)
    owner[:, W // 2 :] = 1
    return Trace(owner, np.full((H, W), Kind.PLACED, np.uint8), ("one", "two"))


def grey(left: int, right: int) -> np.ndarray:
    rgb = np.full((H, W, 3), left, np.uint8)
    rgb[:, W // 2 :] = right
    return rgb


def ratio(made: np.ndarray, real: np.ndarray, labels: np.ndarray | None = None) -> float:
    sums = seam_sums(made, real, two_halves(), labels)
    return sums.made / sums.real


def texture(seed: int) -> np.ndarray:
    return np.random.Generator(np.random.Philox(seed)).integers(0, 256, (H, W, 3), dtype=np.uint8)


def test_a_photo_has_its_own_seams() -> None:
    photo = texture(1)
    assert ratio(photo, photo) == 1.0


def test_an_edge_at_the_seam_that_the_photo_lacks_raises_the_ratio_and_a_blur_lowers_it() -> None:
    soft = np.tile(np.linspace(80, 170, W).astype(np.uint8)[None, :, None], (H, 1, 3))
    assert ratio(grey(60, 200), soft) > 5
    assert ratio(grey(120, 120), soft) == 0


def test_an_edge_away_from_the_seam_counts_nothing() -> None:
    soft = np.tile(np.linspace(80, 170, W).astype(np.uint8)[None, :, None], (H, 1, 3))
    away = soft.copy()
    away[:, : W // 4] = 0
    assert ratio(away, soft) == 1.0


def test_a_step_of_lightness_is_measured_in_lab_units() -> None:
    step = lab_gradient(grey(0, 255))
    assert step[H // 2, W // 2] == pytest.approx(50, rel=0.01)  # 100 over two pixels
    assert step[H // 2, 2] == 0


def test_borders_lie_on_both_sides_of_a_change() -> None:
    at = borders(two_halves().owner)
    assert np.flatnonzero(at[0]).tolist() == [W // 2 - 1, W // 2]


def test_an_edge_that_the_layout_asks_for_is_no_seam_inside_a_category() -> None:
    labels = np.zeros((H, W), np.uint8)
    labels[: H // 2, W // 2 :] = 7  # above the middle the seam is also a border of categories
    inside = seam_sums(grey(60, 200), texture(2), two_halves(), labels)
    whole = seam_sums(grey(60, 200), texture(2), two_halves())
    assert 0 < inside.pixels < whole.pixels


def test_a_blurred_picture_lacks_power_where_frequencies_are_high() -> None:
    sharp = texture(3)
    soft = np.repeat(np.repeat(sharp[::4, ::4], 4, axis=0), 4, axis=1)
    difference = power_spectrum(sharp) - power_spectrum(soft)
    assert len(difference) == H // 2 - 1
    assert difference[-5:].mean() > 0.5
    assert abs(power_spectrum(sharp) - power_spectrum(sharp[:, ::-1])).max() < 1e-9


def test_white_noise_has_a_flat_spectrum() -> None:
    spectrum = power_spectrum(texture(4))
    assert abs(spectrum[3:10].mean() - spectrum[-7:].mean()) < 0.15


def test_sizes_must_agree() -> None:
    with pytest.raises(EvaluationError, match="size"):
        seam_sums(grey(1, 2), grey(1, 2)[:-1], two_halves())
