"""One run: from a recipe and a snapshot to checkpoints in a folder."""

import fcntl
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from synth.cards import Card
from synth.networks import checkpoints, perceptual
from synth.networks.perceptual import Features
from synth.pictures import SynthError
from synth.training.lesson import Lesson, Outcome
from synth.training.lessons import Aligning, Ordering, Refining
from synth.training.loop import Loop
from synth.training.orders import neighbors
from synth.training.prepared import load, prepare
from synth.training.recipe import BadRecipe, Recipe
from synth.training.snapshot import Snapshot

CHECKPOINT = "checkpoint.safetensors"
_PREPARED = ".prepared-"


class Busy(SynthError):
    """Another process trains in this folder."""


class OutOfMemory(SynthError):
    """The recipe asks for more than the device holds."""


def train(
    recipe: Recipe,
    snapshot: Snapshot,
    out: Path,
    *,
    features_file: Path | None = None,
    device: str = "cpu",
    workers: int = 0,
    save_every: int = 500,
    budget_s: float | None = None,
    asked_to_stop: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Train as the recipe says, or go on where `out` was left. Photos at working size lie in a folder of
    `out` while it runs, and are gone after it, or after the next if this one is killed.

    Raises:
        Busy: another process trains in `out`.
        SnapshotChanged, BadSnapshot: as files are read.
        BadRecipe: the features are not those that the recipe pins.
        OtherRun: `out` holds another run.
        OutOfMemory: saying what fits.
    """
    features = _features(recipe, features_file)
    out.mkdir(parents=True, exist_ok=True)
    with _alone(out), tempfile.TemporaryDirectory(prefix=_PREPARED, dir=out) as folder:
        place = Path(folder)
        prepare(
            snapshot,
            place,
            size=recipe.size,
            frame=recipe.frame,
            neighbor_margin=recipe.canvas.neighbor_margin,
        )
        lesson = _lesson(recipe, place, None if features is None else features.to(device))
        write = _writer(recipe, snapshot, out, features, lesson)
        loop = Loop(lesson, recipe, out=out, snapshot=snapshot.digest, device=device, write=write)
        try:
            return loop.run(
                workers=workers, save_every=save_every, budget_s=budget_s, asked_to_stop=asked_to_stop
            )
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise _out_of_memory(recipe) from error
        except RuntimeError as error:
            if "DefaultCPUAllocator" not in str(error):
                raise
            raise _out_of_memory(recipe) from error


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Hold the folder; what a killed run left of its photos goes."""
    with (out / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(f"another process trains in `{out}`") from error
        for left in out.glob(f"{_PREPARED}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield


def _lesson(recipe: Recipe, folder: Path, features: Features | None) -> Lesson:
    if recipe.kind == "refinement":
        return Refining(folder, recipe, features)
    if recipe.kind == "transformation":
        return Aligning(folder, recipe)
    return Ordering(folder, recipe, neighbors(load(folder), recipe.order))


def _features(recipe: Recipe, file: Path | None) -> Features | None:
    if recipe.kind != "refinement" or recipe.loss.features == "none":
        return None
    if recipe.loss.features == "vgg19":
        if file is None:
            raise BadRecipe("the recipe asks for VGG-19 features: name their file")
        features = perceptual.vgg19(file)
    else:
        features = perceptual.vgg16()
    pinned = recipe.loss.features_sha256
    if pinned is not None and features.digest != pinned:
        raise BadRecipe(f"the features' SHA-256 is `{features.digest}`, not the recipe's `{pinned}`")
    return features


def _writer(
    recipe: Recipe, snapshot: Snapshot, out: Path, features: Features | None, lesson: Lesson
) -> Callable[[nn.Module, int, dict[str, float]], None]:
    def write(network: nn.Module, step: int, metrics: dict[str, float]) -> None:
        card = Card(
            kind=recipe.kind,
            width=recipe.width,
            height=getattr(lesson, "height", 256),
            categories=lesson.categories,
            snapshot_sha256=snapshot.digest,
            code_version=checkpoints.code_version(),
            recipe=json.loads(recipe.canonical()),
            metrics={**metrics, "step": float(step)},
            features_sha256=None if features is None else features.digest,
        )
        checkpoints.save(out / CHECKPOINT, network, card)
        if step in recipe.keep:
            checkpoints.save(out / f"checkpoint-{step:06}.safetensors", network, card)

    return write


def _out_of_memory(recipe: Recipe) -> OutOfMemory:
    size = f"{recipe.width_px}x{recipe.height_px}"
    if recipe.batch > 1:
        return OutOfMemory(f"a batch of `{recipe.batch}` at {size} px does not fit: try {recipe.batch // 2}")
    return OutOfMemory(
        f"frames of `{size}` px do not fit: try {recipe.width_px // 2}x{recipe.height_px // 2}"
    )
