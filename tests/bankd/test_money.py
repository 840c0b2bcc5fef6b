"""No minor unit is ever made or lost."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankd import money
from bankd.money import CurrencyUnknown, MoneyError

AMOUNTS = st.integers(-(10**15), 10**15)
WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=40).filter(any)


@given(AMOUNTS, WEIGHTS)
def test_a_split_adds_up_is_fair_and_falls_out_the_same(minor: int, weights: list[int]) -> None:
    parts = money.split(minor, weights)

    assert sum(parts) == minor
    assert parts == money.split(minor, weights)
    assert [-part for part in parts] == money.split(-minor, weights)
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(minor * weight, sum(weights))) < 1
        assert weight or not part


def test_what_is_left_of_a_split_goes_to_the_largest_remainder_and_of_equals_to_the_first() -> None:
    assert money.split(100, [1, 1, 1]) == [34, 33, 33]
    assert money.split(10, [333, 667]) == [3, 7]
    assert money.split(-100, [1, 1, 1]) == [-34, -33, -33]
    for weights in ([], [0, 0], [2, -1]):
        with pytest.raises(MoneyError):
            money.split(1, weights)


@pytest.mark.parametrize(
    ("text", "code", "minor", "written"),
    [
        ("1234.50", "EUR", 123450, "1234.50 EUR"),
        ("1234", "JPY", 1234, "1234 JPY"),
        ("0.005", "KWD", 5, "0.005 KWD"),
        ("-0.05", "USD", -5, "-0.05 USD"),
        ("1e3", "JPY", 1000, "1000 JPY"),
    ],
)
def test_amounts_are_read_and_written_in_the_digits_of_their_currency(
    text: str, code: str, minor: int, written: str
) -> None:
    assert money.parse(text, code) == minor
    assert money.written(minor, code) == written


@given(AMOUNTS, st.sampled_from(sorted(money.CURRENCIES)))
def test_what_is_written_is_read_again(minor: int, code: str) -> None:
    number, _, unit = money.written(minor, code).partition(" ")
    assert money.parse(number, unit) == minor


@pytest.mark.parametrize("text", ["", "abc", "1,234", "NaN", "Infinity", "1.5", "1e400", "9" * 60])
def test_what_is_no_amount_of_yen_is_refused(text: str) -> None:
    with pytest.raises(MoneyError):
        money.parse(text, "JPY")


def test_unknown_currencies_and_rates_that_are_none_are_refused() -> None:
    with pytest.raises(CurrencyUnknown, match="unknown currency `EURO`"):
        money.digits("EURO")
    for text in ("0", "-1.2", "x"):
        with pytest.raises(MoneyError):
            money.rate(text)


def test_a_conversion_is_exact_until_it_is_rounded_once() -> None:
    assert money.converted(10_000, "USD", "JPY", rate=money.rate("151.235")) == 15124  # 15123.5
    assert money.converted(-10_000, "USD", "JPY", rate=money.rate("151.235")) == -15124
    assert money.converted(1, "JPY", "USD", rate=money.rate("0.0066")) == 1  # 0.66 cent
    assert money.converted(1000, "KWD", "JPY", rate=money.rate("490")) == 490


@given(AMOUNTS, st.integers(0, 10_000))
def test_a_tax_is_cut_towards_zero(minor: int, rate_bp: int) -> None:
    tax = money.portion(minor, rate_bp)

    assert abs(tax) <= abs(minor)
    assert 0 <= abs(minor) * rate_bp - abs(tax) * 10_000 < 10_000
    assert money.portion(-minor, rate_bp) == -tax
