"""From a dataset to the folder form, photo by photo, so that it can be stopped and taken up again.

    photos/, labels/, instances/, depth/   maps beside their photo, by its stem, with the dataset's ids
    classes.json                           the house's name for each id, and the dataset's as `called`
    photos.csv                             split, group and number of each photo, and its license

What was done is in a journal in the folder; its lines are written after the files they tell of.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from synth.datasets import pixels
from synth.datasets.journal import Journal, Taken
from synth.datasets.sample import Dataset, DatasetClass, Parts, Sample, SampleRefused
from synth.datasets.tree import is_safe

VOID = "void"
NAME_MOST = 200
MAPS = ("labels", "instances", "depth")

Find = Callable[[str], str | None]
"""The house's name of a category by a name or alias, None where it knows none."""


@dataclass(frozen=True)
class Step:
    """What became of one photo; `why` where it was refused."""

    name: str
    state: Literal["taken", "known", "refused"]
    why: str | None = None


@dataclass(frozen=True)
class Unmapped:
    """A class that the house has no category for: its pixels became void."""

    name: str
    pixels: int
    photos: int


@dataclass
class Conversion:
    """`known` of the taken were there from an earlier run; `refused` are (name, sentence)."""

    taken: list[Taken] = field(default_factory=list)
    known: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)
    unmapped: list[Unmapped] = field(default_factory=list)


def house_names(classes: tuple[DatasetClass, ...], find: Find) -> dict[int, str | None]:
    """The house's category name of each id; None where it has none for that class."""
    return {one.id: find(one.name if one.house is None else one.house) for one in classes}


def convert(
    dataset: Dataset, out: Path, *, find: Find, step: Callable[[Step], None] = lambda _: None
) -> Conversion:
    """Write every photo that can be taken and is not there yet, then the lists.

    Raises:
        DatasetError: `out` holds something else, or another conversion is writing to it.
    """
    house = house_names(dataset.classes, find)
    done = Conversion()
    with Journal(out, dataset) as journal:
        stems: dict[str, str] = {}
        for sample in dataset.photos:
            try:
                _check_name(sample.name, stems)
                known = journal.earlier.get(sample.name)
                taken = known or _take(sample, out, house, dataset.name)
            except SampleRefused as error:
                done.refused.append((sample.name, str(error)))
                step(Step(sample.name, "refused", str(error)))
                continue
            if known is None:
                journal.append(taken)
            stems[Path(sample.name).stem] = sample.name
            done.taken.append(taken)
            done.known += known is not None
            step(Step(sample.name, "taken" if known is None else "known"))
        done.unmapped = _unmapped(dataset.classes, house, done.taken)
        if done.taken:
            _replace(out / "photos.csv", _photos_csv(done.taken))
            _replace(out / "classes.json", _classes_json(dataset.classes, house))
    return done


def _take(sample: Sample, out: Path, house: Mapping[int, str | None], dataset: str) -> Taken:
    parts = sample.read()
    _check(parts, sample.name, house, dataset)
    stem = Path(sample.name).stem
    maps = {"labels": parts.labels, "instances": parts.instances, "depth": parts.depth_mm}
    for kind in MAPS:
        found = maps[kind]
        if found is None:
            (out / kind / f"{stem}.png").unlink(missing_ok=True)
            continue
        narrow = kind != "depth" and int(found.max(initial=0)) < 256
        _replace(out / kind / f"{stem}.png", pixels.png(found.astype(np.uint8) if narrow else found))
    _replace(out / "photos" / sample.name, parts.photo)  # last: what is there has its maps
    ids, counts = np.unique(parts.labels, return_counts=True)
    held = dict(zip(ids.tolist(), counts.tolist(), strict=True))
    return Taken(sample.name, sample.split, sample.group, sample.number, held, sample.license)


def _check(parts: Parts, name: str, house: Mapping[int, str | None], dataset: str) -> None:
    frame = pixels.upright_frame(parts.photo, name=name)
    for what, found in (
        ("label map", parts.labels),
        ("instance map", parts.instances),
        ("depth", parts.depth_mm),
    ):
        if found is not None and found.shape != frame:
            raise SampleRefused(
                f"{what} of `{name}` is {found.shape[1]} x {found.shape[0]} px,"
                f" the upright photo {frame[1]} x {frame[0]} px"
            )
    ids = np.unique(parts.labels).tolist()
    if unknown := [number for number in ids if number not in house]:
        shown = ", ".join(f"`{number}`" for number in unknown[:10]) + (
            " and more" if len(unknown) > 10 else ""
        )
        raise SampleRefused(f"label map of `{name}` holds ids that `{dataset}` does not name: {shown}")
    if all(house[number] in (None, VOID) for number in ids):
        raise SampleRefused(f"label map of `{name}` labels nothing that the house has a category for")


def _check_name(name: str, stems: Mapping[str, str]) -> None:
    """`stems`: the names that were taken, by their stems, which maps are named by."""
    plain = is_safe(name) and name.isprintable() and "/" not in name and not name.startswith(".")
    if not plain or len(name) > NAME_MOST:
        raise SampleRefused(f"`{name}` is no plain file name of 1 to {NAME_MOST} characters")
    other = stems.get(Path(name).stem)
    if other == name:
        raise SampleRefused(f"`{name}` is in the dataset twice: give each photo its own name")
    if other is not None:
        raise SampleRefused(f"`{name}` and `{other}` have the same stem: rename one")


def _unmapped(
    classes: tuple[DatasetClass, ...], house: Mapping[int, str | None], taken: list[Taken]
) -> list[Unmapped]:
    area: Counter[int] = Counter()
    photos: Counter[int] = Counter()
    for one in taken:
        for number, count in one.pixels.items():
            if house.get(number) is None:
                area[number] += count
                photos[number] += 1
    names = {one.id: one.name for one in classes}
    return [Unmapped(names.get(n, str(n)), count, photos[n]) for n, count in area.most_common()]


def _classes_json(classes: tuple[DatasetClass, ...], house: Mapping[int, str | None]) -> bytes:
    rows = [
        json.dumps({"id": one.id, "name": house[one.id] or VOID, "called": one.name}, ensure_ascii=False)
        for one in classes
    ]
    return ("[\n " + ",\n ".join(rows) + "\n]\n").encode()


def _photos_csv(taken: list[Taken]) -> bytes:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(["file", "split", "group", "number", "license", "license_url"])
    for one in taken:
        stated = ("", "") if one.license is None else (one.license.name, one.license.url)
        rows.writerow([one.name, one.split, one.group, one.number, *stated])
    return out.getvalue().encode()


def _replace(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    partial.replace(path)
