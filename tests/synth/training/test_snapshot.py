import hashlib
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rfc8785
from PIL import Image

from synth.training import snapshot as snapshots
from synth.training.snapshot import BadSnapshot, Snapshot, SnapshotChanged, read, write


@pytest.fixture
def copy(snapshot: Snapshot, tmp_path: Path) -> Path:
    return Path(shutil.copytree(snapshot.folder, tmp_path / "copy"))


def edit(folder: Path, change) -> None:
    path = folder / snapshots.NAME
    index = json.loads(path.read_text())
    change(index)
    path.write_text(json.dumps(index))


def test_what_was_written_reads_back(snapshot: Snapshot, members) -> None:
    found = read(snapshot.folder, pinned=snapshot.digest)

    found.verify()
    for entry, member in zip(found.photos, members(), strict=True):
        assert (entry.group, entry.number) == (member.group, member.number)
        assert np.array_equal(found.labels(entry), member.labels)
        assert found.rgb(entry).shape == (*member.labels.shape, 3)
        assert found.depth(entry) is None


def test_depths_read_back_in_millimetres(deep_snapshot: Snapshot, members) -> None:
    for entry, member in zip(deep_snapshot.photos, members(depth=True), strict=True):
        assert np.array_equal(deep_snapshot.depth(entry), member.depth_mm)


def test_the_digest_covers_hashes_alone_in_any_order(
    snapshot: Snapshot, members, categories, tmp_path
) -> None:
    backwards = write(tmp_path, list(reversed(members())), categories)

    triples = sorted([p.photo_sha256, p.label_sha256, p.profile_sha256] for p in snapshot.photos)
    assert snapshot.digest == hashlib.sha256(rfc8785.dumps(triples)).hexdigest()
    assert backwards.digest == snapshot.digest


@pytest.mark.parametrize("kind", ["photo", "labels"])
def test_a_file_changed_after_pinning_is_named(copy: Path, kind: str) -> None:
    found = read(copy)
    entry = found.photos[3]
    name = getattr(entry, kind)
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)

    with pytest.raises(SnapshotChanged) as changed:
        found.verify()

    assert changed.value.name == name
    with pytest.raises(SnapshotChanged):
        found.rgb(entry) if kind == "photo" else found.labels(entry)


def test_a_changed_depth_map_is_named(deep_snapshot: Snapshot, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(deep_snapshot.folder, tmp_path / "copy"))
    found = read(folder)
    (folder / found.photos[0].depth).write_bytes((folder / found.photos[1].depth).read_bytes() + b"x")

    with pytest.raises(SnapshotChanged) as changed:
        found.depth(found.photos[0])

    assert changed.value.name == found.photos[0].depth


def test_a_file_that_is_gone_is_named(copy: Path) -> None:
    found = read(copy)
    (copy / found.photos[0].photo).unlink()

    with pytest.raises(SnapshotChanged) as changed:
        found.verify()

    assert changed.value.name == found.photos[0].photo


def test_a_photo_taken_from_the_list_is_noticed(copy: Path) -> None:
    edit(copy, lambda index: index["photos"].pop())

    with pytest.raises(SnapshotChanged, match="does not give its digest"):
        read(copy)


def test_a_list_with_a_fitting_digest_is_still_not_the_pinned_one(copy: Path, snapshot: Snapshot) -> None:
    def drop(index: dict) -> None:
        index["photos"].pop()
        index["digest"] = snapshots.digest(snapshot.photos[:-1])

    edit(copy, drop)

    with pytest.raises(SnapshotChanged) as changed:
        read(copy, pinned=snapshot.digest)
    assert changed.value.name == snapshots.NAME


@pytest.mark.parametrize("name", ["../photos/photo-00.png", "/etc/hostname", "photos/../../x.png"])
def test_no_file_outside_the_folder_is_read(copy: Path, name: str) -> None:
    edit(copy, lambda index: index["photos"][0].update(photo=name))

    with pytest.raises(BadSnapshot, match="outside"):
        read(copy)


def test_another_version_and_broken_lists_are_no_snapshots(copy: Path, tmp_path: Path) -> None:
    edit(copy, lambda index: index.update(version=2))
    with pytest.raises(BadSnapshot, match="version"):
        read(copy)
    (copy / snapshots.NAME).write_text("{")
    with pytest.raises(BadSnapshot):
        read(copy)
    with pytest.raises(BadSnapshot, match=r"no readable snapshot\.json"):
        read(tmp_path / "nowhere")


def test_a_label_map_with_an_unknown_category_is_refused(members, categories, tmp_path: Path) -> None:
    found = write(tmp_path, members(2), [c for c in categories if c.name != "mug"])

    with pytest.raises(BadSnapshot, match="`13`"):
        found.labels(found.photos[0])


def test_a_photo_lies_upright_as_its_orientation_says(members, categories, tmp_path: Path) -> None:
    member = members(1)[0]
    turned = Image.open(io.BytesIO(member.photo)).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    path = tmp_path / "turned.png"
    turned.save(path, exif=exif)
    found = write(
        tmp_path / "s", [snapshots.Member(**{**vars(member), "photo": path.read_bytes()})], categories
    )

    assert np.array_equal(found.rgb(found.photos[0]), np.asarray(Image.open(io.BytesIO(member.photo))))
