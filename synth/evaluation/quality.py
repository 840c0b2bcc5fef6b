"""How good pictures become, told from how well a bank fits their layouts: a line, fitted, with its error."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.evaluation.pictures import EvaluationError

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """figure = intercept + slope * score, where the score of a layout lies between `low` and `high`.

    `error` is the root mean square error for a layout of a scene that the line was not fitted on, and
    `explained` the share of the variance that such predictions explain: 0 is no better than the mean,
    and below it worse.
    """

    intercept: float
    slope: float
    low: float
    high: float
    error: float
    explained: float
    pictures: int
    scenes: int


def fit(scores: Values, figures: Values, scenes: Sequence[str]) -> Line:
    """By least squares; the error by leaving out one scene after the other.

    Raises:
        EvaluationError: fewer than three scenes, or scores that are all alike.
    """
    names = np.array(scenes)
    every = sorted(set(scenes))
    if len(every) < 3:
        raise EvaluationError("a line needs pictures of three scenes at least")
    if float(np.ptp(scores)) == 0:
        raise EvaluationError("a line needs scores that differ")
    off = np.empty_like(figures)
    means = np.empty_like(figures)
    for scene in every:
        out = names == scene
        intercept, slope = _line(scores[~out], figures[~out])
        off[out] = figures[out] - (intercept + slope * scores[out])
        means[out] = figures[out] - figures[~out].mean()
    intercept, slope = _line(scores, figures)
    spread = float((means**2).sum())
    return Line(
        intercept=intercept,
        slope=slope,
        low=float(scores.min()),
        high=float(scores.max()),
        error=float(np.sqrt((off**2).mean())),
        explained=1 - float((off**2).sum()) / spread if spread else 0.0,
        pictures=len(figures),
        scenes=len(every),
    )


def _line(scores: Values, figures: Values) -> tuple[float, float]:
    centered = scores - scores.mean()
    slope = float(centered @ figures / max(float(centered @ centered), 1e-12))
    return float(figures.mean()) - slope * float(scores.mean()), slope
