"""Whatever stands in the lists of a dataset, what comes is a sentence and never a fault."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trees

from synth.datasets.conversion import Conversion
from synth.datasets.sample import DatasetError

JUNK: list[Any] = [None, True, -1, 10**30, 1e300, "", "x\u0000y", "../x", [], {}, [None], {"id": []}]
WORDS = ["", "-1", "nan", "1e300", "99999999999999999999", "../x", "x;y", "1,2", "&#10;", "0x1F"]

Converted = Callable[..., Conversion]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    inside: Any = ()
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = enumerate(value)
    for key, item in inside:
        yield from places(item, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    made = copy.deepcopy(value)
    holder = made
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = junk
    return made


@pytest.mark.parametrize(
    ("name", "make", "listed"),
    [
        ("coco-panoptic", trees.coco_panoptic, "annotations/panoptic_val2017.json"),
        ("coco-stuff", lambda root: trees.coco_stuff(root, (4,)), "annotations/captions_train2017.json"),
        ("folder", trees.folder, "classes.json"),
        ("cityscapes", trees.cityscapes, "camera/val/munster/munster_000003_000020_camera.json"),
    ],
)
def test_junk_in_json_is_refused_or_taken_for_what_it_is(
    name: str, make: Callable[[Path], Path], listed: str, tmp_path: Path, converted: Converted
) -> None:
    root = make(tmp_path / "source")
    said = json.loads((root / listed).read_text())
    tried = refusals = 0
    for number, path in enumerate(places(said)):
        for junk in JUNK[number % 6 :: 6]:  # each place some, each junk in many places
            (root / listed).write_text(json.dumps(replaced(said, path, junk)))
            tried += 1
            try:
                done = converted(name, root, out=f"out-{tried}")
            except DatasetError as error:
                refusals += 1
                assert str(error)[0] == "`" or str(error)[0].islower()
            else:
                assert done.taken or done.refused or "annotations" in path or "images" in path
                refusals += bool(done.refused)
    assert refusals > tried / 10


def test_junk_in_xml_is_refused_or_taken_for_what_it_is(tmp_path: Path, converted: Converted) -> None:
    root = trees.cvat_images(tmp_path / "source")
    values = [match.span(1) for match in re.finditer(r'\w+="([^"]*)"', trees.CVAT_XML)][2:]
    tried = refusals = 0
    for number, (start, end) in enumerate(values):
        for word in WORDS[number % 2 :: 2]:
            (root / "annotations.xml").write_text(trees.CVAT_XML[:start] + word + trees.CVAT_XML[end:])
            tried += 1
            try:
                refusals += bool(converted("cvat", root, out=f"out-{tried}").refused)
            except DatasetError:
                refusals += 1
    assert refusals > tried / 3
