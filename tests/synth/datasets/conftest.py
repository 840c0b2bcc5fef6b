"""Conversions into a folder of the test's own, with a small house."""

from collections.abc import Callable
from pathlib import Path

import pytest

from synth.datasets.conversion import Conversion, convert
from synth.datasets.readers import open_dataset

CATEGORIES = ("wall", "sky", "road", "car", "person", "sofa", "chair", "floor", "cabinet")
ALIASES = {"floor-wood": "floor", "sky-other": "sky"}
VOID = ("void", "other", "unlabelled", "unlabeled", "background")


def find(name: str) -> str | None:
    """The category of a small house."""
    name = name.lower()
    if name in VOID:
        return "void"
    return name if name in CATEGORIES else ALIASES.get(name)


@pytest.fixture
def converted(tmp_path: Path) -> Callable[..., Conversion]:
    def converted(name: str, source: Path, *, out: str = "out") -> Conversion:
        return convert(open_dataset(name, source), tmp_path / out, find=find)

    return converted
