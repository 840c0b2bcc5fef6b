"""What the loop needs to know of the network it trains."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor, nn
from torch.utils.data import Dataset

Batch = Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Answer:
    """How a network did on one batch: loss, its parts for the curve, and what a discriminator looks at."""

    loss: Tensor
    parts: Mapping[str, Tensor]
    layout: Tensor | None = None
    made: Tensor | None = None
    real: Tensor | None = None


class Lesson(Protocol):
    """One network, its samples and its loss. Sample `n` is the same whenever and wherever it is asked for."""

    @property
    def network(self) -> nn.Module: ...

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the network's channels, in order."""
        ...

    @property
    def samples(self) -> Dataset[dict[str, Tensor]]: ...

    def answer(self, network: nn.Module, batch: Batch) -> Answer: ...

    def measure(self, network: nn.Module) -> dict[str, float]:
        """Figures on held-out photos, for the checkpoint's card."""
        ...


@dataclass(frozen=True)
class Outcome:
    """How a sitting ended: `done`, `budget`, `stopped` (asked to), or `not-finite`."""

    reason: str
    step: int
    metrics: Mapping[str, float] = field(default_factory=dict)
