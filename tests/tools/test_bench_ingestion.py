"""What ingestion is measured on and against does what it says. How fast it is is no test's business."""

from pathlib import Path

import numpy as np
from PIL import Image

from bankd.catalog.taxonomy import house
from bankd.ingestion.labels import decode_labels
from synth.layout import Layout, regions
from synth.retrieval.descriptors import describe
from tools.bench import plain
from tools.bench.drawn import classes, draw


def test_drawn_photos_differ_and_their_label_maps_are_of_the_house(tmp_path: Path) -> None:
    one, two = draw([(90, 120), (90, 120)], 1, tmp_path)

    assert one.photo.read_bytes() != two.photo.read_bytes()
    assert np.asarray(Image.open(one.photo)).shape == (90, 120, 3)
    labels = decode_labels(
        one.labels.read_bytes(), name="a", frame=(90, 120), classes=house().map_classes(classes())
    )
    assert len(np.unique(labels)) > 3
    (again,) = draw([(90, 120)], 1, tmp_path)
    assert np.array_equal(np.asarray(Image.open(again.labels)), labels)


def test_the_plain_loop_finds_the_masks_that_ingestion_finds(tmp_path: Path) -> None:
    (photo,) = draw([(90, 120)], 2, tmp_path)
    labels = np.asarray(Image.open(photo.labels))
    cut = regions(Layout(labels))

    masks = np.unpackbits(describe(labels, cut, "box").masks, axis=1).reshape(-1, 32, 32).astype(bool)

    for region, mask in zip(cut, masks, strict=True):
        assert np.array_equal(plain._covered(region.mask), mask) or not plain._covered(region.mask).any()
