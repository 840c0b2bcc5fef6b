"""Datasets turned into folders that can be ingested, in the house's categories, with the rights they state.

A dataset that says nothing of a photo's license gets no rights for it: the photo
is quarantined until a person states them.
"""

import glob
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bankd.catalog.taxonomy import Taxonomy
from bankd.ingestion.errors import DatasetUnusable
from bankd.licensing import creative_commons
from bankd.licensing.creative_commons import PublicLicense
from bankd.licensing.rights_entries import WILDCARDS
from synth.datasets.conversion import Conversion, Find, Step, Unmapped, convert, house_names
from synth.datasets.journal import Taken
from synth.datasets.readers import READERS, open_dataset
from synth.datasets.sample import Dataset, DatasetError

NAMES = tuple(READERS)
RIGHTS = "rights.yaml"


@dataclass(frozen=True)
class Converted:
    """What became of a dataset. `known`: those of `taken` that an earlier run had taken."""

    dataset: str
    photos: int
    taken: int
    known: int
    refused: tuple[tuple[str, str], ...]  # name and sentence
    mapped_classes: int
    unmapped: tuple[Unmapped, ...]
    licensed: dict[str, int]  # photos by the license that is granted here
    unlicensed: dict[str, int]  # photos by the license of which no grant is known, `none` among them
    rights: Path | None
    notes: tuple[str, ...]


def convert_dataset(
    name: str,
    source: Path,
    out: Path,
    *,
    taxonomy: Taxonomy,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Converted:
    """Write what a dataset holds into the folder `out`; what is there already stays.

    `progress` hears after each photo how many were taken and refused so far.

    Raises:
        DatasetUnusable: the dataset as a whole cannot be read, or `out` is not for it.
    """
    if out.resolve().is_relative_to(source.resolve()):
        raise DatasetUnusable(f"`{out}` lies inside of `{source}`: name a folder outside of it")
    find = _finder(taxonomy)
    counts = Counter[bool]()

    def step(one: Step) -> None:
        counts[one.state == "refused"] += 1
        progress(counts[False], counts[True])

    try:
        dataset = open_dataset(name, source)
        done = convert(dataset, out, find=find, step=step)
    except DatasetError as error:
        raise DatasetUnusable(str(error)) from error
    except OSError as error:
        raise DatasetUnusable(
            f"`{error.filename or out}` cannot be written or read: {error.strerror}"
        ) from error
    house = house_names(dataset.classes, find)
    persons = {number for number, called in house.items() if called in _person_names(taxonomy)}
    return _converted(dataset, done, out, persons, house)


def rights_yaml(dataset: str, taken: Sequence[Taken], *, persons: set[int]) -> str | None:
    """The rights file of those photos whose license is known here and was seen on a known day; None if none.

    Each photo has a license of its own: its author gave it, may end it, and is owed its credit.
    `persons` are the dataset's ids of people: a photo that is labelled with one shows them.
    """
    granted = [(one, known) for one in taken if (known := _grant(one)) is not None]
    if not granted:
        return None
    return "".join(f"{line}\n" for line in _lines(dataset, granted, persons))


def _lines(dataset: str, granted: list[tuple[Taken, PublicLicense]], persons: set[int]) -> Iterator[str]:
    yield f"# The license of each photo as {dataset} states it. Nobody has asked the people and owners shown."
    yield "version: 1"
    authors = f"Authors of photos in {dataset}, who are not named"
    yield f"licensors: [{{ref: {dataset}, name: {_text(authors)}}}]"
    yield "licenses:"
    refs = [_ref(dataset, one.name) for one, _ in granted]
    for ref, (one, known) in zip(refs, granted, strict=True):
        assert one.license is not None and one.license.since is not None
        title = f"{one.name}, {one.license.name} ({one.license.url})"
        credit = f"{one.license.credit}, {_called(known)}, {one.license.url}"
        yield (
            f"  - {{ref: {ref}, licensor: {dataset}, basis: licensed, spdx: {known.spdx},"
            f" starts_on: {one.license.since}, title: {_text(title)}, credit: {{text: {_text(credit)}}}}}"
        )
    yield "photos:"
    for ref, (one, _) in zip(refs, granted, strict=True):
        seen = "persons: true, " if persons & one.pixels.keys() else ""
        name = glob.escape(one.name) if WILDCARDS & set(one.name) else one.name
        yield f"  - {{files: {_text(name)}, licenses: {ref}, depictions: {{{seen}model_release: none}}}}"


def _grant(one: Taken) -> PublicLicense | None:
    if one.license is None or one.license.since is None:
        return None
    return creative_commons.at_address(one.license.url)


def _called(known: PublicLicense) -> str:
    """`CC BY-NC 2.0`, as people write `CC-BY-NC-2.0`."""
    kind, version = known.spdx.rsplit("-", 1)
    return f"{kind.replace('CC-', 'CC ', 1)} {version}"


def _ref(dataset: str, name: str) -> str:
    stem = Path(name).stem
    plain = re.fullmatch(r"[A-Za-z0-9._-]{1,60}", stem) is not None
    return f"{dataset}-{stem if plain else hashlib.sha256(name.encode()).hexdigest()[:32]}"


def _text(value: str) -> str:
    """As a JSON string, which YAML reads alike."""
    return json.dumps(value, ensure_ascii=False)


def _finder(taxonomy: Taxonomy) -> Find:
    names = {category.id: category.name for category in taxonomy.categories}

    def find(name: str) -> str | None:
        number = taxonomy.find(name)
        return None if number is None else names[number]

    return find


def _person_names(taxonomy: Taxonomy) -> set[str]:
    return {category.name for category in taxonomy.categories if category.person}


def _converted(
    dataset: Dataset, done: Conversion, out: Path, persons: set[int], house: dict[int, str | None]
) -> Converted:
    licensed: Counter[str] = Counter()
    unlicensed: Counter[str] = Counter()
    for one in done.taken:
        if (known := _grant(one)) is not None:
            licensed[known.spdx] += 1
        else:
            unlicensed[one.license.name if one.license is not None else "none"] += 1
    text = rights_yaml(dataset.name, done.taken, persons=persons)
    rights = None
    if text is not None:
        rights = out / RIGHTS
        partial = out / f".{RIGHTS}.partial"
        partial.write_text(text, encoding="utf-8")
        partial.replace(rights)
    return Converted(
        dataset=dataset.name,
        photos=len(done.taken) + len(done.refused),
        taken=len(done.taken),
        known=done.known,
        refused=tuple(done.refused),
        mapped_classes=sum(called is not None for called in house.values()),
        unmapped=tuple(done.unmapped),
        licensed=dict(licensed.most_common()),
        unlicensed=dict(unlicensed.most_common()),
        rights=rights,
        notes=dataset.notes,
    )
