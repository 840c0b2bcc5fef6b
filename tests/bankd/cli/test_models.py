"""`bankd models` as a person uses it: pin, export, train, bring in, look, and what a withdrawal does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bankd.cli.conftest import CLASSES, NOBODY, TERMS, Commands, labels, picture, png

RIGHTS = f"""\
version: 1
licensors: [{{ref: lab, name: Lab}}]
licenses:
  - ref: L-lab
    licensor: lab
    title: Lab pictures
    basis: licensed
    grants: [{{ref: all, terms: {TERMS.replace("PURPOSE", "research").replace("generative", "train: true, generative")}}}]
photos:
  - {{files: "*", licenses: [L-lab], depictions: {NOBODY}}}
"""  # noqa: E501
USE = ["--channel", "web", "--territory", "JP", "--audience", "public"]
USE += ["--from", "2026-01-01", "--to", "2026-12-31"]
RECIPE = {
    "kind": "refinement",
    "height_px": 96,
    "width_px": 128,
    "steps": 5,
    "bf16": False,
    "loss": {"features": "none"},
}


@pytest.fixture(scope="module")
def lab(bankd: Commands, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Three photos that may be trained on for research, taken in; all others of the bank are in dispute."""
    others = [one["id"] for one in bankd.said("photos", "list", "--state", "admitted", "--limit", 1000)]
    others = [one for one in others if bankd.said("photos", "show", one).get("disputed_at") is None]
    for photo in others:
        bankd.run("photos", "dispute", photo, "--reason", "not of the lab")
    root = tmp_path_factory.mktemp("lab")
    for name in ("photos", "labels"):
        (root / name).mkdir()
    for number in range(3):
        ids = labels(shift=-7 * number)
        (root / "photos" / f"lab-{number}.png").write_bytes(png(picture(ids, seed=20 + number)))
        (root / "labels" / f"lab-{number}.png").write_bytes(png(ids))
    (root / "classes.json").write_text(json.dumps(CLASSES))
    (root / "rights.yaml").write_text(RIGHTS)
    assert bankd.said("photos", "ingest", root, "--rights", root / "rights.yaml")["taken"] == 3
    yield root
    for photo in others:
        bankd.run("photos", "lift-dispute", photo, "--reason", "the lab is done")


@pytest.fixture(scope="module")
def pinned(bankd: Commands, lab: Path) -> Any:
    return bankd.said("models", "pin", "--purpose", "research")


@pytest.fixture(scope="module")
def trained(bankd: Commands, pinned: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A network of five steps, by its SHA-256."""
    recipe = tmp_path_factory.mktemp("recipes") / "tiny.json"
    recipe.write_text(json.dumps(RECIPE))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        said = bankd.run("models", "train", recipe, "--snapshot", pinned["digest"][:12], "--workers", 0)
    assert said.stdout.startswith("registered refinement network ")
    return said.stdout.split()[-1]


def test_only_photos_that_may_train_are_pinned(bankd: Commands, lab: Path, pinned: Any) -> None:
    assert pinned["photos"] == 3
    refused = bankd.refused("models", "pin", "--purpose", "editorial")
    assert refused.startswith("no photo of the bank clears for training with this use: ")
    assert "`theft` is not a purpose" in bankd.refused("models", "pin", "--purpose", "theft")


def test_a_snapshot_is_exported_with_its_list(bankd: Commands, pinned: Any, tmp_path: Path) -> None:
    bankd.run("models", "export", pinned["digest"], tmp_path / "out")

    listed = json.loads((tmp_path / "out" / "snapshot.json").read_text())
    assert listed["digest"] == pinned["digest"] and len(listed["photos"]) == 3
    for photo in listed["photos"]:
        assert (tmp_path / "out" / photo["photo"]).is_file() and (
            tmp_path / "out" / photo["labels"]
        ).is_file()
    assert "no snapshot begins with" in bankd.refused("models", "export", "0123456789", tmp_path / "none")


def test_what_was_trained_is_listed_with_what_it_was_trained_on(
    bankd: Commands, pinned: Any, trained: str
) -> None:
    assert list((bankd.home / "training").glob("*/photos-*")) == []
    network = next(one for one in bankd.said("models", "list") if one["sha256"] == trained)
    assert (network["kind"], network["clears"]) == ("refinement", True)
    assert network["snapshot"]["digest"] == pinned["digest"] == network["card"]["snapshot_sha256"]
    assert network["card"]["metrics"]["step"] == 5
    assert bankd.said("models", "show", trained[:12]) == network
    assert "every training photo clears for training today" in bankd.run("models", "show", trained).stdout
    assert "no network checkpoint is registered" in bankd.refused("models", "show", "0123456789ab")


def test_a_network_is_brought_in_with_its_list_and_rights(
    bankd: Commands, lab: Path, pinned: Any, trained: str, tmp_path: Path
) -> None:
    travelling = tmp_path / "set"
    bankd.run("models", "export", pinned["digest"], travelling)
    run = next((bankd.home / "training").glob("*/tiny"))
    (travelling / "refinement.safetensors").write_bytes((run / "checkpoint.safetensors").read_bytes())
    assert "rights.yaml" in bankd.refused("models", "import", travelling, "--purpose", "research")
    (travelling / "rights.yaml").write_text((lab / "rights.yaml").read_text())

    said = bankd.run("models", "import", travelling, "--purpose", "research").stdout

    assert said.splitlines() == [
        f"refinement network {trained}",
        "3 training photos clear for research use",
    ]
    (travelling / "refinement.safetensors").write_bytes(b"torn")
    assert "cannot be registered" in bankd.refused("models", "import", travelling, "--purpose", "research")


def test_coverage_says_what_fits_and_which_right_is_missing(
    bankd: Commands, lab: Path, layout: Path, trained: str
) -> None:
    words = ["models", "coverage", layout, lab / "labels" / "lab-0.png", *USE]

    served = bankd.said(*words, "--purpose", "research")

    assert (served["layouts"], served["short_share"], served["blend"]) == (2, 0, 2)
    for one in served["categories"]:
        assert 0 < one["score"]["least"] <= one["score"]["median"] <= one["score"]["most"] <= 2
    said = bankd.run(*words, "--purpose", "research").stdout
    for one in served["quality"]:
        assert one["error"] > 0
        assert f"give or take {one['error']:.2f} a layout" in said
    before = bankd.run("log", "checkpoint").stdout
    short = bankd.run(*words, "--purpose", "education").stdout
    assert "nothing clears for 100.0% of their area" in short
    assert "would be ordered: 0 with `blend`, 0 with a network" in short
    assert "purpose-not-covered; floor, mug, wall" in short and "L-lab" not in short
    assert "give or take" not in short  # nothing would be blended
    assert bankd.run("log", "checkpoint").stdout.splitlines()[1] == before.splitlines()[1]  # nothing happened


def lit(drawn: Any, *, seed: int) -> Any:
    """The picture under a light of its own, so that it does not look like those of other licensors."""
    light = np.random.Generator(np.random.Philox(seed)).uniform(0.1, 1, (8, 8))
    height, width = drawn.shape[:2]
    at = np.ix_(np.arange(height) * 8 // height, np.arange(width) * 8 // width)
    return (drawn * light[at][..., None]).astype(np.uint8)


def folder_of(folder: Path, name: str, *, shifts: tuple[int, ...], seed: int) -> Path:
    """Photos with label maps, laid out as for `bankd photos ingest`."""
    for part in ("photos", "labels"):
        (folder / part).mkdir(parents=True)
    for number, shift in enumerate(shifts):
        ids = labels(shift=shift)
        drawn = picture(ids, seed=seed + 3 * number)
        (folder / "photos" / f"{name}-{number}.png").write_bytes(png(lit(drawn, seed=seed + 3 * number)))
        (folder / "labels" / f"{name}-{number}.png").write_bytes(png(ids))
    (folder / "classes.json").write_text(json.dumps(CLASSES))
    return folder


def test_networks_are_evaluated_on_photos_that_clear_for_the_use(
    bankd: Commands, lab: Path, trained: str, tmp_path: Path
) -> None:
    held_out = folder_of(tmp_path / "held-out", "new", shifts=(9, 10), seed=15)
    words = ["models", "evaluate", held_out, "--out", tmp_path / "out", "--network", trained[:12]]

    refused = bankd.refused(*words, *USE, "--purpose", "commercial")
    assert refused.startswith(f"network `{trained[:12]}` may not be used for this use: ")
    assert "network-withheld" in refused
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        # Three photos are no memory to measure with.
        stopped = bankd.run(*words, *USE, "--purpose", "research", status=2).stderr
    assert "the evaluation ended with status 2" in stopped
    entries = [json.loads(line) for line in bankd.run("log", "show", "--json").stdout.splitlines()]
    (started,) = [one["payload"]["objects"] for one in entries if one["kind"] == "evaluation.started"]
    assert (started["photos"], started["networks"]["refinement"]) == (3, trained)

    more = folder_of(tmp_path / "more", "more", shifts=(14, 21, 28), seed=2)
    (more / "rights.yaml").write_text(RIGHTS)
    assert bankd.said("photos", "ingest", more, "--rights", more / "rights.yaml")["taken"] == 3
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        said = bankd.run(*words, *USE, "--purpose", "research").stdout
    rows = {row["name"]: row for row in json.loads((tmp_path / "out" / "evaluation.json").read_text())}
    for system in ("blend", "full", "empty bank"):
        assert rows[f"{system}: lite0 KID x 1000"]["value"] > 0  # two scenes give it no interval
        low, high = rows[f"{system}: lite0 cell Frechet distance"]["interval"]
        assert 0 < low <= high
    assert rows["blend: canvas area"]["value"] == 1 and rows["empty bank: canvas area"]["value"] == 0
    assert rows["blend: gate area"]["value"] == 0 < rows["empty bank: gate area"]["value"]
    assert "lite0 KID x 1000: full / blend" in rows
    assert said == f"written: {tmp_path / 'out' / 'evaluation.json'} {tmp_path / 'out' / 'evaluation.html'}\n"
    page = (tmp_path / "out" / "evaluation.html").read_text()
    assert "empty bank" in page and page.count("data:image") > 4
    entries = [json.loads(line) for line in bankd.run("log", "show", "--json").stdout.splitlines()]
    started = [one["payload"]["objects"] for one in entries if one["kind"] == "evaluation.started"]
    assert [one["photos"] for one in started] == [3, 6]
    assert list(bankd.home.glob("evaluation-*")) == []


def test_a_photo_that_is_held_out_needs_a_label_map(bankd: Commands, lab: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "labels").mkdir()
    (tmp_path / "photos" / "bare.png").write_bytes(png(picture(labels(), seed=80)))
    (tmp_path / "classes.json").write_text(json.dumps(CLASSES))
    refused = bankd.refused("models", "evaluate", tmp_path, "--out", tmp_path, *USE, "--purpose", "research")
    assert "`bare.png` has no label map" in refused


def test_a_withdrawal_names_the_networks_that_learned_from_it(
    bankd: Commands, pinned: Any, trained: str, tmp_path: Path
) -> None:
    said = bankd.run("licenses", "withdraw", "L-lab", "--reason", "the lab left").stdout

    assert "1 network learned from its photos" in said and trained in said
    network = bankd.said("models", "show", trained)
    assert (network["clears"], network["refused"], network["reasons"]) == (False, 3, ["license-withdrawn"])
    assert "no: license-withdrawn" in bankd.run("models", "list").stdout
    assert "no longer clears for training" in bankd.refused("models", "export", pinned["digest"], tmp_path)
