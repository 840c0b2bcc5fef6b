"""From a folder of pictures to figures and a page."""

import json
from pathlib import Path

import numpy as np
import pytest
from streets import FACTS, SKY, streets

from synth.evaluation import folder as folders
from synth.evaluation.bootstrap import Draws
from synth.evaluation.features import Lite0, blurred
from synth.evaluation.measure import (
    DIVERSITY,
    KID,
    MEAN_IOU,
    NEAR_COPIES,
    REAL,
    SEAMS,
    Measure,
)
from synth.evaluation.pictures import EvaluationError, System, Trace
from synth.evaluation.rows import Row
from synth.evaluation.run import line, main
from synth.evaluation.scenes import MemoryBank
from synth.evaluation.segmenter import Training, train
from synth.layout import Layout

ASKED, BANK = streets(0, 6), streets(50, 14)
NAMES = {number: category.name for number, category in FACTS.items()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures of the real pipeline, a copy of the photos, and a blur."""
    folder = tmp_path_factory.mktemp("pictures")
    judge = train(streets(200, 6), (SKY, 2, 3), Training(seed=1, steps=20, batch=4, rate=1e-2))
    folders.write_photos(folder, ASKED, BANK, NAMES, [judge])
    bank = MemoryBank(BANK, FACTS)
    soft = blurred([photo.rgb for photo in ASKED], 5)
    for at, photo in enumerate(ASKED):
        layout = Layout(photo.labels)
        for variation, chosen in enumerate(bank.choose(layout, variations=2)):
            rgb, trace = bank.make(layout, chosen, seed=variation)
            folders.write_picture(folder, "blend", photo.name, rgb, trace, variation=variation)
        folders.write_picture(folder, "blur", photo.name, soft[at])
        folders.write_picture(folder, "copies", photo.name, BANK[at].rgb)
    return folder


def test_one_command_writes_figures_and_a_page_that_loads_nothing(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(made), str(tmp_path), "--title", "Streets <1>", "--draws", "40"]) == 0
    found = {row["name"]: row for row in json.loads((tmp_path / "evaluation.json").read_text())}
    assert all(set(row) == {"name", "value", "interval", "target", "holds"} for row in found.values())
    assert found[f"blur: {KID}"]["value"] > found[f"blend: {KID}"]["value"]
    assert found[f"copies: {NEAR_COPIES}"]["value"] == 1.0
    assert found[f"blend: {NEAR_COPIES}"]["value"] < 1.0
    assert found[f"blend: {DIVERSITY}"]["value"] > 0
    assert found[f"{REAL}: {MEAN_IOU}"]["value"] > 0.3
    low, high = found[f"blend: {SEAMS}"]["interval"]
    assert low <= found[f"blend: {SEAMS}"]["value"] <= high
    assert found["blend: seconds, paint"]["value"] > 0
    assert f"blend: {KID}" in capsys.readouterr().out

    page = (tmp_path / "evaluation.html").read_text()
    assert "Streets &lt;1&gt;" in page
    assert page.count("<img") == len(ASKED) * 5  # layout, canvas, blend, real, nearest photo
    for loads in ("http:", "https:", 'src="/', "@import", "<script", "url("):
        assert loads not in page


def test_the_same_folder_gives_the_same_figures(made: Path, tmp_path: Path) -> None:
    written = []
    for out in (tmp_path / "one", tmp_path / "other"):
        assert main([str(made), str(out), "--draws", "5"]) == 0
        written.append([(out / name).read_bytes() for name in ("evaluation.json", "evaluation.html")])
    assert written[0] == written[1]


def test_pictures_and_traces_come_back_as_they_were_written(made: Path, tmp_path: Path) -> None:
    read = folders.read(made)
    assert [system.name for system in read.systems] == ["blend", "blur", "copies"]
    assert (read.real[0].labels == ASKED[0].labels).all()
    assert len(read.systems[0].variations[0]) == 1
    trace = read.systems[0].traces[0]
    assert set(trace.photos) <= {photo.name for photo in BANK}
    gated = Trace(
        trace.owner, trace.kind, trace.photos, np.full(trace.owner.shape, 9, np.uint8), {"refine": 2.0}
    )
    folders.write_photos(tmp_path, [ASKED[0]], BANK[:1], NAMES)
    folders.write_picture(tmp_path, "full", ASKED[0].name, ASKED[0].rgb, gated)
    again = folders.read(tmp_path).systems[0].traces[0]
    assert again.gate is not None
    assert (again.gate == 9).all()
    assert again.seconds == {"refine": 2.0}


def test_a_missing_or_broken_file_is_named(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path), str(tmp_path / "out")]) == 2
    assert "holds no index.json" in capsys.readouterr().err
    folders.write_photos(tmp_path, ASKED, BANK, NAMES)
    folders.write_picture(tmp_path, "blend", ASKED[0].name, ASKED[0].rgb)
    with pytest.raises(EvaluationError, match=f"{ASKED[1].name}.png` holds no picture"):
        folders.read(tmp_path)
    index = json.loads((tmp_path / "index.json").read_text())
    index["bank"] = ["../../secret"]
    (tmp_path / "index.json").write_text(json.dumps(index))
    with pytest.raises(EvaluationError, match="not what it should be"):
        folders.read(tmp_path)


def test_a_system_is_measured_on_every_layout_or_not_at_all() -> None:
    measure = Measure(ASKED, BANK, features=Lite0(), draws=Draws.of([p.scene for p in ASKED], draws=3))
    with pytest.raises(EvaluationError, match="`6` pictures"):
        measure([System("short", [ASKED[0].rgb])])
    with pytest.raises(EvaluationError, match="another size"):
        measure([System("small", [photo.rgb[:96, :96] for photo in ASKED])])
    with pytest.raises(EvaluationError, match="cannot be asked for and be in the bank"):
        Measure(ASKED, ASKED, features=Lite0())


def test_a_missed_target_reads_as_missed() -> None:
    assert line(Row("a", 1.5, (1.0, float("inf")), "<= 1", False)).endswith("<= 1: MISSED")
