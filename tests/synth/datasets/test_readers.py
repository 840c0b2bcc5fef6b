"""Each dataset in its official layout: what becomes of photos, labels, instances and depth."""

import json
from pathlib import Path

import numpy as np
import pytest
import trees

from synth.datasets.readers import open_dataset
from synth.datasets.sample import Parts, Sample

LEFT, RIGHT = (12, 4), (12, 28)


def samples(name: str, source: Path) -> dict[str, Sample]:
    return {sample.name: sample for sample in open_dataset(name, source).photos}


def named(name: str, source: Path) -> dict[int, str]:
    return {one.id: one.name for one in open_dataset(name, source).classes}


def test_cityscapes_has_labels_instances_and_metric_depth(tmp_path: Path) -> None:
    found = samples("cityscapes", trees.cityscapes(tmp_path))

    assert sorted(found) == ["aachen_000003_000019_leftImg8bit.png", "munster_000003_000020_leftImg8bit.png"]
    photo = found["munster_000003_000020_leftImg8bit.png"]
    assert (photo.split, photo.group, photo.number) == ("val", "munster_000003", 20)
    parts = photo.read()
    assert parts.photo == trees.png(trees.rgb(1))
    assert (parts.labels[LEFT], parts.labels[RIGHT]) == (7, 26)
    assert parts.instances is not None
    assert (parts.instances[LEFT], parts.instances[RIGHT]) == (0, 26001)
    assert parts.depth_mm is not None
    # 47 px of disparity at a baseline of 0.209313 m and a focal length of 2262.52 px.
    assert (parts.depth_mm[LEFT], parts.depth_mm[RIGHT]) == (0, 10076)


def test_disparity_becomes_depth_up_to_what_16_bits_hold() -> None:
    from synth.datasets.cityscapes import depth_mm

    disparity = np.array([[0, 1, 2, 1 + 256, 65535]], dtype=np.uint16)

    found = depth_mm(disparity, baseline_m=0.2, focal_px=2000)

    # unknown; infinitely far; 102.4 km; 1 px; 255.99 px
    assert found.tolist() == [[0, 65535, 65535, 65535, 1563]]
    assert depth_mm(disparity, baseline_m=0.02, focal_px=2000).tolist() == [[0, 65535, 65535, 40000, 156]]


def test_cityscapes_without_disparity_has_no_depth(tmp_path: Path) -> None:
    for sample in samples("cityscapes", trees.cityscapes(tmp_path, depth=False)).values():
        assert sample.read().depth_mm is None


def test_ade20k_is_found_in_its_folder_and_numbers_from_1(tmp_path: Path) -> None:
    found = samples("ade20k", trees.ade20k(tmp_path).parent)

    assert sorted(found) == ["ADE_train_00000001.jpg", "ADE_val_00000001.jpg"]
    parts = found["ADE_train_00000001.jpg"].read()
    assert parts.photo == trees.jpeg(1)
    assert (parts.labels[LEFT], parts.labels[RIGHT]) == (1, 0)
    assert found["ADE_val_00000001.jpg"].split == "validation"


def test_camvid_is_read_by_color_and_by_number(tmp_path: Path) -> None:
    original = trees.camvid_original(tmp_path / "original")
    segnet = trees.camvid_segnet(tmp_path / "segnet")

    by_color = samples("camvid", original)["Seq05VD_f00030.png"]
    names = named("camvid", original)
    parts = by_color.read()
    assert (names[int(parts.labels[LEFT])], names[int(parts.labels[RIGHT])]) == ("Road", "Sky")
    assert (by_color.group, by_color.number) == ("Seq05VD", 30)

    by_number = samples("camvid", segnet)
    assert [one.split for one in by_number.values()] == ["train", "val", "test"]
    names = named("camvid", segnet)
    parts = next(iter(by_number.values())).read()
    assert (names[int(parts.labels[LEFT])], names[int(parts.labels[RIGHT])]) == ("road", "unlabelled")


@pytest.mark.parametrize(
    "layout",
    [
        ("images/train2017", "annotations/train2017"),
        ("train2017", "stuffthingmaps/train2017"),
        ("images/train2017", "stuffthingmaps_trainval2017/train2017"),
    ],
)
def test_coco_stuff_is_read_wherever_people_unpack_it(tmp_path: Path, layout: tuple[str, str]) -> None:
    root = trees.coco_stuff(tmp_path / "coco")
    moved = tmp_path / "moved"
    for old, new in zip(("images/train2017", "annotations/train2017"), layout, strict=True):
        (moved / new).parent.mkdir(parents=True, exist_ok=True)
        (root / old).rename(moved / new)
    found = samples("coco-stuff", moved)

    assert sorted(found) == [f"{number:012d}.jpg" for number in (9, 10, 11, 12)]
    parts = found["000000000010.jpg"].read()
    assert (parts.labels[LEFT], parts.labels[RIGHT]) == (0, 156)
    assert found["000000000010.jpg"].license is None  # no list of COCO's was moved


def test_coco_states_the_license_of_each_photo(tmp_path: Path) -> None:
    found = samples("coco-stuff", trees.coco_stuff(tmp_path))

    license = found["000000000010.jpg"].license
    assert license is not None
    assert (license.name, license.url) == (
        "Attribution License",
        "http://creativecommons.org/licenses/by/2.0/",
    )
    assert str(license.since) == "2013-11-14"
    assert license.credit.startswith("Flickr photo 1755223010, http://farm3.staticflickr.com/")


def test_coco_panoptic_separates_things_and_not_crowds(tmp_path: Path) -> None:
    root = trees.coco_panoptic(tmp_path)

    sample = samples("coco-panoptic", root)["000000000139.jpg"]

    parts = sample.read()
    assert parts.instances is not None
    at = {"none": (0, 0), "floor": (20, 0), "chair": (10, 5), "other": (10, 15), "crowd": (10, 23)}
    assert {key: parts.labels[place] for key, place in at.items()} == {
        "none": 0, "floor": 118, "chair": 62, "other": 62, "crowd": 62,
    }  # fmt: skip
    assert {key: parts.instances[place] for key, place in at.items()} == {
        "none": 0, "floor": 0, "chair": 2, "other": 3, "crowd": 0,
    }  # fmt: skip
    assert sample.license is not None
    assert (sample.split, named("coco-panoptic", root)[0]) == ("val2017", "void")


def test_an_export_in_coco_panoptic_keeps_its_own_categories_and_places(tmp_path: Path) -> None:
    root = trees.coco_panoptic(tmp_path)
    listed = root / "annotations/panoptic_val2017.json"
    said = json.loads(listed.read_text())
    said["categories"] = [{"id": 0, "name": "sofa"}, {"id": 118, "name": "lounge floor", "isthing": 0}]
    for segment in said["annotations"][0]["segments_info"]:
        segment["category_id"] = 0 if segment["category_id"] == 62 else 118
    said["images"][0]["file_name"] = "north/139.jpg"
    del said["licenses"]
    trees.put(root, {"labels.json": json.dumps(said), "photos/north/139.jpg": trees.jpeg(3)})
    listed.unlink()

    (sample,) = samples("coco-panoptic", root).values()

    parts = sample.read()
    names = named("coco-panoptic", root)
    assert sample.name == "north__139.jpg"
    assert names == {119: "void", 0: "sofa", 118: "lounge floor"}
    assert [parts.labels[place] for place in ((0, 0), (10, 5), (20, 0))] == [119, 0, 118]
    assert parts.instances is not None
    assert (parts.instances[10, 5], parts.instances[10, 23]) == (2, 0)
    assert sample.license is None


def test_cvat_shapes_lie_upon_one_another_and_groups_are_one_instance(tmp_path: Path) -> None:
    dataset = open_dataset("cvat", trees.cvat_images(tmp_path))
    (sample,) = dataset.photos

    parts = sample.read()

    names = {one.id: one.name for one in dataset.classes}
    at = {
        "wall": (2, 2),
        "sofa": (10, 6),
        "mask": (10, 21),
        "hole": (10, 20),
        "ellipse": (4, 26),
        "tag": (22, 1),
    }
    assert {key: names[int(parts.labels[place])] for key, place in at.items()} == {
        "wall": "wall", "sofa": "sofa", "mask": "sofa", "hole": "wall", "ellipse": "sofa", "tag": "price tag",
    }  # fmt: skip
    assert parts.instances is not None
    ids = {key: int(parts.instances[place]) for key, place in at.items()}
    assert ids["mask"] == ids["ellipse"] != ids["sofa"]
    assert len(set(ids.values())) == 4
    assert int((parts.labels == 1).sum()) == 8 * 8 + 6 + 28  # polygon, runs, centers inside the ellipse
    assert dataset.notes == ("shapes that are no areas were left out: 1 box",)


def test_cvat_masks_are_read_by_color_and_by_number(tmp_path: Path) -> None:
    found = samples("cvat", trees.cvat_masks(tmp_path))

    assert sorted(found) == ["north__hall.jpg", "room.jpg"]
    room, hall = found["room.jpg"].read(), found["north__hall.jpg"].read()
    assert (room.labels[LEFT], room.labels[RIGHT]) == (1, 0)
    assert room.instances is not None
    assert len({int(room.instances[place]) for place in ((2, 4), (20, 4), (2, 28))}) == 3
    assert (hall.labels[LEFT], hall.labels[RIGHT], hall.instances) == (1, 0, None)


def test_nyuv2_reads_the_labeled_file_by_its_own_names(tmp_path: Path) -> None:
    mat = trees.nyuv2_mat(tmp_path / "nyu_depth_v2_labeled.mat")

    found = samples("nyuv2", mat)

    assert named("nyuv2", mat) == {0: "unlabelled", 1: "wall", 2: "tv stand", 3: "mug"}
    first = found["nyu_0001.png"]
    assert (first.group, first.number) == ("kitchen_0001", 1)
    parts = first.read()
    assert np.array_equal(decoded(parts), trees.rgb(1, (20, 30)))
    assert (parts.labels[5, 3], parts.labels[5, 28]) == (1, 2)
    assert parts.instances is not None
    assert len({int(parts.instances[place]) for place in ((5, 3), (5, 28), (15, 28))}) == 3
    assert parts.depth_mm is not None
    assert parts.depth_mm[0, :3].tolist() == [0, 65535, 1250]
    assert parts.depth_mm[5, 28] == 2500


def test_nyuv2_has_40_classes_by_the_mapping_beside_the_file(tmp_path: Path) -> None:
    trees.nyuv2_mat(tmp_path / "nyu_depth_v2_labeled.mat", mapping=True)

    found = samples("nyuv2", tmp_path)

    names = named("nyuv2", tmp_path)
    parts = found["nyu_0001.png"].read()
    assert (names[int(parts.labels[5, 3])], names[int(parts.labels[5, 28])]) == ("wall", "otherfurniture")
    assert found["nyu_0002.png"].read().labels[10, 10] == 0


def test_nyuv2_exports_count_classes_from_0_or_from_1(tmp_path: Path) -> None:
    forty = trees.nyuv2_export(tmp_path / "forty")
    thirteen = trees.nyuv2_export_13(tmp_path / "thirteen")

    found = samples("nyuv2", forty)
    names = named("nyuv2", forty)
    assert [one.split for one in found.values()] == ["test", "train"]
    parts = found["00003.png"].read()
    assert (names[int(parts.labels[LEFT])], names[int(parts.labels[RIGHT])]) == ("wall", "unlabelled")
    parts = found["00001.png"].read()
    assert (names[int(parts.labels[LEFT])], names[int(parts.labels[RIGHT])]) == ("chair", "otherprop")
    assert parts.depth_mm is not None
    assert (parts.depth_mm[LEFT], parts.depth_mm[RIGHT]) == (0, 2345)

    names = named("nyuv2", thirteen)
    parts = samples("nyuv2", thirteen)["0003.png"].read()
    assert (names[int(parts.labels[LEFT])], names[int(parts.labels[RIGHT])]) == ("wall", "unlabelled")


def test_a_plain_folder_keeps_its_maps(tmp_path: Path) -> None:
    parts = samples("folder", trees.folder(tmp_path))["a.jpg"].read()

    assert (parts.labels[LEFT], parts.labels[RIGHT], parts.labels[0, 0]) == (3, 300, 9)
    assert parts.instances is not None
    assert parts.depth_mm is not None
    assert (parts.instances[RIGHT], parts.depth_mm[RIGHT]) == (5, 1500)


def decoded(parts: Parts) -> np.ndarray:
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(parts.photo)))
