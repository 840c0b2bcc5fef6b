"""Why nothing clears: totals are exact, however many profiles there are; of those a sample is asked."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from described import admitted, drawn, granted
from sqlalchemy.orm import Session

from bankd.access import service as access
from bankd.catalog import service as catalog
from bankd.catalog.taxonomy import house
from bankd.licensing.facts import use_facts
from bankd.licensing.use import Use
from bankd.policy import load
from bankd.policy.clearing import Terms
from bankd.synthesis import shortfall
from synth.layout import Region

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
WALL = 1
USE = Use.model_validate(
    {
        "purpose": "editorial", "channels": ["print"], "targeted": ["JP"], "accessible": ["JP"],
        "starts_on": "2026-06-01", "ends_on": "2026-12-31", "audience": "public",
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def bundle():
    return load.read(Path(__file__).parents[3] / "policies")


@pytest.fixture
def short(session: Session, BY, bundle):
    """30 photos of two walls each, every one under terms of its own; 20 of them for other channels alone."""
    by = BY.librarian
    catalog.sync_taxonomy(session, by=by, at=AT)
    department = access.record_department(session, f"d{uuid4()}", by=by, at=AT)
    rng = np.random.Generator(np.random.Philox(1))
    for number in range(30):
        grant = granted(
            session, f"L{number}", channels=["web"] if number < 20 else ["print"],
            ends_on=f"2028-01-{number + 1:02}", by=by, at=AT,
        )  # fmt: skip
        photo = admitted(
            session, f"{number}", [WALL, WALL], [drawn(rng, 2)], department_id=department.id,
            grant_ids=[grant.id], by=by, at=AT,
        )  # fmt: skip
        if number % 10 == 0:
            catalog.dispute(session, photo.id, reason="r", by=by, at=AT)
        if number == 29:
            catalog.embargo(session, photo.id, until=AT + timedelta(days=1), by=by, at=AT)
    session.flush()
    region = Region(3, WALL, 0, 0, 4, 4, area_px=16, mask=np.ones((4, 4), bool))
    terms = Terms(bundle, use_facts(USE, at=AT), AT)
    return lambda: shortfall.shortfall(session, [region], terms=terms, taxonomy=house())[0]


def test_every_profile_is_asked_about_where_they_are_few(short) -> None:
    found = short()

    assert (found["segments"], found["sampled"]) == (58, None)  # nobody is told of the one under embargo
    counts = {one["policy"]: one["segments"] for one in found["reasons"]}
    assert counts["channel-not-covered"] == 40
    assert counts["purpose-not-covered"] == counts["generative-not-granted"] == 58
    assert counts["held-back"] == 6


def test_of_very_many_a_sample_is_asked_and_all_are_counted(short, monkeypatch) -> None:
    monkeypatch.setattr(shortfall, "KINDS", 9)
    asked: list[int] = []
    denied = shortfall._denied

    def noted(session, profiles, **more):
        asked.append(len(profiles))
        return denied(session, profiles, **more)

    monkeypatch.setattr(shortfall, "_denied", noted)

    found = short()

    assert (found["segments"], found["sampled"]) == (58, 18)
    assert asked == [9]
    counts = {one["policy"]: one["segments"] for one in found["reasons"]}
    assert counts["held-back"] == 6
    assert counts["purpose-not-covered"] == 58
    assert 0 < counts["channel-not-covered"] < 58
    assert short() == found  # the same photos each time
