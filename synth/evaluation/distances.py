"""Distances of two sets of pictures in a feature space: kernel (KID) and Frechet."""

import numpy as np
from numpy.typing import NDArray

from synth.evaluation.bootstrap import Draws, Estimate
from synth.evaluation.features import Features
from synth.evaluation.pictures import EvaluationError

KID_SCALE = 1000


def kid(made: Features, real: Features) -> float:
    """Kernel distance of two sets of features, (n, d) and (m, d): unbiased, so it may fall below zero."""
    _check(made, real)
    within_made, within_real = _cubic(made, made), _cubic(real, real)
    return _unbiased(
        within_made,
        within_real,
        _cubic(made, real),
        1 - np.eye(len(made)),
        1 - np.eye(len(real)),
        np.ones((len(made), len(real))),
    )


def kid_over(made: Features, real: Features, draws: Draws) -> Estimate:
    """`kid` of paired sets, picture i of both for one layout, on every draw.

    The cross term keeps the pairs of a picture and the photo of its own layout, as KID is usually computed.
    """
    _check(made, real)
    if not len(made) == len(real) == len(draws.scene):
        raise EvaluationError("paired distances need a picture for each photo")
    within_made, within_real, across = _cubic(made, made), _cubic(real, real), _cubic(made, real)
    others = 1 - np.eye(len(made))

    def on(draw: int) -> float:
        pairs = draws.pairs(draw)
        apart = pairs * others
        if not apart.any():
            return float("nan")
        return _unbiased(within_made, within_real, across, apart, apart, pairs)

    return Estimate(np.array([on(draw) for draw in range(len(draws.times))]))


def frechet(made: Features, real: Features) -> float:
    """Frechet distance of the Gaussians fitted to two sets, (n, d) and (m, d): too large for small n or m."""
    _check(made, real)
    return _between(_Moments(made[:, None]), _Moments(real[:, None]), np.ones(len(made)), np.ones(len(real)))


def frechet_over(made: Features, real: Features, draws: Draws) -> Estimate:
    """`frechet` on every draw, of features (n, cells, d): each cell of each picture is a sample."""
    _check(made.reshape(-1, made.shape[-1]), real.reshape(-1, real.shape[-1]))
    ours, theirs = _Moments(made), _Moments(real)
    return draws.each(lambda weights: _between(ours, theirs, weights, weights))


def _check(made: Features, real: Features) -> None:
    if made.ndim != 2 or real.ndim != 2 or made.shape[1] != real.shape[1]:
        raise EvaluationError("features of two sets must have one length")
    if min(len(made), len(real)) < 2:
        raise EvaluationError("a distance needs two pictures at least on both sides")


def _cubic(one: Features, other: Features) -> Features:
    kernel: Features = (one @ other.T / one.shape[1] + 1) ** 3
    return kernel


def _unbiased(
    within_made: Features,
    within_real: Features,
    across: Features,
    made_pairs: Features,
    real_pairs: Features,
    cross_pairs: Features,
) -> float:
    return float(
        np.average(within_made, weights=made_pairs)
        + np.average(within_real, weights=real_pairs)
        - 2 * np.average(across, weights=cross_pairs)
    )


class _Moments:
    """Sums of features (n, cells, d) by picture, so that a weighted Gaussian costs no look at every sample.

    Where samples are fewer than features, the samples themselves are the smaller root.
    """

    def __init__(self, features: Features) -> None:
        self._cells = features.shape[1]
        self._shift = features.reshape(-1, features.shape[-1]).mean(axis=0)
        centered = features - self._shift
        self._rows = centered.reshape(-1, features.shape[-1])
        self._first = centered.sum(axis=1)
        wide = len(self._rows) <= features.shape[-1]
        self._second = None if wide else np.einsum("ncd,nce->nde", centered, centered)

    def gaussian(self, weights: NDArray[np.float64]) -> tuple[Features, Features]:
        """Mean (d,), and a root R with R^T R = the unbiased covariance; weights count repetitions."""
        total = weights.sum() * self._cells
        mean = weights @ self._first / total
        if self._second is None:
            repeated = np.repeat(weights, self._cells)
            held = repeated > 0
            root = np.sqrt(repeated[held] / max(total - 1, 1))[:, None] * (self._rows[held] - mean)
        else:
            scatter = np.tensordot(weights, self._second, axes=1) - total * np.outer(mean, mean)
            values, vectors = np.linalg.eigh(scatter / max(total - 1, 1))
            root = np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
        return self._shift + mean, root


def _between(
    made: _Moments, real: _Moments, made_weights: NDArray[np.float64], real_weights: NDArray[np.float64]
) -> float:
    mean_made, root_made = made.gaussian(made_weights)
    mean_real, root_real = real.gaussian(real_weights)
    # trace((AB)^1/2) is the sum of the singular values of any roots' product: no d x d root is needed
    # where there are fewer pictures than features.
    middle = np.linalg.svd(root_made @ root_real.T, compute_uv=False).sum()
    spread = (root_made**2).sum() + (root_real**2).sum() - 2 * middle
    return float(((mean_made - mean_real) ** 2).sum() + spread)
