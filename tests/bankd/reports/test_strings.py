import string
from pathlib import Path
from typing import get_args

import pytest

from bankd.audit.kinds import Kind
from bankd.licensing import vocabulary
from bankd.policy import load
from bankd.reports.kinds.provenance.model import MarkCode
from bankd.reports.strings import LOCALES, TABLES, Locale
from bankd.reports.writing import Writer
from bankd.synthesis.reading import OWN_SAYS

ROOT = Path(__file__).parents[3]


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
        ("entry", frozenset(Kind)),
    ],
)
def test_every_word_of_the_vocabulary_has_a_name(locale: Locale, prefix: str, codes: frozenset[str]) -> None:
    for code in codes:
        assert f"{prefix}.{code}" in TABLES[locale]


def test_sentences_of_policies_are_those_of_the_bundle_that_comes_with_this_version() -> None:
    bundle = load.read(ROOT / "policies")
    brought = {policy.id: policy.says for policy in bundle.policies.values()}
    known = {key.removeprefix("rule."): said for key, said in TABLES["en"].items() if key.startswith("rule.")}
    assert known == {**brought, **load.BUILT_IN, **OWN_SAYS}


def test_a_sentence_that_a_house_wrote_itself_is_not_put_into_other_words() -> None:
    said = "The license for this photo was withdrawn"
    writer = Writer("ja")

    assert writer.rule("license-withdrawn", said) == "この写真のライセンスが撤回されている"
    assert writer.rule("license-withdrawn", "We say no") == "We say no"
    assert writer.rule("a-rule-of-ours", "We say no") == "We say no"


@pytest.mark.parametrize("locale", LOCALES)
def test_every_country_has_a_name_and_almost_all_are_told_by_those_left_out(locale: Locale) -> None:
    writer = Writer(locale)
    names = {writer.place(code) for code in vocabulary.TERRITORIES}

    assert len(names) == len(vocabulary.TERRITORIES) and not names & vocabulary.TERRITORIES
    told = writer.places(vocabulary.TERRITORIES - {"CN", "RU"})
    assert told == {"en": "Worldwide except China, Russia", "ja": "全世界（ロシア、中国を除く）"}[locale]
    assert writer.places(vocabulary.TERRITORIES) == writer.places({"WORLD"}) == writer.say("worldwide")
    assert writer.places({"JP", "FR"}) == {"en": "France, Japan", "ja": "フランス、日本"}[locale]


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
