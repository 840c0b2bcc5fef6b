import os
from pathlib import Path

import pytest

from bankd.catalog.errors import ClassesInvalid
from bankd.ingestion.errors import FolderInvalid
from bankd.ingestion.folder import read_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "shoot"
    for name in ("photos", "labels"):
        (root / name).mkdir(parents=True)
    (root / "classes.json").write_text('[{"id": 0, "name": "wall", "color": [1, 2, 3]}]')
    (root / "photos" / "b.jpg").write_bytes(b"b")
    (root / "photos" / "a.PNG").write_bytes(b"a")
    (root / "labels" / "a.png").write_bytes(b"la")
    return root


def test_maps_are_matched_to_photos_by_stem(folder: Path) -> None:
    (folder / "depth").mkdir()
    (folder / "depth" / "a.png").write_bytes(b"da")
    (folder / "depth" / "c.png").write_bytes(b"dc")
    (folder / "photos" / ".DS_Store").write_bytes(b"")

    found = read_folder(folder)

    first, second = found.photos
    assert (first.name, first.labels, first.depth) == (
        "a.PNG",
        folder / "labels/a.png",
        folder / "depth/a.png",
    )
    assert (second.name, second.labels, second.instances) == ("b.jpg", None, None)
    assert found.unused == ("depth/c.png",)
    assert found.classes[0]["name"] == "wall"


def test_photos_may_lie_in_images(folder: Path) -> None:
    (folder / "photos").rename(folder / "images")

    assert [photo.name for photo in read_folder(folder).photos] == ["a.PNG", "b.jpg"]


def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    link = folder / "labels" / "b.png"
    link.symlink_to(secret)
    with pytest.raises(FolderInvalid, match=r"`b.png` is a link that leads outside"):
        read_folder(folder)

    link.unlink()
    link.symlink_to("../../secret.png")
    with pytest.raises(FolderInvalid, match="outside"):
        read_folder(folder)

    link.unlink()
    link.symlink_to("b.png")
    with pytest.raises(FolderInvalid, match="leads nowhere"):
        read_folder(folder)

    link.unlink()
    (folder / "depth").symlink_to(tmp_path)
    with pytest.raises(FolderInvalid, match="outside"):
        read_folder(folder)


def test_a_link_within_the_folder_is_followed(folder: Path) -> None:
    (folder / "labels" / "b.png").symlink_to("a.png")

    assert read_folder(folder).photos[1].labels is not None


def test_two_photos_of_one_stem_are_refused(folder: Path) -> None:
    (folder / "photos" / "a.jpg").write_bytes(b"")

    with pytest.raises(FolderInvalid, match=r"`photos/a.jpg` and `a.PNG` have the same stem"):
        read_folder(folder)


def test_folders_and_pipes_among_the_photos_are_refused(folder: Path) -> None:
    (folder / "photos" / "more").mkdir()
    with pytest.raises(FolderInvalid, match="`photos/more` is a folder"):
        read_folder(folder)
    (folder / "photos" / "more").rmdir()
    os.mkfifo(folder / "photos" / "pipe.png")
    with pytest.raises(FolderInvalid, match=r"`photos/pipe.png` is no plain file"):
        read_folder(folder)


@pytest.mark.parametrize("missing", ["photos", "labels", "classes.json"])
def test_what_is_missing_is_named(folder: Path, missing: str) -> None:
    (folder / missing).rename(folder / "elsewhere")

    with pytest.raises(FolderInvalid, match=missing):
        read_folder(folder)


def test_a_path_that_is_no_folder_is_refused(folder: Path) -> None:
    with pytest.raises(FolderInvalid, match="is no folder"):
        read_folder(folder / "classes.json")


@pytest.mark.parametrize("content", ["", "{}", "[1]", "[" * 100_000])
def test_classes_that_are_no_list_are_refused(folder: Path, content: str) -> None:
    (folder / "classes.json").write_text(content)

    with pytest.raises(ClassesInvalid):
        read_folder(folder)
