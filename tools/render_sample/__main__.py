"""Render a studio catalogue: photos with exact label, instance and depth maps, and layouts.

    python tools/render_sample --out sample --count 60 --seed 1 --workers 2

Needs `mitsuba` and `mitsuba-oidn` (and numpy, pillow), in an environment of their own. The same
seed gives the same scenes. What is already there is left alone, so a run can be taken up again.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from categories import as_json
from families import opened
from jobs import named, run, suffix
from PIL import Image


def main() -> int:
    options = parsed()
    out: Path = options.out
    for name in ("photos", "labels", "instances", "depth", "layouts"):
        (out / name).mkdir(parents=True, exist_ok=True)
    (out / "classes.json").write_text(json.dumps(as_json(), indent=1) + "\n")
    picked = range(options.count) if options.only is None else options.only
    jobs = [(options, "photo", i) for i in picked]
    jobs += [(options, "layout", i) for i in range(options.layouts)]
    started = time.monotonic()
    done = 0
    with multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        for name, seconds in pool.imap_unordered(run, jobs):
            done += 1
            left = (time.monotonic() - started) / done * (len(jobs) - done)
            print(
                f"{done}/{len(jobs)} {name} {seconds:.1f} s, about {left / 60:.0f} min left",
                file=sys.stderr,
                flush=True,
            )
    listed(out, options.seed, picked)
    return 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="the folder to fill")
    parser.add_argument("--count", type=int, default=60, help="how many photos")
    parser.add_argument("--layouts", type=int, default=12, help="how many layouts without a photo")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--width", type=int, default=512, help="of a landscape photo; portraits are turned")
    parser.add_argument("--height", type=int, default=384)
    parser.add_argument("--samples", type=int, default=16, help="light paths for a pixel, before denoising")
    parser.add_argument("--truth", type=Path, help="also render the layouts' own photos into this folder")
    parser.add_argument(
        "--only", type=lambda text: [int(t) for t in text.split(",")], help="photo numbers, by commas"
    )
    return parser.parse_args()


def listed(out: Path, seed: int, picked: Iterable[int]) -> None:
    """`photos.csv`: what each photo shows, largest area first."""
    names = [entry["name"] for entry in as_json()]
    with (out / "photos.csv").open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["file", "scene", "light", "palette", "seed", "index", "shows"])
        for index in picked:
            scene, _ = opened(seed, index)
            name = named(index, scene.family)
            labels = np.asarray(Image.open(out / "labels" / f"{name}.png"))
            counts = np.bincount(labels.ravel(), minlength=len(names))
            shows = [
                names[i] for i in np.argsort(-counts, kind="stable") if counts[i] >= 0.0015 * labels.size
            ]
            rows.writerow(
                [
                    f"{name}{suffix(index)}",
                    scene.family,
                    scene.mood,
                    scene.palette.name,
                    seed,
                    index,
                    " ".join(shows),
                ]
            )


if __name__ == "__main__":
    raise SystemExit(main())
