"""Evaluate networks on photos that were held out: `python -m synth.evaluation NETWORKS MEMORY ASKED OUT`.

NETWORKS holds checkpoints as `synth.networks.trained` reads them. MEMORY and ASKED are folders as
`synth.training.snapshot` reads them: the photos that pictures are made of, and those whose layouts are asked
for and that pictures are measured against. With `--judge`, segmenters are trained on a third such folder, of
photos that no network and no memory has seen. OUT gets evaluation.json and evaluation.html; the pictures
themselves are gone when it ends.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch

from synth.cards import Card
from synth.evaluation import folder as folders
from synth.evaluation import segmenter
from synth.evaluation.features import COMPONENTS, Lite0, cosine_distances
from synth.evaluation.pictures import EvaluationError, LabelledPhoto
from synth.evaluation.run import evaluate, line
from synth.evaluation.scenes import MemoryBank
from synth.evaluation.systems import FULL, Networks, make, methods
from synth.networks.trained import Trained
from synth.pictures import CategoryFacts, SynthError
from synth.training import snapshot as snapshots
from synth.training.recipe import Recipe
from synth.training.snapshot import Snapshot

JUDGES = (0, 1)
CELLS = 12  # of each photo of the memory, for the components


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m synth.evaluation", description=__doc__)
    parser.add_argument("networks", type=Path, metavar="NETWORKS")
    parser.add_argument("memory", type=Path, metavar="MEMORY")
    parser.add_argument("asked", type=Path, metavar="ASKED")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--judge", type=Path, metavar="FOLDER", help="photos to train segmenters on")
    parser.add_argument("--judge-steps", type=int, default=segmenter.Training(0).steps)
    parser.add_argument("--variations", type=int, default=1)
    parser.add_argument("--ablations", action="store_true", help="also measure systems that lack one part")
    parser.add_argument("--title", default="Evaluation")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    try:
        with tempfile.TemporaryDirectory() as scratch:
            _evaluate(Path(scratch), options)
    except SynthError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _evaluate(work: Path, options: argparse.Namespace) -> None:
    memory, asked = snapshots.read(options.memory), snapshots.read(options.asked)
    apart(memory, asked)
    categories = memory.facts()
    trained = Trained.load(options.networks, known={one.name for one in categories.values()})
    recipe = Recipe.model_validate(trained.refinement.card.recipe)
    real, kept = photos(asked, recipe.size), photos(memory, recipe.size)
    if len(kept) * CELLS <= COMPONENTS:
        raise EvaluationError(f"a memory of `{len(kept)}` photos is too small to measure with")
    judges = []
    if options.judge is not None:
        others = snapshots.read(options.judge)
        apart(memory, others)
        apart(asked, others)
        judges = _judges(photos(others, recipe.size), categories, options)
    folders.write_photos(work, real, kept, {n: one.name for n, one in categories.items()}, judges)
    for name, card in _cards(trained).items():
        folders.write_network(work, name, card)
    _floor(work, real, kept)
    device = options.device
    networks = Networks(
        {recipe.seed: trained.refiner(categories)},
        aligner=trained.aligner(categories, device=device),
        sorter=trained.sorter(categories, device=device),
    )
    refused = make(
        work,
        methods(networks, ablations=options.ablations),
        real,
        MemoryBank(photos(memory), categories, frame=recipe.frame),
        variations=options.variations,
        device=device,
        progress=lambda system, done, of: _tell(f"{system}: {done} of {of}", last=done == of),
    )
    found = evaluate(work, options.out, title=options.title)
    for row in found:
        print(line(row))
    for system, why in refused.items():
        print(f"{system} is left out: {why}", file=sys.stderr)


def apart(one: Snapshot, other: Snapshot) -> None:
    """Raises EvaluationError where two folders share a photo: what is known cannot be asked for."""
    shared = {photo.photo_sha256 for photo in one.photos} & {photo.photo_sha256 for photo in other.photos}
    if shared:
        names = sorted(photo.photo for photo in other.photos if photo.photo_sha256 in shared)
        raise EvaluationError(f"`{names[0]}` is in both `{one.folder.name}` and `{other.folder.name}`")


def photos(snapshot: Snapshot, size: tuple[int, int] | None = None) -> list[LabelledPhoto]:
    """Of their own size, or all of `size` (height, width), what sticks out of the middle cut off. A photo's
    scene is its sequence.

    Raises:
        SnapshotChanged, BadSnapshot: as files are read.
    """
    found = []
    for photo in snapshot.photos:
        rgb, labels = snapshot.rgb(photo), snapshot.labels(photo)
        if size is not None:
            middle = _middle(rgb.shape[:2], size)
            wide = size[::-1]
            rgb = np.asarray(cv2.resize(rgb[middle], wide, interpolation=cv2.INTER_AREA), np.uint8)
            labels = np.asarray(
                cv2.resize(labels[middle], wide, interpolation=cv2.INTER_NEAREST_EXACT), np.uint8
            )
        found.append(LabelledPhoto(Path(photo.photo).stem, photo.group, rgb, labels))
    return found


def _middle(frame: tuple[int, ...], size: tuple[int, int]) -> tuple[slice, slice]:
    """The largest part of a frame, in its middle, that has the shape of `size`."""
    height, width = frame
    share = min(height / size[0], width / size[1])
    tall, wide = min(height, round(size[0] * share)), min(width, round(size[1] * share))
    top, left = (height - tall) // 2, (width - wide) // 2
    return slice(top, top + tall), slice(left, left + wide)


def _judges(
    others: list[LabelledPhoto], categories: Mapping[int, CategoryFacts], options: argparse.Namespace
) -> list[segmenter.Judge]:
    shown = {int(number) for photo in others for number in np.unique(photo.labels)}
    asked = tuple(sorted(number for number in shown if not categories[number].void))
    judges = []
    for seed in JUDGES:
        training = segmenter.Training(seed, steps=options.judge_steps, threads=options.threads)
        judges.append(segmenter.train(others, asked, training, progress=_told(f"segmenter {seed}", training)))
    return judges


def _floor(work: Path, real: list[LabelledPhoto], kept: list[LabelledPhoto]) -> None:
    """The photo of the memory that is most like the real one: it looks real, and is of something else."""
    features = Lite0()
    pooled, known = (features.describe([photo.rgb for photo in of]).pooled for of in (real, kept))
    for photo, nearest in zip(real, cosine_distances(pooled, known).argmin(axis=1).tolist(), strict=True):
        folders.write_picture(work, "nearest photo", photo.name, kept[nearest].rgb)


def _cards(trained: Trained) -> dict[str, Card]:
    others = {"alignment": trained.transformation, "ordering": trained.ordering}
    return {FULL: trained.refinement.card} | {name: one.card for name, one in others.items() if one}


def _told(what: str, training: segmenter.Training) -> Callable[[int, float], None]:
    def tell(step: int, loss: float) -> None:
        if step % 50 == 0 or step == training.steps:
            _tell(f"{what}: step {step} of {training.steps}, loss {loss:.3f}", last=step == training.steps)

    return tell


def _tell(text: str, *, last: bool) -> None:
    print(f"\r{text}   ", end="\n" if last else "", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
