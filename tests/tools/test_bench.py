"""How figures are shown. What they are is no test's business."""

import json
from xml.etree import ElementTree

from tools.bench import rows, timing
from tools.bench.rows import Row

ROWS = [
    Row("index built", 61.25, "s"),
    Row.at_least("resident / SQL at 1%", 14.9, "x", 15),
    Row.at_most("memory", 0.36, "GB", 0.4),
    Row.below("bounded scan / one pass", 0.4, "x", 1),
]


def test_ratios_come_first_and_say_whether_they_hold() -> None:
    lines = rows.table(ROWS).splitlines()

    assert [line.split("|")[1].strip() for line in lines[2:]] == [
        "resident / SQL at 1%", "bounded scan / one pass", "index built", "memory",
    ]  # fmt: skip
    assert "| >= 15 " in lines[2] and "**no**" in lines[2]
    assert lines[3].endswith("| yes    |")
    assert len({len(line) for line in lines}) == 1


def test_the_list_has_five_fields_a_row(tmp_path) -> None:
    rows.write_json(tmp_path / "bench.json", ROWS)

    written = json.loads((tmp_path / "bench.json").read_text())

    assert [list(row) for row in written] == [["name", "value", "unit", "target", "holds"]] * 4
    assert written[0]["holds"] is False and written[2]["holds"] is None


def test_the_chart_has_a_bar_for_each_ratio(tmp_path) -> None:
    rows.write_chart(tmp_path / "bench.svg", [*ROWS, Row("a < b & c", 1200.0, "x")], title="<ratios>")

    drawn = ElementTree.parse(tmp_path / "bench.svg").getroot()

    bars = [one for one in drawn.iter("{http://www.w3.org/2000/svg}rect") if one.get("height") == "15"]
    assert len(bars) == 3
    assert all(float(bar.get("width", "0")) > 0 for bar in bars)


def test_a_figure_shows_three_digits() -> None:
    assert [rows.figure(value) for value in (1234567.8, 217.4, 0.0345, 0.5, 0.0)] == [
        "1,234,568", "217", "0.0345", "0.500", "0",
    ]  # fmt: skip


def test_percentiles_are_values_that_were_measured() -> None:
    assert timing.p95([float(n) for n in range(1, 101)]) == 95.0
    assert timing.p95([3.0]) == 3.0


def test_what_is_compared_takes_turns() -> None:
    called: list[str] = []

    taken = timing.in_turn({"a": lambda: called.append("a"), "b": lambda: called.append("b")}, rounds=2)

    assert called == ["a", "b"] * 3  # once unmeasured
    assert {name: len(times) for name, times in taken.items()} == {"a": 2, "b": 2}
