"""The judge of faithfulness: a small network that says what is where in a picture.

Trained on real photos that no system ever saw. It shows only whether a picture's
things are recognisable where the layout wants them, so what counts is a
system's figure beside the real photos' own.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from synth.evaluation.faithfulness import IGNORED, Classes, classes_of
from synth.evaluation.pictures import EvaluationError, LabelledPhoto, stack
from synth.pictures import Rgb

WIDTHS = (24, 48, 96, 160, 160)
_BATCH = 16
_KIND = "bankd segmenter 1"


class Segmenter(nn.Module):
    """(B, 3, H, W) float32 in [0, 1] to logits (B, K, H, W); H and W multiples of 32.

    A U-Net at half size: an encoder that halves four times, a decoder that looks at each of its steps.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = _step(3, WIDTHS[0], stride=2)
        self.down = nn.ModuleList(
            nn.Sequential(_step(one, other, stride=2), _step(other, other)) for one, other in pairwise(WIDTHS)
        )
        self.up = nn.ModuleList(
            _step(deep + shallow, shallow)
            for deep, shallow in zip(WIDTHS[:0:-1], WIDTHS[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(WIDTHS[0], classes, kernel_size=1)

    def forward(self, rgb: Tensor) -> Tensor:
        seen = [self.stem(rgb * 2 - 1)]
        for down in self.down:
            seen.append(down(seen[-1]))
        x = seen.pop()
        for up, skip in zip(self.up, reversed(seen), strict=True):
            x = up(torch.cat([functional.interpolate(x, size=skip.shape[2:], mode="nearest"), skip], dim=1))
        out: Tensor = functional.interpolate(self.head(x), size=rgb.shape[2:], mode="bilinear")
        return out


def _step(inward: int, outward: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inward, outward, kernel_size=3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(outward),
        nn.ReLU(),
    )


@dataclass(frozen=True)
class Training:
    """How a segmenter is trained; with the same photos, seed and machine, the same weights."""

    seed: int
    steps: int = 1000
    batch: int = 8
    rate: float = 3e-3
    threads: int = 1


@dataclass(frozen=True, eq=False)
class Judge:
    """A trained segmenter. `categories` are the house ids its classes stand for, in order.

    `photos` is the SHA-256 over the names and pixels it was trained on.
    """

    network: Segmenter
    categories: tuple[int, ...]
    training: Training
    photos: str

    @torch.inference_mode()
    def segment(self, pictures: Sequence[Rgb]) -> Classes:
        """(n, H, W) uint8: positions in `categories`."""
        every = stack(pictures)
        parts = [
            self.network(_tensor(every[at : at + _BATCH])).argmax(dim=1).to(torch.uint8)
            for at in range(0, len(every), _BATCH)
        ]
        return torch.cat(parts).numpy()


def train(
    photos: Sequence[LabelledPhoto],
    categories: tuple[int, ...],
    training: Training,
    *,
    progress: Callable[[int, float], None] = lambda _step, _loss: None,
) -> Judge:
    """Train on photos of one size, void left out of the loss.

    Each step sees photos flipped, cut to a part and scaled back, and in other
    light, so that a few hundred are enough. `progress` gets step and loss.

    Raises:
        EvaluationError: no photos, photos of several sizes, or none of the categories in them.
    """
    rgb = stack([photo.rgb for photo in photos])
    asked = np.stack([classes_of(photo.labels, categories) for photo in photos])
    if (asked == IGNORED).all():
        raise EvaluationError("the photos show none of the categories")
    before = torch.get_num_threads()
    torch.set_num_threads(training.threads)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(training.seed)
            network = Segmenter(len(categories))
        _fit(network, rgb, asked, training, progress)
    finally:
        torch.set_num_threads(before)
    return Judge(network.eval().requires_grad_(False), categories, training, _digest(photos))


def _fit(
    network: Segmenter,
    rgb: NDArray[np.uint8],
    asked: Classes,
    training: Training,
    progress: Callable[[int, float], None],
) -> None:
    rng = np.random.Generator(np.random.Philox(training.seed))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), lr=training.rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=training.rate, total_steps=training.steps, pct_start=0.1
    )
    weights = _class_weights(asked, network.head.out_channels)
    for step in range(training.steps):
        which = rng.integers(0, len(rgb), training.batch)
        pictures, classes = _varied(rgb[which], asked[which], rng)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = network(pictures)
        loss = functional.cross_entropy(logits.float(), classes, weight=weights, ignore_index=IGNORED)
        if not torch.isfinite(loss):
            raise EvaluationError(f"the segmenter's loss is no number at step `{step}`")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        progress(step + 1, float(loss.detach()))


def _class_weights(asked: Classes, classes: int) -> Tensor:
    """Rare classes count more, by the root of their share: all the way, and poles would be everywhere."""
    counts = np.bincount(asked.ravel(), minlength=256)[:classes].astype(np.float64)
    shares = np.maximum(counts / counts.sum(), 1e-4)
    weights = 1 / np.sqrt(shares)
    return torch.from_numpy(weights / (weights * shares).sum()).float()


def _varied(rgb: NDArray[np.uint8], asked: Classes, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A batch flipped, cropped to 60 to 100% and scaled back, with light and contrast changed."""
    pictures, classes = _tensor(rgb), torch.from_numpy(asked)[:, None].float()
    height, width = asked.shape[1:]
    moved, kept = [], []
    for picture, labels in zip(pictures, classes, strict=True):
        share = rng.uniform(0.6, 1.0)
        h, w = round(height * share), round(width * share)
        y, x = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
        part, named = picture[None, :, y : y + h, x : x + w], labels[None, :, y : y + h, x : x + w]
        part = functional.interpolate(part, size=(height, width), mode="bilinear", align_corners=False)
        named = functional.interpolate(named, size=(height, width), mode="nearest")
        if rng.random() < 0.5:
            part, named = part.flip(3), named.flip(3)
        gain, shift = rng.uniform(0.7, 1.3), rng.uniform(-0.1, 0.1)
        tint = torch.from_numpy(rng.uniform(0.9, 1.1, (1, 3, 1, 1))).float()
        moved.append((part * tint * gain + shift).clamp(0, 1))
        kept.append(named)
    batch = torch.cat(moved).contiguous(memory_format=torch.channels_last)
    return batch, torch.cat(kept)[:, 0].long()


def _tensor(rgb: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(rgb)).permute(0, 3, 1, 2).float() / 255


def _digest(photos: Sequence[LabelledPhoto]) -> str:
    sha = hashlib.sha256()
    for photo in sorted(photos, key=lambda one: one.name):
        sha.update(f"{photo.name}\n{photo.rgb.shape}\n".encode())
        sha.update(np.ascontiguousarray(photo.rgb).tobytes())
        sha.update(np.ascontiguousarray(photo.labels).tobytes())
    return sha.hexdigest()


def save(path: Path, judge: Judge) -> None:
    """Write tensors, and beside them in the same file what they are."""
    card = {
        "kind": _KIND,
        "categories": list(judge.categories),
        "training": asdict(judge.training),
        "photos": judge.photos,
    }
    tensors = {name: tensor.contiguous() for name, tensor in judge.network.state_dict().items()}
    save_file(tensors, path, metadata={"card": json.dumps(card, sort_keys=True)})


def load(path: Path) -> Judge:
    """Read a segmenter.

    Raises:
        EvaluationError: the file is cut short, or is no segmenter of this version.
    """
    try:
        with safe_open(path, framework="pt") as file:
            card: dict[str, Any] = json.loads((file.metadata() or {})["card"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping
        if card["kind"] != _KIND:
            raise KeyError("kind")
        network = Segmenter(len(card["categories"]))
        network.load_state_dict(tensors)
        training = Training(**card["training"])
        categories = tuple(int(category) for category in card["categories"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise EvaluationError(f"`{path.name}` holds no segmenter of this version") from error
    return Judge(network.eval().requires_grad_(False), categories, training, str(card["photos"]))
