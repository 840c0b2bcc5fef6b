"""Datasets become folders in the house's categories, with the rights that they state, and are ingested."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trees
from PIL import Image
from sqlalchemy import func, select

from bankd.catalog.models import Photo, Segment
from bankd.catalog.taxonomy import house
from bankd.ingestion.datasets import NAMES, Converted, convert_dataset
from bankd.ingestion.errors import DatasetUnusable
from bankd.ingestion.folder import read_folder
from bankd.ingestion.service import NewPhoto
from bankd.licensing import rights_file, rights_import
from bankd.licensing.rights_entries import RightsFile
from synth.datasets.classes import classes

ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("BANKD_DATA", ROOT.parent / "shared" / "data"))
WITH_DATA = pytest.mark.skipif(
    not all((DATA / name).is_dir() for name in ("camvid", "cityscapes", "coco_stuff")),
    reason="the samples of real datasets are not there",
)

Bank = Any


def converted(name: str, source: Path, out: Path) -> Converted:
    return convert_dataset(name, source, out, taxonomy=house())


def granted(file: RightsFile, name: str) -> Any:
    """The terms of the one grant that a photo has."""
    record = file.record_for(name)
    assert record is not None
    (ref,) = record.grants
    (terms,) = [
        grant.terms
        for license in file.licenses
        for grant in license.grants
        if f"{license.ref}/{grant.ref}" == ref
    ]
    return terms


@pytest.mark.parametrize(
    ("name", "count", "unmapped"),
    [
        ("ade20k", 151, ["arcade machine", "conveyer belt, conveyor belt, conveyer, conveyor, transporter"]),
        ("camvid_11", 12, []),
        ("camvid_32", 32, ["ParkingBlock"]),
        ("cityscapes", 34, []),
        ("coco_panoptic", 133, []),
        ("coco_stuff", 183, []),
        ("nyuv2_13", 14, ["objects"]),
        ("nyuv2_40", 41, ["otherprop"]),
    ],
)
def test_the_house_has_categories_for_the_classes_of_datasets(
    name: str, count: int, unmapped: list[str]
) -> None:
    names = {category.name for category in house().categories}
    listed = classes(name)

    assert len({one.id for one in listed}) == len(listed) == count
    assert [one.name for one in listed if house().find(one.house or one.name) is None] == unmapped
    assert {one.house for one in listed if one.house is not None} <= names


def test_coco_licenses_become_grants_with_the_terms_of_their_words(tmp_path: Path) -> None:
    done = converted("coco-stuff", trees.coco_stuff(tmp_path / "source"), tmp_path / "out")

    assert done.licensed == {"CC-BY-NC-SA-2.0": 1, "CC-BY-2.0": 1, "CC-BY-ND-2.0": 1}
    assert done.unlicensed == {"No known copyright restrictions": 1}
    assert done.rights is not None
    file = rights_file.load(done.rights)
    by_nc_sa, by, by_nd = (granted(file, f"{number:012d}.jpg") for number in (9, 10, 11))
    assert by_nc_sa.purposes == {"education", "research"}
    assert (by_nc_sa.share_alike, by_nc_sa.generative) == ("CC-BY-NC-SA-2.0", True)
    assert ("commercial" in by.purposes, by.generative, by.train, by.share_alike) == (True, True, True, None)
    assert (by_nd.generative, by_nd.train, "combine" in by_nd.alterations) == (False, False, False)
    assert str(by.starts_on) == "2013-11-14"
    assert by.credit.text == (
        "Flickr photo 1755223010, http://farm3.staticflickr.com/2253/1755223010_fabbeb8dc3_z.jpg,"
        " CC BY 2.0, http://creativecommons.org/licenses/by/2.0/"
    )
    assert file.record_for("000000000012.jpg") is None  # nobody said what may be done with it


def test_persons_that_are_labelled_are_in_the_rights_and_nothing_else_is_claimed(tmp_path: Path) -> None:
    done = converted("coco-stuff", trees.coco_stuff(tmp_path / "source"), tmp_path / "out")

    assert done.rights is not None
    file = rights_file.load(done.rights)
    shows = [file.record_for(f"{number:012d}.jpg") for number in (9, 10)]
    assert [one and one.depictions.persons for one in shows] == [None, True]
    assert [one and one.depictions.model_release for one in shows] == ["none", "none"]
    assert [one and one.depictions.property_release for one in shows] == ["unknown", "unknown"]


def test_names_with_wildcards_and_quotes_are_about_their_own_photo_only(tmp_path: Path) -> None:
    root = trees.coco_panoptic(tmp_path / "source")
    listed = root / "annotations/panoptic_val2017.json"
    said = json.loads(listed.read_text())
    name = 'a [b]* "c": {d}.jpg'
    said["images"][0]["file_name"] = name
    listed.write_text(json.dumps(said))
    (root / "val2017/000000000139.jpg").rename(root / f"val2017/{name}")

    done = converted("coco-panoptic", root, tmp_path / "out")

    assert (done.taken, done.refused) == (1, ())
    assert done.rights is not None
    file = rights_file.load(done.rights)
    assert file.record_for(name) is not None
    assert file.record_for('a bX "c": {d}.jpg') is None


def test_a_license_of_no_known_day_or_words_gives_nothing(tmp_path: Path) -> None:
    root = trees.coco_stuff(tmp_path / "source", (4, 4))
    listed = root / "annotations/captions_train2017.json"
    said = json.loads(listed.read_text())
    said["images"][0]["date_captured"] = "some day"
    said["licenses"][1]["url"] = "http://creativecommons.org/licenses/by/9.0/"
    listed.write_text(json.dumps(said))

    done = converted("coco-stuff", root, tmp_path / "out")

    assert (done.taken, done.licensed, done.rights) == (2, {}, None)
    assert done.unlicensed == {"Attribution License": 2}
    assert not (tmp_path / "out/rights.yaml").exists()


def test_the_conversion_stays_out_of_its_source(tmp_path: Path) -> None:
    root = trees.folder(tmp_path / "source")

    for out in (root, root / "out"):
        with pytest.raises(DatasetUnusable, match="lies inside of"):
            converted("folder", root, out)


def test_what_cannot_be_read_is_the_banks_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetUnusable, match="must hold the folders `leftImg8bit` and `gtFine`"):
        converted("cityscapes", trees.folder(tmp_path / "source"), tmp_path / "out")
    trees.put(tmp_path, {"file": "in the way"})
    with pytest.raises(DatasetUnusable, match="cannot be written"):
        converted("folder", tmp_path / "source", tmp_path / "file/out")


def official_cityscapes(root: Path) -> Path:
    """The sample's pictures in the folders and under the names of the official tree."""
    for photo in sorted((DATA / "cityscapes/train/images").glob("*.png")):
        for kind, old, ending in (
            ("leftImg8bit", "images", "leftImg8bit"),
            ("gtFine", "labels", "gtFine_labelIds"),
            ("gtFine", "instances", "gtFine_instanceIds"),
        ):
            there = root / kind / "train/aachen" / f"{photo.stem}_{ending}.png"
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(DATA / "cityscapes/train" / old / photo.name, there)
    return root


def official_coco_stuff(root: Path) -> Path:
    """The sample in COCO's tree. Its list of licenses is not in the sample: it is made up here."""
    images = []
    for at, photo in enumerate(sorted((DATA / "coco_stuff/train/images").glob("*.png"))):
        for folder in ("images", "annotations"):
            (root / folder / "train2017").mkdir(parents=True, exist_ok=True)
        Image.open(photo).convert("RGB").save(root / "images/train2017" / f"{photo.stem}.jpg", quality=95)
        shutil.copy(DATA / "coco_stuff/train/labels" / photo.name, root / "annotations/train2017")
        images.append(trees.coco_image(int(photo.stem), (4, 1, 6, 7)[at % 4], (256, 256)))
    listed = {"licenses": trees.COCO_LICENSES, "images": images, "annotations": []}
    trees.put(root, {"annotations/captions_train2017.json": json.dumps(listed)})
    return root


def ingested(bank: Bank, out: Path, rights: Any) -> Any:
    folder = read_folder(out)
    assert not folder.unused
    photos = [
        NewPhoto(one.name, one.photo, one.labels, one.instances, one.depth, rights(one.name))
        for one in folder.photos
    ]
    batch_id = bank.open(*photos, classes=folder.classes)
    bank.work(batch_id)
    return bank.report(batch_id)


@WITH_DATA
def test_real_coco_photos_are_taken_by_the_licenses_that_coco_states(bank: Bank, tmp_path: Path) -> None:
    done = converted("coco-stuff", official_coco_stuff(tmp_path / "source"), tmp_path / "out")
    assert (done.taken, done.refused, done.unmapped) == (13, (), ())
    assert done.licensed == {"CC-BY-2.0": 4, "CC-BY-NC-SA-2.0": 3, "CC-BY-ND-2.0": 3}
    assert done.rights is not None
    rights = rights_file.load(done.rights)
    with bank.sessions.begin() as session:
        rights_import.import_rights(session, rights, blobs=bank.blobs, by=bank.by.librarian, at=bank.at)

    found = ingested(bank, tmp_path / "out", rights.record_for)

    print(f"coco-stuff: {found.taken} taken, {found.quarantined} quarantined, {found.segments} segments")
    assert (found.refused, found.failed) == ({}, 0)
    assert (found.taken, found.quarantined) == (10, 3)
    assert found.segments > 100
    with bank.sessions() as session:
        states = session.scalars(select(Photo.state)).all()
    assert (states.count("admitted"), states.count("quarantined")) == (10, 3)


@WITH_DATA
def test_real_streets_are_taken_with_their_cars_apart(bank: Bank, tmp_path: Path) -> None:
    done = converted("cityscapes", official_cityscapes(tmp_path / "source"), tmp_path / "out")
    assert (done.taken, done.refused, done.unmapped, done.rights) == (8, (), (), None)

    found = ingested(bank, tmp_path / "out", lambda name: bank.rights("jp"))

    print(f"cityscapes: {found.taken} taken, {found.segments} segments")
    assert (found.taken, found.refused) == (8, {})
    with bank.sessions() as session:
        car = house().find("car")
        apart = session.scalars(
            select(Segment.instance).where(Segment.category_id == car, Segment.instance.is_not(None))
        ).all()
        assert found.segments == session.scalar(select(func.count(Segment.id)))
    assert len(apart) > 20
    assert all(26000 <= instance < 27000 for instance in apart)


@WITH_DATA
def test_the_samples_are_plain_folders_too(tmp_path: Path) -> None:
    streets = converted("folder", DATA / "cityscapes", tmp_path / "streets")
    things = converted("folder", DATA / "coco_stuff", tmp_path / "things")
    for name in json.loads((DATA / "camvid/split.json").read_text())["test"][::10]:
        for file in (f"images/{Path(name).stem}.jpg", f"labels/{Path(name).stem}.png"):
            (tmp_path / "few" / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(DATA / "camvid" / file, tmp_path / "few" / file)
    camvid = converted("camvid", tmp_path / "few", tmp_path / "camvid")

    few = len(list((tmp_path / "few/images").iterdir()))
    assert few > 5
    assert (streets.taken, things.taken, camvid.taken) == (8, 13, few)
    assert not streets.refused and not things.refused and not camvid.refused
    assert not streets.unmapped and not things.unmapped and not camvid.unmapped
    rows = (tmp_path / "camvid/photos.csv").read_text().splitlines()[1:]
    assert {row.split(",")[2] for row in rows} <= {"0001TP", "0006R0", "0016E5"}
    for given in sorted((tmp_path / "few/labels").iterdir()):
        mine = tmp_path / "camvid/labels" / given.name
        assert np.array_equal(np.asarray(Image.open(mine)), np.asarray(Image.open(given)))


def test_the_rights_files_of_the_guide_can_be_read_and_keep_what_they_are_about_noncommercial(
    tmp_path: Path,
) -> None:
    guide = (ROOT / "docs/datasets.md").read_text(encoding="utf-8")
    written = [block.split("```")[0] for block in guide.split("```yaml\n")[1:]]

    assert len(written) == 2
    for number, text in enumerate(written):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text, encoding="utf-8")
        terms = granted(rights_file.load(path), "any.png")
        assert terms.purposes == {"education", "research"}


def test_the_guide_names_every_dataset() -> None:
    guide = (ROOT / "docs/datasets.md").read_text(encoding="utf-8")

    assert all(f"| `{name}` |" in guide for name in NAMES)
