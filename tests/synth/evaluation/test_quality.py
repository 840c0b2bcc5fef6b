import numpy as np
import pytest

from synth.evaluation.pictures import EvaluationError
from synth.evaluation.quality import fit

SCENES = [f"scene {at % 5}" for at in range(40)]


def noise(seed: int) -> np.ndarray:
    return np.random.Generator(np.random.Philox(seed)).normal(0, 1, 40)


def test_a_line_is_found_with_the_error_that_new_scenes_have() -> None:
    scores = np.linspace(0.4, 1.4, 40)
    found = fit(scores, 0.2 + 0.5 * scores + 0.02 * noise(1), SCENES)
    assert (found.intercept, found.slope) == pytest.approx((0.2, 0.5), abs=0.03)
    assert found.error == pytest.approx(0.02, abs=0.008)
    assert found.explained > 0.9
    assert (found.low, found.high, found.pictures, found.scenes) == (0.4, 1.4, 40, 5)


def test_a_score_that_says_nothing_explains_nothing() -> None:
    found = fit(noise(2), noise(3), SCENES)
    assert found.explained < 0.2
    assert found.error == pytest.approx(1, abs=0.4)


def test_what_one_scene_alone_shows_does_not_count_as_explained() -> None:
    scores = np.array([0.0] * 20 + [1.0] * 20)
    scenes = ["other"] * 10 + ["another"] * 10 + ["odd one"] * 20
    figures = scores + 0.1 * noise(4)
    assert fit(scores, figures, scenes).explained < 0.5


def test_too_few_scenes_or_equal_scores_are_refused() -> None:
    with pytest.raises(EvaluationError, match="three scenes"):
        fit(noise(1), noise(2), ["a", "b"] * 20)
    with pytest.raises(EvaluationError, match="differ"):
        fit(np.ones(40), noise(2), SCENES)
