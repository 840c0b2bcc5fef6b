"""Intervals hold what they promise, on data whose truth is known."""

import numpy as np
import pytest

from synth.evaluation.bootstrap import Draws, Estimate, mean_of
from synth.evaluation.pictures import EvaluationError


def scenes_of(scenes: int, each: int) -> list[str]:
    return [f"scene {at // each}" for at in range(scenes * each)]


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.Generator(np.random.Philox(11))
    scenes, each, trials = 30, 4, 300
    draws = Draws.of(scenes_of(scenes, each), draws=400)
    hit = 0
    for _ in range(trials):
        # Pictures of a scene share most of what makes them differ from the mean, which is 0.
        values = np.repeat(rng.normal(0, 1, scenes), each) + rng.normal(0, 0.3, scenes * each)
        low, high = draws.mean(values).interval
        hit += low <= 0 <= high
    assert 0.89 <= hit / trials <= 0.98


def test_pictures_drawn_apart_from_their_scene_would_cover_far_less() -> None:
    rng = np.random.Generator(np.random.Philox(12))
    scenes, each, trials = 30, 4, 200
    alone = Draws.of([str(at) for at in range(scenes * each)], draws=300)
    hit = 0
    for _ in range(trials):
        low, high = alone.mean(np.repeat(rng.normal(0, 1, scenes), each)).interval
        hit += low <= 0 <= high
    assert hit / trials < 0.8


def test_a_paired_ratio_is_narrower_than_its_parts_allow() -> None:
    rng = np.random.Generator(np.random.Philox(13))
    draws = Draws.of(scenes_of(12, 3))
    hard = np.repeat(rng.uniform(1, 20, 12), 3)  # some scenes are hard for every system
    one, other = draws.mean(0.9 * hard + rng.normal(0, 0.1, 36)), draws.mean(hard)
    low, high = one.over(other).interval
    assert low < 0.9 < high
    assert high - low < 0.05
    assert (one.interval[1] - one.interval[0]) / one.value > 0.3


def test_a_ratio_to_nothing_leaves_its_interval_open() -> None:
    above, below = Estimate(np.array([1.0, 1, 1, 1])), Estimate(np.array([2.0, -1, 0, 2]))
    ratio = above.over(below)
    assert ratio.value == 0.5
    assert ratio.interval == (-np.inf, np.inf)


def test_draws_are_the_same_every_time_and_whole_scenes() -> None:
    names = scenes_of(5, 3)
    one, other = Draws.of(names, draws=20), Draws.of(names, draws=20)
    assert (one.times == other.times).all()
    assert (one.times.sum(axis=1) == 5).all()
    weights = one.weights()
    assert (weights.reshape(21, 5, 3) == weights.reshape(21, 5, 3)[:, :, :1]).all()
    assert (weights[0] == 1).all()


def test_sums_over_sums_weigh_pictures_by_what_they_hold() -> None:
    draws = Draws.of(scenes_of(2, 1), draws=10)
    assert draws.ratio(np.array([1.0, 30.0]), np.array([1.0, 10.0])).value == pytest.approx(31 / 11)


def test_two_segmenters_are_one_figure() -> None:
    both = mean_of([Estimate(np.array([0.4, 0.2])), Estimate(np.array([0.6, 0.4]))])
    assert both.values.tolist() == pytest.approx([0.5, 0.3])


def test_one_scene_gives_no_interval() -> None:
    with pytest.raises(EvaluationError, match="two scenes"):
        Draws.of(["a", "a"])
