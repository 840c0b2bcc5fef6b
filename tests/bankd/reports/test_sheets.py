"""No name that somebody gave a thing runs in a spreadsheet, or breaks a drawing."""

from xml.etree import ElementTree

import pytest

from bankd.reports.charts import _text
from bankd.reports.sheets import _guarded


@pytest.mark.parametrize(
    "told",
    ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1", "\n=1", "\u3000=1", "\xa0=1", "\x0b=1",
     "＝1+1", "＋1", "－1", "＠SUM(A1)", "\u3000＝1"],
)  # fmt: skip
def test_a_text_that_a_spreadsheet_takes_for_a_formula_is_text(told: str) -> None:
    assert _guarded(told, "text") == f"'{told}"


def test_what_is_no_formula_stays_as_it_is() -> None:
    assert [_guarded(told, "text") for told in ("a=b", "", "1-2", "日本＝")] == ["a=b", "", "1-2", "日本＝"]
    assert _guarded(-5, "text") == "-5"


def test_a_label_of_any_letters_is_a_text() -> None:
    assert ElementTree.fromstring(_text(0, 0, "a\x0b\x1b<b>&", "#000000")).text == "a  <b>&"
