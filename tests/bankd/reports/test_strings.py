import string
from typing import get_args

import pytest

from bankd.licensing import vocabulary
from bankd.reports.kinds.provenance.model import MarkCode
from bankd.reports.strings import LOCALES, TABLES, Locale


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("locale", LOCALES)
def test_every_language_says_the_same_things_about_the_same_values(locale: Locale) -> None:
    assert TABLES[locale].keys() == TABLES["en"].keys()
    for key, text in TABLES[locale].items():
        assert text.strip(), key
        assert names(text) == names(TABLES["en"][key]), key


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(
    ("prefix", "codes"),
    [
        ("purpose", vocabulary.PURPOSES),
        ("channel", vocabulary.CHANNELS),
        ("audience", vocabulary.AUDIENCES),
        ("alteration", vocabulary.ALTERATIONS),
        ("subject", vocabulary.SUBJECTS),
        ("basis", get_args(vocabulary.Basis)),
        ("tested", get_args(vocabulary.TerritoryTest)),
        ("mark", get_args(MarkCode)),
        ("short", get_args(MarkCode)),
    ],
)
def test_every_word_of_the_vocabulary_has_a_name(locale: Locale, prefix: str, codes: frozenset[str]) -> None:
    for code in codes:
        assert f"{prefix}.{code}" in TABLES[locale]


@pytest.mark.parametrize("locale", LOCALES)
def test_reports_never_promise_more_than_is_known(locale: Locale) -> None:
    said = " ".join(TABLES[locale].values()).lower()

    for phrase in (
        "rights-free",
        "rights free",
        "all photos in this picture",
        "権利フリー",
        "ロイヤリティフリー",
    ):
        assert phrase not in said
