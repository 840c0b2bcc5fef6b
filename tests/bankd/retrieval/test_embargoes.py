"""A photo under embargo is ranked and counted for those who may see it, and for nobody else."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest
from described import admitted, drawn, granted
from sqlalchemy.orm import Session

from bankd.access import service as access
from bankd.catalog import service as catalog
from bankd.catalog.models import Photo
from bankd.catalog.taxonomy import house
from bankd.licensing.facts import use_facts
from bankd.licensing.use import Use
from bankd.policy import load
from bankd.policy.clearing import Terms, clear_photos, rights_of
from bankd.policy.engine import Cleared
from bankd.policy.filters import filter_for
from bankd.retrieval import ranking
from bankd.retrieval.reference import rank
from bankd.synthesis import shortfall
from synth.layout import Region

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
STARTS = datetime(2026, 7, 1, tzinfo=UTC)
WALL = 1
ENDS = [None, AT, AT + timedelta(days=2), STARTS, STARTS + timedelta(milliseconds=1)]
SEERS: list[list[str]] = [[], ["Launch"], ["house"], ["Launch", "house"]]
USE = Use.model_validate(
    {
        "purpose": "commercial", "channels": ["web"], "targeted": ["JP"], "accessible": ["JP"],
        "starts_on": STARTS.date(), "ends_on": "2026-12-31", "audience": "public",
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def bundle():
    return load.read(Path(__file__).parents[3] / "policies")


@pytest.fixture
def photos(session: Session, BY) -> list[Photo]:
    """Each embargo with each set of departments, some of the photos disputed beside it."""
    by, chance = BY.librarian, random.Random(3)
    catalog.sync_taxonomy(session, by=by, at=AT)
    department = access.record_department(session, f"d{uuid4()}", by=by, at=AT)
    rng = np.random.Generator(np.random.Philox(1))
    grant = granted(
        session, "L", alterations=["crop", "recolor", "retouch", "combine"], generative=True, by=by, at=AT
    )
    made = []
    for number, (until, seers) in enumerate(
        (until, seers) for until in ENDS for seers in SEERS for _ in "ab"
    ):
        photo = admitted(
            session, f"{number}", [WALL], [drawn(rng, 1)], department_id=department.id,
            grant_ids=[grant.id], by=by, at=AT,
        )  # fmt: skip
        photo.depictions = {**photo.depictions}
        catalog.embargo(session, photo.id, until=until, visible_to=seers, by=by, at=AT)
        if chance.random() < 0.2:
            catalog.dispute(session, photo.id, reason="r", by=by, at=AT)
        made.append(photo)
    session.flush()
    return made


def asked(bundle, department: str) -> Terms:
    return Terms(bundle, use_facts(USE, at=AT, department=department), AT)


@pytest.mark.parametrize("department", ["", "house", "Launch", "Catalogue"])
def test_rows_that_are_ranked_are_those_that_the_engine_clears(
    session: Session, photos: list[Photo], bundle, department: str
) -> None:
    # What the photos show is unknown, which is not asked here.
    texts = [(name, text) for name, text in bundle.texts if not name.startswith(("release", "people"))]
    terms = asked(load.Bundle.of(texts), department)
    query = drawn(np.random.Generator(np.random.Philox(2)), 1)
    cleared = filter_for(terms.bundle, "synthesize", terms.use)
    [found] = rank(session, cleared, [WALL], query, k=len(photos), at=AT)
    answers = clear_photos(terms, "synthesize", rights_of(session, [one.id for one in photos], at=AT))

    clears = {photo for photo, answer in answers.items() if isinstance(answer, Cleared)}
    assert {one.photo_id for one in found} == clears
    seen = {one.id for one in photos if one.embargo_until is not None and one.embargo_until > AT} & clears
    assert bool(seen) == (department in ("house", "Launch"))


def test_who_sees_an_embargo_is_not_answered_by_the_index(
    session: Session, photos: list[Photo], bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    monkeypatch.setattr(ranking, "RESIDENT_FROM", 0)
    monkeypatch.setattr(ranking, "_state", lambda session: ranking._State(True, False, 0))
    monkeypatch.setattr(ranking, "_resident", lambda *more: called.append("index") or [[]])
    query = drawn(np.random.Generator(np.random.Philox(2)), 1)
    for department in ("Launch", "Catalogue", ""):
        terms = asked(bundle, department)
        ranking.rank(session, filter_for(bundle, "synthesize", terms.use), [WALL], query, k=1, at=AT)
        called.append(department)
    assert called == ["Launch", "index", "Catalogue", "index", ""]


def test_only_who_may_see_them_is_told_how_many_there_are(
    session: Session, photos: list[Photo], bundle
) -> None:
    region = Region(3, WALL, 0, 0, 4, 4, area_px=16, mask=np.ones((4, 4), bool))
    held = Counter(
        seer
        for one in photos
        if one.embargo_until is not None and one.embargo_until > AT
        for seer in (one.embargo_visible_to or [""])
    )
    open_to_all = sum(one.embargo_until is None or one.embargo_until <= AT for one in photos)
    for department in ("", "Launch", "house", "Catalogue"):
        [found] = shortfall.shortfall(session, [region], terms=asked(bundle, department), taxonomy=house())
        known = held[department] if department in ("Launch", "house") else 0
        assert found["segments"] == open_to_all + known, department
        late = {one["policy"]: one["segments"] for one in found["reasons"]}.get("embargoed", 0)
        assert (late > 0) == bool(known)


def test_a_department_is_called_by_its_name_and_nobody_by_none(session: Session, BY) -> None:
    recorded = access.record_department(session, "Launch", by=BY.operator, at=AT)
    assert access.department_called(session, recorded.id) == "Launch"
    assert access.department_called(session, None) == "house"
    assert access.department_called(session, UUID(int=1)) == ""
