"""CamVid in its three forms.

701_StillsRaw_full/*.png, LabeledApproved_full/*_L.png   the original: 32 classes by color
train/, trainannot/, val/, valannot/, test/, testannot/  SegNet's: 11 classes and 11 = unlabelled
images/, labels/                                         the same classes, not split
"""

import re
from collections.abc import Callable
from functools import partial
from pathlib import PurePosixPath

from synth.datasets import pixels
from synth.datasets.classes import classes
from synth.datasets.sample import Dataset, DatasetClass, DatasetError, Labels, Parts, Sample, unused
from synth.datasets.tree import Tree, by_stem

ORIGINAL = ("701_StillsRaw_full", "LabeledApproved_full")
SPLITS = ("train", "val", "test")
NAME = re.compile(r"(?P<sequence>.+?)_f?(?P<frame>\d+)")

Decode = Callable[[bytes, str], Labels]


def read(tree: Tree) -> Dataset:
    """Raises: DatasetError."""
    if (found := tree.descend(*ORIGINAL)) is not None:
        known = classes("camvid_32")
        pairs = [("", *ORIGINAL)]
        return _dataset(found, known, pairs, partial(_by_color, _palette(known)), ending="_L")
    known = classes("camvid_11")
    for split in SPLITS:
        if (found := tree.descend(split, f"{split}annot")) is not None:
            pairs = [(one, one, f"{one}annot") for one in SPLITS if found.has_folder(one)]
            return _dataset(found, known, pairs, _by_number)
    if (found := tree.descend("images", "labels")) is not None:
        return _dataset(found, known, [("", "images", "labels")], _by_number)
    raise DatasetError(
        f"`{tree.shown}` must hold CamVid: `{'` and `'.join(ORIGINAL)}`, or `train` and `trainannot`,"
        " or `images` and `labels`"
    )


def _dataset(
    tree: Tree,
    known: tuple[DatasetClass, ...],
    pairs: list[tuple[str, str, str]],
    decode: Decode,
    *,
    ending: str = "",
) -> Dataset:
    photos: list[Sample] = []
    lone: list[str] = []
    for split, photo_folder, label_folder in pairs:
        labels = by_stem(tree.below(label_folder, ".png"), ending=ending)
        names = by_stem(tree.below(photo_folder, *pixels.PHOTO_SUFFIXES))
        for stem, name in sorted(names.items()):
            matched = NAME.fullmatch(stem)
            photos.append(
                Sample(
                    name=PurePosixPath(name).name,
                    read=partial(
                        _read, tree, name, labels.get(stem, f"{label_folder}/{stem}{ending}.png"), decode
                    ),
                    split=split,
                    group=matched["sequence"] if matched else stem,
                    number=int(matched["frame"]) if matched else 0,
                )
            )
        lone += [label for stem, label in sorted(labels.items()) if stem not in names]
    return Dataset("camvid", known, tuple(photos), unused(lone))


def _read(tree: Tree, name: str, labels: str, decode: Decode) -> Parts:
    shown = PurePosixPath(name).name
    return Parts(tree.read(name), decode(tree.read(labels, what="label map", of=shown), shown))


def _by_number(content: bytes, name: str) -> Labels:
    return pixels.numbers(content, what="label map", name=name)


def _palette(known: tuple[DatasetClass, ...]) -> dict[int, int]:
    return {pixels.packed(one.color): one.id for one in known if one.color is not None}


def _by_color(palette: dict[int, int], content: bytes, name: str) -> Labels:
    return pixels.numbered(pixels.colors(content, what="label map", name=name), palette, name=name)
