"""What each kind of withdrawal does: one table, and the arithmetic over it. Pure.

This is no rule of use. From its moment on whatever was withdrawn is blocked,
and policy refuses it for every action; the table says what becomes of what
was already made and given.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

WithdrawalKind = Literal[
    "terminated",
    "void-from-start",
    "release-revoked",
    "consent-withdrawn",
    "objection",
    "claim",
    "court-order",
]
Subject = Literal["license", "grant", "licensor", "release", "person", "photo"]
Given = Literal["stand", "recall"]
Stock = Literal["keep", "restrict", "erase"]
Checkpoints = Literal["by-terms", "fall"]
Money = Literal["owed", "escrow"]
Why = Literal["relies", "sealed-after"]

KINDS: tuple[WithdrawalKind, ...] = get_args(WithdrawalKind)
SUBJECTS: tuple[Subject, ...] = get_args(Subject)
_CONTRACT: frozenset[Subject] = frozenset({"license", "grant", "licensor"})
_PEOPLE: frozenset[Subject] = frozenset({"release", "person"})


@dataclass(frozen=True)
class Effects:
    """What one kind does, beside taking its subject out of retrieval and of every new handout.

    - `handouts`, `publications`: of what was given or made public *before* its moment. What happened after
      it is recalled under every kind.
    - `stock`: whether photos and composites stay as they are, stay as evidence only, or are to be erased.
    - `money`: whether what is not stated yet stays owed, or is held in escrow until it is settled.
    - `checkpoints`: whether a grant that says `training_survives` keeps networks trained before.
    """

    says: str
    subjects: frozenset[Subject]
    from_start: bool
    handouts: Given
    publications: Given
    stock: Stock
    checkpoints: Checkpoints
    money: Money


def _effects(
    says: str,
    subjects: frozenset[Subject],
    given: Given,
    stock: Stock,
    money: Money,
    checkpoints: Checkpoints = "fall",
    *,
    from_start: bool = False,
) -> Effects:
    return Effects(says, subjects, from_start, given, given, stock, checkpoints, money)


EFFECTS: Mapping[WithdrawalKind, Effects] = {
    "terminated": _effects("the agreement ended", _CONTRACT, "stand", "keep", "owed", "by-terms"),
    "void-from-start": _effects(
        "the agreement never bound anybody", _CONTRACT, "recall", "restrict", "escrow", from_start=True
    ),
    "release-revoked": _effects("a release was taken back", _PEOPLE, "stand", "restrict", "owed"),
    "consent-withdrawn": _effects("a person withdrew consent", _PEOPLE, "recall", "erase", "owed"),
    "objection": _effects("a person objects", _PEOPLE | {"photo"}, "recall", "restrict", "owed"),
    "claim": _effects(
        "a third party claims the rights",
        _CONTRACT | {"release", "photo"},
        "recall",
        "restrict",
        "escrow",
    ),
    "court-order": _effects("a court forbids it", frozenset(SUBJECTS), "recall", "restrict", "escrow"),
}


def survives(kind: WithdrawalKind, *, training_survives: bool, trained_at: datetime, since: datetime) -> bool:
    """Whether networks trained on a grant outlive its withdrawal, as its terms promised."""
    return EFFECTS[kind].checkpoints == "by-terms" and training_survives and trained_at < since


_GIVEN: Mapping[str, int] = {"stand": 0, "recall": 1}
_STOCK: Mapping[str, int] = {"keep": 0, "restrict": 1, "erase": 2}
_CHECKPOINTS: Mapping[str, int] = {"by-terms": 0, "fall": 1}
_MONEY: Mapping[str, int] = {"owed": 0, "escrow": 1}


def adds(kind: WithdrawalKind, to: WithdrawalKind) -> bool:
    """Whether a withdrawal of this kind does anything that one of the other kind, which stands, does not."""
    new, old = EFFECTS[kind], EFFECTS[to]
    return (
        _GIVEN[new.handouts] > _GIVEN[old.handouts]
        or _GIVEN[new.publications] > _GIVEN[old.publications]
        or _STOCK[new.stock] > _STOCK[old.stock]
        or _CHECKPOINTS[new.checkpoints] > _CHECKPOINTS[old.checkpoints]
        or _MONEY[new.money] > _MONEY[old.money]
        or (new.from_start and not old.from_start)
    )
