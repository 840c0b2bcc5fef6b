"""What large pictures and the paper's own network take on this machine: time and memory.

    BANKD_CAMVID=/path/to/camvid python tools/camvid_large.py [--networks out/networks] [--threads 2]

One picture of 1024x512 px goes through the whole pipeline: blended, with a `small` network (of --networks,
untrained where there is none: it takes as long) and with `published`. Then `published` learns for one step.
"""

import argparse
import json
import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch
from camvid_networks import write_snapshot
from camvid_photos import CamVid, facts

from synth.cards import Card, Width
from synth.evaluation.scenes import MemoryBank
from synth.layout import Layout
from synth.memory import ResidentMemory
from synth.networks import checkpoints
from synth.networks.refinement import RefinementNetwork
from synth.networks.refiner import NetworkRefiner
from synth.training.loop import CURVE
from synth.training.recipe import Recipe
from synth.training.run import train

SIZE = (512, 1024)  # height, width
STEP = (256, 512)
PHOTOS = 40


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", type=Path, default=Path("out/networks"))
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    camvid = CamVid.given()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    names = camvid.split["bank"][:: len(camvid.split["bank"]) // PHOTOS][:PHOTOS]
    bank = MemoryBank(camvid.at_own_size().photos(names), facts())
    layout = Layout(_enlarged(camvid.at_own_size().part("test")[20].labels))
    chosen = bank.choose(layout)[0]
    for title, refiner in (
        ("blend", None),
        ("small network", _small(options.networks / "full.safetensors")),
        ("published network, untrained", _untrained("published")),
    ):
        _, trace = bank.make(layout, chosen, refiner=refiner)
        print(f"{SIZE[1]}x{SIZE[0]} px, {title}: {sum(trace.seconds.values()):.2f} s")
        for stage, seconds in trace.seconds.items():
            held = f", {trace.memory[stage] / 1e6:.0f} MB at most" if stage in trace.memory else ""
            print(f"  {stage}: {seconds:.2f} s{held}")
        del refiner
    _one_step(camvid, names[:4])
    return 0


def _enlarged(labels: np.ndarray) -> np.ndarray:
    """The middle of a layout, twice as wide as high."""
    height = labels.shape[1] // 2
    top = (labels.shape[0] - height) // 2
    part = labels[top : top + height]
    return np.asarray(cv2.resize(part, SIZE[::-1], interpolation=cv2.INTER_NEAREST_EXACT), np.uint8)


def _small(path: Path) -> NetworkRefiner:
    if not path.is_file():
        return _untrained("small")
    network, card = checkpoints.load(path, kind="refinement")
    return NetworkRefiner(network, card, facts())


def _untrained(width: Width) -> NetworkRefiner:
    categories = tuple(one.name for one in facts().values())
    height = 512 if width == "published" else 256
    network = RefinementNetwork(
        len(categories), width, height=height, generator=torch.Generator().manual_seed(1)
    )
    card = Card(
        kind="refinement", width=width, height=height, categories=categories, snapshot_sha256="0" * 64,
        code_version=checkpoints.code_version(), recipe={},
    )  # fmt: skip
    return NetworkRefiner(network, card, facts())


def _one_step(camvid: CamVid, names: list[str]) -> None:
    recipe = Recipe(
        kind="refinement", width="published", height_px=STEP[0], width_px=STEP[1], steps=1, warm_up=0
    )
    meter = ResidentMemory()
    with tempfile.TemporaryDirectory() as scratch:
        snapshot = write_snapshot(Path(scratch) / "snapshot", camvid, tuple(names))
        meter.lower()
        outcome = train(recipe, snapshot, Path(scratch) / "run")
        (line,) = [json.loads(one) for one in (Path(scratch) / "run" / CURVE).read_text().splitlines()]
    most = meter.most_bytes()
    held = "" if most is None else f", {most / 1e6:.0f} MB at most"
    print(
        f"`published`, one step at {STEP[1]}x{STEP[0]} px: {line['elapsed_s']:.1f} s{held} ({outcome.reason})"
    )


if __name__ == "__main__":
    raise SystemExit(main())
