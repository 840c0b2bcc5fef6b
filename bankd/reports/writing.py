"""How values are written in each language: days, counts, amounts, the vocabulary. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache

from babel import Locale as Names

from bankd import money
from bankd.licensing.vocabulary import TERRITORIES, WORLD
from bankd.reports.page import Column, Money
from bankd.reports.strings import TABLES, Locale

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
MINUS = "\u2212"
FEW = 30  # countries, that are told of rather than all others


class Writer:
    """Writes in one language. What a page says comes from its tables and nowhere else."""

    def __init__(self, locale: Locale) -> None:
        self.locale = locale

    def say(self, key: str, **values: object) -> str:
        return TABLES[self.locale][key].format(**values)

    def label(self, column: Column) -> str:
        """What stands above a column; moments are UTC and say so there."""
        return self.say("sheet.utc", label=column.label) if column.kind == "moment" else column.label

    def term(self, prefix: str, code: str) -> str:
        """A word of the vocabulary, as it stands where there is no other."""
        return TABLES[self.locale].get(f"{prefix}.{code}", code)

    def terms(self, prefix: str, codes: Iterable[str]) -> str:
        return self.joined(self.term(prefix, code) for code in sorted(codes)) or self.say("none")

    def words(self, words: Iterable[str]) -> str:
        return self.joined(sorted(words)) or self.say("none")

    def rule(self, policy: str, says: str) -> str:
        """The sentence of a policy, in this language where it is still the one that we know under its id."""
        key = f"rule.{policy}"
        return self.say(key) if TABLES["en"].get(key) == says else says

    def place(self, code: str) -> str:
        """The country's name."""
        return self.say("worldwide") if code == WORLD else _countries(self.locale).get(code, code)

    def places(self, codes: Iterable[str]) -> str:
        """Countries by name; of almost all of them those that are left out."""
        named = frozenset(codes)
        if WORLD not in named and 0 < len(left := TERRITORIES - named) <= FEW:
            return self.say("worldwide.except", places=self.places(left))
        if named == TERRITORIES:
            return self.say("worldwide")
        return self.joined(sorted(self.place(code) for code in named)) or self.say("none")

    def joined(self, words: Iterable[str], *, prefix: str = "") -> str:
        text = ("、" if self.locale == "ja" else ", ").join(words)
        return prefix + text if text else ""

    def count(self, number: int) -> str:
        return f"{MINUS if number < 0 else ''}{abs(number):,}"

    def counted(self, key: str, number: int) -> str:
        """`key.one` or `key.many`, with the number."""
        return self.say(f"{key}.{'one' if number == 1 else 'many'}", count=self.count(number))

    def percent(self, basis_points: int, *, some: bool = False, whole: bool = True) -> str:
        """In hundredths of a percent; what there is (`some`) is never said to be nothing, nor a part
        (not `whole`) to be all."""
        shown = min(max(basis_points, int(some)), 10_000 - int(not whole))
        text = f"{shown // 100}.{shown % 100:02d}{self.space()}%"
        if shown == basis_points:
            return text
        return self.say("less" if shown > basis_points else "more", percent=text)

    def rate(self, basis_points: int) -> str:
        """A rate of tax, without digits that say nothing: `10%`, `10.21%`."""
        whole, rest = divmod(basis_points, 100)
        digits = f".{rest:02d}".rstrip("0") if rest else ""
        return f"{whole}{digits}{self.space()}%"

    def space(self) -> str:
        return "\u202f" if self.locale == "en" else ""

    def money(self, amount: Money) -> str:
        """Whole minor units by their currency's digits: `1,234.50 EUR`, in Japanese yen `1,234円`."""
        digits = money.digits(amount.currency)
        whole, rest = divmod(abs(amount.minor), 10**digits)
        number = f"{whole:,}" + (f".{rest:0{digits}d}" if digits else "")
        sign = MINUS if amount.minor < 0 else ""
        if self.locale == "ja" and amount.currency == "JPY":
            return f"{sign}{number}円"
        return f"{sign}{number}\u00a0{amount.currency}"

    def day(self, day: date) -> str:
        if self.locale == "ja":
            return f"{day.year}年{day.month}月{day.day}日"
        return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"

    def day_of_month(self, day: date) -> str:
        """Under a chart, whose year is said elsewhere."""
        return f"{day.month}/{day.day}" if self.locale == "ja" else f"{day.day} {_MONTHS[day.month - 1][:3]}"

    def short_day(self, day: date) -> str:
        """For the columns of a table, where days stand under each other."""
        if self.locale == "ja":
            return f"{day.year}/{day.month:02d}/{day.day:02d}"
        return f"{day.day:02d} {_MONTHS[day.month - 1][:3]} {day.year}"

    def month(self, day: date) -> str:
        if self.locale == "ja":
            return f"{day.year}年{day.month}月"
        return f"{_MONTHS[day.month - 1][:3]} {day.year}"

    def long_month(self, day: date) -> str:
        return self.month(day) if self.locale == "ja" else f"{_MONTHS[day.month - 1]} {day.year}"

    def moment(self, moment: str) -> str:
        at = datetime.fromisoformat(moment).astimezone(UTC)
        gap = "" if self.locale == "ja" else ", "
        return f"{self.day(at.date())}{gap}{' ' if self.locale == 'ja' else ''}{at:%H:%M} UTC"

    def short_moment(self, moment: str) -> str:
        at = datetime.fromisoformat(moment).astimezone(UTC)
        return f"{self.short_day(at.date())} {at:%H:%M}"

    def limit(self, moment: str | None) -> str:
        return self.say("unlimited") if moment is None else self.moment(moment)


@lru_cache(maxsize=4)
def _countries(locale: Locale) -> Mapping[str, str]:
    """Names of countries by their ISO 3166-1 code, as Unicode's CLDR has them."""
    return dict(Names(locale).territories)


def ranges(numbers: Sequence[int]) -> str:
    """`1-3, 7`: runs of three and more are drawn together."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)


def months(days: Iterable[date]) -> list[date]:
    """The first days of all months from the earliest to the latest of some days."""
    found = sorted({day.replace(day=1) for day in days})
    if not found:
        return []
    shown = [found[0]]
    while shown[-1] < found[-1]:
        last = shown[-1]
        shown.append(date(last.year + last.month // 12, last.month % 12 + 1, 1))
    return shown
