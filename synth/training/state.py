"""The state of a run between two steps: one safetensors file, written whole or not at all."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from synth.pictures import SynthError

FORMAT = 1
NAME = "state.safetensors"


class OtherRun(SynthError):
    """The folder holds a run of another recipe or snapshot, or a state that cannot be read."""


@dataclass(frozen=True)
class Progress:
    """What is not a tensor. `elapsed_s` counts all sittings of the run."""

    recipe: str
    snapshot: str
    step: int
    elapsed_s: float


class Average:
    """The moving average of a network's weights and buffers, which is what a checkpoint holds."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.tensors = {name: t.detach().clone() for name, t in network.state_dict().items()}

    def update(self, network: nn.Module, step: int) -> None:
        """Early on the average forgets faster: it must not remember the first weights for long."""
        decay = min(self.decay, (1 + step) / (10 + step))
        with torch.no_grad():
            for name, tensor in network.state_dict().items():
                if tensor.is_floating_point():
                    self.tensors[name].lerp_(tensor, 1 - decay)
                else:
                    self.tensors[name].copy_(tensor)


def save(
    path: Path,
    progress: Progress,
    *,
    modules: Mapping[str, nn.Module],
    average: Average,
    optimizers: Mapping[str, torch.optim.Optimizer],
) -> None:
    tensors = {f"average/{name}": t for name, t in average.tensors.items()}
    for role, module in modules.items():
        tensors |= {f"{role}/{name}": t for name, t in module.state_dict().items()}
    for role, optimizer in optimizers.items():
        tensors |= {f"optimizer/{role}/{name}": t for name, t in _moments(optimizer)}
    metadata = {"format": str(FORMAT), "progress": json.dumps(vars(progress))}
    beside = path.with_name(f".{path.name}.new")
    save_file({name: t.detach().cpu().contiguous() for name, t in tensors.items()}, beside, metadata)
    beside.replace(path)


def restore(
    path: Path,
    *,
    recipe: str,
    snapshot: str,
    modules: Mapping[str, nn.Module],
    average: Average,
    optimizers: Mapping[str, torch.optim.Optimizer],
) -> Progress:
    """Put everything back as `save` found it.

    Raises:
        OtherRun: see there.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, Any] = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping
        progress = Progress(**json.loads(metadata["progress"]))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise OtherRun(f"`{path}` is no state of a run") from error
    if progress.recipe != recipe:
        raise OtherRun(f"`{path.parent}` holds a run of another recipe: give another folder, or that recipe")
    if progress.snapshot != snapshot:
        raise OtherRun(f"`{path.parent}` holds a run on snapshot `{progress.snapshot}`: give another folder")
    try:
        for role, module in modules.items():
            module.load_state_dict(_under(tensors, f"{role}/"))
        average.tensors = {
            name: t.to(average.tensors[name].device) for name, t in _under(tensors, "average/").items()
        }
        for role, optimizer in optimizers.items():
            _set_moments(optimizer, _under(tensors, f"optimizer/{role}/"))
    except (RuntimeError, KeyError) as error:
        raise OtherRun(f"`{path}` belongs to another version of the networks") from error
    return progress


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)}


def _moments(optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    for index, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            yield f"{index}/{name}", torch.as_tensor(value)


def _set_moments(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    whole = optimizer.state_dict()
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, field = name.split("/")
        state.setdefault(int(index), {})[field] = tensor
    optimizer.load_state_dict({**whole, "state": state})
