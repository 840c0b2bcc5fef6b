"""NYU Depth v2: the labeled .mat file (HDF5), or the folders that it is commonly exported to.

    nyu_depth_v2_labeled.mat, and classMapping40.mat beside it for the 40 classes
    image/<split>/*.png, seg40/ (or seg13/), depth/       classes from 0, 255 = unlabelled
    <split>/rgb/*.png, labels_40/ (or labels_13/), depth/ classes from 1, 0 = unlabelled

Depth of the folders is 16-bit PNG of millimetres.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.datasets import pixels
from synth.datasets.classes import classes
from synth.datasets.sample import (
    DEPTH_MOST_MM,
    Dataset,
    DatasetClass,
    DatasetError,
    Depth,
    Labels,
    Parts,
    Sample,
    SampleRefused,
    unused,
)
from synth.datasets.tree import Tree, by_stem

MAT = "nyu_depth_v2_labeled.mat"
MAPPING = "classMapping40.mat"
RGB = ("image", "images", "rgb")
LABELS = {
    "seg40": ("nyuv2_40", 0), "seg13": ("nyuv2_13", 0),
    "labels_40": ("nyuv2_40", 1), "label40": ("nyuv2_40", 1), "labels40": ("nyuv2_40", 1),
    "labels_13": ("nyuv2_13", 1), "label13": ("nyuv2_13", 1), "labels13": ("nyuv2_13", 1),
}  # fmt: skip
"""Label folders, the finest first: class list, and the number that the first class has."""
UNLABELLED_FROM_0 = 255


def read(tree: Tree) -> Dataset:
    """The exported folders. Raises: DatasetError."""
    folders = sorted({str(PurePosixPath(name).parent) for name in tree.below("", *pixels.PHOTO_SUFFIXES)})
    named = {folder: set(PurePosixPath(folder).parts) for folder in folders}
    kind = next((kind for kind in LABELS if any(kind in parts for parts in named.values())), None)
    photo_folders = [folder for folder, parts in named.items() if parts & set(RGB)]
    if kind is None or not photo_folders:
        raise DatasetError(
            f"`{tree.shown}` must hold `{MAT}`, or its export: a folder `image` (or `rgb`) and"
            " `seg40` or `labels_40` (or of 13 classes)"
        )
    listed, first = LABELS[kind]
    photos: list[Sample] = []
    lone: list[str] = []
    for folder in photo_folders:
        labels_in, depth_in = (_beside(folder, other) for other in (kind, "depth"))
        names = by_stem(name for name in tree.below(folder, *pixels.PHOTO_SUFFIXES) if _direct(name, folder))
        labels = by_stem(name for name in tree.below(labels_in, ".png") if _direct(name, labels_in))
        depth = by_stem(name for name in tree.below(depth_in, ".png") if _direct(name, depth_in))
        split = next((part for part in PurePosixPath(folder).parts if part in ("train", "test", "val")), "")
        for stem, name in sorted(names.items()):
            label = labels.get(stem, f"{labels_in}/{stem}.png")
            photos.append(
                Sample(
                    name=PurePosixPath(name).name,
                    read=partial(_read, tree, name, label, depth.get(stem), first),
                    split=split,
                    group=stem,
                )
            )
        lone += [label for stem, label in sorted(labels.items()) if stem not in names]
    return Dataset("nyuv2", classes(listed), tuple(photos), unused(lone))


def _beside(folder: str, other: str) -> str:
    return "/".join(other if part in RGB else part for part in PurePosixPath(folder).parts)


def _direct(name: str, folder: str) -> bool:
    return str(PurePosixPath(name).parent) == folder


def _read(tree: Tree, name: str, labels: str, depth: str | None, first: int) -> Parts:
    shown = PurePosixPath(name).name
    numbers = pixels.numbers(tree.read(labels, what="label map", of=shown), what="label map", name=shown)
    if first == 0:
        numbers = np.where(numbers == UNLABELLED_FROM_0, 0, numbers + 1).astype(np.uint16)
    far = None if depth is None else pixels.numbers(tree.read(depth), what="depth", name=shown, wide=True)
    return Parts(tree.read(name), numbers, depth_mm=far)


def read_mat(path: Path, mapping: Path | None) -> Dataset:
    """The labeled file; with the mapping the 40 classes, else its own 894 names.

    Raises:
        DatasetError: h5py is not installed, the file is truncated or another one.
    """
    file: Any = _opened(path)
    try:
        shapes = {key: file[key].shape for key in ("images", "depths", "labels", "instances")}
        count, _, width, height = shapes["images"]
        if any(shapes[key] != (count, width, height) for key in ("depths", "labels", "instances")):
            raise DatasetError(f"`{path.name}` holds pictures and labels that differ in number or size")
        names = _texts(file, "names")
        scenes = _texts(file, "scenes") if "scenes" in file else [""] * count
    except (KeyError, ValueError, OSError) as error:
        raise DatasetError(f"`{path.name}` is not the labeled file of NYU Depth v2") from error
    if len(scenes) != count:
        raise DatasetError(f"`{path.name}` names {len(scenes)} scenes for {count} photos")
    if mapping is None:
        known = (DatasetClass(0, "unlabelled"), *(DatasetClass(n, name) for n, name in enumerate(names, 1)))
        to_40 = None
    else:
        known, to_40 = classes("nyuv2_40"), _mapping_40(mapping, len(names))
    return Dataset("nyuv2", known, _samples(file, scenes, to_40))


def _samples(file: Any, scenes: list[str], to_40: NDArray[np.uint16] | None) -> Iterator[Sample]:
    for at, scene in enumerate(scenes):
        name = f"nyu_{at + 1:04d}.png"
        yield Sample(name, partial(_read_mat, file, at, name, to_40), group=scene or name, number=at + 1)


def _read_mat(file: Any, at: int, name: str, to_40: NDArray[np.uint16] | None) -> Parts:
    """MATLAB's arrays lie column by column, so each picture comes transposed."""
    try:
        rgb = np.ascontiguousarray(file["images"][at].transpose(2, 1, 0))
        labels, instances, metres = (
            np.ascontiguousarray(file[key][at].T) for key in ("labels", "instances", "depths")
        )
    except (OSError, ValueError) as error:
        raise SampleRefused(f"`{name}` is truncated or corrupt in the .mat file") from error
    if rgb.dtype != np.uint8:
        raise SampleRefused(f"`{name}` is no picture of 8 bits a color")
    # An instance is numbered within its class.
    pair = labels.astype(np.uint32) * 0x10000 + instances
    numbers: Labels = labels.astype(np.uint16)
    if to_40 is not None:
        if numbers.max() >= to_40.size:
            raise SampleRefused(f"label map of `{name}` holds the class `{numbers.max()}`, which has no name")
        numbers = to_40[numbers]
    return Parts(
        photo=pixels.png(rgb),
        labels=numbers,
        instances=pixels.renumbered(pair, of_none=(labels == 0) | (instances == 0)),
        depth_mm=_millimetres(metres),
    )


def _millimetres(metres: NDArray[np.floating[Any]]) -> Depth:
    known = np.isfinite(metres) & (metres > 0)
    found = np.zeros(metres.shape, dtype=np.uint16)
    found[known] = np.clip(np.rint(1000 * metres[known].astype(np.float64)), 1, DEPTH_MOST_MM).astype(
        np.uint16
    )
    return found


def _opened(path: Path) -> Any:
    try:
        import h5py
    except ImportError as error:
        raise DatasetError(f"reading `{path.name}` needs h5py: install `bankd[datasets]`") from error
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise DatasetError(f"`{path.name}` is truncated or no HDF5 file") from error


def _texts(file: Any, key: str) -> list[str]:
    """A cell array of text: references to arrays of UTF-16 units."""
    cells = np.asarray(file[key]).ravel()
    return ["".join(map(chr, np.asarray(file[cell]).ravel())) for cell in cells]


def _mapping_40(path: Path, count: int) -> NDArray[np.uint16]:
    from scipy.io import loadmat

    try:
        numbers = np.asarray(loadmat(path)["mapClass"]).ravel()
    except Exception as error:  # of many kinds, as the file is broken
        raise DatasetError(f"`{path.name}` holds no mapping to 40 classes") from error
    if numbers.size != count or numbers.min() < 1 or numbers.max() > 40:
        raise DatasetError(f"`{path.name}` does not map the {count} classes of the labeled file to 40")
    return np.concatenate([[0], numbers]).astype(np.uint16)
