"""The folder that comes out, and a conversion that was stopped."""

import fcntl
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trees
from PIL import Image

from synth.datasets.conversion import Conversion, Step, convert
from synth.datasets.readers import open_dataset
from synth.datasets.sample import DatasetError
from tests.synth.datasets.conftest import find

Converted = Callable[..., Conversion]


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def test_the_folder_holds_photos_as_they_were_and_maps_by_their_stems(
    tmp_path: Path, converted: Converted
) -> None:
    done = converted("cityscapes", trees.cityscapes(tmp_path / "source"))

    found = files(tmp_path / "out")
    stems = [f"{city}_000003_0000{n}_leftImg8bit" for city, n in (("aachen", 19), ("munster", 20))]
    assert sorted(found) == sorted(
        ["classes.json", "photos.csv"]
        + [f"{kind}/{stem}.png" for kind in ("photos", "labels", "instances", "depth") for stem in stems]
    )
    assert found[f"photos/{stems[1]}.png"] == trees.png(trees.rgb(1))
    labels = Image.open(tmp_path / f"out/labels/{stems[0]}.png")
    assert (labels.mode, labels.getpixel((0, 0)), labels.getpixel((31, 0))) == ("L", 7, 26)
    depth = Image.open(tmp_path / f"out/depth/{stems[0]}.png")
    assert (depth.mode, depth.getpixel((31, 0))) == ("I;16", 10076)
    assert [(one.name, one.pixels) for one in done.taken] == [
        (f"{stem}.png", {7: 384, 26: 384}) for stem in stems
    ]
    assert found["photos.csv"].decode().splitlines() == [
        "file,split,group,number,license,license_url",
        f"{stems[0]}.png,train,aachen_000003,19,,",
        f"{stems[1]}.png,val,munster_000003,20,,",
    ]


def test_classes_that_the_house_lacks_become_void_and_are_counted(
    tmp_path: Path, converted: Converted
) -> None:
    done = converted("folder", trees.folder(tmp_path / "source"))

    assert [(one.name, one.pixels, one.photos) for one in done.unmapped] == [("spaceship", 4 * 32, 1)]
    assert json.loads((tmp_path / "out/classes.json").read_text()) == [
        {"id": 3, "name": "wall", "called": "wall"},
        {"id": 300, "name": "sofa", "called": "Sofa"},
        {"id": 9, "name": "void", "called": "spaceship"},
    ]
    assert Image.open(tmp_path / "out/labels/a.png").getpixel((31, 20)) == 300


def test_licenses_go_along(tmp_path: Path, converted: Converted) -> None:
    done = converted("coco-stuff", trees.coco_stuff(tmp_path / "source", (4, None)))

    rows = (tmp_path / "out/photos.csv").read_text().splitlines()
    by = "Attribution License,http://creativecommons.org/licenses/by/2.0/"
    assert rows[1:] == [
        f"000000000009.jpg,train2017,000000000009,0,{by}",
        "000000000010.jpg,train2017,000000000010,0,,",
    ]
    assert [one.license is None for one in done.taken] == [False, True]


def test_a_zip_is_read_as_the_folder_it_holds(tmp_path: Path, converted: Converted) -> None:
    root = trees.cvat_masks(tmp_path / "source")
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        for path in sorted(root.rglob("*")):
            archive.write(path, path.relative_to(root))
        archive.writestr("__MACOSX/._labelmap.txt", "")

    converted("cvat", root, out="folder")
    converted("cvat", tmp_path / "export.zip", out="zip")

    assert files(tmp_path / "folder") == files(tmp_path / "zip")
    assert len(files(tmp_path / "zip")) == 2 + 2 + 1 + 2  # photos, labels, one instance map, the lists


class Stopped(Exception):
    pass


def test_a_stopped_conversion_is_taken_up_where_it_stopped(tmp_path: Path, converted: Converted) -> None:
    root, out = trees.coco_stuff(tmp_path / "source"), tmp_path / "out"
    whole = converted("coco-stuff", root, out="whole")

    def stop(step: Step) -> None:
        if step.name == "000000000010.jpg":
            raise Stopped

    with pytest.raises(Stopped):
        convert(open_dataset("coco-stuff", root), out, find=find, step=stop)
    assert not (out / "classes.json").exists()  # so that half a folder is not ingested by mistake
    with (out / ".conversion.jsonl").open("a") as journal:
        journal.write('{"name": "000000000011.jpg", "spl')  # the power went
    before = (out / "photos/000000000009.jpg").stat().st_mtime_ns

    steps: list[Step] = []
    done = convert(open_dataset("coco-stuff", root), out, find=find, step=steps.append)

    assert [step.state for step in steps] == ["known", "known", "taken", "taken"]
    assert (done.known, len(done.taken)) == (2, 4)
    assert (out / "photos/000000000009.jpg").stat().st_mtime_ns == before
    assert files(out) == files(tmp_path / "whole")
    assert done.taken == whole.taken


def test_what_was_refused_is_looked_at_again(tmp_path: Path, converted: Converted) -> None:
    root = trees.folder(tmp_path / "source")
    labels = (root / "labels/a.png").read_bytes()
    (root / "labels/a.png").write_bytes(labels[:30])
    assert len(converted("folder", root).refused) == 1

    (root / "labels/a.png").write_bytes(labels)

    done = converted("folder", root)
    assert (len(done.taken), done.known, done.refused) == (1, 0, [])


def test_a_photo_that_was_taken_away_is_written_again(tmp_path: Path, converted: Converted) -> None:
    root = trees.folder(tmp_path / "source")
    converted("folder", root)
    (tmp_path / "out/photos/a.jpg").unlink()

    assert converted("folder", root).known == 0
    assert (tmp_path / "out/photos/a.jpg").is_file()


def test_another_datasets_folder_is_left_alone(tmp_path: Path, converted: Converted) -> None:
    converted("folder", trees.folder(tmp_path / "source"))
    before = files(tmp_path / "out")

    with pytest.raises(DatasetError, match="was converted from another dataset"):
        converted("cityscapes", trees.cityscapes(tmp_path / "streets"))
    assert files(tmp_path / "out") == before

    trees.put(tmp_path / "letters", {"to-ada.txt": "dear Ada"})
    with pytest.raises(DatasetError, match="holds something else"):
        converted("folder", tmp_path / "source", out="letters")


def test_two_conversions_do_not_write_to_one_folder(tmp_path: Path, converted: Converted) -> None:
    root = trees.folder(tmp_path / "source")
    converted("folder", root)

    with (tmp_path / "out/.conversion.jsonl").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(DatasetError, match="is being written by another conversion"):
            converted("folder", root)


def test_names_that_meet_in_one_folder_are_refused(tmp_path: Path, converted: Converted) -> None:
    root = trees.ade20k(tmp_path / "source")
    trees.put(
        root,
        {
            "images/extra/ADE_train_00000001.jpg": trees.jpeg(9),
            "annotations/extra/ADE_train_00000001.png": trees.png(trees.halves(1, 3)),
            "images/extra/ADE_extra.png": trees.png(trees.rgb(3)),
            "annotations/extra/ADE_extra.png": trees.png(trees.halves(1, 3)),
        },
    )

    done = converted("ade20k", root)

    assert "is in the dataset twice" in dict(done.refused)["ADE_train_00000001.jpg"]
    assert "ADE_extra.png" in {one.name for one in done.taken}


def test_label_maps_of_no_photo_are_told_of(tmp_path: Path) -> None:
    root = trees.cityscapes(tmp_path)
    (root / "leftImg8bit/val/munster/munster_000003_000020_leftImg8bit.png").unlink()

    assert open_dataset("cityscapes", root).notes == (
        "label maps that belong to no photo: 1"
        " (`gtFine/val/munster/munster_000003_000020_gtFine_labelIds.png`)",
    )


def test_converting_a_converted_folder_changes_nothing(tmp_path: Path, converted: Converted) -> None:
    converted("folder", trees.folder(tmp_path / "source"), out="once")

    converted("folder", tmp_path / "once", out="twice")

    once, twice = files(tmp_path / "once"), files(tmp_path / "twice")
    for name in ("photos/a.jpg", "instances/a.png", "depth/a.png", "labels/a.png"):
        assert once[name] == twice[name]
    assert np.asarray(Image.open(tmp_path / "twice/labels/a.png")).max() == 300
