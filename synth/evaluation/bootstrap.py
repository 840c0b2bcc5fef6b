"""Intervals by resampling scenes, paired: every system is measured on the same draws.

Pictures of one scene resemble each other, so scenes are drawn, not pictures.
With few scenes such intervals are too narrow rather than too wide.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.evaluation.pictures import EvaluationError

DRAWS = 1000
LEVEL = 0.95
SEED = 2018


@dataclass(frozen=True, eq=False)
class Draws:
    """`scene` (n,) numbers the scene of each picture; `times` (b, scenes) says how often each was drawn.

    Draw 0 is the data as they are: each scene once.
    """

    scene: NDArray[np.int64]
    times: NDArray[np.int64]

    @classmethod
    def of(cls, scenes: Sequence[str], *, draws: int = DRAWS, seed: int = SEED) -> "Draws":
        names = sorted(set(scenes))
        if len(names) < 2:
            raise EvaluationError("an interval needs pictures of two scenes at least")
        rng = np.random.Generator(np.random.Philox(seed))
        drawn = rng.integers(0, len(names), (draws, len(names)))
        times = np.stack([np.bincount(row, minlength=len(names)) for row in drawn])
        number = {name: at for at, name in enumerate(names)}
        return cls(
            np.array([number[scene] for scene in scenes], dtype=np.int64),
            np.vstack([np.ones((1, len(names)), np.int64), times]).astype(np.int64),
        )

    def weights(self) -> NDArray[np.float64]:
        """(b + 1, n): how often each draw holds each picture."""
        weights: NDArray[np.float64] = self.times.astype(np.float64)[:, self.scene]
        return weights

    def pairs(self, draw: int) -> NDArray[np.float64]:
        """(n, n): how often a draw holds each pair of pictures as a pair of its own.

        A scene drawn twice meets its own copy. Those pairs are dropped: they would be
        counted as pairs of two scenes and are pictures of one.
        """
        times = self.times[draw][self.scene].astype(np.float64)
        same = self.scene[:, None] == self.scene[None, :]
        pairs: NDArray[np.float64] = np.where(same, times[:, None], times[:, None] * times[None, :])
        return pairs

    def each(self, figure: Callable[[NDArray[np.float64]], float]) -> "Estimate":
        """A figure of picture weights, on every draw."""
        return Estimate(np.array([figure(weights) for weights in self.weights()]))

    def mean(self, values: NDArray[np.float64]) -> "Estimate":
        """The mean of one value per picture, (n,)."""
        weights = self.weights()
        return Estimate(weights @ values / weights.sum(axis=1))

    def ratio(self, above: NDArray[np.float64], below: NDArray[np.float64]) -> "Estimate":
        """Sum over sum of two values per picture: (n,) each."""
        weights = self.weights()
        with np.errstate(divide="ignore", invalid="ignore"):
            return Estimate((weights @ above) / (weights @ below))


@dataclass(frozen=True, eq=False)
class Estimate:
    """A figure on the data, `values[0]`, and on every draw."""

    values: NDArray[np.float64]

    @property
    def value(self) -> float:
        return float(self.values[0])

    @property
    def interval(self) -> tuple[float, float]:
        """The middle 95% of the draws. Draws on which the figure does not exist leave that end open."""
        drawn = self.values[1:]
        tail = (1 - LEVEL) / 2
        low, high = (np.where(np.isnan(drawn), end, drawn) for end in (-np.inf, np.inf))
        return (
            float(np.quantile(low, tail, method="lower")),
            float(np.quantile(high, 1 - tail, method="higher")),
        )

    def over(self, other: "Estimate") -> "Estimate":
        """The ratio of two figures, draw by draw; where the lower one is not above zero there is none."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return Estimate(np.where(other.values > 0, self.values / other.values, np.nan))


def mean_of(estimates: Sequence[Estimate]) -> Estimate:
    """The mean of figures of one kind, such as one segmenter's and another's."""
    return Estimate(np.mean([estimate.values for estimate in estimates], axis=0))
