"""How figures are shown. What they are is no test's business."""

import json
from xml.etree import ElementTree

import cv2
import numpy as np

from synth.layout import SPECKLE_PX, Region
from synth.retrieval.descriptors import describe
from tools.bench import bank, rows, timing, ways
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


def pieces(labels: np.ndarray) -> list[Region]:
    """The 8-connected pieces of a label map, by category and first pixel, but void and speckle."""
    found = []
    for category in np.unique(labels[labels > 0]).tolist():
        count, numbers = cv2.connectedComponents((labels == category).astype(np.uint8), connectivity=8)
        masks = sorted((numbers == n for n in range(1, count)), key=lambda mask: int(mask.argmax()))
        for mask in masks:
            y, x = np.nonzero(mask)
            x0, y0, x1, y1 = int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1
            if max(x1 - x0, y1 - y0) > SPECKLE_PX:
                found.append(Region(len(found), category, x0, y0, x1, y1, len(x), mask[y0:y1, x0:x1]))
    return found


def test_a_generated_bank_is_cut_and_described_as_the_bank_does() -> None:
    rng = np.random.Generator(np.random.Philox(2))
    frames = bank.painted(bank.Looks(rng), rng, 6)

    cut = bank.cut_up(frames)

    for photo, labels in enumerate(frames):
        mine = np.flatnonzero(cut.photo == photo)
        regions = pieces(labels)
        assert cut.ordinal[mine].tolist() == list(range(len(regions)))
        assert cut.category[mine].tolist() == [region.category for region in regions]
        assert cut.area_px[mine].tolist() == [region.area_px for region in regions]
        assert cut.boxes[mine].tolist() == [[r.x0, r.y0, r.x1, r.y1] for r in regions]
        described, theirs = describe(labels, regions, "scene"), cut.descriptors.take(mine)
        for field in ("masks", "planes", "mask_n", "context_n"):
            assert (getattr(described, field) == getattr(theirs, field)).all(), field


def test_a_generated_bank_is_its_seed() -> None:
    one, same, other = bank.make(300, seed=1), bank.make(300, seed=1), bank.make(300, seed=2)

    assert len(one) == 300
    assert (one.descriptors.masks == same.descriptors.masks).all() and (one.profile == same.profile).all()
    assert not (one.descriptors.masks == other.descriptors.masks).all()


def test_what_clears_holds_its_share_of_the_rows_or_a_little_less() -> None:
    made = bank.make(20_000, seed=1)

    held = {
        share: np.isin(made.profile, bank.clearing(made, share, seed=1)).mean()
        for share in (0.0, 0.01, 0.1, 1.0)
    }

    assert held[0.0] == 0 and held[1.0] == 1
    assert 0.008 <= held[0.01] <= 0.01 and 0.095 <= held[0.1] <= 0.1


def test_of_an_approximate_answer_counts_whatever_scores_as_well() -> None:
    best = np.array([2.0, 1.5, 1.5])

    assert ways.recall([(1, 2.0), (2, 1.5), (3, 1.5)], best) == 1
    assert ways.recall([(1, 2.0), (2, 1.2)], best) == 1 / 3
    assert ways.recall([], np.empty(0)) == 1
