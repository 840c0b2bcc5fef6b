"""Fit what `bankd models coverage` predicts of pictures: CamVid's `test` layouts, on banks of several sizes.

    BANKD_CAMVID=/path/to/camvid python tools/camvid_quality.py [--out bankd/synthesis/quality.json]

For each layout and bank: the best scores that could be retrieved, and of the picture that `blend` makes, how
faithful it is (pixel accuracy by segmenters, as a share of that on real photos) and how real (lite0 cosine
distance to the real photo). Segmenters are those of tools/evaluate.py. A few fitted numbers are written.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import torch
from camvid_photos import CamVid, facts
from numpy.typing import NDArray

from synth.evaluation import faithfulness, quality, segmenter
from synth.evaluation.features import Lite0, cosine_distances
from synth.evaluation.pictures import LabelledPhoto
from synth.evaluation.scenes import MemoryBank
from synth.layout import Layout
from synth.pictures import Rgb
from synth.pipeline import Uncovered

EVERY = (1, 5, 25)  # of the bank's photos, one in so many
TARGET = Path("bankd/synthesis/quality.json")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--segmenters", type=Path, default=Path("out/segmenters"))
    parser.add_argument("--out", type=Path, default=TARGET)
    options = parser.parse_args()
    camvid = CamVid.given()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    judges = [segmenter.load(path) for path in sorted(options.segmenters.glob("*.safetensors"))]
    asked, bank = camvid.part("test"), camvid.at_own_size().part("bank")
    features = Lite0()
    scores, scenes, photos, made = pictures(asked, bank)
    figures = {
        "pixel accuracy": accuracies(judges, photos, made)
        / accuracies(judges, photos, [p.rgb for p in photos]),
        "lite0 distance": distances(features, photos, made),
    }
    lines = {name: quality.fit(scores, values, scenes) for name, values in figures.items()}
    for name, line in lines.items():
        found = figures[name]
        related = np.corrcoef(scores, found)[0, 1]
        print(f"{name}: {line}, correlation {related:.2f}, from {found.min():.3f} to {found.max():.3f}")
    document = {
        "fitted_on": f"CamVid's {len(asked)} test layouts at 256x192 px, blended from"
        f" {', '.join(str(len(bank[::every])) for every in EVERY)} photos of its bank",
        "lite0_sha256": features.digest,
        "segmenter_photos_sha256": judges[0].photos,
        "lines": {
            name: {key: rounded(value) for key, value in asdict(line).items()} for name, line in lines.items()
        },
    }
    options.out.write_text(json.dumps(document, indent=1) + "\n")
    return 0


def pictures(
    asked: Sequence[LabelledPhoto], bank: Sequence[LabelledPhoto]
) -> tuple[NDArray[np.float64], list[str], list[LabelledPhoto], list[Rgb]]:
    """Scores, scenes, real photos and blended pictures, as many as the banks do not refuse."""
    scores, scenes, photos, made = [], [], [], []
    for every in EVERY:
        memory = MemoryBank(bank[::every], facts())
        for at, photo in enumerate(asked):
            layout = Layout(photo.labels)
            try:
                rgb, _ = memory.make(layout, memory.choose(layout)[0])
            except Uncovered:
                continue
            scores.append(memory.fits(layout))
            scenes.append(photo.scene)
            photos.append(photo)
            made.append(rgb)
            print(f"\rone in {every}: {at + 1} of {len(asked)}, {len(made)} pictures", end="", flush=True)
        print(flush=True)
    return np.array(scores), scenes, photos, made


def accuracies(
    judges: Sequence[segmenter.Judge], photos: Sequence[LabelledPhoto], made: Sequence[Rgb]
) -> NDArray[np.float64]:
    """By picture, the mean over the judges."""
    found = []
    for judge in judges:
        seen = judge.segment(made)
        found.append(
            [
                faithfulness.accuracy(
                    faithfulness.confusion(
                        faithfulness.classes_of(photo.labels, judge.categories), one, len(judge.categories)
                    )
                )
                for photo, one in zip(photos, seen, strict=True)
            ]
        )
    return np.mean(found, axis=0)


def distances(features: Lite0, photos: Sequence[LabelledPhoto], made: Sequence[Rgb]) -> NDArray[np.float64]:
    ours, real = features.describe(made).pooled, features.describe([photo.rgb for photo in photos]).pooled
    return np.diag(cosine_distances(ours, real)).copy()


def rounded(value: float) -> float | int:
    return value if isinstance(value, int) else round(value, 4)


if __name__ == "__main__":
    raise SystemExit(main())
