"""The house taxonomy, and how datasets' classes map to it. Pure: no session, no clock."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib import resources
from typing import Any

import rfc8785
import yaml

from bankd.catalog.errors import ClassesInvalid, TaxonomyInvalid, UnknownCategories

VOID = 0
LAST_ID = 254


@dataclass(frozen=True)
class HouseCategory:
    """One category. `front_rank` orders where no depth is known: 0 back, 100 front."""

    id: int
    name: str
    ground: bool = False
    planar: bool = False
    thin: bool = False
    person: bool = False
    front_rank: int = 50


@dataclass(frozen=True)
class Taxonomy:
    """All categories at one version; `digest` is over the RFC 8785 form of everything in it."""

    version: int
    categories: tuple[HouseCategory, ...]
    by_name: Mapping[str, int]  # normalised names and aliases
    digest: str

    @property
    def thin(self) -> frozenset[int]:
        return frozenset(category.id for category in self.categories if category.thin)

    @property
    def person(self) -> frozenset[int]:
        return frozenset(category.id for category in self.categories if category.person)

    def find(self, name: str) -> int | None:
        """The id of a name or alias, whatever its case, spaces and punctuation."""
        return self.by_name.get(_normalised(name))

    def map_names(self, names: Iterable[str]) -> list[int]:
        """House ids of dataset names, in order.

        Raises:
            UnknownCategories: names all that the taxonomy lacks.
        """
        named = list(names)
        ids = [self.find(name) for name in named]
        if unknown := sorted({name for name, found in zip(named, ids, strict=True) if found is None}):
            raise UnknownCategories(unknown)
        return [found for found in ids if found is not None]

    def map_classes(self, classes: Sequence[Mapping[str, Any]]) -> dict[int, int]:
        """House id per dataset id of a `classes.json` (`[{"id": .., "name": ..}, ..]`).

        Raises:
            ClassesInvalid: not such a list, an id twice, an id outside 0 to 65535.
            UnknownCategories: names all that the taxonomy lacks.
        """
        ids, names = [], []
        for entry in classes:
            if not isinstance(entry, Mapping):
                raise ClassesInvalid("classes: every entry needs an `id` and a `name`")
            number, name = entry.get("id"), entry.get("name")
            if not isinstance(number, int) or isinstance(number, bool) or not isinstance(name, str):
                raise ClassesInvalid("classes: every entry needs a whole number `id` and a text `name`")
            if not 0 <= number <= 0xFFFF:
                raise ClassesInvalid(f"classes: id `{number}` is outside 0 to 65535")
            if number in ids:
                raise ClassesInvalid(f"classes: id `{number}` is given twice")
            ids.append(number)
            names.append(name)
        if not ids:
            raise ClassesInvalid("classes: the list is empty")
        return dict(zip(ids, self.map_names(names), strict=True))


def read_classes(content: bytes) -> list[dict[str, Any]]:
    """A `classes.json`, checked against no taxonomy yet.

    Raises:
        ClassesInvalid: no JSON list of objects.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ClassesInvalid("classes: the file is no JSON") from error
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise ClassesInvalid("classes: the file must hold a list of `{id, name}`")
    return found


def load(text: str) -> Taxonomy:
    """Read a taxonomy.

    Raises:
        TaxonomyInvalid: a field is missing or unknown, an id or name is used twice, void is not 0.
    """
    try:
        written = yaml.safe_load(text)
        entries = [
            ({field: value for field, value in entry.items() if field != "aliases"}, entry.get("aliases", []))
            for entry in written["categories"]
        ]
        categories = tuple(HouseCategory(**fields) for fields, _ in entries)
        version = int(written["version"])
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise TaxonomyInvalid(f"the taxonomy cannot be read: {error}") from error

    by_name: dict[str, int] = {}
    ids: set[int] = set()
    for category, (_, aliases) in zip(categories, entries, strict=True):
        if category.id in ids or not VOID <= category.id <= LAST_ID:
            raise TaxonomyInvalid(f"category id `{category.id}` is used twice or outside 0 to {LAST_ID}")
        ids.add(category.id)
        for name in dict.fromkeys(_normalised(str(name)) for name in (category.name, *aliases)):
            if name in by_name:
                raise TaxonomyInvalid(f"category name `{name}` is used twice")
            by_name[name] = category.id
    if by_name.get("void") != VOID:
        raise TaxonomyInvalid("category 0 must be `void`")
    content: Any = {"version": version, "categories": [asdict(c) for c in categories], "names": by_name}
    return Taxonomy(version, categories, by_name, hashlib.sha256(rfc8785.dumps(content)).hexdigest())


@cache
def house() -> Taxonomy:
    """The taxonomy that ships with this version of bankd."""
    return load(resources.files("bankd.catalog").joinpath("taxonomy.yaml").read_text(encoding="utf-8"))


def _normalised(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())
