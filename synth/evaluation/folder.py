"""Pictures to be measured, as files, so that making and measuring are two steps.

index.json               version, categories [{id, name}], layouts [{name, scene}], bank [names]
real/NAME.png            the photos whose layouts are asked for
layouts/NAME.png         their label maps, house ids
bank/NAME.png            the bank's photos
segmenters/*.safetensors
systems/SYSTEM/NAME.png  one picture per layout; NAME.1.png and on: further variations
systems/SYSTEM/NAME.npz  what its ledger says, where the system has one
networks/NAME.json       the card of each network that had a part, where there is any
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from pydantic import ValidationError

from synth.cards import Card
from synth.evaluation.pictures import EvaluationError, LabelledPhoto, System, Trace
from synth.evaluation.segmenter import Judge, load, save
from synth.pictures import Rgb

VERSION = 1


@dataclass(frozen=True, eq=False)
class Folder:
    """All of it, read. `bank` photos carry no label map worth looking at."""

    categories: Mapping[int, str]
    real: list[LabelledPhoto]
    bank: list[LabelledPhoto]
    systems: list[System]
    judges: list[Judge]
    networks: Mapping[str, Card]


def write_photos(
    folder: Path,
    real: Sequence[LabelledPhoto],
    bank: Sequence[LabelledPhoto],
    categories: Mapping[int, str],
    judges: Sequence[Judge] = (),
) -> None:
    """Start a folder: what every system is measured against. What an earlier start left goes."""
    for left in ("real", "layouts", "bank", "segmenters", "systems", "networks"):
        shutil.rmtree(folder / left, ignore_errors=True)
    for photo in real:
        _write_png(folder / "real" / f"{photo.name}.png", photo.rgb)
        _write_png(folder / "layouts" / f"{photo.name}.png", photo.labels)
    for photo in bank:
        _write_png(folder / "bank" / f"{photo.name}.png", photo.rgb)
    (folder / "segmenters").mkdir(parents=True, exist_ok=True)
    for judge in judges:
        save(folder / "segmenters" / f"{judge.training.seed}.safetensors", judge)
    index = {
        "version": VERSION,
        "categories": [{"id": number, "name": name} for number, name in sorted(categories.items())],
        "layouts": [{"name": photo.name, "scene": photo.scene} for photo in real],
        "bank": [photo.name for photo in bank],
    }
    (folder / "index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")


def write_network(folder: Path, name: str, card: Card) -> None:
    """Say what a network that has a part in the pictures was trained on, and what its training measured."""
    path = folder / "networks" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(card.model_dump_json(indent=1) + "\n", encoding="utf-8")


def write_picture(
    folder: Path, system: str, name: str, rgb: Rgb, trace: Trace | None = None, *, variation: int = 0
) -> None:
    """Add one picture of a system; a further variation of it needs no trace."""
    place = folder / "systems" / system
    _write_png(place / (f"{name}.{variation}.png" if variation else f"{name}.png"), rgb)
    if trace is not None and not variation:
        arrays: dict[str, NDArray[Any]] = {"owner": trace.owner, "kind": trace.kind}
        if trace.gate is not None:
            arrays["gate"] = trace.gate
        if trace.shown is not None:
            arrays["shown"] = trace.shown
        arrays["seconds"] = np.array(list(trace.seconds.values()), dtype=np.float64)
        arrays["memory"] = np.array([trace.memory.get(stage, -1) for stage in trace.seconds], dtype=np.int64)
        arrays["stages"] = np.array(list(trace.seconds), dtype=np.str_)
        arrays["photos"] = np.array(trace.photos, dtype=np.str_)
        np.savez_compressed(place / f"{name}.npz", allow_pickle=False, **arrays)


def read(folder: Path) -> Folder:
    """Read what was written, from whoever wrote it.

    Raises:
        EvaluationError: a file is missing or is not what it should be; the file is named.
    """
    try:
        index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
        if index["version"] != VERSION:
            raise EvaluationError(f"`{folder}` was written by another version")
        categories = {int(entry["id"]): str(entry["name"]) for entry in index["categories"]}
        named = [(_plain(entry["name"]), str(entry["scene"])) for entry in index["layouts"]]
        bank_names = [_plain(name) for name in index["bank"]]
    except OSError as error:
        raise EvaluationError(f"`{folder}` holds no index.json") from error
    except (ValueError, KeyError, TypeError) as error:
        raise EvaluationError(f"`{folder}`: index.json is not what it should be") from error
    real = [
        LabelledPhoto(
            name,
            scene,
            _read_png(folder / "real" / f"{name}.png", 3),
            _read_png(folder / "layouts" / f"{name}.png", 2),
        )
        for name, scene in named
    ]
    unknown = np.zeros((1, 1), np.uint8)
    bank = [
        LabelledPhoto(name, "", _read_png(folder / "bank" / f"{name}.png", 3), unknown) for name in bank_names
    ]
    places = sorted(place for place in (folder / "systems").glob("*") if place.is_dir())
    judges = [load(path) for path in sorted((folder / "segmenters").glob("*.safetensors"))]
    names = [name for name, _ in named]
    networks = {path.stem: _card(path) for path in sorted((folder / "networks").glob("*.json"))}
    return Folder(categories, real, bank, [_system(place, names) for place in places], judges, networks)


def _card(path: Path) -> Card:
    try:
        return Card.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise EvaluationError(f"`{path}` holds no card of a network") from error


def _system(place: Path, names: Sequence[str]) -> System:
    pictures = [_read_png(place / f"{name}.png", 3) for name in names]
    traces = [_trace(place / f"{name}.npz") for name in names if (place / f"{name}.npz").is_file()]
    variations: list[list[Rgb]] = []
    for name in names:
        further: list[Rgb] = []
        while (path := place / f"{name}.{len(further) + 1}.png").is_file():
            further.append(_read_png(path, 3))
        variations.append(further)
    return System(place.name, pictures, traces, variations if any(variations) else ())


def _trace(path: Path) -> Trace:
    try:
        with np.load(path, allow_pickle=False) as file:
            stages = file["stages"].tolist()
            held = zip(stages, file["memory"].tolist(), strict=True)
            return Trace(
                file["owner"].astype(np.int32),
                file["kind"].astype(np.uint8),
                tuple(file["photos"].tolist()),
                file["gate"].astype(np.uint8) if "gate" in file else None,
                dict(zip(stages, file["seconds"].tolist(), strict=True)),
                {stage: most for stage, most in held if most >= 0},
                file["shown"].astype(np.uint8) if "shown" in file else None,
            )
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise EvaluationError(f"`{path}` holds no ledger's trace") from error


def _plain(name: str) -> str:
    """A name that stays inside its folder."""
    if not isinstance(name, str) or not name or name != Path(name).name or name.startswith("."):
        raise ValueError(name)
    return name


def _write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _read_png(path: Path, dimensions: int) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as image:
            pixels = np.array(image.convert("RGB") if dimensions == 3 else image, dtype=np.uint8)
    except (OSError, UnidentifiedImageError) as error:
        raise EvaluationError(f"`{path}` holds no picture") from error
    if pixels.ndim != dimensions:
        raise EvaluationError(f"`{path}` holds no {'picture' if dimensions == 3 else 'label map'}")
    return pixels
