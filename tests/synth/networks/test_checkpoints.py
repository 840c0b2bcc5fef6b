import hashlib
import json
import pickle
from pathlib import Path

import pytest
import safetensors.torch
import torch

from synth.cards import (
    METADATA_KEY,
    Card,
    CheckpointRefused,
    Kind,
    NotACheckpoint,
    OtherKind,
    OtherTaxonomy,
    OtherVersion,
    read_card,
)
from synth.networks.checkpoints import BadWeights, WrongTensors, build, code_version, load, save

CATEGORIES = ("void", "wall", "mug")


def card(kind: Kind = "ordering", **facts: object) -> Card:
    known: dict[str, object] = {
        "kind": kind,
        "width": "small",
        "categories": CATEGORIES,
        "snapshot_sha256": "ab" * 32,
        "code_version": code_version(),
        "recipe": {"steps": 3, "seed": 1, "adam": {"rate": 4e-4}},
        "metrics": {"loss": 0.25},
    }
    return Card.model_validate(known | facts)


def rewritten(path: Path, *, drop: str | None = None, **changes: object) -> None:
    """The file with other tensors, or with another card."""
    data = path.read_bytes()
    weights = safetensors.torch.load(data)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    facts = json.loads(header["__metadata__"][METADATA_KEY])
    for name, change in changes.items():
        if isinstance(change, torch.Tensor):
            weights[name.replace("__", ".")] = change
        else:
            facts[name] = change
    if drop:
        del weights[drop]
    path.write_bytes(safetensors.torch.save(weights, {METADATA_KEY: json.dumps(facts)}))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "order.safetensors"
    save(path, build(card()), card())
    return path


@pytest.mark.parametrize("kind", ["refinement", "transformation", "ordering"])
def test_what_is_saved_is_loaded_bit_by_bit(tmp_path: Path, kind: Kind) -> None:
    path, network = tmp_path / "a.safetensors", build(card(kind))
    digest = save(path, network, card(kind))
    again, read = load(path, kind=kind, known=[*CATEGORIES, "lamp"])  # type: ignore[call-overload]
    assert read == card(kind)
    assert not again.training
    kept = network.state_dict()
    assert list(again.state_dict()) == list(kept)
    assert all(torch.equal(weight, kept[name]) for name, weight in again.state_dict().items())
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert save(tmp_path / "b.safetensors", again, read) == digest
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.safetensors", "b.safetensors"]


def test_the_card_is_read_without_the_weights(path: Path) -> None:
    assert read_card(path.read_bytes(), path.name) == card()


def test_channels_last_and_half_precision_are_no_part_of_a_checkpoint(tmp_path: Path) -> None:
    network = build(card())
    plain = save(tmp_path / "a", network, card())
    for weight in network.parameters():
        if weight.dim() == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    assert save(tmp_path / "b", network, card()) == plain


def test_a_checkpoint_of_another_kind_is_refused(path: Path) -> None:
    with pytest.raises(
        OtherKind, match=r"`order.safetensors` is a checkpoint for `ordering`, not for `refinement`"
    ):
        load(path, kind="refinement")


def test_a_checkpoint_of_another_taxonomy_is_refused(path: Path) -> None:
    with pytest.raises(OtherTaxonomy, match=r"categories unknown here: `wall`") as refused:
        load(path, kind="ordering", known=["void", "mug"])
    assert refused.value.categories == ("wall",)


def test_a_checkpoint_of_another_version_is_refused(path: Path) -> None:
    rewritten(path, version=2)
    with pytest.raises(OtherVersion, match=r"version `2`, and this program reads 1"):
        load(path, kind="ordering")


@pytest.mark.parametrize("length", [0, 7, 8, 100, -1, -4096])
def test_a_truncated_file_is_refused(path: Path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(NotACheckpoint):
        load(path, kind="ordering")


def test_a_file_with_something_behind_it_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(NotACheckpoint, match=r"cut short or added to"):
        load(path, kind="ordering")


def test_tensors_that_are_not_the_networks_are_named(path: Path) -> None:
    rewritten(
        path,
        drop="score.0.bias",
        score__2__bias=torch.zeros(3),
        score__4__bias=torch.zeros(64, dtype=torch.float64),
        extra=torch.zeros(1),
    )
    with pytest.raises(WrongTensors) as refused:
        load(path, kind="ordering")
    assert refused.value.tensors == (
        "`score.0.bias` is missing",
        "`extra` is not of this network",
        "`score.2.bias` is 3, not 64",
        "`score.4.bias` is of type torch.float64, not torch.float32",
    )


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(path: Path, bad: float) -> None:
    rewritten(path, score__8__bias=torch.tensor([bad]))
    with pytest.raises(BadWeights, match=r"weights that are not finite: `score.8.bias`"):
        load(path, kind="ordering")


def test_weights_that_are_no_numbers_are_not_saved_and_the_last_good_ones_stay(path: Path) -> None:
    before, network = path.read_bytes(), build(card())
    torch.nn.init.constant_(next(network.parameters()), float("nan"))
    with pytest.raises(BadWeights):
        save(path, network, card())
    assert path.read_bytes() == before
    assert len(list(path.parent.iterdir())) == 1


def test_a_network_is_not_saved_under_the_card_of_another(path: Path) -> None:
    with pytest.raises(WrongTensors):
        save(path, build(card()), card("transformation"))


class _Opened:
    def __reduce__(self) -> tuple[object, ...]:
        return (pytest.fail, ("a pickle was opened",))


def test_a_pickle_is_never_opened(path: Path) -> None:
    path.write_bytes(pickle.dumps(_Opened()))
    with pytest.raises(NotACheckpoint, match=r"no safetensors file"):
        load(path, kind="ordering")


def test_tensors_without_a_card_are_no_checkpoint(path: Path) -> None:
    path.write_bytes(safetensors.torch.save({"a": torch.zeros(2)}))
    with pytest.raises(NotACheckpoint, match=r"it has no card"):
        load(path, kind="ordering")


@pytest.mark.parametrize("change", [{"width": "huge"}, {"categories": ["a", "a"]}, {"surprise": 1}])
def test_a_card_that_says_nonsense_is_refused(path: Path, change: dict[str, object]) -> None:
    rewritten(path, **change)
    with pytest.raises(NotACheckpoint, match=r"its card's"):
        load(path, kind="ordering")


def test_a_height_that_no_network_has_is_refused(path: Path) -> None:
    rewritten(path, kind="refinement", height=300)
    with pytest.raises(NotACheckpoint, match=r"its card's height"):
        load(path, kind="refinement")


def test_absence_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(CheckpointRefused, match=r"`no.safetensors` is no network checkpoint: no such file"):
        load(tmp_path / "no.safetensors", kind="ordering")
