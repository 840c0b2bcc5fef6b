"""Every dataset that can be read, by its name."""

from collections.abc import Callable
from pathlib import Path

from synth.datasets import ade20k, camvid, cityscapes, coco, cvat, folder, nyuv2
from synth.datasets.sample import Dataset, DatasetError
from synth.datasets.tree import Tree, open_tree

READERS: dict[str, Callable[[Tree], Dataset]] = {
    "ade20k": ade20k.read,
    "camvid": camvid.read,
    "cityscapes": cityscapes.read,
    "coco-panoptic": coco.read_panoptic,
    "coco-stuff": coco.read_stuff,
    "cvat": cvat.read,
    "folder": folder.read,
    "nyuv2": nyuv2.read,
}


def open_dataset(name: str, source: Path) -> Dataset:
    """The dataset in a folder, a ZIP, or NYU's .mat file.

    Raises:
        DatasetError: no such reader, or what is there is not laid out as the dataset is.
    """
    if name not in READERS:
        raise DatasetError(
            f"no dataset is called `{name}`: use one of {', '.join(f'`{one}`' for one in READERS)}"
        )
    if name == "nyuv2":
        mat = source if source.suffix == ".mat" else source / nyuv2.MAT
        if mat.is_file():
            mapping = mat.parent / nyuv2.MAPPING
            return nyuv2.read_mat(mat, mapping if mapping.is_file() else None)
    return READERS[name](open_tree(source))
