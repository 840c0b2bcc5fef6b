"""One installation for all tests of the commands, with its workers, and a small bank in it."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from bankd import config, installation
from bankd.audit.actor import Actor
from bankd.cli import main
from bankd.runtime import Runtime

WALL, FLOOR, MUG = 1, 2, 3
CLASSES = [{"id": WALL, "name": "wall"}, {"id": FLOOR, "name": "floor"}, {"id": MUG, "name": "mug"}]
HEIGHT, WIDTH = 96, 128

TERMS = (
    "{territories: [WORLD], channels: [web], purposes: [PURPOSE], sectors: [any], ends_on: null,"
    " audiences: [public, internal], alterations: [crop, flip, recolor, retouch, combine],"
    " generative: true, starts_on: 2020-01-01}"
)
NOBODY = "{persons: false, model_release: not-needed, property_release: not-needed}"


def rights(licenses: dict[str, str], photos: dict[str, str], *, more: str = "") -> str:
    """A rights file: purpose by license, license by pattern; `more` goes into every license."""
    lines = ["version: 1", "licensors:", "  - {ref: studio, name: Studio North}", "licenses:"]
    for ref, purpose in licenses.items():
        lines += [
            f"  - ref: {ref}",
            "    licensor: studio",
            f"    title: Pictures {ref}",
            "    basis: licensed",
        ]
        lines += [more] if more else []
        lines += ["    grants:", "      - ref: web", f"        terms: {TERMS.replace('PURPOSE', purpose)}"]
    lines += ["photos:"] if photos else []
    for pattern, ref in photos.items():
        lines += [f'  - files: "{pattern}"', f"    licenses: [{ref}]", f"    depictions: {NOBODY}"]
    return "\n".join(lines) + "\n"


RIGHTS = rights(
    {"L-shop": "commercial", "L-press": "editorial"},
    {"shop-*": "L-shop", "torn*": "L-shop", "unlabelled*": "L-shop", "press-*": "L-press"},
)


def labels(shift: int = 0) -> np.ndarray[Any, Any]:
    ids = np.full((HEIGHT, WIDTH), WALL, dtype=np.uint8)
    ids[60:] = FLOOR
    ids[44:66, 40 + shift : 64 + shift] = MUG
    return ids


def picture(ids: np.ndarray[Any, Any], *, seed: int) -> np.ndarray[Any, Any]:
    rng = np.random.Generator(np.random.Philox(seed))
    colors = np.array([(0, 0, 0), (205, 196, 180), (120, 92, 64), (40, 84, 160)], dtype=np.float64)
    noisy: np.ndarray[Any, Any] = colors[ids] + rng.normal(0, 6, (*ids.shape, 3)) + 4 * seed
    return noisy.clip(0, 255).astype(np.uint8)


def png(pixels: np.ndarray[Any, Any]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@dataclass
class Commands:
    """`bankd ...` as a person types it, in one home."""

    home: Path

    def run(self, *words: object, status: int = 0) -> Result:
        """Run a command that must end with this status, and without a fault of ours."""
        result = CliRunner().invoke(main, [str(word) for word in words], env={"BANKD_HOME": str(self.home)})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == status, result.output
        return result

    def said(self, *words: object) -> Any:
        return json.loads(self.run(*words, "--json").stdout)

    def refused(self, *words: object) -> str:
        """The sentence that a person gets instead."""
        result = self.run(*words, status=2)
        assert result.stderr.startswith("error: ")
        return result.stderr.removeprefix("error: ").strip()


@pytest.fixture(scope="session")
def bankd(swift: Callable[[str], Path]) -> Iterator[Commands]:
    commands = Commands(swift("home"))
    runtime = Runtime(config.load({"BANKD_HOME": str(commands.home)}), Actor("user", "tests"))
    try:
        installation.up(runtime, durability=False)
        yield commands
    finally:
        runtime.engine.dispose()
        commands.run("down")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Commands:
    """A home in which nothing was ever started."""
    return Commands(tmp_path / "nowhere")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos as a librarian hands them over: seven good ones, one torn, one without its label map."""
    root = tmp_path_factory.mktemp("photos") / "shelf"
    for name in ("photos", "labels"):
        (root / name).mkdir(parents=True)
    names = ["shop-0", "shop-1", "shop-2", "shop-3", "press-0", "press-1", "stray"]
    for number, name in enumerate(names):
        ids = labels(shift=3 * number)
        (root / "photos" / f"{name}.png").write_bytes(png(picture(ids, seed=number)))
        (root / "labels" / f"{name}.png").write_bytes(png(ids))
    (root / "photos" / "torn.png").write_bytes(png(picture(labels(), seed=8))[:200])
    (root / "labels" / "torn.png").write_bytes(png(labels()))
    (root / "photos" / "unlabelled.png").write_bytes(png(picture(labels(), seed=9)))
    (root / "classes.json").write_text(json.dumps(CLASSES))
    (root / "rights.yaml").write_text(RIGHTS)
    return root


@pytest.fixture(scope="session")
def ingested(bankd: Commands, folder: Path) -> Any:
    """What ingesting the folder said."""
    return bankd.said("photos", "ingest", folder, "--rights", folder / "rights.yaml")


@pytest.fixture(scope="session")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A layout with its classes in the folder above it."""
    root = tmp_path_factory.mktemp("layouts")
    (root / "labels").mkdir()
    (root / "classes.json").write_text(json.dumps(CLASSES))
    path = root / "labels" / "shelf.png"
    path.write_bytes(png(labels(shift=5)))
    return path


def ask(layout: Path, *, purpose: str = "commercial", channel: str = "web", **more: object) -> list[object]:
    words: list[object] = ["requests", "create", layout, "--purpose", purpose, "--channel", channel]
    words += ["--territory", "JP", "--from", "2026-01-01", "--to", "2026-12-31", "--audience", "public"]
    for name, value in more.items():
        words += [f"--{name.replace('_', '-')}", value]
    return words


@pytest.fixture(scope="session")
def sealed(bankd: Commands, ingested: Any, layout: Path) -> Any:
    """A request that was completed."""
    return bankd.said(*ask(layout, variations=2, seed=7), "--wait")


@pytest.fixture(scope="session")
def composite(sealed: Any) -> str:
    return str(sealed["variations"][0]["composite_id"])
