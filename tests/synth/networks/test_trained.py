from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synth.cards import Card, Kind, NotACheckpoint, OtherTaxonomy
from synth.networks.checkpoints import build, save
from synth.networks.trained import OtherSnapshot, Trained
from synth.pipeline import synthesize

NAMES = ("void", "wall", "floor", "mug", "lamp")


def put(folder: Path, kind: Kind, snapshot: str = "a") -> str:
    card = Card(
        kind=kind, width="small", categories=NAMES, snapshot_sha256=snapshot * 64, code_version="0", recipe={}
    )
    return save(folder / f"{kind}.safetensors", build(card), card)


def test_a_whole_folder_is_loaded_by_the_hashes_of_its_files_and_makes_a_picture(
    tmp_path: Path, scene: Callable[..., Any]
) -> None:
    hashes = [put(tmp_path, kind) for kind in ("refinement", "transformation", "ordering")]
    trained = Trained.load(tmp_path, known=NAMES)
    assert trained.transformation and trained.ordering
    assert [n.sha256 for n in (trained.refinement, trained.transformation, trained.ordering)] == hashes
    assert sum(f.stat().st_size for f in tmp_path.iterdir()) < 20_000_000
    made = scene(1)
    picture = synthesize(
        made.layout,
        made.picks,
        made.segments,
        made.categories,
        anchor=None,
        frame="box",
        seed=1,
        refiner=trained.refiner(made.categories),
        aligner=trained.aligner(made.categories, device="cpu"),
        sorter=trained.sorter(made.categories, device="cpu"),
    )
    assert picture.gate is not None and picture.rgb.dtype == np.uint8


def test_the_refinement_network_alone_will_do(tmp_path: Path) -> None:
    put(tmp_path, "refinement")
    trained = Trained.load(tmp_path)
    assert trained.aligner({}, device="cpu") is None and trained.sorter({}, device="cpu") is None


def test_without_a_refinement_network_there_is_nothing_to_load(tmp_path: Path) -> None:
    put(tmp_path, "ordering")
    with pytest.raises(
        NotACheckpoint, match=r"`refinement.safetensors` is no network checkpoint: no such file"
    ):
        Trained.load(tmp_path)


def test_networks_of_different_snapshots_do_not_stand_together(tmp_path: Path) -> None:
    put(tmp_path, "refinement")
    put(tmp_path, "ordering", "b")
    with pytest.raises(OtherSnapshot, match=r"`refinement.safetensors` and `ordering.safetensors`"):
        Trained.load(tmp_path)


def test_one_of_another_taxonomy_refuses_the_folder(tmp_path: Path) -> None:
    put(tmp_path, "refinement")
    with pytest.raises(OtherTaxonomy, match=r"`lamp`"):
        Trained.load(tmp_path, known=NAMES[:-1])
