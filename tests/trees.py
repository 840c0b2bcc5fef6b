"""Datasets as their makers lay them out, small, with pictures of a few dozen pixels."""

import io
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image

FRAME = (24, 32)
Array = np.ndarray[Any, Any]


def png(pixels: Array) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def rgb(seed: int = 0, frame: tuple[int, int] = FRAME) -> Array:
    y, x = np.mgrid[0 : frame[0], 0 : frame[1]]
    waves = [np.sin(x / (3 + band) + seed) + np.cos(y / (2 + seed % 5)) for band in range(3)]
    return (np.stack(waves, axis=-1) * 50 + 128).astype(np.uint8)


def jpeg(seed: int = 0, frame: tuple[int, int] = FRAME) -> bytes:
    out = io.BytesIO()
    Image.fromarray(rgb(seed, frame)).save(out, "JPEG", quality=95)
    return out.getvalue()


def halves(left: int, right: int, dtype: type = np.uint8, frame: tuple[int, int] = FRAME) -> Array:
    """A map that is `left` in its left half."""
    found = np.full(frame, right, dtype=dtype)
    found[:, : frame[1] // 2] = left
    return found


def colored(ids: Array, colors: dict[int, tuple[int, int, int]]) -> Array:
    found = np.zeros((*ids.shape, 3), dtype=np.uint8)
    for number, color in colors.items():
        found[ids == number] = color
    return found


def put(root: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def cityscapes(root: Path, *, depth: bool = True) -> Path:
    """Two photos: road (7) at the left, a car (26) of instance 26001 at the right."""
    files: dict[str, bytes | str] = {}
    for number, (split, city) in enumerate((("train", "aachen"), ("val", "munster"))):
        stem = f"{split}/{city}/{city}_000003_0000{19 + number}"
        files[f"leftImg8bit/{stem}_leftImg8bit.png"] = png(rgb(number))
        files[f"gtFine/{stem}_gtFine_labelIds.png"] = png(halves(7, 26))
        files[f"gtFine/{stem}_gtFine_instanceIds.png"] = png(halves(7, 26001, np.uint16))
        files[f"gtFine/{stem}_gtFine_color.png"] = png(rgb())
        files[f"gtFine/{stem}_gtFine_polygons.json"] = "{}"
        if depth:
            files[f"disparity/{stem}_disparity.png"] = png(halves(0, 1 + 256 * 47, np.uint16))
            files[f"camera/{stem}_camera.json"] = json.dumps(
                {"extrinsic": {"baseline": 0.209313}, "intrinsic": {"fx": 2262.52}}
            )
    return put(root, files)


def ade20k(root: Path) -> Path:
    """A wall (1) and the void of 0; the second photo a conveyer belt (106), which no house keeps."""
    rows = ["Idx\tRatio\tTrain\tVal\tStuff\tName"]
    from synth.datasets.classes import classes

    rows += [f"{one.id}\t0.1\t1\t1\t0\t{one.name}" for one in classes("ade20k")[1:]]
    return put(
        root / "ADEChallengeData2016",
        {
            "images/training/ADE_train_00000001.jpg": jpeg(1),
            "annotations/training/ADE_train_00000001.png": png(halves(1, 0)),
            "images/validation/ADE_val_00000001.jpg": jpeg(2),
            "annotations/validation/ADE_val_00000001.png": png(halves(106, 3)),
            "objectInfo150.txt": "\n".join(rows) + "\n",
            "sceneCategories.txt": "ADE_train_00000001 kitchen\n",
        },
    )


CAMVID_ROAD, CAMVID_SKY = (128, 64, 128), (128, 128, 128)


def camvid_original(root: Path) -> Path:
    ids = halves(18, 22)
    labels = png(colored(ids, {18: CAMVID_ROAD, 22: CAMVID_SKY}))
    return put(
        root,
        {
            "701_StillsRaw_full/0001TP_006690.png": png(rgb(1)),
            "LabeledApproved_full/0001TP_006690_L.png": labels,
            "701_StillsRaw_full/Seq05VD_f00030.png": png(rgb(2)),
            "LabeledApproved_full/Seq05VD_f00030_L.png": labels,
            "label_colors.txt": "64 128 64\tAnimal\n",
        },
    )


def camvid_segnet(root: Path) -> Path:
    files: dict[str, bytes | str] = {}
    for number, split in enumerate(("train", "val", "test")):
        stem = f"0016E5_0{number}390"
        files[f"CamVid/{split}/{stem}.png"] = png(rgb(number))
        files[f"CamVid/{split}annot/{stem}.png"] = png(halves(3, 11))
        files[f"CamVid/{split}.txt"] = "/SegNet/CamVid/.. /SegNet/CamVid/..\n"
    return put(root, files)


COCO_LICENSES = [
    {"id": 1, "name": "Attribution-NonCommercial-ShareAlike License",
     "url": "http://creativecommons.org/licenses/by-nc-sa/2.0/"},
    {"id": 4, "name": "Attribution License", "url": "http://creativecommons.org/licenses/by/2.0/"},
    {"id": 6, "name": "Attribution-NoDerivs License", "url": "http://creativecommons.org/licenses/by-nd/2.0/"},
    {"id": 7, "name": "No known copyright restrictions", "url": "http://flickr.com/commons/usage/"},
]  # fmt: skip


def coco_image(number: int, license: int | None, frame: tuple[int, int] = FRAME) -> dict[str, Any]:
    return {
        "id": number,
        "file_name": f"{number:012d}.jpg",
        "height": frame[0],
        "width": frame[1],
        "license": license,
        "date_captured": "2013-11-14 17:02:52",
        "flickr_url": f"http://farm3.staticflickr.com/2253/{1755223000 + number}_fabbeb8dc3_z.jpg",
        "coco_url": f"http://images.cocodataset.org/train2017/{number:012d}.jpg",
    }


def coco_stuff(root: Path, licenses: tuple[int | None, ...] = (1, 4, 6, 7)) -> Path:
    """One photo for each license id: a person (0) before a sky (156); the first has 255 at the left."""
    files: dict[str, bytes | str] = {}
    for number, _ in enumerate(licenses, 9):
        files[f"images/train2017/{number:012d}.jpg"] = jpeg(number)
        files[f"annotations/train2017/{number:012d}.png"] = png(halves(255 if number == 9 else 0, 156))
    images = [coco_image(number, license) for number, license in enumerate(licenses, 9)]
    listed = {"info": {}, "licenses": COCO_LICENSES, "images": images, "annotations": []}
    files["annotations/captions_train2017.json"] = json.dumps(listed)
    return put(root, files)


def coco_panoptic(root: Path) -> Path:
    """A chair of two instances and a crowd upon a floor, and pixels of no segment."""
    segments = np.zeros(FRAME, dtype=np.uint32)
    segments[4:] = 65793  # 1 + 256 + 65536
    segments[8:16, 4:10], segments[8:16, 14:20], segments[8:16, 22:28] = 300, 301, 7
    bands = [segments & 255, segments >> 8 & 255, segments >> 16]
    said = {
        "info": {},
        "licenses": COCO_LICENSES,
        "images": [coco_image(139, 4)],
        "categories": [
            {"id": 62, "name": "chair", "isthing": 1, "color": [1, 2, 3]},
            {"id": 118, "name": "floor-wood", "isthing": 0, "color": [4, 5, 6]},
            {"id": 199, "name": "wall-other-merged", "isthing": 0, "color": [7, 8, 9]},
        ],
        "annotations": [
            {
                "image_id": 139,
                "file_name": "000000000139.png",
                "segments_info": [
                    {"id": 65793, "category_id": 118, "area": 1, "bbox": [0, 0, 1, 1], "iscrowd": 0},
                    {"id": 300, "category_id": 62, "area": 1, "bbox": [0, 0, 1, 1], "iscrowd": 0},
                    {"id": 301, "category_id": 62, "area": 1, "bbox": [0, 0, 1, 1], "iscrowd": 0},
                    {"id": 7, "category_id": 62, "area": 1, "bbox": [0, 0, 1, 1], "iscrowd": 1},
                ],
            }
        ],
    }
    return put(
        root,
        {
            "val2017/000000000139.jpg": jpeg(3),
            "annotations/panoptic_val2017.json": json.dumps(said),
            "annotations/panoptic_val2017/000000000139.png": png(np.stack(bands, axis=-1).astype(np.uint8)),
        },
    )


CVAT_XML = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><id>5</id><name>shop</name><labels>
    <label><name>sofa</name><color>#fa3253</color><type>any</type><attributes></attributes></label>
    <label><name>wall</name><color>#33ddff</color><type>any</type><attributes></attributes></label>
    <label><name>price tag</name><color>#33ddff</color><type>any</type><attributes></attributes></label>
  </labels></task></meta>
  <image id="0" name="room.jpg" subset="default" task_id="5" width="32" height="24">
    <polygon label="sofa" source="manual" occluded="0" points="4.00,8.00;12.00,8.00;12.00,16.00;4.00,16.00"
      z_order="1"></polygon>
    <polygon label="wall" source="manual" occluded="0" points="0.0,0.0;32.0,0.0;32.0,24.0;0.0,24.0"
      z_order="0"></polygon>
    <mask label="sofa" source="manual" occluded="0" rle="1, 2, 1, 4" left="20" top="10" width="4" height="2"
      z_order="1" group_id="3"></mask>
    <ellipse label="sofa" source="manual" cx="26.0" cy="4.0" rx="4.0" ry="2.0" z_order="1" group_id="3">
    </ellipse>
    <polygon label="price tag" source="manual" occluded="0" points="0,20;4,20;4,24;0,24" z_order="2">
    </polygon>
    <box label="sofa" source="manual" occluded="0" xtl="1.0" ytl="1.0" xbr="5.0" ybr="5.0" z_order="0"></box>
  </image>
</annotations>
"""


def cvat_images(root: Path) -> Path:
    return put(root, {"annotations.xml": CVAT_XML, "images/default/room.jpg": jpeg(4)})


def cvat_masks(root: Path) -> Path:
    """A sofa of two instances before nothing, by color; the second photo lies in a folder."""
    classes = colored(halves(1, 0), {1: (250, 50, 83)})
    objects = colored(halves(1, 0), {1: (128, 0, 0)})
    objects[:12][classes[:12, :, 0] > 0] = (0, 128, 0)
    return put(
        root,
        {
            "labelmap.txt": "# label:color_rgb:parts:actions\nbackground:0,0,0::\nsofa:250,50,83::\n",
            "ImageSets/Segmentation/default.txt": "room\nnorth/hall\n",
            "SegmentationClass/room.png": png(classes),
            "SegmentationObject/room.png": png(objects),
            "JPEGImages/room.jpg": jpeg(5),
            "SegmentationClass/north/hall.png": png(halves(1, 0)),  # of numbers, not colors
            "JPEGImages/north/hall.jpg": jpeg(6),
        },
    )


def folder(root: Path) -> Path:
    classes = [{"id": 3, "name": "wall"}, {"id": 300, "name": "Sofa"}, {"id": 9, "name": "spaceship"}]
    ids = halves(3, 300, np.uint16)
    ids[:4] = 9
    return put(
        root,
        {
            "classes.json": json.dumps(classes),
            "images/a.jpg": jpeg(7),
            "labels/a.png": png(ids),
            "instances/a.png": png(halves(0, 5)),
            "depth/a.png": png(halves(0, 1500, np.uint16)),
        },
    )


def nyuv2_mat(path: Path, *, mapping: bool = False) -> Path:
    """Two photos of 20 x 30 px: `wall` at the left, and right of it two of `tv stand`, or nothing."""
    names, scenes = ["wall", "tv stand", "mug"], ["kitchen_0001", "office_0002"]
    labels = halves(1, 2, np.uint16, (20, 30))
    instances = halves(1, 1, np.uint8, (20, 30))
    instances[10:, 15:] = 2
    depths = halves(1, 2, np.float32, (20, 30)) * np.float32(1.25)
    depths[0, 0], depths[0, 1] = np.nan, 99.0
    empty = np.zeros_like(labels)
    empty[:2] = 1
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        # MATLAB writes columns first: (N, 3, W, H).
        file["images"] = np.stack([rgb(n, (20, 30)).transpose(2, 1, 0) for n in (1, 2)])
        file["labels"] = np.stack([labels.T, empty.T])
        file["instances"] = np.stack([instances.T, (empty > 0).astype(np.uint8).T])
        file["depths"] = np.stack([depths.T, depths.T])
        for key, texts in (("names", names), ("scenes", scenes)):
            cells = [file.create_dataset(f"#refs#/{key}{n}", data=units(one)) for n, one in enumerate(texts)]
            refs = np.array([[cell.ref for cell in cells]], dtype=h5py.ref_dtype)
            file.create_dataset(key, data=refs)
    if mapping:
        from scipy.io import savemat

        savemat(path.parent / "classMapping40.mat", {"mapClass": np.array([[1, 39, 40]])})
    return path


def units(text: str) -> Array:
    return np.array([[ord(letter)] for letter in text], dtype=np.uint16)


def nyuv2_export(root: Path) -> Path:
    """As one toolkit exports it: classes from 0, 255 = unlabelled."""
    depth = png(halves(0, 2345, np.uint16))
    return put(
        root,
        {
            "image/train/00003.png": png(rgb(1)),
            "seg40/train/00003.png": png(halves(0, 255)),
            "seg13/train/00003.png": png(halves(11, 255)),
            "depth/train/00003.png": depth,
            "image/test/00001.png": png(rgb(2)),
            "seg40/test/00001.png": png(halves(4, 39)),
            "seg13/test/00001.png": png(halves(3, 6)),
            "depth/test/00001.png": depth,
        },
    )


def nyuv2_export_13(root: Path) -> Path:
    """As others export it: classes from 1, 0 = unlabelled."""
    return put(
        root,
        {
            "train/rgb/0003.png": png(rgb(1)),
            "train/labels_13/0003.png": png(halves(12, 0)),
            "train/depth/0003.png": png(halves(0, 2345, np.uint16)),
        },
    )
