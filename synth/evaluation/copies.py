"""Is it new: how much one photo gives to a picture, and how near a picture comes to a photo of the bank."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth.evaluation.features import Features, cosine_distances
from synth.evaluation.pictures import Trace

NEAR_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class Nearest:
    """By picture: the nearest photo of the bank (its row) and the lite0 cosine distance to it."""

    photo: NDArray[np.int64]
    distance: NDArray[np.float64]


def nearest(pictures: Features, bank: Features) -> Nearest:
    """Args: pooled features, (n, d) of the pictures and (m, d) of the bank's photos."""
    distances = cosine_distances(pictures, bank)
    photo = distances.argmin(axis=1)
    return Nearest(photo.astype(np.int64), distances[np.arange(len(pictures)), photo])


def near_copy_limit(bank: Features) -> float:
    """The distance below which a picture is called a near-copy.

    Only one photo of the bank in twenty stands that near to its own nearest neighbour.
    """
    distances = cosine_distances(bank, bank)
    np.fill_diagonal(distances, np.inf)
    return float(np.quantile(distances.min(axis=1), NEAR_SHARE))


def largest_share(trace: Trace) -> float:
    """The largest photo's share of the frame, by canvas area before refinement."""
    return max(trace.photo_px().values(), default=0) / trace.owner.size


def diversity(variations: Features) -> float:
    """Mean lite0 cosine distance between pictures of one layout, (n, d) pooled; nan for fewer than two."""
    count = len(variations)
    if count < 2:
        return float("nan")
    distances = cosine_distances(variations, variations)
    return float(distances[np.triu_indices(count, 1)].mean())


def canvas_share(trace: Trace) -> float:
    """Share of the frame that placed photos own before refinement."""
    return float(np.count_nonzero(trace.canvas)) / trace.owner.size


def gate_share(trace: Trace) -> float:
    """Share of the frame that the refiner made, each pixel counted by its gate."""
    return 0.0 if trace.gate is None else float(trace.gate.mean()) / 255
