"""Every word of the reports, in every language, in one place.

`{name}` stands for a value. Codes of the vocabulary are keys with a prefix:
`purpose.commercial`. Each kind of report has a module of its own here, whose
keys begin with its name or are no other module's. The tables of all languages
hold the same keys and the same names.
"""

from typing import Literal, get_args

from bankd.reports.strings import (
    common,
    entries,
    expiries,
    exposure,
    inventory,
    marking,
    period,
    provenance,
    rules,
    statement,
    training,
)

Locale = Literal["en", "ja"]
LOCALES: tuple[Locale, ...] = get_args(Locale)

_MODULES = (
    common,
    provenance,
    exposure,
    expiries,
    statement,
    training,
    inventory,
    period,
    marking,
    rules,
    entries,
)

TABLES: dict[Locale, dict[str, str]] = {
    "en": {key: text for module in _MODULES for key, text in module.EN.items()},
    "ja": {key: text for module in _MODULES for key, text in module.JA.items()},
}
