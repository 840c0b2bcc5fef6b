"""From networks and two folders of photos to figures, without a bank."""

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from streets import FACTS, streets

from synth.cards import Card
from synth.evaluation.__main__ import main, photos
from synth.evaluation.measure import KID, SEAMS
from synth.networks import checkpoints
from synth.networks.refinement import RefinementNetwork
from synth.training import snapshot as snapshots
from synth.training.recipe import Recipe
from synth.training.snapshot import Member

HEIGHT, WIDTH = 96, 128


def folder(place: Path, seed: int, count: int) -> Path:
    members = []
    for at, photo in enumerate(streets(seed, count)):
        out = io.BytesIO()
        Image.fromarray(photo.rgb).save(out, "PNG")
        profile = hashlib.sha256(b"drawn").hexdigest()
        members.append(
            Member(f"street-{seed}-{at}", f"scene {at // 2}", at, out.getvalue(), photo.labels, profile)
        )
    snapshots.write(place, members, list(FACTS.values()))
    return place


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("folders")
    made = {"memory": folder(root / "memory", 50, 10), "asked": folder(root / "asked", 0, 4)}
    networks = root / "networks"
    networks.mkdir()
    names = tuple(category.name for category in FACTS.values())
    recipe = Recipe(kind="refinement", height_px=HEIGHT, width_px=WIDTH)
    card = Card(
        kind="refinement", width="small", categories=names, snapshot_sha256="0" * 64, code_version="1",
        recipe=json.loads(recipe.canonical()), metrics={"step": 7.0},
    )  # fmt: skip
    network = RefinementNetwork(len(names), generator=torch.Generator().manual_seed(1))
    checkpoints.save(networks / "refinement.safetensors", network, card)
    return made | {"networks": networks}


def run(places: dict[str, Path], out: Path, *more: str) -> int:
    asked = [str(places[name]) for name in ("networks", "memory", "asked")]
    return main([*asked, str(out), "--threads", "1", "--device", "cpu", *more])


def test_networks_are_measured_with_and_without_memory(places: dict[str, Path], tmp_path: Path) -> None:
    before = torch.get_num_threads()
    try:
        assert run(places, tmp_path) == 0
    finally:
        torch.set_num_threads(before)
    found = {row["name"]: row for row in json.loads((tmp_path / "evaluation.json").read_text())}
    for system in ("blend", "full", "empty bank", "nearest photo"):
        assert f"{system}: {KID}" in found
    assert found["seam ratio: full"]["target"] == "<= 1.15"
    assert found["full: step, by its training"]["value"] == 7
    assert found["full: seconds, refine"]["value"] > 0
    assert found["full: peak memory in MB, refine"]["value"] > 0
    assert f"empty bank: {SEAMS}" not in found
    page = (tmp_path / "evaluation.html").read_text()
    assert "full: 7 steps" in page
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evaluation.html", "evaluation.json"]


def test_a_photo_of_the_memory_cannot_be_asked_for(
    places: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(places | {"asked": places["memory"]}, tmp_path) == 2
    assert "is in both `memory` and `memory`" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_photos_are_cut_to_the_size_that_is_asked_for(places: dict[str, Path]) -> None:
    found = snapshots.read(places["asked"])
    own, cut = photos(found)[0], photos(found, (64, 32))[0]
    assert cut.rgb.shape == (64, 32, 3) and cut.labels.shape == (64, 32)
    middle = own.labels[:, own.labels.shape[1] // 2]
    assert (np.unique(cut.labels[:, 16]) == np.unique(middle)).all()
    assert cut.scene == "scene 0"
