"""Terms that go on by themselves: ends are computed, in whole months, and never counted on too early."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankd.licensing.renewal import ends_on, last_notice_on, months_after
from bankd.licensing.terms import GrantTerms, Renewal


def terms(ends: str, months: int = 12, notice_days: int = 90, times: int | None = None) -> GrantTerms:
    return GrantTerms.model_validate(
        {
            "territories": "JP",
            "channels": ["web"],
            "purposes": ["commercial"],
            "sectors": ["any"],
            "audiences": ["public"],
            "starts_on": "2020-01-01",
            "ends_on": ends,
            "renewal": {"months": months, "notice_days": notice_days, "times": times},
        }
    )


@pytest.mark.parametrize(
    ("end", "months", "next_end"),
    [
        ("2027-03-31", 12, "2028-03-31"),
        ("2027-02-28", 12, "2028-02-29"),  # the day before 1 March, in a leap year
        ("2028-02-29", 12, "2029-02-28"),
        ("2028-02-28", 12, "2029-02-28"),
        ("2028-02-28", 48, "2032-02-28"),
        ("2027-01-30", 1, "2027-02-28"),  # 31 February is not there: the last day of the month
        ("2027-01-29", 1, "2027-02-28"),
        ("2027-01-31", 1, "2027-02-28"),
        ("2027-12-31", 1, "2028-01-31"),
        ("2027-12-30", 6, "2028-06-30"),
        ("2999-12-30", 12, "2999-12-31"),
    ],
)
def test_a_further_term_is_whole_months(end: str, months: int, next_end: str) -> None:
    assert months_after(date.fromisoformat(end), months) == date.fromisoformat(next_end)


@pytest.mark.parametrize(
    ("today", "notice", "end"),
    [
        ("2026-06-01", None, "2027-03-31"),
        ("2026-12-31", None, "2027-03-31"),  # the last day for notice: it may still come
        ("2027-01-01", None, "2028-03-31"),
        ("2028-01-01", None, "2028-03-31"),
        ("2028-01-02", None, "2029-03-31"),
        ("2035-06-01", None, "2036-03-31"),
        ("2027-06-01", "2026-12-31", "2027-03-31"),  # in time, whatever the day on which it is asked
        ("2027-06-01", "2027-01-01", "2028-03-31"),  # a day late: it ends the next term
        ("2035-06-01", "2027-01-01", "2028-03-31"),
    ],
)
def test_the_end_that_can_be_counted_on(today: str, notice: str | None, end: str) -> None:
    found = ends_on(
        terms("2027-03-31"),
        on=date.fromisoformat(today),
        notice_on=None if notice is None else date.fromisoformat(notice),
    )
    assert found == date.fromisoformat(end)


def test_a_term_goes_on_as_often_as_it_says() -> None:
    assert ends_on(terms("2027-03-31", times=2), on=date(2050, 1, 1), notice_on=None) == date(2029, 3, 31)


def test_a_term_that_does_not_renew_has_its_own_end() -> None:
    plain = terms("2027-03-31").model_copy(update={"renewal": None})
    assert ends_on(plain, on=date(2050, 1, 1), notice_on=None) == date(2027, 3, 31)


def test_a_term_is_renewed_to_the_last_day_that_can_be_written_and_no_further() -> None:
    assert ends_on(terms("2027-03-31"), on=date(2999, 12, 31), notice_on=None) == date(2999, 12, 31)


@given(
    end=st.dates(date(1900, 1, 1), date(2100, 12, 31)),
    months=st.integers(1, 60),
    notice_days=st.integers(0, 400),
    days=st.tuples(st.integers(-500, 5000), st.integers(0, 500)),
    notice=st.none() | st.integers(-500, 3000),
)
def test_ends_never_move_back_without_notice_and_notice_never_moves_one_forward(
    end: date, months: int, notice_days: int, days: tuple[int, int], notice: int | None
) -> None:
    renews = Renewal(months=months, notice_days=notice_days)
    whole = terms("2027-03-31").model_copy(
        update={"ends_on": end, "starts_on": date(1850, 1, 1), "renewal": renews}
    )
    first, later = end + timedelta(days[0]), end + timedelta(days[0] + days[1])
    given_on = None if notice is None else end + timedelta(notice)
    one = ends_on(whole, on=first, notice_on=given_on)
    other = ends_on(whole, on=later, notice_on=given_on)
    without = ends_on(whole, on=later, notice_on=None)
    assert one is not None and other is not None and without is not None
    assert end <= one <= other <= without
    # Notice for the end that is counted on was in time, or may still come.
    decided = later if given_on is None else min(later, given_on)
    assert decided <= last_notice_on(other, renews)
