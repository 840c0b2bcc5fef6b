"""Measure the networks that ship with the sample on scenes that they never saw.

    python tools/evaluate_sample.py [--networks sample/networks] [--out out/sample-evaluation] [--small]
    python tools/evaluate_sample.py --order

Layouts are those of the sample's landscape photos. At 512x384, as in the demo, each is answered from sample
photos of the other folds; with `--small` at 256x192, from the scenes that the networks were trained on.
`blend` is what a request gets that asks for no network, `full` what one gets that does. With `--order` no
picture is made: the ordering network is asked for all neighbours in the sample's landscape photos, whose
depth maps tell the answer, and so is the rule that it has to beat.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from camvid_photos import facts
from PIL import Image

from bankd.catalog import taxonomy
from synth.evaluation import folder as folders
from synth.evaluation import systems
from synth.evaluation.pictures import LabelledPhoto
from synth.evaluation.rows import Row
from synth.evaluation.run import evaluate, line
from synth.evaluation.scenes import MemoryBank
from synth.evaluation.systems import Method
from synth.layout import Layout
from synth.networks.trained import Trained
from synth.pictures import SynthError
from synth.pipeline import Uncovered
from synth.training import orders, snapshot
from synth.training.prepared import prepare

SAMPLE = Path(__file__).parents[1] / "sample"
SIZE, SMALL = (384, 512), (192, 256)  # height, width
FOLDS = 5


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", type=Path, default=SAMPLE / "networks")
    parser.add_argument("--out", type=Path, default=Path("out/sample-evaluation"))
    parser.add_argument("--small", action="store_true", help="at 256x192, from the training scenes")
    parser.add_argument("--order", action="store_true", help="how many neighbours are put in the right order")
    parser.add_argument("--layouts", type=int, help="only so many, to see that it works")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    try:
        if options.order:
            for name, value in order(options.networks, options.layouts).items():
                print(line(Row(name, value, None)))
            return 0
        folds = banks(SMALL if options.small else SIZE, options)
        asked = [(photo, bank) for photos, bank in folds for photo in photos if serves(bank, photo)]
        work = options.out / "pictures"
        learned = training(options.networks, SMALL if options.small else SIZE)
        folders.write_photos(
            work, [photo for photo, _ in asked], learned, {c.id: c.name for c in facts().values()}
        )
        compared = methods(options.networks)
        for at, (photo, bank) in enumerate(asked):
            systems.make(work, compared, [photo], bank, variations=1)
            print(f"\r{at + 1} of {len(asked)} layouts", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        for row in evaluate(work, options.out, title="The shipped networks on scenes that they never saw"):
            print(line(row))
    except SynthError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"\nfigures in {options.out / 'evaluation.json'}, page in {options.out / 'evaluation.html'}")
    return 0


def order(networks: Path, photos: int | None) -> dict[str, float]:
    """Shares of neighbours in the sample's photos that are put in the order which their depths tell."""
    sorter = Trained.load(networks).sorter(facts(), device="cpu")
    assert sorter is not None
    with tempfile.TemporaryDirectory() as folder:
        members = [
            snapshot.Member(path.stem, path.stem, 0, path.read_bytes(), labels, "0" * 64, depth_of(path))
            for path, _, labels in list(landscapes())[:photos]
        ]
        seen = np.unique(np.concatenate([np.unique(member.labels) for member in members]))
        written = snapshot.write(Path(folder) / "snapshot", members, [facts()[int(c)] for c in seen])
        prepared = prepare(written, Path(folder) / "prepared", size=SMALL, frame="box", neighbor_margin=0)
        known = orders.neighbors(prepared, orders.OrderRecipe())
        learned = np.zeros(len(known.front), bool)
        for photo in range(len(members)):
            rows, labels = prepared.rows(photo), np.asarray(prepared.labels[photo])
            mine = np.flatnonzero(np.isin(known.front, rows))
            pairs = [(int(known.front[at]) - rows[0], int(known.behind[at]) - rows[0]) for at in mine]
            scores = sorter.scores(pairs, [prepared.region(row) for row in rows], labels)
            learned[mine] = [scores.get(pair, 0.0) > 0 for pair in pairs]
        rule = orders.by_rule(prepared, known.front, known.behind)
        same = prepared.category[known.front] == prepared.category[known.behind]
    found: dict[str, float] = {}
    kinds = {"all": np.ones(len(rule), bool), "whose depths decide": known.by_depth, "of one category": same}
    for kind, which in kinds.items():
        if which.any():
            found[f"pairs, {kind}"] = float(which.sum())
            found[f"put right by the network, {kind}"] = float(learned[which].mean())
            found[f"put right by the rule, {kind}"] = float(rule[which].mean())
    return found


def banks(size: tuple[int, int], options: argparse.Namespace) -> list[tuple[list[LabelledPhoto], MemoryBank]]:
    """Photos whose layouts are asked for, each with a bank that does not hold them."""
    every = scenes(size)
    if options.small:
        return [(every[: options.layouts], bank_of(training(options.networks, size)))]
    found = []
    for fold in range(FOLDS):
        asked = [photo for at, photo in enumerate(every[: options.layouts]) if at % FOLDS == fold]
        found.append((asked, bank_of([photo for at, photo in enumerate(every) if at % FOLDS != fold])))
    return found


def bank_of(photos: list[LabelledPhoto]) -> MemoryBank:
    return MemoryBank(photos, facts(), frame="box")


def serves(bank: MemoryBank, photo: LabelledPhoto) -> bool:
    """Whether `blend` can answer a layout: systems are compared where all have a picture."""
    layout = Layout(photo.labels)
    try:
        bank.make(layout, bank.choose(layout)[0])
    except Uncovered as short:
        print(f"`{photo.name}` is left out: {short}", file=sys.stderr)
        return False
    return True


def methods(networks: Path) -> list[Method]:
    categories = facts()
    trained = Trained.load(networks, known={c.name for c in categories.values()})
    refiner = trained.refiner(categories)
    aligner, sorter = trained.aligner(categories, device="cpu"), trained.sorter(categories, device="cpu")
    return [Method(systems.BLEND), Method(systems.FULL, refiner, aligner, sorter)]


def scenes(size: tuple[int, int]) -> list[LabelledPhoto]:
    """The sample's landscape photos, each a scene of its own, in house categories."""
    return [sized(path.stem, pixels, labels, size) for path, pixels, labels in landscapes()]


def landscapes() -> Iterator[tuple[Path, np.ndarray, np.ndarray]]:
    """Photo files of the sample that are wider than high, their pixels and label maps in house categories."""
    mapping = taxonomy.house().map_classes(taxonomy.read_classes((SAMPLE / "classes.json").read_bytes()))
    table = np.zeros(256, np.uint8)
    table[list(mapping)] = list(mapping.values())
    for path in sorted((SAMPLE / "photos").iterdir()):
        with Image.open(path) as photo, Image.open(SAMPLE / "labels" / f"{path.stem}.png") as labels:
            if photo.width > photo.height:
                yield path, np.asarray(photo.convert("RGB")), table[np.asarray(labels)]


def depth_of(photo: Path) -> np.ndarray:
    with Image.open(SAMPLE / "depth" / f"{photo.stem}.png") as image:
        return np.asarray(image).astype(np.uint16)


def training(networks: Path, size: tuple[int, int]) -> list[LabelledPhoto]:
    """The landscape scenes of the snapshot."""
    listed = snapshot.read(networks)
    every = [(f"training-{p.photo_sha256[:12]}", listed.rgb(p), listed.labels(p)) for p in listed.photos]
    return [sized(*one, size) for one in every if one[1].shape[1] > one[1].shape[0]]


def sized(name: str, rgb: np.ndarray, labels: np.ndarray, size: tuple[int, int]) -> LabelledPhoto:
    if rgb.shape[:2] != size:
        how = cv2.INTER_AREA if rgb.shape[0] > size[0] else cv2.INTER_CUBIC
        rgb = cv2.resize(rgb, size[::-1], interpolation=how)
        labels = cv2.resize(labels, size[::-1], interpolation=cv2.INTER_NEAREST)
    return LabelledPhoto(name, name, np.asarray(rgb, np.uint8), np.asarray(labels, np.uint8))


if __name__ == "__main__":
    raise SystemExit(main())
