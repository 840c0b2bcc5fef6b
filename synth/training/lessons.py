"""The three networks' lessons: how samples become batches, what the loss is, what is measured."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset

from synth.networks.ordering import OrderingNetwork
from synth.networks.perceptual import (
    PUBLISHED_WEIGHTS,
    Features,
    PerceptualLoss,
    tap_weights,
)
from synth.networks.refinement import HEIGHTS, RefinementNetwork
from synth.networks.transformation import TransformationNetwork, warped
from synth.networks.windows import OUTSIDE
from synth.training.canvases import Canvases
from synth.training.lesson import Answer, Batch
from synth.training.orders import Neighbors, by_rule, ordered
from synth.training.prepared import Prepared, load, split
from synth.training.recipe import Recipe
from synth.training.shifts import Shifted, knocked, large_rows, shifted

MEASURED = 16  # canvases
_WEIGHED = 32  # photos
_MEASURING = 3  # sets the random numbers of measuring apart from those of training


class Refining:
    """The refinement network, held to the photo that a canvas was made of."""

    def __init__(self, folder: Path, recipe: Recipe, features: Features | None) -> None:
        prepared = load(folder)
        self._recipe = recipe
        self._canvases = Canvases(prepared, recipe.canvas, seed=recipe.seed)
        self._photos = len(prepared.photos)
        self.categories = tuple(c.name for c in prepared.categories)
        self.height = next((h for h in HEIGHTS if recipe.height_px <= h), HEIGHTS[-1])
        if recipe.width == "small":
            self.height = HEIGHTS[0]
        generator = torch.Generator().manual_seed(recipe.seed)
        self.network = RefinementNetwork(
            len(self.categories), recipe.width, height=self.height, generator=generator
        )
        self.samples = CanvasSamples(folder, recipe)
        self.perceptual = None if features is None else self._perceptual(prepared, features, generator)

    def answer(self, network: nn.Module, batch: Batch) -> Answer:
        layout, target = one_hot(batch["layout"], len(self.categories)), colors(batch["target"])
        seen = (layout, colors(batch["canvas"]), batch["valid"].float().unsqueeze(1), colors(batch["base"]))
        rgb, gate, semantics = network(*seen)
        weights = self._recipe.loss
        parts = {
            "l1": (rgb - target).abs().mean(),
            "semantics": functional.cross_entropy(semantics, batch["layout"].long()),
        }
        loss = weights.l1 * parts["l1"] + weights.semantics * parts["semantics"]
        if self.perceptual is not None:
            parts["perceptual"] = self.perceptual(rgb, target)
            loss = loss + weights.perceptual * parts["perceptual"]
        parts["gate"] = gate.mean()
        return Answer(loss, parts, layout, rgb, target)

    def measure(self, network: nn.Module) -> dict[str, float]:
        """On fresh canvases of training photos: how far output and base are from the photo, and the gate."""
        device = next(network.parameters()).device
        rows = []
        for number in range(min(MEASURED, self._photos)):
            rng = np.random.Generator(np.random.Philox(key=[self._recipe.seed, number << 32 | _MEASURING]))
            made = self._canvases.version(number * self._photos // MEASURED % self._photos, rng)
            batch = {name: t.unsqueeze(0).to(device) for name, t in _tensors(vars(made)).items()}
            answer = self.answer(network, batch)
            base = (colors(batch["base"]) - colors(batch["target"])).abs().mean()
            rows.append([float(answer.parts["l1"]), float(base), float(answer.parts["gate"])])
        l1, l1_base, gate = np.mean(rows, axis=0).tolist()
        return {"l1": l1, "l1_base": l1_base, "gate": gate}

    def _perceptual(
        self, prepared: Prepared, features: Features, generator: torch.Generator
    ) -> PerceptualLoss:
        weights = self._recipe.loss
        taps: list[float] = list(PUBLISHED_WEIGHTS)
        if weights.taps == "balanced":
            step = max(1, self._photos // _WEIGHED)
            photos = colors(torch.from_numpy(np.array(prepared.photos[::step][:_WEIGHED])))
            if weights.half:
                photos = functional.avg_pool2d(photos, 2)
            taps = tap_weights(features, photos, generator=generator) if len(photos) > 1 else taps
        return PerceptualLoss(features, taps, half_size=weights.half)


class Aligning:
    """The transformation network, held to the color of the segment in its place (and to the place)."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self._prepared = load(folder)
        self._recipe = recipe
        learned, measured = split(self._prepared, held_out=recipe.shift.held_out)
        self._measured = large_rows(self._prepared, measured, recipe.shift)
        self.categories = tuple(c.name for c in self._prepared.categories)
        generator = torch.Generator().manual_seed(recipe.seed)
        self.network = TransformationNetwork(len(self.categories), recipe.width, generator=generator)
        self.samples = ShiftedSamples(folder, recipe, large_rows(self._prepared, learned, recipe.shift))

    def answer(self, network: nn.Module, batch: Batch) -> Answer:
        affine = self._affine(network, batch)
        target = batch["target"].float()
        area = target.mean(dim=(1, 2)).clamp(min=1e-3)
        color, best = colors(batch["color"]), batch["answer"].float()
        apart = (warped(color, affine) - warped(color, best)).abs().mean(dim=(1, 2, 3))
        to_go = displacement(affine - best, target.shape) * target
        parts = {"l1": (apart / area).mean(), "affine": (to_go.mean(dim=(1, 2)) / area).mean()}
        return Answer(parts["l1"] + self._recipe.shift.affine * parts["affine"], parts)

    def measure(self, network: nn.Module) -> dict[str, float]:
        """Held-out segments, whole and on the canvas, each put back by all that is tried: the color's mean
        absolute difference inside the region (`l1_*`), and the overlap with it (`iou_*`). `network` takes its
        answers as they are, `used` undoes them where use does."""
        rng = np.random.Generator(np.random.Philox(key=[self._recipe.seed, _MEASURING]))
        device = next(network.parameters()).device

        def answer(seen: Shifted) -> NDArray[np.float64]:
            batch = {name: t.unsqueeze(0).to(device) for name, t in _tensors(vars(seen)).items()}
            out: NDArray[np.float64] = self._affine(network, batch)[0].double().cpu().numpy()
            return out

        rows: list[list[float]] = []
        for _ in range(self._recipe.shift.measured if self._measured.size else 0):
            row = int(rng.choice(self._measured))
            made = knocked(self._prepared, row, self._recipe.shift, rng)
            plain, used = (made.improved(answer, undo=undo) for undo in (False, True))
            tried = (made.still, made.moments, plain, used, made.best)
            rows.append([figure for placement in tried for figure in made.fit(placement)])
        if not rows:
            return {}
        hows = ("still", "moments", "network", "used", "best")
        names = [f"{what}_{how}" for how in hows for what in ("l1", "iou")]
        return dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True)) | {"pairs": float(len(rows))}

    def _affine(self, network: nn.Module, batch: Batch) -> Tensor:
        layout, color = one_hot(batch["layout"], len(self.categories)), colors(batch["color"])
        target, mask = (batch[name].float().unsqueeze(1) for name in ("target", "mask"))
        affine: Tensor = network(target, layout, color, mask)
        return affine


class Ordering:
    """The ordering network, held to known orders of neighbours."""

    def __init__(self, folder: Path, recipe: Recipe, known: Neighbors) -> None:
        self._prepared = load(folder)
        self._recipe = recipe
        learned, measured = split(self._prepared, held_out=recipe.order.held_out)
        self._measured = known.of(self._prepared, measured)
        self.categories = tuple(c.name for c in self._prepared.categories)
        generator = torch.Generator().manual_seed(recipe.seed)
        self.network = OrderingNetwork(len(self.categories), recipe.width, generator=generator)
        self.samples = OrderedSamples(folder, recipe, known.of(self._prepared, learned))

    def answer(self, network: nn.Module, batch: Batch) -> Answer:
        logits = self._logits(network, batch)
        in_front = batch["first_in_front"].float()
        loss = functional.binary_cross_entropy_with_logits(logits, in_front)
        return Answer(loss, {"accuracy": ((logits > 0) == (in_front > 0)).float().mean()})

    def measure(self, network: nn.Module) -> dict[str, float]:
        """Shares of held-out neighbours put right: all, and those whose depths are known; by the network and
        by the rule that it has to beat."""
        rng = np.random.Generator(np.random.Philox(key=[self._recipe.seed, _MEASURING]))
        device = next(network.parameters()).device
        known = self._measured
        right = np.zeros(len(known.front), bool)
        for at, (front, behind) in enumerate(zip(known.front.tolist(), known.behind.tolist(), strict=True)):
            made = ordered(self._prepared, front, behind, rng)
            batch = {name: t.unsqueeze(0).to(device) for name, t in _tensors(vars(made)).items()}
            right[at] = (float(self._logits(network, batch)[0]) > 0) == made.first_in_front
        rule = by_rule(self._prepared, known.front, known.behind)
        figures: dict[str, float] = {}
        same = self._prepared.category[known.front] == self._prepared.category[known.behind]
        every = np.ones(right.size, bool)
        for name, which in (("all", every), ("depth", known.by_depth), ("same_category", same)):
            if which.any():
                figures[f"accuracy_{name}"] = float(right[which].mean())
                figures[f"accuracy_{name}_rule"] = float(rule[which].mean())
                figures[f"pairs_{name}"] = float(which.sum())
        return figures

    def _logits(self, network: nn.Module, batch: Batch) -> Tensor:
        masks = [batch[name].float().unsqueeze(1) for name in ("first", "second")]
        logits: Tensor = network(one_hot(batch["layout"], len(self.categories)), *masks)
        return logits.float()


class CanvasSamples(Dataset[dict[str, Tensor]]):
    """Canvases by number. What it reads is opened where it is used: in the data worker."""

    def __init__(self, folder: Path, recipe: Recipe) -> None:
        self._folder, self._recipe = folder, recipe
        self._canvases: Canvases | None = None

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        if self._canvases is None:
            self._canvases = Canvases(load(self._folder), self._recipe.canvas, seed=self._recipe.seed)
        return _tensors(vars(self._canvases.sample(number)))


class ShiftedSamples(Dataset[dict[str, Tensor]]):
    def __init__(self, folder: Path, recipe: Recipe, rows: NDArray[np.int64]) -> None:
        self._folder, self._recipe, self._rows = folder, recipe, rows
        self._prepared: Prepared | None = None

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        if self._prepared is None:
            self._prepared = load(self._folder)
        rng = np.random.Generator(np.random.Philox(key=[self._recipe.seed, 2 * number]))
        made = shifted(self._prepared, int(rng.choice(self._rows)), self._recipe.shift, rng)
        return _tensors(vars(made))


class OrderedSamples(Dataset[dict[str, Tensor]]):
    def __init__(self, folder: Path, recipe: Recipe, known: Neighbors) -> None:
        self._folder, self._recipe, self._known = folder, recipe, known
        self._prepared: Prepared | None = None

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        if self._prepared is None:
            self._prepared = load(self._folder)
        rng = np.random.Generator(np.random.Philox(key=[self._recipe.seed, 2 * number]))
        at = int(rng.integers(len(self._known.front)))
        made = ordered(self._prepared, int(self._known.front[at]), int(self._known.behind[at]), rng)
        return _tensors(vars(made))


def displacement(difference: Tensor, shape: torch.Size) -> Tensor:
    """(B, H, W): how far apart two affines of a window carry each pixel, by their difference (B, 2, 3)."""
    apart = functional.affine_grid(difference, [shape[0], 1, *shape[1:]], align_corners=False)
    return apart.abs().sum(dim=3)


def one_hot(places: Tensor, categories: int) -> Tensor:
    """(B, H, W) uint8 places to (B, K, H, W) float32; zeros where they are `OUTSIDE`."""
    known = places != OUTSIDE
    hot = functional.one_hot(places.long().where(known, 0), categories) * known.unsqueeze(-1)
    return hot.permute(0, 3, 1, 2).float()


def colors(rgb: Tensor) -> Tensor:
    """(B, H, W, 3) uint8 to (B, 3, H, W) float32 in [0, 1]."""
    return rgb.permute(0, 3, 1, 2).float() / 255


def _tensors(arrays: dict[str, Any]) -> dict[str, Tensor]:
    return {name: torch.as_tensor(np.array(value)) for name, value in arrays.items()}
