"""COCO-Stuff pixel maps, and COCO panoptic, COCO's own or a customer's export.

images/train2017/*.jpg (or train2017/)                  photos
annotations/train2017/*.png (or stuffthingmaps/ ..)     COCO-Stuff: ids 0 to 181, 255 = unlabelled
annotations/panoptic_train2017.json, and its folder     panoptic: segment ids as colors
annotations/captions_train2017.json (or instances_ ..)  which license each photo is under
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from synth.datasets import pixels
from synth.datasets.classes import classes
from synth.datasets.sample import (
    Dataset,
    DatasetClass,
    DatasetError,
    License,
    Parts,
    Sample,
    SampleRefused,
    unused,
)
from synth.datasets.tree import Tree, by_stem, is_safe

SPLITS = ("train2017", "val2017", "test2017")
LISTS = ("captions", "person_keypoints", "stuff", "instances", "image_info", "panoptic")  # the smallest first
VOID = 0  # the color of what a panoptic map leaves out


def read_stuff(tree: Tree) -> Dataset:
    """Raises: DatasetError."""
    photos: list[Sample] = []
    lone: list[str] = []
    for split in SPLITS:
        inside = [name for name in tree.names if PurePosixPath(name).parent.name == split]
        labels = by_stem(
            name for name in inside if name.endswith(".png") and not name.endswith("_labelTrainIds.png")
        )
        names = by_stem(name for name in inside if name.lower().endswith((".jpg", ".jpeg")))
        licenses = _licenses_of(tree, split) if names else {}
        for stem, name in sorted(names.items()):
            file = PurePosixPath(name).name
            photos.append(
                Sample(
                    name=file,
                    read=partial(_read_stuff, tree, name, labels.get(stem)),
                    split=split,
                    group=stem,
                    license=licenses.get(file),
                )
            )
        lone += [label for stem, label in sorted(labels.items()) if stem not in names]
    if not photos:
        raise DatasetError(
            f"`{tree.shown}` must hold COCO's photos and COCO-Stuff's label maps, each in a folder"
            " `train2017` or `val2017`"
        )
    return Dataset("coco-stuff", classes("coco_stuff"), tuple(photos), unused(lone))


def read_panoptic(tree: Tree) -> Dataset:
    """COCO's own, or an export: the categories are those that the JSON names.

    Raises:
        DatasetError: no panoptic JSON, a truncated one, or several that disagree.
    """
    listed = [name for name in tree.below("", ".json") if _may_be_panoptic(name)]
    samples: list[Sample] = []
    known: tuple[DatasetClass, ...] | None = None
    for name in listed:
        said = _json(tree, name)
        if not _is_panoptic(said):
            continue
        found = _categories(said, name)
        if known is not None and found != known:
            raise DatasetError(f"`{name}` names other categories than the JSON before it: convert them apart")
        known = found
        samples += _panoptic_samples(tree, name, said, void=known[0].id)
    if known is None:
        raise DatasetError(f"`{tree.shown}` holds no panoptic JSON, whose annotations have `segments_info`")
    return Dataset("coco-panoptic", known, tuple(samples))


def _read_stuff(tree: Tree, name: str, labels: str | None) -> Parts:
    shown = PurePosixPath(name).name
    if labels is None:
        raise SampleRefused(f"`{shown}` has no label map: no PNG of its stem is there")
    numbers = tree.read(labels, what="label map", of=shown)
    return Parts(tree.read(name), pixels.numbers(numbers, what="label map", name=shown))


def _json(tree: Tree, name: str) -> Any:
    try:
        return json.loads(tree.read_list(name))
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"`{name}` is no JSON: it is truncated or corrupt") from error


def _entries(said: Any, key: str, name: str) -> list[dict[str, Any]]:
    found = said.get(key) if isinstance(said, Mapping) else None
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise DatasetError(f"`{name}` has no list `{key}`")
    return found


def _licenses_of(tree: Tree, split: str) -> dict[str, License]:
    """The license of each photo by its file name; empty where no list is there."""
    for kind in LISTS:
        ending = f"{kind}_{split}.json"
        for name in tree.below("", ".json"):
            if PurePosixPath(name).name == ending:
                return licenses(_json(tree, name), name)
    return {}


def licenses(said: Any, name: str) -> dict[str, License]:
    """What COCO's `images` and `licenses` say of each photo, by file name."""
    if not isinstance(said, Mapping) or not said.get("licenses"):
        return {}
    by_id = {_id(entry, "id"): entry for entry in _entries(said, "licenses", name)}
    found = {}
    for image in _entries(said, "images", name):
        number, file = _id(image, "license"), image.get("file_name")
        if number not in by_id or number is None or not isinstance(file, str):
            continue
        license = by_id[number]
        found[PurePosixPath(file).name] = License(
            name=str(license.get("name", "")),
            url=str(license.get("url", "")),
            credit=_credit(image),
            since=_day(image.get("date_captured")),
        )
    return found


def _id(entry: Mapping[str, Any], key: str) -> int | str | None:
    found = entry.get(key)
    return found if isinstance(found, int | str) and not isinstance(found, bool) else None


def _credit(image: Mapping[str, Any]) -> str:
    """COCO names no photographer, only where it found the photo."""
    address = str(image.get("flickr_url") or image.get("coco_url") or "")
    photo = re.search(r"staticflickr\.com/\d+/(\d+)_", address)
    if photo is not None:
        return f"Flickr photo {photo[1]}, {address}"
    return address or f"COCO photo {image.get('id')}"


def _day(text: object) -> date | None:
    """The day on which COCO took the photo from Flickr, and saw its license."""
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError:
        return None


def _may_be_panoptic(name: str) -> bool:
    stem = PurePosixPath(name).stem
    return "panoptic" in stem or not stem.startswith(LISTS)


def _is_panoptic(said: Any) -> bool:
    annotations = said.get("annotations") if isinstance(said, Mapping) else None
    return (
        isinstance(annotations, list)
        and bool(annotations)
        and all(isinstance(entry, dict) and "segments_info" in entry for entry in annotations)
    )


def _categories(said: Any, name: str) -> tuple[DatasetClass, ...]:
    house = {one.name: one.house for one in classes("coco_panoptic")}
    found = []
    for entry in _entries(said, "categories", name):
        number, called = entry.get("id"), entry.get("name")
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 0xFFFF:
            raise DatasetError(f"`{name}` has a category whose `id` is no number from 0 to 65534")
        if not isinstance(called, str) or not called.isprintable():
            raise DatasetError(f"`{name}` has a category without a `name`")
        found.append(DatasetClass(number, called, house.get(called)))
    ids = {one.id for one in found}
    if len(ids) != len(found):
        raise DatasetError(f"`{name}` gives two categories one id")
    void = 0 if 0 not in ids else max(ids) + 1
    return (DatasetClass(void, "void"), *sorted(found, key=lambda one: one.id))


def _panoptic_samples(tree: Tree, name: str, said: Any, *, void: int) -> Iterator[Sample]:
    images = {_id(image, "id"): image for image in _entries(said, "images", name)}
    things = {entry["id"]: bool(entry.get("isthing", True)) for entry in _entries(said, "categories", name)}
    stated = licenses(said, name)
    stem = PurePosixPath(name).stem
    folder = str(PurePosixPath(name).parent / stem)
    index = _by_file(tree, folder if tree.has_folder(folder) else None)
    split = stem.removeprefix("panoptic_") if stem.startswith("panoptic_") else ""
    for annotation in _entries(said, "annotations", name):
        number = _id(annotation, "image_id")
        image = images.get(number, {}) if number is not None else {}
        file = str(image.get("file_name", ""))
        shown = file.replace("/", "__") or f"image {number}"
        yield Sample(
            name=shown,
            read=partial(_read_panoptic, tree, index, file, folder, split, annotation, things, void),
            split=split,
            group=PurePosixPath(file).stem,
            license=stated.get(PurePosixPath(file).name),
        )


def _by_file(tree: Tree, but: str | None) -> dict[str, list[str]]:
    """Where pictures lie by their file name, those of the panoptic maps left out."""
    found: dict[str, list[str]] = {}
    for name in tree.below("", *pixels.PHOTO_SUFFIXES):
        if but is None or not name.startswith(f"{but}/"):
            found.setdefault(PurePosixPath(name).name, []).append(name)
    return found


def _photo_of(index: Mapping[str, list[str]], file: str, split: str, segments: str) -> str:
    if not is_safe(file):
        raise SampleRefused(f"`{file}` is no file name that stays inside the dataset")
    found = [
        name
        for name in index.get(PurePosixPath(file).name, [])
        if name != segments and (name == file or name.endswith(f"/{file}"))
    ]
    of_split = [name for name in found if split and split in PurePosixPath(name).parts]
    found = of_split or found
    if not found:
        raise SampleRefused(f"`{file}` is not there")
    if len(found) > 1:
        raise SampleRefused(f"`{file}` lies in two places, `{found[0]}` and `{found[1]}`")
    return found[0]


def _read_panoptic(
    tree: Tree,
    index: Mapping[str, list[str]],
    file: str,
    folder: str,
    split: str,
    annotation: Mapping[str, Any],
    things: Mapping[int, bool],
    void: int,
) -> Parts:
    if not file:
        raise SampleRefused(f"image `{annotation.get('image_id')}` has an annotation, and no `file_name`")
    segments_file = str(annotation.get("file_name", ""))
    if not is_safe(segments_file):
        raise SampleRefused(f"`{segments_file}` is no file name that stays inside the dataset")
    segments_name = f"{folder}/{segments_file}"
    if segments_name not in tree:  # an export may keep them anywhere
        places = [name for name in tree.names if name.endswith(f"/{segments_file}")]
        segments_name = places[0] if len(places) == 1 else segments_name
    photo = tree.read(_photo_of(index, file, split, segments_name))
    content = tree.read(segments_name, what="panoptic map", of=file)
    ids = pixels.colors(content, what="panoptic map", name=file)
    category = {VOID: void}
    instance = {VOID: 0}
    segments = annotation["segments_info"]
    if not isinstance(segments, list):
        raise SampleRefused(f"`{file}` has `segments_info` that is no list")
    for number, segment in enumerate(segments, 1):
        key = _id(segment, "id") if isinstance(segment, Mapping) else None
        of = _id(segment, "category_id") if key is not None else None
        if not isinstance(key, int) or not isinstance(of, int):
            raise SampleRefused(f"`{file}` has a segment without `id` and `category_id`")
        if of not in things:
            raise SampleRefused(
                f"`{file}` has a segment of the category `{of}`, which the JSON does not name"
            )
        category[key] = of
        instance[key] = number if things[of] and not segment.get("iscrowd") else 0
    seen, at = np.unique(ids, return_inverse=True)
    if unknown := [int(one) for one in seen if int(one) not in category]:
        raise SampleRefused(
            f"panoptic map of `{file}` holds the segment `{unknown[0]}`, which the JSON does not name"
        )
    at = at.reshape(ids.shape)
    return Parts(
        photo=photo,
        labels=np.array([category[int(one)] for one in seen], dtype=np.uint16)[at],
        instances=np.array([instance[int(one)] for one in seen], dtype=np.uint16)[at],
    )
