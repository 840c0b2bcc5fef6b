"""Make pictures for CamVid's layouts, measure them, and write figures and a page.

    BANKD_CAMVID=/path/to/camvid python tools/evaluate.py [--ablations] [--tuning] [--no-training]

Sources come from the split's `bank`, layouts from its `test`, the segmenters' training photos from its
`unused`. Networks are taken from OUT/networks, and trained by tools/recipes/camvid where they are absent
there (hours; in OUT/training, where a run that was stopped goes on). `full` draws on the canvas, `parametric`
was trained, as long, on canvases that are always empty; `alignment` and `ordering` serve both.
`--tuning` asks for stretches of `bank` instead, with networks of their own: whatever is tuned is tuned there.
Nothing made here is for anything but research: CamVid's license allows no more.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import torch
from camvid_networks import OTHERWISE, Training, Workshop, find, networks
from camvid_photos import CamVid, facts

from synth.evaluation import folder as folders
from synth.evaluation import segmenter
from synth.evaluation.features import Lite0, blurred, cosine_distances
from synth.evaluation.pictures import LabelledPhoto
from synth.evaluation.run import evaluate, line
from synth.evaluation.scenes import MemoryBank
from synth.evaluation.systems import make, methods
from synth.pictures import SynthError

SEGMENTER_SEEDS = (0, 1)
VARIATIONS = 3
BLUR_PX = 4.0


def main() -> int:
    options = _options()
    camvid = CamVid.given()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    asked, bank = camvid.tuning() if options.tuning else (camvid.part("test"), camvid.part("bank"))
    sources = camvid.at_own_size()
    segmented = sources.tuning()[1] if options.tuning else sources.part("bank")
    kept = "".join(f"-{what}" for what in ("tuning" if options.tuning else "", options.steps) if what)
    work = options.out / f"evaluation{kept}"
    workshop = Workshop(
        options.networks or options.out / f"networks{kept}",
        None
        if options.no_training
        else Training(
            options.out / f"training{kept}",
            camvid,
            tuple(photo.name for photo in bank),
            steps=options.steps,
            threads=options.threads,
            device=options.device,
        ),
    )
    try:
        found = find(workshop, seeds=tuple(options.seeds), otherwise=tuple(options.otherwise))
        judges = segmenters(camvid, options)
        names = {number: category.name for number, category in facts().items()}
        folders.write_photos(work, asked, bank, names, judges)
        for name, card in found.cards().items():
            folders.write_network(work, name, card)
        floors(work, asked, bank)
        refused = make(
            work,
            methods(
                networks(found, device=options.device),
                ablations=options.ablations,
                lightings=options.lighting,
            ),
            asked,
            MemoryBank(segmented, facts()),
            variations=options.variations,
            device=options.device,
            progress=Told(),
        )
        for system, why in refused.items():
            print(f"{system} is left out: {why}")
        title = f"CamVid, {'tuning stretches' if options.tuning else 'test'}"
        out = options.out / kept.strip("-") if kept else options.out
        for row in evaluate(work, out, title=title):
            print(line(row))
    except SynthError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"\nfigures in {out / 'evaluation.json'}, page in {out / 'evaluation.html'}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--tuning", action="store_true", help="ask for stretches of `bank`, not for `test`")
    parser.add_argument("--ablations", action="store_true", help="also measure systems that lack one part")
    parser.add_argument(
        "--lighting", type=float, nargs="+", default=[], help="also measure blend with these weights of light"
    )
    parser.add_argument("--networks", type=Path, help="where checkpoints are; OUT/networks if not said")
    parser.add_argument("--no-training", action="store_true", help="leave out what has no checkpoint")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], help="networks of these are trained")
    parser.add_argument(
        "--otherwise", nargs="+", choices=OTHERWISE, default=[], help="also networks trained like this"
    )
    parser.add_argument("--steps", type=int, help="train for so many only, into folders of their own")
    parser.add_argument("--variations", type=int, default=VARIATIONS)
    parser.add_argument("--segmenter-steps", type=int, default=segmenter.Training(0).steps)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


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


class Told:
    """Progress of one system after the other."""

    def __init__(self) -> None:
        self._tell: dict[str, Callable[[int, float], None]] = {}

    def __call__(self, system: str, done: int, of: int) -> None:
        self._tell.setdefault(system, progress(system, of))(done, 0.0)


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
