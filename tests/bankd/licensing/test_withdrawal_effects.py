"""The table of what each kind of withdrawal does."""

from datetime import UTC, datetime, timedelta

import pytest

from bankd.licensing.withdrawal_effects import EFFECTS, KINDS, SUBJECTS, adds, survives

MAY = datetime(2026, 5, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)


def test_every_kind_says_what_it_does_and_every_subject_has_a_kind() -> None:
    assert tuple(EFFECTS) == KINDS
    for kind, effects in EFFECTS.items():
        assert effects.subjects and effects.says, kind
    assert set(SUBJECTS) == {subject for effects in EFFECTS.values() for subject in effects.subjects}


@pytest.mark.parametrize(
    ("kind", "subjects", "handouts", "publications", "stock", "checkpoints"),
    [
        ("terminated", {"license", "grant", "licensor"}, "stand", "stand", "keep", "by-terms"),
        ("void-from-start", {"license", "grant", "licensor"}, "recall", "recall", "restrict", "fall"),
        ("release-revoked", {"release", "person"}, "stand", "stand", "restrict", "fall"),
        ("consent-withdrawn", {"release", "person"}, "recall", "recall", "erase", "fall"),
        ("objection", {"release", "person", "photo"}, "recall", "recall", "restrict", "fall"),
        (
            "claim",
            {"license", "grant", "licensor", "release", "photo"},
            "recall",
            "recall",
            "restrict",
            "fall",
        ),
        ("court-order", set(SUBJECTS), "recall", "recall", "restrict", "fall"),
    ],
)
def test_what_counsel_agreed_for_each_kind(
    kind: str, subjects: set[str], handouts: str, publications: str, stock: str, checkpoints: str
) -> None:
    effects = EFFECTS[kind]
    assert effects.subjects == subjects
    assert (effects.handouts, effects.publications) == (handouts, publications)
    assert (effects.stock, effects.checkpoints) == (stock, checkpoints)
    assert effects.from_start == (kind == "void-from-start")
    waits = kind in ("void-from-start", "claim", "court-order")
    assert effects.money == ("escrow" if waits else "owed")


def test_a_second_withdrawal_adds_something_only_if_it_is_graver() -> None:
    for kind in KINDS:
        assert not adds(kind, kind)
    assert adds("void-from-start", "terminated")
    assert adds("court-order", "terminated")
    assert not adds("terminated", "void-from-start")
    assert not adds("claim", "void-from-start")
    assert adds("consent-withdrawn", "objection")  # it erases
    assert not adds("objection", "consent-withdrawn")
    assert adds("claim", "objection")  # it holds money
    assert not adds("court-order", "claim")


def test_networks_outlive_only_an_agreement_that_ended_after_they_were_trained_and_promised_it() -> None:
    def outlives(kind: str, *, promised: bool = True, trained_at: datetime = MAY - TICK) -> bool:
        return survives(kind, training_survives=promised, trained_at=trained_at, since=MAY)

    assert [kind for kind in KINDS if outlives(kind)] == ["terminated"]
    assert not outlives("terminated", promised=False)
    assert not outlives("terminated", trained_at=MAY)
