from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from synth.cards import Card
from synth.composition.harmony import UNCHANGED
from synth.composition.ledger import compose
from synth.composition.paint import Painting, paint
from synth.layout import Layout, regions
from synth.networks import device
from synth.networks.device import OutOfMemory
from synth.networks.encoding import UnknownCategory
from synth.networks.refinement import Refinement, RefinementNetwork
from synth.networks.refiner import NetworkRefiner, NoPicture
from synth.pictures import MAX_SIDE_PX, CategoryFacts, LayoutTooLarge, Placement, Segment, masks_of
from synth.refinement import within_gate

ONE = 1 << 16
IDENTITY = (ONE, 0, 0, 0, ONE, 0)
HOUSE = {
    0: CategoryFacts(0, "void", void=True),
    1: CategoryFacts(1, "wall", planar=True, front_rank=5),
    2: CategoryFacts(2, "mug", front_rank=80),
}
CARD = Card(
    kind="refinement",
    width="small",
    categories=("mug", "void", "wall"),
    snapshot_sha256="0" * 64,
    code_version="0",
    recipe={},
)
SIZE = (60, 75)


def network(seed: int = 0) -> RefinementNetwork:
    return RefinementNetwork(3, "small", generator=torch.Generator().manual_seed(seed))


def refiner(of: RefinementNetwork | None = None, card: Card = CARD) -> NetworkRefiner:
    return NetworkRefiner(of or network(), card, HOUSE)


def painted(placed: bool = True, size: tuple[int, int] = SIZE, *, mug: bool = False) -> Painting:
    """A wall of noise with a mug in front of it that no segment covers, or one does."""
    labels = np.ones(size, np.uint8)
    labels[size[0] // 3 : size[0] // 2 + 1, size[1] // 3 : size[1] // 2 + 1] = 2
    rng = np.random.Generator(np.random.Philox(2))
    rgb = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    whole = (0, 0, size[1], size[0])
    wall = Segment(1, 1, 1, rgb, np.ones(size, bool), whole, size)
    cup = Segment(2, 2, 2, 255 - rgb, np.ones(size, bool), whole, size)
    layout = Layout(labels)
    areas = regions(layout)
    taken = [] if not placed else [1, 2] if mug else [1]
    placements = [
        Placement(r.ordinal, r.category, r.category, IDENTITY) for r in areas if r.category in taken
    ]
    segments = {1: wall, 2: cup}
    canvas = compose(layout, areas, placements, masks_of(segments), HOUSE, require_cover=False)
    return paint(canvas, labels, placements, segments, HOUSE, dict.fromkeys(segments, UNCHANGED))


def test_what_nobody_owns_is_the_networks_alone_and_the_rest_is_within_its_gate() -> None:
    painting = painted()
    made = refiner().refine(painting, seed=1, device="cpu")
    assert made.gate is not None and made.base is not None
    assert made.rgb.shape == (*SIZE, 3) and made.gate.shape == SIZE
    assert made.rgb.dtype == made.gate.dtype == made.base.dtype == np.uint8
    nobody = painting.canvas.ledger.owner < 0
    assert nobody.any() and not nobody.all()
    assert (made.gate[nobody] == 255).all() and (made.base[nobody] == 0).all()
    assert (made.gate[~nobody] < 255).all() and (made.base[~nobody] > 0).any(axis=1).all()
    assert within_gate(made.rgb, made.base, made.gate)
    assert not within_gate(255 - made.rgb, made.base, made.gate)


def test_the_same_seed_is_the_same_picture_and_another_withholds_other_pixels() -> None:
    painting, one = painted(mug=True), refiner()
    first, again = (r.refine(painting, seed=5, device="cpu") for r in (one, refiner()))
    assert first.gate is not None and again.gate is not None and first.base is not None
    assert np.array_equal(first.rgb, again.rgb) and np.array_equal(first.gate, again.gate)
    assert np.array_equal(first.rgb, one.refine(painting, seed=5, device="cpu").rgb)
    other = one.refine(painting, seed=6, device="cpu")
    assert other.base is not None
    assert np.array_equal(first.base, other.base) and not np.array_equal(first.rgb, other.rgb)


def test_a_painting_of_nothing_is_made_from_the_layout_alone() -> None:
    made = refiner().refine(painted(placed=False), seed=1, device="cpu")
    assert made.gate is not None and (made.gate == 255).all()
    assert np.array_equal(made.rgb, refiner().refine(painted(placed=False), seed=2, device="cpu").rgb)


def test_a_shut_gate_leaves_the_base_to_the_bit() -> None:
    of = network()
    with torch.no_grad():
        of.paint.bias[3] = -200
    painting = painted()
    made = refiner(of).refine(painting, seed=1, device="cpu")
    assert made.gate is not None and made.base is not None
    owned = painting.canvas.ledger.owner >= 0
    assert (made.gate[owned] <= 1).all()
    assert np.array_equal(made.rgb[owned & (made.gate == 0)], made.base[owned & (made.gate == 0)])
    assert np.abs(made.rgb[owned].astype(int) - made.base[owned]).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (33, 31), (64, 64)])
def test_any_size_is_refined(size: tuple[int, int]) -> None:
    assert refiner().refine(painted(size=size), seed=1, device="cpu").rgb.shape == (*size, 3)


def test_channels_follow_the_checkpoint_and_not_the_houses_ids() -> None:
    seen: list[Tensor] = []

    class Watched(RefinementNetwork):
        def forward(self, layout: Tensor, canvas: Tensor, valid: Tensor, base: Tensor) -> Refinement:
            seen.append(layout)
            return super().forward(layout, canvas, valid, base)

    painting = painted()
    refiner(Watched(3)).refine(painting, seed=1, device="cpu")
    channel = seen[0][0].argmax(0).numpy()
    assert (channel[painting.labels == 1] == 2).all() and (channel[painting.labels == 2] == 0).all()


def test_a_category_the_network_was_never_shown_is_named() -> None:
    card = CARD.model_copy(update={"categories": ("void", "wall", "lamp")})
    with pytest.raises(UnknownCategory, match=r"the network knows no category `mug`"):
        refiner(card=card).refine(painted(), seed=1, device="cpu")


def test_a_frame_over_the_limit_is_refused() -> None:
    painting = painted()
    wide = Painting(
        painting.canvas,
        painting.placements,
        np.ones((1, MAX_SIDE_PX + 1), np.uint8),
        painting.colors,
        painting.layer,
    )
    with pytest.raises(LayoutTooLarge):
        refiner().refine(wide, seed=1, device="cpu")


def test_a_frame_that_does_not_fit_is_refused_before_the_work_and_the_size_that_fits_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    per_px = network().bytes_per_px
    monkeypatch.setattr(device, "free_bytes", lambda _: int(40 * 50 * per_px / 0.9) + 1)
    with pytest.raises(
        OutOfMemory, match=r"`75x60` px do not fit into the memory of `cpu`; at most `32x32` px fit"
    ):
        refiner().refine(painted(), seed=1, device="cpu")
    assert refiner().refine(painted(size=(32, 32)), seed=1, device="cpu").rgb.shape == (32, 32, 3)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_running_out_of_memory_midway_is_said_in_the_same_words(error: RuntimeError) -> None:
    class Full(RefinementNetwork):
        def forward(self, layout: Tensor, canvas: Tensor, valid: Tensor, base: Tensor) -> Refinement:
            raise error

    with pytest.raises(OutOfMemory, match=r"`75x60` px do not fit into the memory of `cpu`"):
        refiner(Full(3)).refine(painted(), seed=1, device="cpu")


def test_other_failures_keep_their_own_words() -> None:
    class Broken(RefinementNetwork):
        def forward(self, layout: Tensor, canvas: Tensor, valid: Tensor, base: Tensor) -> Refinement:
            raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match=r"^something else$"):
        refiner(Broken(3)).refine(painted(), seed=1, device="cpu")


def test_free_memory_is_bounded_by_the_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    4000 kB\n")
    monkeypatch.setattr(device, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(device, "_CGROUP", tmp_path)
    assert device.free_bytes("cpu") == 4000 * 1024
    (tmp_path / "memory.max").write_text("3000\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert device.free_bytes("cpu") == 2000
    (tmp_path / "memory.max").write_text("max\n")
    assert device.free_bytes("cpu") == 4000 * 1024
    (tmp_path / "meminfo").unlink()
    assert device.free_bytes("cpu") is None


@pytest.mark.parametrize(
    ("size", "free_px", "fits"),
    [
        ((1024, 2048), 1024 * 2048, (1024, 2048)),
        ((1024, 2048), 512 * 1024, (512, 1024)),
        ((64, 64), 1000, None),
    ],
)
def test_the_size_that_fits_has_the_frames_shape(
    size: tuple[int, int], free_px: int, fits: tuple[int, int] | None
) -> None:
    assert device.fitting(size, bytes_per_px=9, free=free_px * 10) == fits


def test_pixels_that_are_no_numbers_are_no_picture() -> None:
    of = network()
    with torch.no_grad():
        of.paint.bias[0] = float("nan")
    with pytest.raises(NoPicture):
        refiner(of).refine(painted(), seed=1, device="cpu")
