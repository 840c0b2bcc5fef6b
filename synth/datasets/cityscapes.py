"""Cityscapes: leftImg8bit, gtFine, and depth from disparity and camera where they are there.

leftImg8bit/<split>/<city>/<city>_<sequence>_<frame>_leftImg8bit.png
gtFine/<split>/<city>/.._gtFine_labelIds.png, .._gtFine_instanceIds.png
disparity/<split>/<city>/.._disparity.png
camera/<split>/<city>/.._camera.json
"""

import json
import re
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synth.datasets import pixels
from synth.datasets.classes import classes
from synth.datasets.sample import (
    DEPTH_MOST_MM,
    Dataset,
    DatasetError,
    Depth,
    Parts,
    Sample,
    SampleRefused,
    unused,
)
from synth.datasets.tree import Tree

NAME = re.compile(r"(?P<city>[^_]+)_(?P<sequence>\d+)_(?P<frame>\d+)_leftImg8bit\.png")
FIRST_INSTANCE = 1000  # instance ids are label id x 1000 + number; below, a region of no instance


def read(tree: Tree) -> Dataset:
    """Raises: DatasetError."""
    found = tree.descend("leftImg8bit", "gtFine")
    if found is None:
        raise DatasetError(f"`{tree.shown}` must hold the folders `leftImg8bit` and `gtFine` of Cityscapes")
    depth = found.has_folder("disparity")
    if depth and not found.has_folder("camera"):
        raise DatasetError(
            "`disparity` is there and `camera` is not: add the camera files, by which it becomes depth,"
            " or take `disparity` away"
        )
    photos = tuple(_samples(found, depth=depth))
    return Dataset("cityscapes", classes("cityscapes"), photos, _without_photo(found, photos))


def depth_mm(disparity: NDArray[np.uint16], *, baseline_m: float, focal_px: float) -> Depth:
    """Depth of a stored disparity p: (p - 1) / 256 px; 0 is not measured, 1 is infinitely far."""
    found = np.zeros(disparity.shape, dtype=np.uint16)
    seen = disparity > 0
    shift_px = (disparity[seen].astype(np.float64) - 1) / 256
    with np.errstate(divide="ignore"):
        distance = 1000 * baseline_m * focal_px / shift_px
    found[seen] = np.clip(np.rint(distance), 1, DEPTH_MOST_MM).astype(np.uint16)
    return found


def _samples(tree: Tree, *, depth: bool) -> list[Sample]:
    samples = []
    for name in tree.below("leftImg8bit", ".png"):
        parts, matched = PurePosixPath(name).parts, NAME.fullmatch(PurePosixPath(name).name)
        if len(parts) != 4 or matched is None:
            raise DatasetError(f"`{name}` is not named as Cityscapes names its photos")
        samples.append(
            Sample(
                name=parts[3],
                read=partial(_read, tree, name, depth=depth),
                split=parts[1],
                group=f"{matched['city']}_{matched['sequence']}",
                number=int(matched["frame"]),
            )
        )
    return samples


def _read(tree: Tree, name: str, *, depth: bool) -> Parts:
    stem = name.removeprefix("leftImg8bit/").removesuffix("_leftImg8bit.png")
    shown = PurePosixPath(name).name
    labels = tree.read(f"gtFine/{stem}_gtFine_labelIds.png", what="label map", of=shown)
    instances = tree.read(f"gtFine/{stem}_gtFine_instanceIds.png", what="instance map", of=shown)
    ids = pixels.numbers(instances, what="instance map", name=shown)
    return Parts(
        photo=tree.read(name),
        labels=pixels.numbers(labels, what="label map", name=shown),
        instances=np.where(ids < FIRST_INSTANCE, 0, ids).astype(np.uint16),
        depth_mm=_depth(tree, stem, shown) if depth else None,
    )


def _depth(tree: Tree, stem: str, shown: str) -> Depth:
    disparity = tree.read(f"disparity/{stem}_disparity.png", what="disparity", of=shown)
    camera_name = f"camera/{stem}_camera.json"
    camera = tree.read(camera_name, what="camera file", of=shown)
    try:
        said: Any = json.loads(camera)
        baseline, focal = float(said["extrinsic"]["baseline"]), float(said["intrinsic"]["fx"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SampleRefused(f"`{camera_name}` gives no baseline and focal length") from error
    if not (0 < baseline < 100 and 0 < focal < 1e6):
        raise SampleRefused(
            f"`{camera_name}` gives the baseline `{baseline}` m and focal length `{focal}` px"
        )
    numbers = pixels.numbers(disparity, what="disparity", name=shown, wide=True)
    return depth_mm(numbers, baseline_m=baseline, focal_px=focal)


def _without_photo(tree: Tree, photos: tuple[Sample, ...]) -> tuple[str, ...]:
    known = {photo.name.removesuffix("_leftImg8bit.png") for photo in photos}
    lone = [
        name
        for name in tree.below("gtFine", "_gtfine_labelids.png")
        if PurePosixPath(name).name[: -len("_gtFine_labelIds.png")] not in known
    ]
    return unused(lone)
