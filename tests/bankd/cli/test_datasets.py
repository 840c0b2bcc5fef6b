"""`bankd datasets convert`, and the ingestion that it leads to."""

from pathlib import Path

import trees

from bankd.ingestion.datasets import NAMES
from tests.bankd.cli.conftest import Commands


def test_a_conversion_tells_what_became_void_what_was_refused_and_what_comes_next(
    elsewhere: Commands, tmp_path: Path
) -> None:
    source, out = trees.ade20k(tmp_path / "source"), tmp_path / "out"
    (source / "images/training/ADE_train_00000002.jpg").write_bytes(trees.jpeg(3))

    said = elsewhere.run("datasets", "convert", "ade20k", source, out).stdout.splitlines()

    assert said == [
        "photos          3",
        "taken           2",
        "refused         1",
        "classes mapped  149",
        "no category for `conveyer belt, conveyor belt, conveyer, conveyor, transporter`:"
        " 384 pixels of 1 photo became void",
        "refused: `ADE_train_00000002.jpg` has no label map:"
        " `annotations/training/ADE_train_00000002.png` is not there",
        "no license stated: 2 photos, quarantined until you state the rights",
        f"next: write the rights file, then bankd photos ingest {out} --rights FILE",
    ]
    assert not elsewhere.home.exists()  # nothing needs to run for it


def test_a_conversion_from_which_nothing_comes_fails(elsewhere: Commands, tmp_path: Path) -> None:
    root = trees.folder(tmp_path / "source")
    (root / "labels/a.png").write_bytes(b"torn")

    said = elsewhere.run("datasets", "convert", "folder", root, tmp_path / "out", status=1).stdout

    assert "refused: label map of `a.jpg` is no PNG" in said
    assert "holds no" in elsewhere.refused("datasets", "convert", "coco-panoptic", root, tmp_path / "other")
    assert "is not there" in elsewhere.refused("datasets", "convert", "cvat", tmp_path / "x", tmp_path / "y")


def test_the_help_names_every_dataset(elsewhere: Commands) -> None:
    said = elsewhere.run("datasets", "convert", "--help").stdout

    assert all(name in said for name in NAMES)


def test_what_was_converted_is_ingested_by_the_rights_that_its_dataset_states(
    bankd: Commands, tmp_path: Path
) -> None:
    source, out = trees.coco_stuff(tmp_path / "source"), tmp_path / "coco"
    for number in range(9, 13):
        photo = source / f"images/train2017/{number:012d}.jpg"
        photo.write_bytes(trees.jpeg(number, (64, 96)))
        labels = trees.halves(0, 156, frame=(64, 96))
        (source / f"annotations/train2017/{number:012d}.png").write_bytes(trees.png(labels))

    done = bankd.said("datasets", "convert", "coco-stuff", source, out)
    report = bankd.said("photos", "ingest", out, "--rights", done["rights"])

    assert (done["taken"], done["licensed"]) == (
        4,
        {"CC-BY-NC-SA-2.0": 1, "CC-BY-2.0": 1, "CC-BY-ND-2.0": 1},
    )
    assert (report["taken"], report["quarantined"], report["refused"]) == (3, 1, {})
    assert report["segments"] == 8
