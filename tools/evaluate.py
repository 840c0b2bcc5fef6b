"""Make pictures for CamVid's layouts, measure them, and write figures and a page.

    BANKD_CAMVID=/path/to/camvid python tools/evaluate.py [--tuning] [--networks FOLDER]

Sources come from the split's `bank`, layouts from its `test`, the segmenters' training photos from its
`unused`. Networks are refinement checkpoints: full.safetensors draws on the canvas, parametric.safetensors
was trained, as long, on canvases that are always empty. `--tuning` asks for stretches of `bank` instead:
whatever is tuned is tuned there. Segmenters are trained where OUT/segmenters lacks them. Nothing made here
is for anything but research: CamVid's license allows no more.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import torch
from camvid_photos import CamVid, facts

from synth.evaluation import folder as folders
from synth.evaluation import segmenter
from synth.evaluation.features import Lite0, blurred, cosine_distances
from synth.evaluation.pictures import EvaluationError, LabelledPhoto, Trace
from synth.evaluation.run import evaluate, line
from synth.evaluation.scenes import MemoryBank, without_bank
from synth.layout import Layout
from synth.networks import checkpoints
from synth.networks.refiner import NetworkRefiner
from synth.pictures import Rgb, SynthError
from synth.refinement import Refiner

SEGMENTER_SEEDS = (0, 1)
VARIATIONS = 3
BLUR_PX = 4.0
Make = Callable[[LabelledPhoto, int], tuple[Rgb, Trace]]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--tuning", action="store_true", help="ask for stretches of `bank`, not for `test`")
    parser.add_argument(
        "--networks",
        type=Path,
        help="holds full.safetensors and parametric.safetensors; OUT/networks if not said",
    )
    parser.add_argument("--variations", type=int, default=VARIATIONS)
    parser.add_argument("--segmenter-steps", type=int, default=segmenter.Training(0).steps)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    source = Path(os.environ.get("BANKD_CAMVID", "camvid"))
    if not (source / "split.json").is_file():
        print(f"error: `{source}` holds no CamVid with its split.json: set BANKD_CAMVID", file=sys.stderr)
        return 2
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    camvid = CamVid(source)
    asked, bank = camvid.tuning() if options.tuning else (camvid.part("test"), camvid.part("bank"))
    sources = camvid.at_own_size()
    segmented = sources.tuning()[1] if options.tuning else sources.part("bank")
    work = options.out / ("evaluation-tuning" if options.tuning else "evaluation")
    try:
        judges = segmenters(camvid, options)
        names = {number: category.name for number, category in facts().items()}
        folders.write_photos(work, asked, bank, names, judges)
        floors(work, asked, bank)
        systems(work, asked, segmented, options)
        for row in evaluate(
            work, options.out, title=f"CamVid, {'tuning stretches' if options.tuning else 'test'}"
        ):
            print(line(row))
    except SynthError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"\nfigures in {options.out / 'evaluation.json'}, page in {options.out / 'evaluation.html'}")
    return 0


def segmenters(camvid: CamVid, options: argparse.Namespace) -> list[segmenter.Judge]:
    judges = []
    for seed in SEGMENTER_SEEDS:
        training = segmenter.Training(seed, steps=options.segmenter_steps, threads=options.threads)
        path = options.out / "segmenters" / f"{seed}-{training.steps}.safetensors"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            judge = segmenter.train(
                camvid.part("unused"), camvid.categories, training,
                progress=progress(f"segmenter {seed}", training.steps),
            )  # fmt: skip
            segmenter.save(path, judge)
        judges.append(segmenter.load(path))
    return judges


def floors(work: Path, asked: list[LabelledPhoto], bank: list[LabelledPhoto]) -> None:
    """What a system must be held against: other real photos, the nearest one, and no detail at all."""
    features = Lite0()
    real, kept = (features.describe([photo.rgb for photo in photos]).pooled for photos in (asked, bank))
    nearest = cosine_distances(real, kept).argmin(axis=1)
    soft = blurred([photo.rgb for photo in asked], BLUR_PX)
    for at, photo in enumerate(asked):
        spread = bank[int((at + 0.5) * len(bank) / len(asked))]
        folders.write_picture(work, "bank photos", photo.name, spread.rgb)
        folders.write_picture(work, "nearest photo", photo.name, bank[nearest[at]].rgb)
        folders.write_picture(work, "blur", photo.name, soft[at])


def systems(
    work: Path, asked: list[LabelledPhoto], photos: list[LabelledPhoto], options: argparse.Namespace
) -> None:
    bank = MemoryBank(photos, facts())
    chosen = {photo.name: bank.choose(Layout(photo.labels), variations=options.variations) for photo in asked}

    def on_canvas(refiner: Refiner | None) -> Make:
        def make(photo: LabelledPhoto, variation: int) -> tuple[Rgb, Trace]:
            return bank.make(
                Layout(photo.labels), chosen[photo.name][variation], refiner=refiner, seed=variation
            )

        return make

    def on_nothing(refiner: Refiner) -> Make:
        return lambda photo, variation: without_bank(
            Layout(photo.labels), bank.categories, refiner, seed=variation
        )

    makers: dict[str, Make] = {"blend": on_canvas(None)}
    networks = options.networks or options.out / "networks"
    if (full := network(networks / "full.safetensors")) is not None:
        makers |= {"full": on_canvas(full), "empty bank": on_nothing(full)}
    if (parametric := network(networks / "parametric.safetensors")) is not None:
        makers["parametric"] = on_nothing(parametric)
    for name, make in makers.items():
        tell = progress(name, len(asked))
        # Without a canvas a network has one answer: further variations would be the same picture.
        variations = 1 if name in ("empty bank", "parametric") else options.variations
        for at, photo in enumerate(asked):
            for variation in range(variations):
                try:
                    rgb, trace = make(photo, variation)
                except SynthError as error:
                    raise EvaluationError(f"{name} of `{photo.name}`: {error}") from error
                folders.write_picture(work, name, photo.name, rgb, trace, variation=variation)
            tell(at + 1, 0.0)


def network(path: Path) -> NetworkRefiner | None:
    """The refiner of a checkpoint, or None, said aloud, where there is none."""
    if not path.is_file():
        print(f"no `{path}`: its systems are left out")
        return None
    categories = facts()
    loaded, card = checkpoints.load(path, kind="refinement", known={c.name for c in categories.values()})
    return NetworkRefiner(loaded, card, categories)


def progress(what: str, steps: int) -> Callable[[int, float], None]:
    """A line that says how far, how well, and how long still."""
    started = time.monotonic()

    def tell(step: int, loss: float) -> None:
        if step % max(1, steps // 50) and step != steps:
            return
        left = (time.monotonic() - started) / step * (steps - step)
        end = "\n" if step == steps else ""
        shown = f", loss {loss:.3f}" if loss else ""
        print(f"\r{what}: {step} of {steps}{shown}, {left / 60:.1f} min left   ", end=end, flush=True)

    return tell


if __name__ == "__main__":
    raise SystemExit(main())
