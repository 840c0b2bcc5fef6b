"""The systems that are compared: ways to make a picture of each layout, on one bank."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from synth.evaluation import folder as folders
from synth.evaluation.pictures import EvaluationError, LabelledPhoto, Trace
from synth.evaluation.scenes import DEFAULT, Choice, Chosen, MemoryBank, without_bank
from synth.layout import Layout
from synth.pictures import CanvasRule, Rgb, SynthError
from synth.pipeline import Aligner, Sorter, Uncovered
from synth.refinement import Refiner

BLEND, FULL, PARAMETRIC, EMPTY = "blend", "full", "parametric", "empty bank"
SEED = "seed "
OVERLAPPING = "overlapping"

Progress = Callable[[str, int, int], None]  # system, pictures made, of how many


@dataclass(frozen=True)
class Method:
    """How a system makes its pictures. Without a refiner it blends; without `memory` its canvas is empty."""

    name: str
    refiner: Refiner | None = None
    aligner: Aligner | None = None
    sorter: Sorter | None = None
    choice: Choice = DEFAULT
    memory: bool = True
    rule: CanvasRule = "strict"


@dataclass(frozen=True)
class Networks:
    """What was trained. Refiners by seed; with several, systems of all but the first are named after theirs.

    `gateless` is the first of `full` with its gate open everywhere. `otherwise` were trained as it was but
    for what they are named by; `overlapping` ones are for overlap canvases.
    """

    full: Mapping[int, Refiner] = field(default_factory=dict)
    parametric: Mapping[int, Refiner] = field(default_factory=dict)
    gateless: Refiner | None = None
    aligner: Aligner | None = None
    sorter: Sorter | None = None
    otherwise: Mapping[str, Refiner] = field(default_factory=dict)


def methods(networks: Networks, *, ablations: bool = False, lightings: Sequence[float] = ()) -> list[Method]:
    """Blend and full on one canvas, the parametric network and full's network on none.

    With `ablations`, also the first `full` (or blend, where nothing was trained) with one part less each, and
    both on an overlap canvas, where the order decides most.
    With `lightings`, blend with each of these weights of light when sources are chosen.
    """
    blend = Method(BLEND, aligner=networks.aligner, sorter=networks.sorter)
    found = [blend]
    for at, (seed, refiner) in enumerate(sorted(networks.full.items())):
        found.append(replace(blend, name=of_seed(FULL, seed, first=at == 0), refiner=refiner))
        found.append(Method(of_seed(EMPTY, seed, first=at == 0), refiner, memory=False))
    for at, (seed, refiner) in enumerate(sorted(networks.parametric.items())):
        found.append(Method(of_seed(PARAMETRIC, seed, first=at == 0), refiner, memory=False))
    if ablations:
        whole = next((one for one in found if one.name == FULL), blend)
        found += _ablated(whole, networks)
        found += [
            one for canvas in {BLEND: blend, whole.name: whole}.values() for one in _overlapping(canvas)
        ]
    for name, refiner in networks.otherwise.items():
        rule: CanvasRule = "overlap" if name == OVERLAPPING else "strict"
        of = f"{FULL}, overlap" if rule == "overlap" else FULL
        found.append(replace(blend, name=f"{of}, {name}", refiner=refiner, rule=rule))
    for weight in lightings:
        choice = replace(blend.choice, lighting=weight)
        found.append(replace(blend, name=f"{BLEND}, lighting {weight:g}", choice=choice))
    return found


def of_seed(system: str, seed: int, *, first: bool) -> str:
    return system if first else f"{system}, {SEED}{seed}"


def _ablated(whole: Method, networks: Networks) -> list[Method]:
    choice = whole.choice
    less = {
        "no void segments": replace(whole, choice=replace(choice, void=False)),
        "no coherence": replace(whole, choice=replace(choice, coherence=False)),
        "no harmony": replace(whole, choice=replace(choice, harmony=False)),
        "no second segments": replace(whole, choice=replace(choice, seconds=0)),
    }
    if whole.aligner is not None:
        less["moments"] = replace(whole, aligner=None)
    if whole.sorter is not None:
        less["usual order"] = replace(whole, sorter=None)
    if networks.gateless is not None:
        less["gate open"] = replace(whole, refiner=networks.gateless)
    return [replace(method, name=f"{whole.name}, {name}") for name, method in less.items()]


def _overlapping(whole: Method) -> list[Method]:
    """On an overlap canvas, and there without what was learned of order."""
    overlap = replace(whole, name=f"{whole.name}, overlap", rule="overlap")
    if whole.sorter is None:
        return [overlap]
    return [overlap, replace(overlap, name=f"{overlap.name}, usual order", sorter=None)]


def make(
    folder: Path,
    wanted: Sequence[Method],
    asked: Sequence[LabelledPhoto],
    bank: MemoryBank,
    *,
    variations: int,
    device: str = "cpu",
    progress: Progress = lambda _system, _done, _of: None,
) -> dict[str, str]:
    """Add each system's pictures of all layouts to a folder; systems that refuse one, and why, are left out.

    Raises:
        EvaluationError: a picture could not be made; system and layout are named.
    """
    chosen: dict[Choice, list[list[Chosen]]] = {}
    refused: dict[str, str] = {}
    for method in wanted:
        if method.memory and method.choice not in chosen:
            chosen[method.choice] = [
                bank.choose(Layout(photo.labels), method.choice, variations=variations) for photo in asked
            ]
        # On an empty canvas a network has one answer: further variations would be the same picture.
        count = variations if method.memory else 1
        for at, photo in enumerate(asked):
            given = chosen[method.choice][at][:count] if method.memory else [None]
            try:
                made = [
                    _made(method, photo, one, bank, seed=variation, device=device)
                    for variation, one in enumerate(given)
                ]
            except Uncovered as short:
                refused[method.name] = f"`{photo.name}`: {short}"
                shutil.rmtree(folder / "systems" / method.name, ignore_errors=True)
                break
            except SynthError as error:
                raise EvaluationError(f"{method.name} of `{photo.name}`: {error}") from error
            for variation, (rgb, trace) in enumerate(made):
                folders.write_picture(folder, method.name, photo.name, rgb, trace, variation=variation)
            progress(method.name, at + 1, len(asked))
    return refused


def _made(
    method: Method, photo: LabelledPhoto, chosen: Chosen | None, bank: MemoryBank, *, seed: int, device: str
) -> tuple[Rgb, Trace]:
    layout = Layout(photo.labels)
    if chosen is None:
        assert method.refiner is not None  # blend cannot make a picture of nothing
        return without_bank(layout, bank.categories, method.refiner, seed=seed, device=device)
    return bank.make(
        layout, chosen, refiner=method.refiner, aligner=method.aligner, sorter=method.sorter,
        rule=method.rule, seed=seed, device=device,
    )  # fmt: skip
