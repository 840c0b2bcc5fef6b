"""From what was earned to what is paid: periods, taxes, the least payout."""

from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bankd.royalties.errors import PeriodRefused
from bankd.royalties.figures import Part, PayeeTerms, Rate, bounds, converted, settle


def payee(**said: Any) -> PayeeTerms:
    return PayeeTerms.model_validate({"name": "Agency", "country": "JP", "currency": "JPY", **said})


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("2026-02", date(2026, 2, 1), date(2026, 2, 28)),
        ("2028-02", date(2028, 2, 1), date(2028, 2, 29)),
        ("2026-12", date(2026, 12, 1), date(2026, 12, 31)),
        ("2026-Q1", date(2026, 1, 1), date(2026, 3, 31)),
        ("2026-Q4", date(2026, 10, 1), date(2026, 12, 31)),
        ("2026", date(2026, 1, 1), date(2026, 12, 31)),
    ],
)
def test_a_period_has_its_first_and_last_day(period: str, first: date, last: date) -> None:
    assert bounds(period) == (first, last)


@pytest.mark.parametrize(
    "period", ["", "2026-13", "2026-00", "2026-Q5", "26-01", "2026-1", "2026/01", "9999"]
)
def test_what_is_no_period_is_refused(period: str) -> None:
    with pytest.raises(PeriodRefused, match="is not a period"):
        bounds(period)


def test_tax_is_added_and_withholding_has_a_second_rate() -> None:
    stated = payee(
        consumption_tax_bp=1000,
        withholding_bp=1021,
        withholding_above_minor=1_000_000,
        withholding_above_bp=2042,
    )

    found = settle(stated, gross_minor=1_500_001)

    assert found.consumption_tax_minor == 150_000
    assert found.withholding_minor == 102_100 + 102_100
    assert found.net_minor == 1_500_001 + 150_000 - 204_200
    assert settle(stated, gross_minor=1_000_000).withholding_minor == 102_100


@given(
    st.integers(-(10**12), 10**12),
    st.integers(-(10**12), 10**12),
    st.integers(0, 10_000),
    st.integers(0, 10_000),
    st.integers(0, 10**6),
)
def test_what_is_payable_is_either_paid_with_its_taxes_or_carried(
    gross: int, brought: int, tax_bp: int, withholding_bp: int, least: int
) -> None:
    stated = payee(consumption_tax_bp=tax_bp, withholding_bp=withholding_bp, least_payout_minor=least)

    found = settle(stated, gross_minor=gross, brought_minor=brought)

    assert found.payable_minor == gross + brought
    if found.carried_minor:
        assert found.carried_minor == found.payable_minor
        assert (found.net_minor, found.consumption_tax_minor, found.withholding_minor) == (0, 0, 0)
        assert found.payable_minor < max(least, 1)
    else:
        assert found.net_minor == found.payable_minor + found.consumption_tax_minor - found.withholding_minor
        assert found.payable_minor >= least or not found.payable_minor


def test_each_currency_is_converted_and_rounded_once() -> None:
    parts = {"USD": Part(101, 50, -1, 3), "JPY": Part(7), "KWD": Part(corrections_minor=-5)}
    rates = {
        "USD": Rate(Fraction(151), "151", date(2026, 1, 1), "bank"),
        "KWD": Rate(Fraction(490), "490", date(2026, 1, 1), "bank"),
    }
    assert converted(parts, rates, into="JPY") == {"USD": 227, "JPY": 7, "KWD": -2}  # 226.5 and -2.45


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"registration_number": "T123"}, "in Japan it is `T` and 13 digits"),
        ({"registration_number": "T12345678901234"}, "in Japan it is `T` and 13 digits"),
        ({"country": "XX"}, "unknown country `XX`"),
        ({"currency": "YEN"}, "unknown currency `YEN`"),
        ({"withholding_above_bp": 2042}, "needs both its rate and the amount"),
        ({"least_payout_minor": -1}, "greater than or equal to 0"),
        ({"withholding_bp": 10.21}, "valid integer"),
        ({"zone": "Mars"}, "unknown time zone `Mars`"),
    ],
)
def test_a_payee_that_cannot_be_is_refused(said: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        payee(**said)


def test_a_registration_number_of_another_country_is_as_it_is_there() -> None:
    assert payee(country="DE", registration_number="DE123456789").registration_number == "DE123456789"
    assert payee(registration_number="T1234567890123").registration_number == "T1234567890123"
