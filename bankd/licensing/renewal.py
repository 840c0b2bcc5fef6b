"""When a term that renews itself ends. Pure: days in, days out.

A further term is as many months as the renewal says, counted from the day after
the end before it, as law counts months: it ends on the day before the one of the
same number, and where the last month has no such day, on the last day of that month
(Civil Code of Japan, article 143; the like is law elsewhere).
"""

import calendar
from datetime import date, timedelta

from bankd.licensing.terms import GrantTerms, Renewal

LATEST = date(2999, 12, 31)
"""No term is renewed beyond what a day can be written for."""


def ends_on(terms: GrantTerms, *, on: date, notice_on: date | None) -> date | None:
    """Last day of the term that can be counted on, on the day `on`; None: without end.

    It is the first end for which notice can still be given, or was given in
    time. So a use is never cleared for a term that might not come.

    Args:
        on: today, in the zone of the terms.
        notice_on: the day on which notice was given, by either side.
    """
    renewal, first = terms.renewal, terms.ends_on
    if renewal is None or first is None:
        return first
    decided = on if notice_on is None else min(on, notice_on)
    end, number = first, 0
    while decided > last_notice_on(end, renewal) and number != renewal.times and end < LATEST:
        number += 1
        end = min(months_after(first, number * renewal.months), LATEST)
    return end


def last_notice_on(end: date, renewal: Renewal) -> date:
    """The last day on which notice keeps a term from going on after `end`."""
    return end - timedelta(days=renewal.notice_days)


def months_after(end: date, months: int) -> date:
    """The last day of a term of so many months that begins on the day after `end`."""
    first = end + timedelta(days=1)
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    if year > LATEST.year:
        return LATEST
    days = calendar.monthrange(year, month + 1)[1]
    if first.day > days:
        return date(year, month + 1, days)
    return date(year, month + 1, first.day) - timedelta(days=1)
