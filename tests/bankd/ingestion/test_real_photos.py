"""Whole folders: the sample that ships, and real photos where they are at hand."""

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select

from bankd.catalog.models import Descriptor, Photo, Segment
from bankd.ingestion.folder import Folder, read_folder
from bankd.ingestion.service import NewPhoto
from bankd.licensing import rights_file, rights_import
from synth.retrieval import score
from synth.retrieval.descriptors import Descriptors

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "sample"
CAMVID = Path(os.environ.get("BANKD_CAMVID", ROOT.parent / "shared" / "data" / "camvid"))

Bank = Any


def filed(folder: Folder, rights: Any) -> list[NewPhoto]:
    return [
        NewPhoto(photo.name, photo.photo, photo.labels, photo.instances, photo.depth, rights(photo.name))
        for photo in folder.photos
    ]


def test_the_sample_is_taken_whole_by_its_rights_file(bank: Bank) -> None:
    rights = rights_file.load(SAMPLE / "rights.yaml")
    with bank.sessions.begin() as session:
        rights_import.import_rights(session, rights, blobs=bank.blobs, by=bank.by.librarian, at=bank.at)
    folder = read_folder(SAMPLE)
    assert not folder.unused

    batch_id = bank.open(*filed(folder, rights.record_for), classes=folder.classes)
    bank.work(batch_id)

    found = bank.report(batch_id)
    assert (found.refused, found.failed, found.known, found.waiting) == ({}, 0, 0, 0)
    assert found.taken + found.quarantined == len(folder.photos)
    assert found.taken > 50
    with bank.sessions() as session:
        assert session.scalar(select(func.count(Segment.category_id.distinct()))) >= 12
        assert (
            session.scalar(select(func.count()).where(Segment.depth_mm.is_(None), Segment.category_id != 0))
            == 0
        )


@pytest.mark.skipif(not CAMVID.is_dir(), reason="the CamVid photos are not there")
def test_forty_camvid_photos_are_taken_and_find_themselves_again(bank: Bank) -> None:
    folder = read_folder(CAMVID)
    split = json.loads((CAMVID / "split.json").read_text())
    stems = sorted(split["bank"])
    chosen = set(stems[:: max(1, len(stems) // 40)][:40])
    photos = [new for new in filed(folder, lambda name: bank.rights("jp")) if Path(new.name).stem in chosen]
    assert len(photos) == 40

    batch_id = bank.open(*photos, classes=folder.classes)
    started = time.perf_counter()
    bank.work(batch_id)
    took_s = time.perf_counter() - started

    found = bank.report(batch_id)
    print(f"{40 / took_s:.1f} photos/s, {found.segments / took_s:.0f} segments/s")
    assert (found.taken, found.refused) == (40, {})
    with bank.sessions() as session:
        assert session.scalar(select(func.count()).select_from(Descriptor)) == 2 * found.segments
        persons = select(Segment.photo_id).where(Segment.category_id.in_([125, 126]))
        shown = session.scalars(select(Photo).where(Photo.id.in_(persons))).all()
        assert shown
        assert all(photo.depictions["persons"] is True for photo in shown)
        columns = [getattr(Descriptor, f"c{plane}") for plane in range(8)]
        rows = session.execute(
            select(Descriptor.segment_id, Descriptor.mask_n, Descriptor.context_n, Descriptor.mask, *columns)
            .where(Descriptor.frame == "scene", Descriptor.category_id == 102)
            .order_by(Descriptor.segment_id)
        ).all()
    assert len(rows) > 40
    bank_of_buildings = Descriptors(
        "scene",
        np.array([packed(row[3]) for row in rows]),
        np.array([[packed(plane) for plane in row[4:]] for row in rows]),
        np.array([row[1] for row in rows], dtype=np.int32),
        np.array([row[2] for row in rows], dtype=np.int32),
    )
    for at in range(0, len(rows), 7):
        _, terms = score.top(bank_of_buildings, at, bank_of_buildings, 3)
        context_known = bank_of_buildings.context_n[at] > 0
        assert terms.key()[0] == (2.0 if context_known else 1.0)


def packed(bits: Any) -> np.ndarray:
    text = str(bits)
    return np.frombuffer(int(text, 2).to_bytes(len(text) // 8, "big"), dtype=np.uint8)
