"""Money: whole minor units with an ISO 4217 code, and arithmetic that loses none of them. Pure.

No number here is a float. A rate is an exact fraction, and what is rounded is rounded once, where it says so.
"""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction

from bankd.errors import BankError

WHOLE_BP = 10_000
"""Rates of tax are written in hundredths of a percent: 1021 is 10.21%."""

# ISO 4217, active codes of money that can be owed; the number of minor digits where it is not two.
# fmt: off
_TWO = frozenset({
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BMD", "BND", "BOB",
    "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CNY", "COP", "CRC", "CUP", "CVE", "CZK",
    "DKK", "DOP", "DZD", "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GTQ",
    "GYD", "HKD", "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IRR", "JMD", "KES", "KGS", "KHR", "KPW", "KYD",
    "KZT", "LAK", "LBP", "LKR", "LRD", "LSL", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR",
    "MVR", "MWK", "MXN", "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "PAB", "PEN", "PGK", "PHP",
    "PKR", "PLN", "QAR", "RON", "RSD", "RUB", "SAR", "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SOS",
    "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH",
    "USD", "UYU", "UZS", "VED", "VES", "WST", "XCD", "XCG", "YER", "ZAR", "ZMW", "ZWG",
})
# fmt: on
_OTHERS = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV"), 0
    ),
    **dict.fromkeys(("XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
CURRENCIES = _TWO | _OTHERS.keys()


class MoneyError(BankError):
    """An amount, a currency or a rate that cannot be meant."""


class CurrencyUnknown(MoneyError):
    def __init__(self, code: str) -> None:
        super().__init__(f"unknown currency `{code}` (an ISO 4217 code such as `JPY`)")
        self.code = code


class CurrencyMismatch(MoneyError):
    def __init__(self, wanted: str, given: str, what: str) -> None:
        super().__init__(f"{what} is in `{wanted}`, not in `{given}`")
        self.wanted = wanted
        self.given = given


def known(code: str) -> str:
    """Raises CurrencyUnknown."""
    if code not in CURRENCIES:
        raise CurrencyUnknown(code)
    return code


def digits(code: str) -> int:
    """How many digits of a major unit are minor: 2 for EUR, 0 for JPY, 3 for KWD."""
    return _OTHERS.get(known(code), 2)


def parse(text: str, code: str) -> int:
    """`1234.50` as minor units of the currency.

    Raises:
        MoneyError: not a plain decimal number, or one with more digits than the currency has.
    """
    amount = _decimal(text, what="an amount").scaleb(digits(code))
    if amount != amount.to_integral_value():
        raise MoneyError(f"`{text}` has more digits than `{code}` has ({digits(code)})")
    return int(amount)


def written(minor: int, code: str) -> str:
    """Minor units as people write them, the code last: `1234.50 EUR`, `-500 JPY`."""
    places = digits(code)
    whole = str(abs(minor)).rjust(places + 1, "0")
    number = f"{whole[:-places]}.{whole[-places:]}" if places else whole
    return f"{'-' if minor < 0 else ''}{number} {code}"


def rate(text: str) -> Fraction:
    """A positive decimal number as an exact fraction. Raises MoneyError."""
    found = _decimal(text, what="a rate")
    if found <= 0:
        raise MoneyError(f"`{text}` is not a rate: it must be above zero")
    return Fraction(found)


def rounded(exact: Fraction) -> int:
    """The nearest whole number; halves go away from zero, so that a correction undoes what it corrects."""
    whole, rest = divmod(abs(exact), 1)
    up = whole + (rest >= Fraction(1, 2))
    return int(up if exact >= 0 else -up)


def converted(minor: int, code: str, into: str, *, rate: Fraction) -> int:
    """Minor units of another currency, rounded once. `rate` is what one major unit is worth in the other."""
    return rounded(minor * rate * Fraction(10) ** (digits(into) - digits(code)))


def portion(minor: int, rate_bp: int) -> int:
    """So many hundredths of a percent of it, cut towards zero, as taxes are."""
    cut = abs(minor) * rate_bp // WHOLE_BP
    return cut if minor >= 0 else -cut


def split(minor: int, weights: Sequence[int]) -> list[int]:
    """An amount in the proportions of whole weights, to the last minor unit, by largest remainder.

    The parts add up to the amount; ties go to the earlier weight; the parts of
    an amount taken back are those of the amount given, taken back.

    Raises:
        MoneyError: a weight is negative, or none is above zero.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise MoneyError("an amount is split by weights of zero or more, not all of them zero")
    parts = [abs(minor) * weight // whole for weight in weights]
    left = abs(minor) - sum(parts)
    most_left = sorted(range(len(weights)), key=lambda i: (-(abs(minor) * weights[i] % whole), i))
    for i in most_left[:left]:
        parts[i] += 1
    return parts if minor >= 0 else [-part for part in parts]


def _decimal(text: str, *, what: str) -> Decimal:
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or len(text) > 40 or abs(found.adjusted()) > 30:
        raise MoneyError(f"`{text[:40]}` is not {what} (write it as `1234.50`)")
    return found
