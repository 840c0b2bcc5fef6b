"""CamVid's networks: trained by the recipes beside this file where their checkpoints are absent."""

import copy
import hashlib
import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from camvid_photos import CamVid, facts

from bankd.cli.running import run_to_end
from synth.cards import Card
from synth.evaluation.pictures import EvaluationError
from synth.evaluation.systems import Networks
from synth.networks import checkpoints
from synth.networks.aligner import NetworkAligner
from synth.networks.refinement import RefinementNetwork
from synth.networks.refiner import NetworkRefiner
from synth.networks.sorter import NetworkSorter
from synth.training import recipe as recipes
from synth.training import snapshot as snapshots
from synth.training.run import CHECKPOINT

RECIPES = Path(__file__).parent / "recipes" / "camvid"
PROFILE = hashlib.sha256(b"camvid research").hexdigest()  # stands for a license that allows research alone
SEEDED = ("full", "parametric")
SHARED = ("alignment", "ordering")
OTHERWISE = ("adversarial", "overlapping")  # as `full`, but for one thing: ablations of the training


@dataclass(frozen=True)
class Workshop:
    """Where networks are and, unless `training` is None, how absent ones are made.

    `networks` holds full.safetensors, full-2.safetensors (seed 2), alignment.safetensors and the like.
    """

    networks: Path
    training: "Training | None"


@dataclass(frozen=True)
class Training:
    """`folder` gets the snapshot and a run per network, so that a run that was stopped goes on."""

    folder: Path
    camvid: CamVid
    names: tuple[str, ...]  # of the photos to learn from
    steps: int | None = None
    threads: int = 1
    device: str = "cpu"


@dataclass
class Found:
    """The checkpoints that there are, by name."""

    files: dict[str, Path] = field(default_factory=dict)

    def cards(self) -> Mapping[str, Card]:
        known = {category.name for category in facts().values()}
        return {
            name: checkpoints.load(path, kind=_kind(name), known=known)[1]
            for name, path in self.files.items()
        }


def find(workshop: Workshop, *, seeds: tuple[int, ...], otherwise: tuple[str, ...] = ()) -> Found:
    """Every checkpoint that is wanted, trained where it is absent and training is allowed; and further seeds
    that are there. `otherwise` are those of `OTHERWISE` that are wanted too.

    Raises:
        EvaluationError: a training was stopped before its end; the same command goes on.
    """
    wanted = [named(name, seed) for seed in seeds for name in SEEDED] + [*SHARED, *otherwise]
    found = Found()
    for name in wanted:
        path = workshop.networks / f"{name}.safetensors"
        if not path.is_file():
            if workshop.training is None:
                print(f"no `{path}`: what it is for is left out")
                continue
            _train(name, path, workshop.training)
        found.files[name] = path
    for role in SEEDED:
        for path in sorted(workshop.networks.glob(f"{role}-*.safetensors")):
            found.files.setdefault(path.stem, path)
    return found


def named(role: str, seed: int) -> str:
    return role if seed == 1 else f"{role}-{seed}"


def networks(found: Found, *, device: str) -> Networks:
    """Ready to make pictures.

    Raises:
        CheckpointRefused: a file is no network of this kind and taxonomy.
    """
    categories = facts()
    known = {category.name for category in categories.values()}
    by_role: dict[str, dict[int, NetworkRefiner]] = {role: {} for role in (*SEEDED, *OTHERWISE)}
    gateless = None
    for name, path in found.files.items():
        role, _, seed = name.partition("-")
        if role in by_role:
            network, card = checkpoints.load(path, kind="refinement", known=known)
            by_role[role][int(seed or 1)] = NetworkRefiner(network, card, categories)
            if name == "full" and network.gated:
                gateless = NetworkRefiner(_open(network), card, categories)
    aligner, sorter = None, None
    if (path := found.files.get("alignment")) is not None:
        transformation, card = checkpoints.load(path, kind="transformation", known=known)
        aligner = NetworkAligner(transformation, card, categories, device=device)
    if (path := found.files.get("ordering")) is not None:
        ordering, card = checkpoints.load(path, kind="ordering", known=known)
        sorter = NetworkSorter(ordering, card, categories, device=device)
    otherwise = {role: by_role[role][1] for role in OTHERWISE if by_role[role]}
    return Networks(by_role["full"], by_role["parametric"], gateless, aligner, sorter, otherwise)


def write_snapshot(folder: Path, camvid: CamVid, names: tuple[str, ...]) -> snapshots.Snapshot:
    """Photos as they are, at their own size, under a profile for research alone."""
    members = [camvid.member(name, PROFILE) for name in names]
    shown = {*camvid.categories, 0}
    return snapshots.write(folder, members, [one for number, one in facts().items() if number in shown])


def _train(name: str, target: Path, training: Training) -> None:
    role, _, seed = name.partition("-")
    recipe = recipes.read(RECIPES / f"{role}.json")
    recipe = recipe.model_copy(
        update={"seed": int(seed or recipe.seed), "steps": training.steps or recipe.steps}
    )
    place = training.folder / "snapshot"
    if not (place / snapshots.NAME).is_file():
        write_snapshot(place, training.camvid, training.names)
    snapshot = snapshots.read(place)
    run = training.folder / name
    run.mkdir(parents=True, exist_ok=True)
    (run / "recipe.json").write_text(json.dumps(recipe.model_dump(mode="json"), indent=1) + "\n")
    print(f"training `{name}`: {recipe.steps} steps; stopped, the same command goes on", flush=True)
    words = [sys.executable, "-m", "synth.training", str(run / "recipe.json"), str(place), str(run)]
    words += ["--pinned", snapshot.digest, "--workers", "1", "--threads", str(training.threads)]
    status = run_to_end([*words, "--device", training.device])
    checkpoint = run / CHECKPOINT
    if status or not checkpoint.is_file():
        raise EvaluationError(
            f"training `{name}` ended with status `{status}`; `{run}` holds what was learned"
        )
    _, card = checkpoints.load(checkpoint, kind=_kind(name))
    if card.metrics.get("step") != recipe.steps:
        raise EvaluationError(f"training `{name}` was stopped at step `{card.metrics.get('step', 0):.0f}`")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(checkpoint, target)


def _kind(name: str) -> recipes.Kind:
    role = name.partition("-")[0]
    return "transformation" if role == "alignment" else "ordering" if role == "ordering" else "refinement"


def _open(network: RefinementNetwork) -> RefinementNetwork:
    """The same network with its gate open everywhere: it redraws every pixel."""
    opened = copy.deepcopy(network)
    assert opened.paint.bias is not None
    with torch.no_grad():
        opened.paint.bias[3:] = 1e3
    return opened
