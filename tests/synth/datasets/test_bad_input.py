"""What is wrong with a dataset is said in one sentence, of one photo where it concerns one."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trees
from PIL import Image

from synth.datasets.conversion import Conversion
from synth.datasets.readers import READERS, open_dataset
from synth.datasets.sample import DatasetError

Converted = Callable[..., Conversion]
TREES = {
    "ade20k": trees.ade20k,
    "camvid": trees.camvid_original,
    "cityscapes": trees.cityscapes,
    "coco-panoptic": trees.coco_panoptic,
    "coco-stuff": trees.coco_stuff,
    "cvat": trees.cvat_masks,
    "folder": trees.folder,
    "nyuv2": trees.nyuv2_export,
}
AACHEN = "train/aachen/aachen_000003_000019"
LABELS = f"gtFine/{AACHEN}_gtFine_labelIds.png"


def refused(done: Conversion) -> str:
    ((_, sentence),) = done.refused
    return sentence


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_folder_of_something_else_is_refused_whole(name: str, tmp_path: Path) -> None:
    (tmp_path / "holidays").mkdir()
    (tmp_path / "holidays/beach.jpg").write_bytes(trees.jpeg())

    with pytest.raises(DatasetError, match=r"must hold|holds no") as refusal:
        open_dataset(name, tmp_path)

    assert str(tmp_path) in str(refusal.value)


def test_what_is_no_dataset_at_all_is_refused(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("hello")
    (tmp_path / "torn.zip").write_bytes(b"PK\x03\x04torn")

    for source, sentence in (
        ("nowhere", "is not there"),
        ("note.txt", "neither a folder nor a ZIP"),
        ("torn.zip", "truncated or no ZIP"),
    ):
        with pytest.raises(DatasetError, match=sentence):
            open_dataset("cityscapes", tmp_path / source)
    with pytest.raises(DatasetError, match="no dataset is called `imagenet`"):
        open_dataset("imagenet", tmp_path)


def labels_of(name: str, root: Path) -> Path:
    """A file of labels of the tree that the reader's first photo needs."""
    pattern = {
        "ade20k": "**/ADE_train_00000001.png", "camvid": "**/0001TP_006690_L.png", "cityscapes": LABELS,
        "coco-panoptic": "annotations/panoptic_val2017/*.png", "coco-stuff": "annotations/*/000000000010.png",
        "cvat": "SegmentationClass/room.png", "folder": "labels/a.png", "nyuv2": "seg40/train/*.png",
    }[name]  # fmt: skip
    (found,) = root.glob(pattern)
    return found


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_photo_without_its_label_map_is_refused_alone(
    name: str, tmp_path: Path, converted: Converted
) -> None:
    root = TREES[name](tmp_path / "source")
    file = labels_of(name, root)
    file.rename(file.with_stem(f"z{file.stem}"))
    photos = len(list(open_dataset(name, root).photos))

    done = converted(name, root)

    assert "has no label map" in refused(done) or "has no panoptic map" in refused(done)
    assert len(done.taken) + 1 == photos or name == "ade20k"


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_torn_label_map_is_refused_alone(name: str, tmp_path: Path, converted: Converted) -> None:
    root = TREES[name](tmp_path / "source")
    file = labels_of(name, root)
    file.write_bytes(file.read_bytes()[:-40])

    assert "truncated or corrupt" in " ".join(sentence for _, sentence in converted(name, root).refused)


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_label_map_of_another_size_is_refused_alone(
    name: str, tmp_path: Path, converted: Converted
) -> None:
    root = TREES[name](tmp_path / "source")
    file = labels_of(name, root)
    with Image.open(file) as image:
        image.crop((0, 0, 30, 24)).save(file)

    sentences = " ".join(sentence for _, sentence in converted(name, root).refused)

    assert "label map of `" in sentences
    assert "is 30 x 24 px, the upright photo 32 x 24 px" in sentences


def test_ids_that_the_dataset_does_not_name_are_refused(tmp_path: Path, converted: Converted) -> None:
    root = trees.cityscapes(tmp_path / "source")
    (root / LABELS).write_bytes(trees.png(trees.halves(7, 99)))

    sentence = refused(converted("cityscapes", root))

    assert sentence == (
        "label map of `aachen_000003_000019_leftImg8bit.png` holds ids that `cityscapes` does not name: `99`"
    )


def test_colors_of_no_class_are_refused(tmp_path: Path, converted: Converted) -> None:
    root = trees.camvid_original(tmp_path / "source")
    labels_of("camvid", root).write_bytes(trees.png(trees.rgb()))

    assert "holds colors of no class: `" in refused(converted("camvid", root))


def test_label_maps_of_colors_are_no_numbers(tmp_path: Path, converted: Converted) -> None:
    root = trees.cityscapes(tmp_path / "source")
    (root / LABELS).write_bytes(trees.png(trees.rgb()))

    assert "holds colors, not numbers" in refused(converted("cityscapes", root))


def test_grey_of_few_bits_is_not_stretched_into_other_ids(tmp_path: Path, converted: Converted) -> None:
    root = trees.folder(tmp_path / "source")
    out = io.BytesIO()
    # As a PNG of 2 bits of grey: Pillow reads its values 0 to 3 as 0, 85, 170, 255.
    Image.fromarray(np.zeros(trees.FRAME, dtype=np.uint8)).save(out, "PNG", bits=2)
    assert out.getvalue()[24] == 2
    (root / "labels/a.png").write_bytes(out.getvalue())

    assert "fewer than 8 bits of grey" in refused(converted("folder", root))


def test_a_photo_that_labels_nothing_known_is_refused(tmp_path: Path, converted: Converted) -> None:
    root = trees.cityscapes(tmp_path / "source")
    (root / LABELS).write_bytes(trees.png(trees.halves(0, 4)))

    assert "labels nothing that the house has a category for" in refused(converted("cityscapes", root))


def test_a_torn_photo_is_refused(tmp_path: Path, converted: Converted) -> None:
    root = trees.ade20k(tmp_path / "source")
    photo = root / "images/training/ADE_train_00000001.jpg"
    photo.write_bytes(photo.read_bytes()[:-300])

    sentences = [sentence for _, sentence in converted("ade20k", root).refused]

    assert "photo of `ADE_train_00000001.jpg` is truncated or corrupt" in sentences


def test_a_turned_photo_is_compared_upright(tmp_path: Path, converted: Converted) -> None:
    root = trees.ade20k(tmp_path / "source")
    photo = root / "images/training/ADE_train_00000001.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    Image.fromarray(trees.rgb()).save(photo, exif=exif)

    sentences = [sentence for _, sentence in converted("ade20k", root).refused]

    assert "label map of `ADE_train_00000001.jpg` is 32 x 24 px, the upright photo 24 x 32 px" in sentences


def test_disparity_needs_the_camera(tmp_path: Path, converted: Converted) -> None:
    root = trees.cityscapes(tmp_path / "source")
    camera = root / f"camera/{AACHEN}_camera.json"

    camera.write_text('{"extrinsic": {"baseline": 0.2}')
    assert "gives no baseline and focal length" in refused(converted("cityscapes", root, out="torn"))
    camera.write_text('{"extrinsic": {"baseline": -1}, "intrinsic": {"fx": 2262}}')
    assert "gives the baseline `-1.0` m" in refused(converted("cityscapes", root, out="negative"))
    camera.unlink()
    assert "has no camera file" in refused(converted("cityscapes", root, out="missing"))
    for file in sorted((root / "camera").rglob("*.json")):
        file.unlink()
    with pytest.raises(DatasetError, match="`disparity` is there and `camera` is not"):
        open_dataset("cityscapes", root)


def test_disparity_of_8_bits_is_none(tmp_path: Path, converted: Converted) -> None:
    root = trees.cityscapes(tmp_path / "source")
    (root / f"disparity/{AACHEN}_disparity.png").write_bytes(trees.png(trees.halves(0, 9)))

    assert "disparity of" in (sentence := refused(converted("cityscapes", root)))
    assert "is no 16-bit grey PNG" in sentence


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("coco-panoptic", "annotations/panoptic_val2017.json"),
        ("coco-stuff", "annotations/captions_train2017.json"),
        ("folder", "classes.json"),
    ],
)
def test_a_torn_list_is_refused_whole(name: str, listed: str, tmp_path: Path) -> None:
    root = TREES[name](tmp_path)
    file = root / listed
    file.write_bytes(file.read_bytes()[:-20])

    with pytest.raises(DatasetError, match=f"`{listed}` is no JSON: it is truncated or corrupt"):
        open_dataset(name, root)


def test_a_torn_or_hostile_xml_is_refused_whole(tmp_path: Path) -> None:
    for content in (
        trees.CVAT_XML[:900],
        trees.CVAT_XML.replace('height="24"', 'height="tall"', 1),
        trees.CVAT_XML.replace("<annotations>", '<!DOCTYPE a [<!ENTITY x "y">]><annotations>', 1),
    ):
        root = trees.put(tmp_path, {"annotations.xml": content})
        with pytest.raises(DatasetError, match=r"`annotations\.xml` is truncated or corrupt"):
            open_dataset("cvat", root)
    trees.put(tmp_path, {"annotations.xml": "<annotations><track id='0'></track></annotations>"})
    with pytest.raises(DatasetError, match="CVAT for video"):
        open_dataset("cvat", tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('name="room.jpg"', 'name="../../room.jpg"', "is no plain file name"),
        ('name="room.jpg"', 'name="/etc/room.jpg"', "is no file name that stays inside the export"),
        ('name="room.jpg"', 'name="cellar.jpg"', "`cellar.jpg` is not in the export"),
        ('width="32" height="24"', 'width="64" height="48"', "and was labelled at 64 x 48 px"),
        ('width="32" height="24"', 'width="0" height="24"', "is said to be 0 x 24 px"),
        ('rle="1, 2, 1, 4"', 'rle="1, 2, 1, 400000000"', "has a mask that is none"),
        ('rle="1, 2, 1, 4"', 'rle="1, -2, 1, 8"', "has a mask that is none"),
        ('rle="1, 2, 1, 4"', 'rle="one"', "has a mask that cannot be read"),
        ('left="20"', 'left="30"', "has a mask that is none"),
        ('label="wall" source', 'label="roof" source', "of the label `roof`, which `meta` does not name"),
        ("4.00,8.00;12.00,8.00;12.00,16.00;4.00,16.00", "4,8;12,8", "has a polygon that is none"),
        ("4.00,8.00;12.00,8.00;12.00,16.00;4.00,16.00", "4,8;12;nan,1", "has a polygon that"),
        ('rx="4.0"', 'rx="-4.0"', "has a ellipse that is none"),
    ],
)
def test_what_cvat_says_of_an_image_is_held_against_it(
    old: str, new: str, sentence: str, tmp_path: Path, converted: Converted
) -> None:
    assert old in trees.CVAT_XML
    root = trees.cvat_images(tmp_path / "source")
    (root / "annotations.xml").write_text(trees.CVAT_XML.replace(old, new, 1))

    assert sentence in refused(converted("cvat", root))


def test_an_image_of_boxes_alone_has_no_areas(tmp_path: Path, converted: Converted) -> None:
    root = trees.cvat_images(tmp_path / "source")
    boxes = trees.CVAT_XML.replace("<polygon ", "<polyline ").replace("</polygon>", "</polyline>")
    boxes = boxes.replace("<mask ", "<points ").replace("</mask>", "</points>")
    (root / "annotations.xml").write_text(boxes.replace("<ellipse ", "<tag ").replace("</ellipse>", "</tag>"))

    assert "has no polygon, mask or ellipse" in refused(converted("cvat", root))


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda said: said["images"][0].update(file_name="../../x.jpg"), "is no plain file name"),
        (lambda said: said["images"][0].update(file_name="x/../../x.jpg"), "stays inside the dataset"),
        (lambda said: said["annotations"][0].update(file_name="/x.png"), "stays inside the dataset"),
        (lambda said: said["images"][0].update(file_name="nowhere.jpg"), "`nowhere.jpg` is not there"),
        (
            lambda said: said["annotations"][0]["segments_info"][0].update(category_id=5),
            "has a segment of the category `5`, which the JSON does not name",
        ),
        (
            lambda said: said["annotations"][0]["segments_info"].pop(1),
            "holds the segment `300`, which the JSON does not name",
        ),
        (
            lambda said: said["annotations"][0]["segments_info"][0].pop("id"),
            "has a segment without `id` and `category_id`",
        ),
    ],
)
def test_what_coco_panoptic_says_of_an_image_is_held_against_it(
    edit: Callable[[dict], object], sentence: str, tmp_path: Path, converted: Converted
) -> None:
    root = trees.coco_panoptic(tmp_path / "source")
    listed = root / "annotations/panoptic_val2017.json"
    said = json.loads(listed.read_text())
    edit(said)
    listed.write_text(json.dumps(said))

    assert sentence in refused(converted("coco-panoptic", root))


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("sofa", "gives no label and color"),
        ("sofa:1,2:::", "gives no label and color"),
        ("sofa:1,2,300::", "gives `sofa` the color `1,2,300`, which is none"),
        ("sofa:0,0,0::", "gives two labels one color"),
    ],
)
def test_a_labelmap_of_no_colors_is_refused_whole(row: str, sentence: str, tmp_path: Path) -> None:
    root = trees.cvat_masks(tmp_path)
    (root / "labelmap.txt").write_text(f"background:0,0,0::\n{row}\n")

    with pytest.raises(DatasetError, match=sentence):
        open_dataset("cvat", root)


def test_other_classes_than_ade20ks_are_refused_whole(tmp_path: Path) -> None:
    root = trees.ade20k(tmp_path)
    objects = root / "objectInfo150.txt"
    objects.write_text(objects.read_text().replace("\tsky\n", "\tsea serpent\n"))

    with pytest.raises(DatasetError, match="calls class `3` `sea serpent`"):
        open_dataset("ade20k", root)


def test_a_torn_mat_file_is_refused_whole(tmp_path: Path) -> None:
    mat = trees.nyuv2_mat(tmp_path / "nyu_depth_v2_labeled.mat")
    mat.write_bytes(mat.read_bytes()[:2000])

    with pytest.raises(DatasetError, match="truncated or no HDF5 file"):
        open_dataset("nyuv2", mat)


def test_a_mapping_of_another_number_of_classes_is_refused_whole(tmp_path: Path) -> None:
    from scipy.io import savemat

    trees.nyuv2_mat(tmp_path / "nyu_depth_v2_labeled.mat")
    savemat(tmp_path / "classMapping40.mat", {"mapClass": np.array([[1, 2]])})

    with pytest.raises(DatasetError, match="does not map the 3 classes"):
        open_dataset("nyuv2", tmp_path)


def test_a_zip_that_leads_outside_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("annotations.xml", trees.CVAT_XML)
        archive.writestr("../../images/room.jpg", trees.jpeg())

    with pytest.raises(DatasetError, match="leads outside of it: do not trust it"):
        open_dataset("cvat", path)


def test_links_that_lead_outside_are_not_read(tmp_path: Path, converted: Converted) -> None:
    root = trees.folder(tmp_path / "source")
    (tmp_path / "secret.png").write_bytes((root / "labels/a.png").read_bytes())
    (root / "labels/a.png").unlink()
    (root / "labels/a.png").symlink_to(tmp_path / "secret.png")

    assert "is a link that leads outside the folder" in refused(converted("folder", root))

    (root / "depth").rename(tmp_path / "depth")
    (root / "depth").symlink_to(tmp_path / "depth")
    with pytest.raises(DatasetError, match="`depth` is a link to a folder"):
        open_dataset("folder", root)
