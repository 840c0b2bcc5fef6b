"""Network checkpoints: weights and card in one safetensors file. Nothing here ever unpickles."""

import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Literal, overload

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from synth.cards import METADATA_KEY, Card, CheckpointRefused, Kind, NotACheckpoint, read_card, read_file
from synth.networks.ordering import OrderingNetwork
from synth.networks.refinement import RefinementNetwork
from synth.networks.transformation import TransformationNetwork

Network = RefinementNetwork | TransformationNetwork | OrderingNetwork
_LISTED = 5


class WrongTensors(CheckpointRefused):
    """A weights file whose tensors are not those of the network it is for."""

    def __init__(self, name: str, tensors: Sequence[str]) -> None:
        more = f" and {len(tensors) - _LISTED} more" if len(tensors) > _LISTED else ""
        super().__init__(f"`{name}` has wrong tensors: {'; '.join(tensors[:_LISTED])}{more}")
        self.tensors = tuple(tensors)


class BadWeights(CheckpointRefused):
    """Weights that are no numbers: a training run that went wrong was saved."""

    def __init__(self, name: str, tensors: Sequence[str]) -> None:
        listed = ", ".join(f"`{t}`" for t in tensors[:_LISTED])
        super().__init__(f"`{name}` has weights that are not finite: {listed}")
        self.tensors = tuple(tensors)


def code_version() -> str:
    """The version of this program, for the card."""
    return metadata.version("bankd")


def save(path: Path, network: nn.Module, card: Card) -> str:
    """Write a checkpoint, whole or not at all; its SHA-256.

    Raises:
        WrongTensors: network and card do not belong together.
        BadWeights: weights that are not finite are not kept.
    """
    weights = {
        name: weight.detach().to("cpu", torch.float32, memory_format=torch.contiguous_format)
        for name, weight in network.state_dict().items()
    }
    require_tensors(weights, build(card).state_dict(), path.name)
    data = safetensors.torch.save(weights, {METADATA_KEY: card.model_dump_json()})
    unfinished = path.with_name(path.name + ".part")
    with unfinished.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    return hashlib.sha256(data).hexdigest()


@overload
def load(
    path: Path, *, kind: Literal["refinement"], known: Collection[str] | None = None
) -> tuple[RefinementNetwork, Card]: ...
@overload
def load(
    path: Path, *, kind: Literal["transformation"], known: Collection[str] | None = None
) -> tuple[TransformationNetwork, Card]: ...
@overload
def load(
    path: Path, *, kind: Literal["ordering"], known: Collection[str] | None = None
) -> tuple[OrderingNetwork, Card]: ...
def load(path: Path, *, kind: Kind, known: Collection[str] | None = None) -> tuple[Network, Card]:
    """A trained network, ready for use (in `eval`), and its card.

    Args:
        known: the house's category names; None takes any.

    Raises:
        CheckpointRefused: not a checkpoint, cut short, of another version, kind or
            taxonomy, with wrong tensors, or with weights that are not finite.
    """
    data, _ = read_file(path)
    return loads(data, path.name, kind=kind, known=known)


def loads(
    data: bytes, name: str, *, kind: Kind, known: Collection[str] | None = None
) -> tuple[Network, Card]:
    """`load`, from a file's bytes."""
    card = read_card(data, name)
    card.require(name, kind=kind, known=known)
    try:
        weights = safetensors.torch.load(data)
    except SafetensorError as error:
        raise NotACheckpoint(name, "its tensors cannot be read") from error
    network = build(card)
    require_tensors(weights, network.state_dict(), name)
    network.load_state_dict(weights)
    return network.eval(), card


def build(card: Card) -> Network:
    """The untrained network that a card describes."""
    count = len(card.categories)
    if card.kind == "refinement":
        return RefinementNetwork(count, card.width, height=card.height)
    if card.kind == "transformation":
        return TransformationNetwork(count, card.width)
    return OrderingNetwork(count, card.width)


def require_tensors(weights: Mapping[str, Tensor], wanted: Mapping[str, Tensor], name: str) -> None:
    """Raises WrongTensors or BadWeights, naming tensors, unless `weights` are those `wanted`, and finite."""
    wrong = [f"`{key}` is missing" for key in wanted if key not in weights]
    wrong += [f"`{key}` is not of this network" for key in weights if key not in wanted]
    for key in wanted:
        if key in weights and weights[key].shape != wanted[key].shape:
            wrong.append(f"`{key}` is {_size(weights[key])}, not {_size(wanted[key])}")
        elif key in weights and weights[key].dtype != wanted[key].dtype:
            wrong.append(f"`{key}` is of type {weights[key].dtype}, not {wanted[key].dtype}")
    if wrong:
        raise WrongTensors(name, wrong)
    bad = [key for key, weight in weights.items() if not bool(torch.isfinite(weight).all())]
    if bad:
        raise BadWeights(name, bad)


def _size(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"
