"""ADE20K SceneParsing, 150 classes.

images/<training|validation>/ADE_train_00000001.jpg
annotations/<training|validation>/ADE_train_00000001.png
objectInfo150.txt
"""

from functools import partial
from pathlib import PurePosixPath

from synth.datasets import pixels
from synth.datasets.classes import classes
from synth.datasets.sample import Dataset, DatasetClass, DatasetError, Parts, Sample, unused
from synth.datasets.tree import Tree

OBJECTS = "objectInfo150.txt"


def read(tree: Tree) -> Dataset:
    """Raises: DatasetError: not laid out so, or `objectInfo150.txt` names other classes than these."""
    found = tree.descend("images", "annotations")
    if found is None:
        raise DatasetError(f"`{tree.shown}` must hold the folders `images` and `annotations` of ADE20K")
    known = classes("ade20k")
    if OBJECTS in found:
        _check_objects(found.read_list(OBJECTS).decode("utf-8", "replace"), known)
    photos, taken = [], set()
    for name in found.below("images", ".jpg", ".jpeg", ".png"):
        inside = PurePosixPath(name).relative_to("images")
        labels = f"annotations/{inside.with_suffix('.png')}"
        taken.add(labels)
        photos.append(
            Sample(
                name=inside.name,
                read=partial(_read, found, name, labels),
                split=inside.parts[0] if len(inside.parts) > 1 else "",
                group=inside.stem,
            )
        )
    lone = [name for name in found.below("annotations", ".png") if name not in taken]
    return Dataset("ade20k", known, tuple(photos), unused(lone))


def _read(tree: Tree, name: str, labels: str) -> Parts:
    shown = PurePosixPath(name).name
    numbers = tree.read(labels, what="label map", of=shown)
    return Parts(tree.read(name), pixels.numbers(numbers, what="label map", name=shown))


def _check_objects(text: str, known: tuple[DatasetClass, ...]) -> None:
    """Rows are tab-separated: index, ratio, train, val, stuff, name. Copies differ in what follows a name."""
    names = {one.id: _first(one.name) for one in known}
    rows = [row.split("\t") for row in text.splitlines()[1:] if row.strip()]
    for cells in rows:
        try:
            number = int(cells[0])
        except ValueError as error:
            raise DatasetError(
                f"`{OBJECTS}` has the row `{cells[0][:60]}`, which begins with no index"
            ) from error
        if names.get(number) != _first(cells[-1]):
            raise DatasetError(
                f"`{OBJECTS}` calls class `{number}` `{cells[-1].strip()}`, which is not ADE20K's 150"
            )
    if len(rows) != len(known) - 1:
        raise DatasetError(f"`{OBJECTS}` names {len(rows)} classes, not 150")


def _first(name: str) -> str:
    return name.replace(";", ",").split(",")[0].strip().lower()
