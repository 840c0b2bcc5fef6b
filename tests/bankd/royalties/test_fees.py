"""A fee is what the schedule says, to the minor unit, and never less for more."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bankd.licensing.terms import Fee, GrantTerms
from bankd.royalties.fees import Fed, charge, charges

PHOTOS = [UUID(int=n) for n in range(1, 6)]


def a_fee(**said: Any) -> Fee:
    return Fee.model_validate({"trigger": "seal", "amount_minor": 100, **said})


def terms(**said: Any) -> GrantTerms:
    return GrantTerms.model_validate(
        {
            "territories": "JP",
            "channels": ["web"],
            "purposes": ["commercial"],
            "sectors": ["any"],
            "audiences": ["public"],
            "starts_on": "2026-04-01",
            "ends_on": None,
            "currency": "JPY",
            **said,
        }
    )


TIERS = st.lists(
    st.tuples(st.integers(1, 50), st.integers(0, 1000)), max_size=4, unique_by=lambda pair: pair[0]
).map(lambda pairs: [{"above": above, "amount_minor": price} for above, price in sorted(pairs)])
FEES = st.builds(
    lambda basis, amount, least, tiers: a_fee(
        basis=basis, amount_minor=amount, least_minor=least, tiers=tiers
    ),
    st.sampled_from(["use", "canvas"]),
    st.integers(0, 10**6),
    st.integers(0, 100),
    TIERS,
)
COUNTS = st.integers(0, 100)


@given(FEES, COUNTS, COUNTS, COUNTS, st.integers(1, 1000), st.integers(0, 500))
def test_more_uses_or_more_canvas_never_cost_less(
    fee: Fee, before: int, units: int, more: int, part_px: int, wider_px: int
) -> None:
    one = charge(fee, units, before=before, part_px=part_px, whole_px=1500)

    assert one >= 0
    assert charge(fee, units + more, before=before, part_px=part_px, whole_px=1500) >= one
    assert charge(fee, units, before=before, part_px=part_px + wider_px, whole_px=1500) >= one


@given(TIERS, st.integers(0, 10**6), COUNTS, st.lists(COUNTS, max_size=5))
def test_uses_cost_together_what_they_cost_one_lot_after_the_other(
    tiers: list[dict[str, int]], amount: int, before: int, lots: list[int]
) -> None:
    fee = a_fee(amount_minor=amount, tiers=tiers)
    whole = charge(fee, sum(lots), before=before, part_px=1, whole_px=1)

    apart = 0
    for lot in lots:
        apart += charge(fee, lot, before=before, part_px=1, whole_px=1)
        before += lot
    assert apart == whole


def test_tiers_hold_from_their_count_on() -> None:
    fee = a_fee(tiers=[{"above": 3, "amount_minor": 80}, {"above": 5, "amount_minor": 10}])

    prices = [charge(fee, 1, before=n, part_px=1, whole_px=1) for n in range(7)]

    assert prices == [100, 100, 100, 80, 80, 10, 10]


def test_a_canvas_fee_is_of_the_area_and_has_a_least() -> None:
    fee = a_fee(basis="canvas", amount_minor=1001, least_minor=50)
    assert charge(fee, 1, part_px=1, whole_px=2) == 501  # 500.5, halves up
    assert charge(fee, 1, part_px=1, whole_px=1000) == 50
    assert charge(fee, 0, part_px=1, whole_px=2) == 0


@given(
    st.lists(st.integers(1, 10**6), min_size=1, max_size=5),
    st.integers(0, 10**9),
    st.sampled_from(["use", "canvas"]),
)
def test_what_photos_are_charged_adds_up_to_the_fee(areas: list[int], amount: int, basis: str) -> None:
    fed = Fed(dict(zip(PHOTOS, areas, strict=False)), frame_px=6 * 10**6)
    stated = {"trigger": "seal", "basis": basis, "amount_minor": amount}

    found = charges(terms(fees=[stated], fee_minor=7), "seal", 1, fed=fed)

    assert sum(one.amount_minor for one in found if one.fee == 0) == 7
    whole = charge(a_fee(**stated), 1, part_px=fed.canvas_px, whole_px=fed.frame_px)
    assert sum(one.amount_minor for one in found if one.fee == 1) == whole
    assert {one.photo_id: one.canvas_px for one in found} == dict(fed.photos)


def test_each_trigger_is_charged_its_own_fees() -> None:
    stated = terms(
        fee_minor=5,
        fees=[
            {"trigger": "handout", "amount_minor": 11},
            {"trigger": "copies", "amount_minor": 2},
            {"trigger": "publication", "basis": "once", "amount_minor": 1000},
        ],
    )
    fed = Fed({PHOTOS[0]: 10}, frame_px=10)

    owed = {
        trigger: sum(one.amount_minor for one in charges(stated, trigger, 3, before=9, fed=fed))
        for trigger in ("seal", "handout", "publication", "copies")
    }

    assert owed == {"seal": 15, "handout": 33, "publication": 1000, "copies": 6}


@pytest.mark.parametrize(
    "said",
    [
        {"amount_minor": -1},
        {"amount_minor": 1.5},
        {"tiers": [{"above": 5, "amount_minor": 1}, {"above": 5, "amount_minor": 2}]},
        {"basis": "once", "tiers": [{"above": 5, "amount_minor": 1}]},
    ],
)
def test_a_schedule_that_cannot_be_meant_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        a_fee(**said)
