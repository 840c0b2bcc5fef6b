"""What CVAT exports, as a folder or the ZIP itself.

    annotations.xml, images/                                     CVAT for images 1.1
    labelmap.txt, SegmentationClass/, SegmentationObject/, and   segmentation mask 1.1
    the photos in JPEGImages/ or images/

Shapes of an image lie upon one another by z_order, then in their order; each is an
instance, or all of one group are.
"""

import io
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from synth.datasets import pixels, shapes
from synth.datasets.sample import Dataset, DatasetClass, DatasetError, Parts, Sample, SampleRefused, unused
from synth.datasets.tree import Tree, is_safe

XML = "annotations.xml"
MAP = "labelmap.txt"
AREAS = ("polygon", "mask", "ellipse")
NO_AREAS = ("box", "polyline", "points", "cuboid", "skeleton")
PHOTO_FOLDERS = ("JPEGImages", "images", "Images")
BACKGROUND = 0
SIDE_MOST_PX = 65_535
FAR_PX = 1e6  # coordinates beyond are no drawing


@dataclass(frozen=True)
class _Image:
    name: str
    subset: str
    frame: tuple[int, int]
    shapes: tuple[tuple[str, Mapping[str, str]], ...]  # tag and attributes, the lowest first


def read(tree: Tree) -> Dataset:
    """Raises: DatasetError."""
    if XML in tree:
        return _read_xml(tree)
    if tree.has_folder("SegmentationClass"):
        return _read_masks(tree)
    raise DatasetError(
        f"`{tree.shown}` must hold `{XML}` (CVAT for images 1.1)"
        " or `SegmentationClass` (segmentation mask 1.1)"
    )


# CVAT for images


def _read_xml(tree: Tree) -> Dataset:
    labels: list[str] = []
    images: list[_Image] = []
    passed: Counter[str] = Counter()
    try:
        for _, element in iterparse(io.BytesIO(tree.read_list(XML)), events=("end",)):
            if element.tag == "label" and (name := element.findtext("name")):
                labels.append(name.strip())
            elif element.tag == "image":
                images.append(_image(element))
                passed.update(shape.tag for shape in element if shape.tag in NO_AREAS)
                element.clear()
            elif element.tag == "track":
                raise DatasetError(f"`{XML}` is CVAT for video: export the task as CVAT for images 1.1")
    except (ParseError, DefusedXmlException, ValueError, KeyError) as error:
        raise DatasetError(f"`{XML}` is truncated or corrupt: {error}") from error
    names = list(dict.fromkeys(labels))
    if not names:
        raise DatasetError(f"`{XML}` names no label in its `meta`")
    known = (
        DatasetClass(BACKGROUND, "background"),
        *(DatasetClass(n, one) for n, one in enumerate(names, 1)),
    )
    ids = {one.name: one.id for one in known[1:]}
    samples = tuple(
        Sample(
            name=image.name.replace("/", "__"),
            read=partial(_read_image, tree, image, ids),
            split=image.subset,
            group=image.name,
        )
        for image in images
    )
    notes = (f"shapes that are no areas were left out: {_counted(passed)}",) if passed else ()
    return Dataset("cvat", known, samples, notes)


def _image(element: Element) -> _Image:
    drawn = [(shape.tag, dict(shape.attrib)) for shape in element if shape.tag in AREAS]
    drawn.sort(key=lambda one: int(one[1].get("z_order", "0")))
    return _Image(
        name=element.attrib["name"],
        subset=element.attrib.get("subset", ""),
        frame=(int(element.attrib["height"]), int(element.attrib["width"])),
        shapes=tuple(drawn),
    )


def _read_image(tree: Tree, image: _Image, ids: Mapping[str, int]) -> Parts:
    if not is_safe(image.name):
        raise SampleRefused(f"`{image.name}` is no file name that stays inside the export")
    if not image.shapes:
        raise SampleRefused(f"`{image.name}` has no polygon, mask or ellipse")
    if not all(0 < side <= SIDE_MOST_PX for side in image.frame):
        raise SampleRefused(f"`{image.name}` is said to be {image.frame[1]} x {image.frame[0]} px")
    places = [f"images/{image.subset}/{image.name}", f"images/{image.name}", image.name]
    place = next((one for one in places if one in tree), None)
    if place is None:
        raise SampleRefused(f"`{image.name}` is not in the export: export with images, or add it to `images`")
    photo = tree.read(place)
    found = pixels.upright_frame(photo, name=image.name)
    if found != image.frame:  # before anything is drawn in a frame of the XML's choice
        raise SampleRefused(
            f"`{image.name}` is {found[1]} x {found[0]} px, and was labelled at"
            f" {image.frame[1]} x {image.frame[0]} px"
        )
    labels = np.zeros(image.frame, dtype=np.uint16)
    instances = np.zeros(image.frame, dtype=np.uint16)
    groups: dict[str, int] = {}
    for number, (tag, drawn) in enumerate(image.shapes, 1):
        label = drawn.get("label", "")
        if label not in ids:
            raise SampleRefused(
                f"`{image.name}` has a {tag} of the label `{label}`, which `meta` does not name"
            )
        group = drawn.get("group_id", "0")
        inside = _area(tag, drawn, image)
        labels[inside] = ids[label]
        instances[inside] = groups.setdefault(group, number) if group != "0" else number
    return Parts(photo, labels, instances)


def _area(tag: str, drawn: Mapping[str, str], image: _Image) -> shapes.Mask:
    found: shapes.Mask | None
    try:
        if tag == "polygon":
            points = np.array([pair.split(",") for pair in drawn["points"].split(";")], dtype=np.float64)
            near = points.shape[0] > 2 and bool((np.abs(points) < FAR_PX).all())  # False of nan
            found = shapes.polygon(points, image.frame) if near else None
        elif tag == "ellipse":
            numbers = [float(drawn[key]) for key in ("cx", "cy", "rx", "ry")]
            turn = float(drawn.get("rotation", "0"))
            near = all(abs(one) < FAR_PX for one in (*numbers, turn)) and min(numbers[2:]) > 1 / FAR_PX
            cx, cy, rx, ry = numbers
            found = shapes.ellipse(cx, cy, rx, ry, turn, image.frame) if near else None
        else:
            left, top, width, height = (int(drawn[key]) for key in ("left", "top", "width", "height"))
            counts = [int(count) for count in drawn["rle"].split(",")]
            found = shapes.runs(counts, (left, top, width, height), image.frame)
    except (KeyError, ValueError, OverflowError) as error:
        raise SampleRefused(f"`{image.name}` has a {tag} that cannot be read") from error
    if found is None:
        raise SampleRefused(f"`{image.name}` has a {tag} that is none: it has no area, or leaves the picture")
    return found


def _counted(passed: Counter[str]) -> str:
    return ", ".join(f"{number} {tag}" for tag, number in sorted(passed.items()))


# Segmentation mask


def _read_masks(tree: Tree) -> Dataset:
    known = _labelmap(tree)
    labels = _stems(tree, "SegmentationClass")
    objects = _stems(tree, "SegmentationObject")
    photos = {
        stem: name
        for folder in reversed(PHOTO_FOLDERS)
        for stem, name in _stems(tree, folder, *pixels.PHOTO_SUFFIXES).items()
    }
    if not photos:
        raise DatasetError(
            f"`{tree.shown}` holds no photos: export with images, or add them in `{PHOTO_FOLDERS[0]}`"
        )
    samples = tuple(
        Sample(
            name=f"{stem.replace('/', '__')}{PurePosixPath(name).suffix}",
            read=partial(_read_mask, tree, name, labels.get(stem), objects.get(stem), known),
            group=stem,
        )
        for stem, name in sorted(photos.items())
    )
    lone = [name for stem, name in sorted(labels.items()) if stem not in photos]
    return Dataset("cvat", known, samples, unused(lone))


def _stems(tree: Tree, folder: str, *suffixes: str) -> dict[str, str]:
    """Names by where they lie in the folder, without suffix: the same in each folder of the export."""
    inside: Iterator[str] = iter(tree.below(folder, *(suffixes or (".png",))))
    return {str(PurePosixPath(name).relative_to(folder).with_suffix("")): name for name in inside}


def _labelmap(tree: Tree) -> tuple[DatasetClass, ...]:
    """Rows `label:red,green,blue:parts:actions`; a label's place is its number in maps without colors."""
    if MAP not in tree:
        raise DatasetError(f"`{tree.shown}` has no `{MAP}`, which says the color of each label")
    found: list[DatasetClass] = []
    for row in tree.read_list(MAP).decode("utf-8-sig", "replace").splitlines():
        if not row.strip() or row.startswith("#"):
            continue
        try:
            name, color = row.split(":")[:2]
            red, green, blue = (int(part) for part in color.split(","))
        except ValueError as error:
            raise DatasetError(f"`{MAP}` has the row `{row[:80]}`, which gives no label and color") from error
        if not all(0 <= part <= 255 for part in (red, green, blue)):
            raise DatasetError(f"`{MAP}` gives `{name}` the color `{color}`, which is none")
        found.append(DatasetClass(len(found), name, color=(red, green, blue)))
    if len({one.color for one in found}) != len(found):
        raise DatasetError(f"`{MAP}` gives two labels one color")
    return tuple(found)


def _read_mask(
    tree: Tree, name: str, labels: str | None, objects: str | None, known: tuple[DatasetClass, ...]
) -> Parts:
    shown = PurePosixPath(name).name
    if labels is None:
        raise SampleRefused(f"`{shown}` has no label map in `SegmentationClass`")
    content = tree.read(labels)
    ids: Any
    if pixels.is_numbered(content, what="label map", name=shown):
        ids = pixels.numbers(content, what="label map", name=shown)
    else:
        palette = {pixels.packed(one.color): one.id for one in known if one.color is not None}
        ids = pixels.numbered(pixels.colors(content, what="label map", name=shown), palette, name=shown)
    instances = None
    if objects is not None:
        colors = pixels.colors(tree.read(objects), what="instance map", name=shown)
        instances = pixels.renumbered(colors, of_none=colors == 0)
    return Parts(tree.read(name), ids, instances)
