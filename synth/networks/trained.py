"""A folder of network checkpoints that belong together, ready for the pipeline."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from synth.cards import Card, CheckpointRefused, Kind, read_file
from synth.networks.aligner import NetworkAligner
from synth.networks.checkpoints import Network, loads
from synth.networks.ordering import OrderingNetwork
from synth.networks.refinement import RefinementNetwork
from synth.networks.refiner import NetworkRefiner
from synth.networks.sorter import NetworkSorter
from synth.networks.transformation import TransformationNetwork
from synth.pictures import CategoryFacts

Categories = Mapping[int, CategoryFacts]
N = TypeVar("N", bound=Network)


class OtherSnapshot(CheckpointRefused):
    """Checkpoints in one folder that were trained on different snapshots, which clear apart."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"`{first}` and `{second}` were trained on different snapshots")
        self.files = (first, second)


@dataclass(frozen=True)
class Loaded(Generic[N]):
    """A network with its card, and the SHA-256 of the file it came from."""

    network: N
    card: Card
    sha256: str


@dataclass(frozen=True)
class Trained:
    """What a folder of checkpoints holds: a refinement network, and the others where there are any."""

    refinement: Loaded[RefinementNetwork]
    transformation: Loaded[TransformationNetwork] | None
    ordering: Loaded[OrderingNetwork] | None

    @classmethod
    def load(cls, folder: Path, *, known: Collection[str] | None = None) -> "Trained":
        """Load `refinement.safetensors`, and those of `transformation` and `ordering` if they are there.

        Args:
            known: the house's category names; None takes any.

        Raises:
            CheckpointRefused: see `checkpoints.load`; or they are of different snapshots.
        """
        refinement = _load(folder, "refinement", known)
        trained = cls(refinement, _maybe(folder, "transformation", known), _maybe(folder, "ordering", known))
        for other in (trained.transformation, trained.ordering):
            if other and other.card.snapshot_sha256 != refinement.card.snapshot_sha256:
                raise OtherSnapshot(_file("refinement"), _file(other.card.kind))
        return trained

    def refiner(self, categories: Categories) -> NetworkRefiner:
        return NetworkRefiner(self.refinement.network, self.refinement.card, categories)

    def aligner(self, categories: Categories, *, device: str) -> NetworkAligner | None:
        """None where the closed form has to do."""
        if self.transformation is None:
            return None
        return NetworkAligner(
            self.transformation.network, self.transformation.card, categories, device=device
        )

    def sorter(self, categories: Categories, *, device: str) -> NetworkSorter | None:
        """None where the usual order has to do."""
        if self.ordering is None:
            return None
        return NetworkSorter(self.ordering.network, self.ordering.card, categories, device=device)


def _file(kind: Kind) -> str:
    return f"{kind}.safetensors"


def _load(folder: Path, kind: Kind, known: Collection[str] | None) -> Loaded[Any]:
    path = folder / _file(kind)
    data, sha256 = read_file(path)
    network, card = loads(data, path.name, kind=kind, known=known)
    return Loaded(network, card, sha256)


def _maybe(folder: Path, kind: Kind, known: Collection[str] | None) -> Loaded[Any] | None:
    return _load(folder, kind, known) if (folder / _file(kind)).exists() else None
