"""Plain photos and label maps, with the names of the labels: what the bank ingests, but with any names.

photos/ (or images/), labels/, classes.json; instances/ and depth/ where there are any
"""

import json
from functools import partial
from pathlib import PurePosixPath

from synth.datasets import pixels
from synth.datasets.sample import Dataset, DatasetClass, DatasetError, Parts, Sample, unused
from synth.datasets.tree import Tree, by_stem

PHOTOS = ("photos", "images")
CLASSES = "classes.json"


def read(tree: Tree) -> Dataset:
    """Raises: DatasetError."""
    found = next(
        (one for one in (tree.descend(folder, "labels") for folder in PHOTOS) if one is not None), None
    )
    listed = next((one for one in (found, tree) if one is not None and CLASSES in one), None)
    if found is None or listed is None:
        raise DatasetError(
            f"`{tree.shown}` must hold `photos` (or `images`), `labels` and"
            f" `{CLASSES}`, a list of id and name"
        )
    folder = next(one for one in PHOTOS if found.has_folder(one))
    known = _classes(listed.read_list(CLASSES))
    photos = by_stem(found.below(folder, *pixels.PHOTO_SUFFIXES))
    maps = {kind: by_stem(found.below(kind, ".png")) for kind in ("labels", "instances", "depth")}
    samples = tuple(
        Sample(
            name=PurePosixPath(name).name,
            read=partial(
                _read, found, name, maps["labels"].get(stem, f"labels/{stem}.png"),
                maps["instances"].get(stem), maps["depth"].get(stem),
            ),
            group=stem,
        )
        for stem, name in sorted(photos.items())
    )  # fmt: skip
    lone = [name for stem, name in sorted(maps["labels"].items()) if stem not in photos]
    return Dataset("folder", known, samples, unused(lone))


def _classes(content: bytes) -> tuple[DatasetClass, ...]:
    try:
        said = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"`{CLASSES}` is no JSON: it is truncated or corrupt") from error
    if not isinstance(said, list) or not all(
        isinstance(entry, dict)
        and isinstance(entry.get("name"), str)
        and isinstance(entry.get("id"), int)
        and 0 <= entry["id"] <= 0xFFFF
        for entry in said
    ):
        raise DatasetError(f"`{CLASSES}` must be a list of `{{id, name}}` with ids from 0 to 65535")
    if len({entry["id"] for entry in said}) != len(said):
        raise DatasetError(f"`{CLASSES}` gives an id twice")
    return tuple(DatasetClass(entry["id"], entry["name"]) for entry in said)


def _read(tree: Tree, name: str, labels: str, instances: str | None, depth: str | None) -> Parts:
    shown = PurePosixPath(name).name
    numbers = tree.read(labels, what="label map", of=shown)
    return Parts(
        photo=tree.read(name),
        labels=pixels.numbers(numbers, what="label map", name=shown),
        instances=None
        if instances is None
        else pixels.numbers(tree.read(instances), what="instance map", name=shown),
        depth_mm=None
        if depth is None
        else pixels.numbers(tree.read(depth), what="depth", name=shown, wide=True),
    )
