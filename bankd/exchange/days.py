"""Days as licensing desks write them, Japanese eras and serial numbers of spreadsheets among them. Pure.

A day that can be read in two ways is refused: `3/4/2026` is the third of
April to some and the fourth of March to others.
"""

import calendar
import re
import unicodedata
from datetime import date, datetime, time, timedelta

ERAS = {
    "令和": ("R", date(2019, 5, 1), None),
    "平成": (
        "H",
        date(1989, 1, 8),
        None,
    ),  # contracts of before 2019 name days to come in it: 平成32年 is 2020
    "昭和": ("S", date(1926, 12, 25), date(1989, 1, 7)),
    "大正": ("T", date(1912, 7, 30), date(1926, 12, 24)),
    "明治": ("M", date(1868, 1, 25), date(1912, 7, 29)),
}
LETTERS = {letter: era for era, (letter, *_) in ERAS.items()}

ERA = re.compile(
    r"(?P<era>令和|平成|昭和|大正|明治|[RHSTMrhstm])\.?\s*(?P<year>元|\d{1,2})\s*"
    r"(?:年\s*(?P<m1>\d{1,2})\s*月\s*(?P<d1>\d{1,2}|末)\s*日|[./-]\s*(?P<m2>\d{1,2})\s*[./-]\s*(?P<d2>\d{1,2}))"
)
PLAIN = re.compile(
    r"(?P<year>\d{4})\s*"
    r"(?:年\s*(?P<m1>\d{1,2})\s*月\s*(?P<d1>\d{1,2}|末)\s*日|(?P<sep>[./-])\s*(?P<m2>\d{1,2})\s*(?P=sep)\s*(?P<d2>\d{1,2})"
    r"|(?P<m3>\d{2})(?P<d3>\d{2}))"
)
MIDNIGHT = re.compile(r"[T ]0?0:00(:00(\.0+)?)?$")
SERIAL = re.compile(r"[1-9]\d{4}(\.0+)?")
LOOKS = "write it as `2027-03-31`, `2027/3/31` or `令和9年3月31日`"


def day(text: str, *, from_1904: bool = False) -> date:
    """The day that a text stands for; five digits are the serial number of a spreadsheet.

    Raises:
        ValueError: it is no day, or could be several.
    """
    written = MIDNIGHT.sub("", unicodedata.normalize("NFKC", text).strip())
    if SERIAL.fullmatch(written):
        return serial(int(float(written)), from_1904=from_1904)
    if found := PLAIN.fullmatch(written):
        return _made(int(found["year"]), found, text)
    if found := ERA.fullmatch(written):
        era = found["era"] if found["era"] in ERAS else LETTERS[found["era"].upper()]
        _, first, last = ERAS[era]
        of_era = 1 if found["year"] == "元" else int(found["year"])
        made = _made(first.year - 1 + of_era, found, text)
        if of_era < 1 or made < first or (last is not None and made > last):
            raise ValueError(f"`{text}` is not a day of {era}")
        return made
    if re.fullmatch(r"\d{1,2}([./-])\d{1,2}\1\d{2,4}", written):
        raise ValueError(f"`{text}` can be read as several days; {LOOKS}")
    raise ValueError(f"`{text}` is not a day; {LOOKS}")


def serial(number: int, *, from_1904: bool = False) -> date:
    """The day of a spreadsheet's serial number. Raises ValueError: one that no contract can name."""
    if from_1904:
        return date(1904, 1, 1) + timedelta(days=number)
    if number <= 60:  # the 29th of February 1900 is one of them, and was not
        raise ValueError(f"`{number}` is not a day; {LOOKS}")
    return date(1899, 12, 30) + timedelta(days=number)


def of_cell(value: datetime | date) -> date:
    """The day of a cell that is a date to the spreadsheet itself. Raises ValueError: it has a time of day."""
    if not isinstance(value, datetime):
        return value
    if value.time() != time():
        raise ValueError(f"`{value.isoformat(' ')}` has a time of day; write the day alone")
    return value.date()


def _made(year: int, found: re.Match[str], text: str) -> date:
    groups = found.groupdict()
    month = int(next(groups[name] for name in ("m1", "m2", "m3") if groups.get(name)))
    number = next(groups[name] for name in ("d1", "d2", "d3") if groups.get(name))
    try:
        last = calendar.monthrange(year, month)[1]
        return date(year, month, last if number == "末" else int(number))
    except (ValueError, calendar.IllegalMonthError) as error:
        raise ValueError(f"`{text}` is not a day of the calendar") from error
