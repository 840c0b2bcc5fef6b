"""Another story about the same layout after a refusal goes no further before compliance has looked at it."""

from datetime import timedelta
from typing import Any

import pytest
from drawn import labels
from small_bank import Bank

from bankd.access.permissions import Role
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.catalog.taxonomy import house
from bankd.synthesis import reading
from bankd.synthesis.redeclaring import WITHIN, retold


@pytest.fixture
def research(bank: Bank) -> Bank:
    """A bank whose photos are for research alone, where a commercial use was refused."""
    bank.take((bank.grant("nc", purposes=["research"]),))
    assert bank.make(bank.ask(purpose="commercial")).state == "refused"
    return bank


def test_another_purpose_after_a_refusal_is_held_logged_and_explained(research: Bank) -> None:
    request = research.make(research.ask(purpose="research"))

    assert request.state == "refused"
    with research.rt.transaction() as session:
        found = reading.explain(
            session, request.id, blobs=research.rt.blobs, taxonomy=house(), by=research.rt.actor
        )
        entries = [*log.read(session)]
    (picture,) = found.variations
    assert [reason.code for reason in picture.reasons] == ["redeclared"]
    assert "compliance has to look" in picture.reasons[0].says
    filed = [entry for entry in entries if entry.kind == "request.filed"][-1]
    assert filed.payload is not None and filed.payload["objects"]["redeclared_after"]
    assert entries[-1].kind == "request.refused" and entries[-1].payload is not None
    assert entries[-1].payload["objects"]["reasons"] == ["redeclared"]


def test_the_story_that_was_told_first_may_be_told_again(research: Bank) -> None:
    research.make(research.ask(purpose="research"))

    again = research.make(research.ask(purpose="commercial"))

    assert "redeclared_after" not in again.outcome


@pytest.mark.parametrize(
    "other",
    [
        {"layout": labels(mug_x=20)},  # another picture
        {"channels": ["print"], "copies": 10},  # more than the story
    ],
)
def test_another_picture_or_another_use_is_no_other_story(research: Bank, other: dict[str, Any]) -> None:
    request = research.make(research.ask(purpose="research", **other))

    assert "redeclared_after" not in request.outcome
    assert request.state == "completed"


def test_compliance_files_what_it_has_looked_at(research: Bank) -> None:
    research.rt.actor = Actor("user", "compliance", frozenset({Role.COMPLIANCE}))

    assert research.make(research.ask(purpose="research")).state == "completed"


def test_after_some_time_a_refusal_is_forgotten(research: Bank) -> None:
    research.rt.at += WITHIN + timedelta(seconds=1)

    assert research.make(research.ask(purpose="research")).state == "completed"


def test_a_refusal_for_want_of_photos_teaches_nobody_a_story(bank: Bank) -> None:
    assert bank.make(bank.ask(purpose="commercial")).state == "refused"
    bank.take((bank.grant("open"),))

    assert bank.make(bank.ask(purpose="research")).state == "completed"


def test_a_story_is_purpose_audience_and_subjects_and_nothing_else() -> None:
    use = {"purpose": "commercial", "audience": "public", "subjects": [], "channels": ["web"]}

    assert retold(use, {**use, "purpose": "research", "audience": "internal"})
    assert retold(use, {**use, "subjects": ["alcohol"]})
    assert not retold(use, use)
    assert not retold(use, {**use, "channels": ["print"]})
    assert not retold(use, {**use, "purpose": "research", "channels": ["print"]})
