"""Snapshots of drawn street corners: sky, wall, floor and a mug or two, each photo with colors of its own."""

import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from synth.pictures import CategoryFacts
from synth.training.prepared import Prepared, load, prepare
from synth.training.recipe import Recipe
from synth.training.snapshot import Member, Snapshot, write

VOID, WALL, FLOOR, MUG, LAMP = 0, 11, 12, 13, 14
SIZE = (48, 64)
CATEGORIES = (
    CategoryFacts(VOID, "void", void=True, front_rank=0),
    CategoryFacts(WALL, "wall", planar=True, front_rank=5),
    CategoryFacts(FLOOR, "floor", ground=True, planar=True, front_rank=8),
    CategoryFacts(MUG, "mug", front_rank=70),
    CategoryFacts(LAMP, "lamp", front_rank=60),
    CategoryFacts(99, "unicorn", front_rank=90),
)
Members = Callable[..., list[Member]]


def labels_of(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    height, width = size
    labels = np.full(size, WALL, np.uint8)
    labels[int(rng.integers(height // 2, height - 8)) :] = FLOOR
    for thing in (LAMP, MUG, MUG):
        h, w = int(rng.integers(10, 20)), int(rng.integers(8, 18))
        y, x = int(rng.integers(4, height - h)), int(rng.integers(0, width - w))
        labels[y : y + h, x : x + w] = thing
    return labels


def painted(rng: np.random.Generator, labels: np.ndarray) -> np.ndarray:
    shades = rng.integers(30, 226, (256, 3))
    noise = rng.integers(-25, 26, (*labels.shape, 1))
    return np.clip(shades[labels] + noise, 0, 255).astype(np.uint8)


def _png(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG")
    return out.getvalue()


def draw_members(count: int = 10, *, depth: bool = False, size: tuple[int, int] = SIZE) -> list[Member]:
    """Every other photo follows the one before it in its group; groups of five."""
    members = []
    for at in range(count):
        rng = np.random.Generator(np.random.Philox(at))
        labels = labels_of(rng, size)
        depths = None
        if depth:  # what reaches further down the frame is nearer
            rows = np.arange(size[0], 0, -1, dtype=np.uint16)[:, None]
            depths = np.broadcast_to(1000 + 50 * rows, size).astype(np.uint16)
        members.append(
            Member(
                name=f"photo-{at:02}",
                group=f"walk-{at // 5}",
                number=10 * at,
                photo=_png(painted(rng, labels)),
                labels=labels,
                profile_sha256=hashlib.sha256(b"profile").hexdigest(),
                depth_mm=depths,
            )
        )
    return members


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for one another are slow where cores are shared, and the networks here are tiny."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def members() -> Members:
    return draw_members


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return write(tmp_path_factory.mktemp("snapshot"), draw_members(), CATEGORIES)


@pytest.fixture(scope="session")
def deep_snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return write(tmp_path_factory.mktemp("deep"), draw_members(depth=True), CATEGORIES)


@pytest.fixture(scope="session")
def prepared_folder(snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    prepare(snapshot, folder, size=SIZE, frame="scene", neighbor_margin=10)
    return folder


@pytest.fixture(scope="session")
def prepared(prepared_folder: Path) -> Prepared:
    return load(prepared_folder)


@pytest.fixture(scope="session")
def png() -> Callable[[np.ndarray], bytes]:
    return _png


@pytest.fixture
def categories() -> tuple[CategoryFacts, ...]:
    return CATEGORIES


@pytest.fixture
def recipe() -> Callable[..., Recipe]:
    def make(**changes: object) -> Recipe:
        few = {
            "kind": "refinement",
            "height_px": SIZE[0],
            "width_px": SIZE[1],
            "steps": 6,
            "warm_up": 2,
            "canvas": {"neighbor_margin": 10},
            "loss": {"features": "none"},
            "shift": {"measured": 12, "least_share": 0.01},
        }
        return Recipe.model_validate({**few, **changes})

    return make


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"
