import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from synth.networks import checkpoints
from synth.training.__main__ import main
from synth.training.recipe import Recipe
from synth.training.snapshot import Snapshot


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def written(recipe: Callable[..., Recipe], tmp_path: Path) -> Path:
    path = tmp_path / "recipe.json"
    path.write_text(recipe(steps=2).canonical())
    return path


def test_the_command_trains_and_says_how_it_went(
    written: Path, snapshot: Snapshot, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([str(written), str(snapshot.folder), str(out), "--workers", "0", "--pinned", snapshot.digest])

    assert code == 0
    assert capsys.readouterr().out.startswith("done at step 2  l1 ")
    checkpoints.load(out / "checkpoint.safetensors", kind="refinement")


def test_another_snapshot_than_the_pinned_one_is_refused(
    written: Path, snapshot: Snapshot, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(written), str(snapshot.folder), str(out), "--pinned", "0" * 64]) == 2

    error = capsys.readouterr().err
    assert error.startswith("error: `snapshot.json` is not what the snapshot pinned")
    assert not out.exists()


def test_features_that_the_recipe_does_not_pin_are_refused(
    recipe: Callable[..., Recipe],
    snapshot: Snapshot,
    out: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(recipe(loss={"features": "vgg19"}).canonical())

    assert main([str(path), str(snapshot.folder), str(out)]) == 2
    assert "name their file" in capsys.readouterr().err
