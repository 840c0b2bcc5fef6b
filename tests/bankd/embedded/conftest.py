"""A stack of these tests' own: they kill its parts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bankd import embedded


@dataclass(frozen=True)
class Machine:
    folder: Path
    addresses: embedded.Addresses


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The whole stack as it is for real use, disk included; a test that stops a part starts it again."""
    folder = tmp_path_factory.mktemp("machine")
    try:
        yield Machine(folder, embedded.up(folder))
    finally:
        embedded.down(folder)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data folder of this test; whatever is started there is stopped."""
    found = tmp_path / "data"
    yield found
    embedded.down(found)


@pytest.fixture(scope="session")
def part_of() -> Callable[[Path, str], embedded.ServiceStatus]:
    """The status of one part."""
    return lambda folder, name: next(part for part in embedded.status(folder) if part.name == name)
