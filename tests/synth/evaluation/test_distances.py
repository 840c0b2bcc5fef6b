"""Distances of two sets of features, against what is known of them."""

import numpy as np
import pytest

from synth.evaluation.bootstrap import Draws
from synth.evaluation.distances import frechet, frechet_over, kid, kid_over
from synth.evaluation.pictures import EvaluationError


def gaussian(rng: np.random.Generator, count: int, mean: float = 0.0, size: int = 16) -> np.ndarray:
    return rng.normal(mean, 1, (count, size))


def test_kid_of_one_distribution_is_zero_on_average_whatever_the_number_of_pictures() -> None:
    rng = np.random.Generator(np.random.Philox(1))
    for count in (6, 40):
        found = np.array([kid(gaussian(rng, count), gaussian(rng, count)) for _ in range(400)])
        error = found.std() / np.sqrt(len(found))
        assert abs(found.mean()) < 3 * error
        assert (found < 0).any()  # an estimate that never falls below zero would be biased


def test_kid_of_two_distributions_does_not_depend_on_the_number_of_pictures() -> None:
    rng = np.random.Generator(np.random.Philox(2))
    few = np.mean([kid(gaussian(rng, 8), gaussian(rng, 8, mean=1)) for _ in range(600)])
    many = np.mean([kid(gaussian(rng, 80), gaussian(rng, 80, mean=1)) for _ in range(30)])
    assert few == pytest.approx(many, rel=0.08)
    assert many > 1


def test_kid_is_the_cubic_kernel_summed_by_hand() -> None:
    made, real = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[2.0, 2.0], [0.0, 0.0]])

    def kernel(one: np.ndarray, other: np.ndarray) -> float:
        return float((one @ other / 2 + 1) ** 3)

    across = np.mean([kernel(one, other) for one in made for other in real])
    assert kid(made, real) == pytest.approx(kernel(*made) + kernel(*real) - 2 * across)


@pytest.mark.parametrize("count", [9, 400])  # fewer pictures than features, and more
def test_frechet_of_gaussians_is_the_closed_form_of_their_moments(count: int) -> None:
    rng = np.random.Generator(np.random.Philox(3))
    size = 24
    made = gaussian(rng, count, size=size) * np.linspace(0.5, 2, size)
    real = gaussian(rng, count, size=size) + np.arange(size)
    one, other = np.cov(made, rowvar=False), np.cov(real, rowvar=False)
    eigenvalues = np.linalg.eigvals(one @ other)
    expected = ((made.mean(axis=0) - real.mean(axis=0)) ** 2).sum() + np.trace(one) + np.trace(other)
    expected -= 2 * np.sqrt(np.maximum(eigenvalues.real, 0)).sum()
    assert frechet(made, real) == pytest.approx(expected, rel=1e-6)


def test_frechet_between_scaled_gaussians_nears_the_distance_of_the_distributions() -> None:
    rng = np.random.Generator(np.random.Philox(4))
    made, real = rng.normal(0, 1, (40_000, 4)), rng.normal(3, 2, (40_000, 4))
    assert frechet(made, real) == pytest.approx(4 * (3**2 + (2 - 1) ** 2), rel=0.02)


def test_frechet_of_a_set_and_itself_is_zero() -> None:
    rows = gaussian(np.random.Generator(np.random.Philox(5)), 30)
    assert frechet(rows, rows) == pytest.approx(0, abs=1e-6)


def test_draw_zero_is_the_data_as_they_are() -> None:
    rng = np.random.Generator(np.random.Philox(6))
    draws = Draws.of([str(at // 5) for at in range(20)], draws=5)
    made, real = gaussian(rng, 20), gaussian(rng, 20, mean=0.5)
    assert kid_over(made, real, draws).value == pytest.approx(kid(made, real))
    cells = rng.normal(size=(20, 3, 8)), rng.normal(size=(20, 3, 8))
    expected = frechet(cells[0].reshape(-1, 8), cells[1].reshape(-1, 8))
    assert frechet_over(*cells, draws).value == pytest.approx(expected)


def test_a_scene_drawn_twice_is_not_paired_with_its_copy() -> None:
    rng = np.random.Generator(np.random.Philox(7))
    made, real = gaussian(rng, 4), gaussian(rng, 4, mean=1)
    draws = Draws(np.array([0, 0, 1, 1]), np.array([[1, 1], [2, 0], [2, 1]]))
    found = kid_over(made, real, draws).values
    # Scene 0 twice and nothing else: its own pairs, each copy by itself.
    assert found[1] == pytest.approx(kid(made[:2], real[:2]))
    assert found[2] != pytest.approx(found[0])
    twice = draws.pairs(2)
    assert twice[0, 1] == 2  # two copies, each with its own pair
    assert twice[0, 2] == 2  # of either copy with scene 1
    assert twice[2, 3] == 1


def test_features_of_different_length_do_not_compare() -> None:
    with pytest.raises(EvaluationError, match="one length"):
        kid(np.zeros((4, 3)), np.zeros((4, 2)))
    with pytest.raises(EvaluationError, match="two pictures"):
        frechet(np.zeros((1, 3)), np.zeros((4, 3)))
