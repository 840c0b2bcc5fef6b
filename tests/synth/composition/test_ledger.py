import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.composition.footprints import TRIM_PX, opened, own_pixels, shade_px, trimmed, warp_mask
from synth.composition.ledger import compose, contact_px, reach_px, recompute, seam_px, thin_ids
from synth.layout import Layout, regions
from synth.pictures import (
    BadPlacement,
    CategoryFacts,
    Kind,
    LayoutTooLarge,
    Ledger,
    Placement,
    Uncovered,
    masks_of,
)

ONE = 1 << 16
IDENTITY = (ONE, 0, 0, 0, ONE, 0)
CATEGORIES = {
    0: CategoryFacts(0, "void", void=True),
    1: CategoryFacts(1, "wall", planar=True),
    2: CategoryFacts(2, "mug", front_rank=80),
    3: CategoryFacts(3, "floor", ground=True, planar=True, front_rank=8),
    4: CategoryFacts(4, "table", front_rank=30),
}
MUG = 2


def shifted(x: int, y: int) -> tuple[int, int, int, int, int, int]:
    """The crop's upper left corner at canvas point (x, y)."""
    return (ONE, 0, -x * ONE, 0, ONE, -y * ONE)


def wall_with_mug(height: int = 48, width: int = 64) -> Layout:
    labels = np.ones((height, width), np.uint8)
    labels[20:40, 20:36] = MUG
    return Layout(labels)


def made_of(layout, placements, masks, categories) -> Ledger:
    """The ledger of any placements, however little they cover."""
    areas = regions(layout, thin=thin_ids(categories))
    return compose(layout, areas, placements, masks, categories, require_cover=False).ledger


def all_of(height: int, width: int) -> np.ndarray:
    return np.ones((height, width), bool)


@st.composite
def claims(draw: st.DrawFn, areas: int, keys: list[int]) -> list[Placement]:
    """Placements such as an untrusted worker may claim: any within the bounds."""
    linear = st.integers(-3 * ONE, 3 * ONE)
    offset = st.integers(-100 * ONE, 100 * ONE)
    pairs = draw(
        st.lists(st.tuples(st.integers(0, areas - 1), st.sampled_from(keys)), unique=True, max_size=8)
    )
    count: dict[int, int] = {}
    out = []
    for region, key in pairs:
        count[region] = count.get(region, 0) + 1
        if count[region] > 3:
            continue
        affine = (draw(linear), draw(linear), draw(offset), draw(linear), draw(linear), draw(offset))
        out.append(Placement(region, key, draw(st.integers(-9, 9)), affine))
    return out


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10_000), st.data())
def test_every_pixel_is_exactly_one_kind_and_the_counts_add_up(scene, seed: int, data: st.DataObject) -> None:
    made = scene(seed)
    areas = regions(made.layout, thin=thin_ids(made.categories))
    placements = data.draw(claims(len(areas), sorted(made.segments)))

    ledger = made_of(made.layout, placements, masks_of(made.segments), made.categories)

    assert set(np.unique(ledger.kind)) <= {Kind.PLACED, Kind.FILLED, Kind.BLENDED, Kind.INPAINTED}
    assert np.array_equal(ledger.owner < 0, ledger.kind == Kind.INPAINTED)
    assert ledger.owner.max() < len(placements)
    assert ledger.counts(len(placements)).total == ledger.owner.size


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10_000), st.data())
def test_a_segment_is_never_pasted_outside_its_region(scene, seed: int, data: st.DataObject) -> None:
    made = scene(seed)
    areas = regions(made.layout, thin=thin_ids(made.categories))
    placements = data.draw(claims(len(areas), sorted(made.segments)))

    canvas = compose(
        made.layout, areas, placements, masks_of(made.segments), made.categories, require_cover=False
    )

    region_of = np.full(made.layout.frame, -1)
    for region in areas:
        region_of[region.y0 : region.y1, region.x0 : region.x1][region.mask] = region.ordinal
    category_of = np.array([r.category for r in areas])[region_of]
    for index, placement in enumerate(placements):
        mine = canvas.ledger.owner == index
        assert (region_of[mine & (canvas.source < 0)] == placement.region).all()
        # Filled pixels may lie in another region, of the same category, or in void.
        assert set(category_of[mine].tolist()) <= {areas[placement.region].category, 0}
    filled = np.flatnonzero(canvas.source >= 0)
    assert (
        canvas.ledger.owner.ravel()[filled] == canvas.ledger.owner.ravel()[canvas.source.ravel()[filled]]
    ).all()
    assert (canvas.source.ravel()[canvas.source.ravel()[filled]] < 0).all()


def test_a_fixed_input_gives_a_fixed_digest(scene) -> None:
    """Guards that a library's update or another machine moves no pixel between worker and bank."""
    made = scene(7, height=96, width=128, per_region=3)
    areas = regions(made.layout, thin=thin_ids(made.categories))
    turned = (60000, 9000, -5 * ONE, -9000, 60000, 3 * ONE)
    placements = [
        Placement(region, key, 3 * region - n, turned if n else shifted(areas[region].x0, areas[region].y0))
        for region, keys in enumerate(made.picks)
        for n, key in enumerate(keys)
    ]

    ledger = made_of(made.layout, placements, masks_of(made.segments), made.categories)

    assert {int(k) for k in np.unique(ledger.kind)} == {1, 2, 3, 4}
    assert ledger.digest() == "412215b3b82a98f399199334e68f4a3bc33237c9d5e9de74647e079d7cc7c860"


def test_the_digest_sees_owner_kind_and_shape() -> None:
    owner, kind = np.zeros((2, 3), np.int32), np.ones((2, 3), np.uint8)
    digests = {
        Ledger(owner, kind).digest(),
        Ledger(owner + 1, kind).digest(),
        Ledger(owner, kind + 1).digest(),
        Ledger(owner.reshape(3, 2), kind.reshape(3, 2)).digest(),
    }
    assert len(digests) == 4


def test_of_one_region_the_higher_rank_owns_where_both_cover() -> None:
    layout = Layout(np.ones((48, 64), np.uint8))
    masks = {10: all_of(48, 64), 11: all_of(48, 64)}
    for ranks, winner in (((0, 1), 1), ((1, 0), 0), ((5, 5), 1)):
        placements = [Placement(0, 10 + n, rank, IDENTITY) for n, rank in enumerate(ranks)]
        assert (made_of(layout, placements, masks, CATEGORIES).owner == winner).all()


def test_where_things_meet_only_a_narrow_band_blends_on_both_sides() -> None:
    layout = wall_with_mug()
    masks = {1: all_of(48, 64), 2: all_of(20, 16)}
    placements = [Placement(0, 1, 0, IDENTITY), Placement(1, 2, 1, shifted(20, 20))]

    ledger = made_of(layout, placements, masks, CATEGORIES)

    _, across = seam_px(48)
    blended = ledger.kind == Kind.BLENDED
    expected = np.zeros_like(blended)
    expected[20 - across : 40 + across, 20 - across : 36 + across] = True
    expected[20 + across : 40 - across, 20 + across : 36 - across] = False
    assert np.array_equal(blended, expected)
    assert np.array_equal(ledger.owner == 1, layout.labels == MUG)  # owners are kept


def test_two_placements_of_one_region_blend_along_their_seam() -> None:
    layout = Layout(np.ones((96, 128), np.uint8))
    masks = {1: all_of(96, 64), 2: all_of(96, 128)}
    placements = [Placement(0, 1, 1, IDENTITY), Placement(0, 2, 0, IDENTITY)]

    ledger = made_of(layout, placements, masks, CATEGORIES)

    along, _ = seam_px(96)
    columns = np.flatnonzero((ledger.kind[20:76] == Kind.BLENDED).all(axis=0))
    seam = 64 - TRIM_PX  # the front one's outermost pixels show its photo's other things
    assert columns.tolist() == list(range(seam - 1 - along, seam + 1 + along))


@pytest.mark.parametrize(
    ("support", "mug_rank", "shaded"), [(3, 1, True), (4, 1, True), (1, 1, False), (4, -1, False)]
)
def test_below_an_object_a_contact_band_lies_on_floor_or_table_and_never_on_a_wall(
    support: int, mug_rank: int, shaded: bool
) -> None:
    labels = np.full((96, 64), support, np.uint8)
    labels[20:60, 20:36] = MUG
    areas = regions(Layout(labels))
    mine = next(r.ordinal for r in areas if r.category == MUG)
    placements = [Placement(1 - mine, 1, 0, IDENTITY), Placement(mine, 2, mug_rank, shifted(20, 20))]

    ledger = made_of(Layout(labels), placements, {1: all_of(96, 64), 2: all_of(40, 16)}, CATEGORIES)

    _, across = seam_px(96)
    below = ledger.kind[60 + across : 60 + contact_px(96), 20:36]
    assert below.size > 0
    assert (below == (Kind.BLENDED if shaded else Kind.PLACED)).all()
    assert ledger.kind[60 + contact_px(96), 28] == Kind.PLACED
    assert ledger.kind[20 - across - 1, 28] == Kind.PLACED  # nothing above it
    assert (ledger.owner[60:] == 0).all()


def test_a_hole_is_filled_from_its_own_region_first() -> None:
    labels = np.ones((48, 64), np.uint8)
    labels[8:28, 4:28] = labels[8:28, 32:56] = MUG
    half = all_of(20, 24)
    half[:, 12:] = False  # the left mug's right half is missing, and the right mug is as near
    masks = {1: all_of(48, 64), 2: half, 3: all_of(20, 24)}
    placements = [
        Placement(0, 1, 0, IDENTITY),
        Placement(1, 2, 1, shifted(4, 8)),
        Placement(2, 3, 2, shifted(32, 8)),
    ]

    ledger = made_of(Layout(labels), placements, masks, CATEGORIES)

    inner = (slice(10, 26), slice(17, 26))
    assert (ledger.owner[inner] == 1).all()
    assert (ledger.kind[inner] == Kind.FILLED).all()


def test_a_region_without_a_segment_is_filled_from_its_category_within_reach_else_inpainted() -> None:
    labels = np.ones((48, 256), np.uint8)
    labels[8:28, 4:28] = labels[8:28, 32:44] = labels[8:28, 160:180] = MUG
    masks = {1: all_of(48, 256), 2: all_of(20, 24)}
    placements = [Placement(0, 1, 0, IDENTITY), Placement(1, 2, 1, shifted(4, 8))]

    ledger = made_of(Layout(labels), placements, masks, CATEGORIES)

    assert (ledger.owner[10:26, 34:42] == 1).all()
    assert reach_px(labels.shape) < 160 - 28
    assert (ledger.kind[8:28, 160:180] == Kind.INPAINTED).all()


def test_void_without_a_segment_continues_the_flat_thing_behind_not_the_object_beside() -> None:
    labels = np.ones((48, 64), np.uint8)
    labels[20:40, 20:30] = MUG
    labels[20:40, 30:40] = 0
    masks = {1: all_of(48, 64), 2: all_of(20, 10)}
    wall, mug = (Placement(1, 1, 0, IDENTITY), Placement(2, 2, 1, shifted(20, 20)))

    ledger = made_of(Layout(labels), [wall, mug], masks, CATEGORIES)

    assert (ledger.owner[20:40, 30:40] == 0).all()
    assert ledger.kind[30, 35] == Kind.FILLED


def test_crumbs_that_the_best_segment_leaves_are_not_given_to_another_photo() -> None:
    layout = Layout(np.ones((192, 192), np.uint8))
    holed = all_of(192, 192)
    holed[50, 50] = False
    holed[100:130, 100:130] = False
    placements = [Placement(0, 1, 1, IDENTITY), Placement(0, 2, 0, IDENTITY)]

    ledger = made_of(layout, placements, {1: holed, 2: all_of(192, 192)}, CATEGORIES)

    assert (ledger.owner[50, 50], ledger.kind[50, 50]) == (0, Kind.FILLED)
    assert (ledger.owner[100:130, 100:130] == 1).all()


def test_no_placement_at_all_is_all_inpainted() -> None:
    ledger = made_of(wall_with_mug(), [], {}, CATEGORIES)
    assert (ledger.kind == Kind.INPAINTED).all()
    assert ledger.counts(0).inpainted == 48 * 64


@settings(max_examples=60, deadline=None)
@given(
    st.integers(-3 * ONE, 3 * ONE).filter(bool),
    st.integers(-3 * ONE, 3 * ONE).filter(bool),
    st.integers(-20 * ONE, 20 * ONE),
    st.integers(-20 * ONE, 20 * ONE),
)
def test_upright_warps_equal_the_general_rule(a: int, e: int, c: int, f: int) -> None:
    mask = np.random.Generator(np.random.Philox(1)).random((13, 11)) < 0.5
    got = warp_mask(mask, (a, 0, c, 0, e, f), box=(-3, 2, 14, 19))
    for row, y in enumerate(range(2, 19)):
        for column, x in enumerate(range(-3, 14)):
            u = (a * (2 * x + 1) + 2 * c) // (2 * ONE)  # floor, of exact integers
            v = (e * (2 * y + 1) + 2 * f) // (2 * ONE)
            assert got[row, column] == (0 <= u < 11 and 0 <= v < 13 and mask[v, u])


def test_a_mask_loses_its_edge_and_only_a_backdrop_what_is_thin() -> None:
    mask = np.zeros((20, 30), bool)
    mask[4:16, 4:16] = True
    mask[9:11, 16:28] = True  # a spout two pixels thin
    core = np.zeros_like(mask)
    core[6:14, 6:14] = True
    with_spout = core.copy()
    with_spout[9:11, 16:28] = True
    assert np.array_equal(trimmed(mask, backdrop=False), with_spout)
    assert np.array_equal(trimmed(mask, backdrop=True), core)
    for backdrop in (False, True):  # what is thin all over stays
        assert trimmed(np.ones((1, 1), bool), backdrop=backdrop).all()
        assert trimmed(np.ones((4, 40), bool), backdrop=backdrop).all()


def test_a_segment_that_fills_the_frame_keeps_its_pixels_up_to_the_frame_s_edge() -> None:
    layout = Layout(np.ones((48, 64), np.uint8))
    ledger = made_of(layout, [Placement(0, 1, 0, IDENTITY)], {1: all_of(48, 64)}, CATEGORIES)
    assert ledger.counts(1).placed == (48 * 64,)


def test_what_bears_things_gives_up_the_shade_around_what_stood_on_it_and_a_mug_does_not() -> None:
    table = np.zeros((60, 80), bool)
    table[10:60, :] = True
    table[20:40, 30:50] = False  # where a bowl stood
    table[30:32, 70:72] = False  # a crumb casts no shade
    lost = trimmed(table, backdrop=False) & ~own_pixels(table, CATEGORIES[4], shade=8)
    expected = np.zeros_like(table)
    expected[12:48, 22:58] = True  # the edge that is trimmed anyway was none of its own
    assert np.array_equal(lost, expected & trimmed(table, backdrop=False))
    on_floor = trimmed(table, backdrop=True) & ~own_pixels(table, CATEGORIES[3], shade=8)
    assert on_floor[48:56, 22:58].all() and not on_floor[58:].any()  # further down on the ground
    assert np.array_equal(own_pixels(table, CATEGORIES[MUG], shade=8), trimmed(table, backdrop=False))


def test_a_thing_of_which_the_shade_would_leave_little_keeps_its_pixels() -> None:
    frame = np.ones((40, 40), bool)
    frame[6:34, 6:34] = False
    assert np.array_equal(own_pixels(frame, CATEGORIES[1], shade=8), trimmed(frame, backdrop=True))


def test_shade_is_counted_in_the_photo_s_own_pixels() -> None:
    assert shade_px(IDENTITY, 480) == 10
    assert shade_px((2 * ONE, 0, 0, 0, 2 * ONE, 0), 480) == 20  # a photo twice as large as the canvas
    assert shade_px((1 << 26, 0, 0, 0, 1 << 26, 0), 2048) == 2048


def test_opening_keeps_what_a_square_fits_and_squares_at_the_border() -> None:
    mask = np.zeros((20, 20), bool)
    mask[0:5, 0:5] = mask[10, :] = True
    expected = np.zeros_like(mask)
    expected[0:5, 0:5] = True
    assert np.array_equal(opened(mask, 1), expected)


def test_the_largest_layout_is_taken_and_one_pixel_more_is_refused() -> None:
    masks = {1: all_of(1, 1)}
    whole = (1, 0, 0, 0, 1, 0)  # one crop pixel over the whole canvas
    ledger = recompute(
        Layout(np.ones((1024, 2048), np.uint8)), [Placement(0, 1, 0, whole)], masks, CATEGORIES
    )
    assert ledger.counts(1).placed == (1024 * 2048,)
    for shape in ((1025, 2048), (8, 2049), (2049, 8)):
        with pytest.raises(LayoutTooLarge) as refused:
            recompute(Layout(np.ones(shape, np.uint8)), [], {}, CATEGORIES)
        assert (refused.value.height, refused.value.width) == shape


@pytest.mark.parametrize(
    "placements",
    [
        [Placement(2, 1, 0, IDENTITY)],
        [Placement(-1, 1, 0, IDENTITY)],
        [Placement(0, 9, 0, IDENTITY)],
        [Placement(0, 1, 0, (1 << 27, 0, 0, 0, ONE, 0))],
        [Placement(0, 1, 0, (ONE, 0, 1 << 62, 0, ONE, 0))],
        [Placement(0, 1, 1 << 40, IDENTITY)],
        [Placement(0, 1, 0, IDENTITY), Placement(0, 1, 1, shifted(1, 1))],
        [Placement(0, key, 0, IDENTITY) for key in (1, 2, 3, 4)],
    ],
)
def test_a_claim_that_cannot_be_is_refused(placements: list[Placement]) -> None:
    masks = {key: all_of(4, 4) for key in (1, 2, 3, 4)}
    with pytest.raises(BadPlacement):
        recompute(wall_with_mug(), placements, masks, CATEGORIES)


def test_the_bank_refuses_a_claim_that_covers_too_little_whatever_the_worker_says() -> None:
    labels = np.ones((100, 100), np.uint8)
    labels[40:80, 20:70] = MUG  # a fifth of the frame
    wall = Placement(0, 1, 0, IDENTITY)
    for covered, rows in ((False, 13), (True, 14)):  # of 40: just under a third, and over
        # The mask reaches over the region's sides: its two outermost pixels are not used.
        masks = {1: all_of(100, 100), 2: all_of(rows + 4, 70)}
        mug = Placement(1, 2, 1, shifted(10, 38))
        if covered:
            recompute(Layout(labels), [wall, mug], masks, CATEGORIES)
        else:
            with pytest.raises(Uncovered) as refused:
                recompute(Layout(labels), [wall, mug], masks, CATEGORIES)
            assert refused.value.regions == (1,)


def test_the_ledger_needs_no_torch() -> None:
    script = "import sys, synth.composition.ledger; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
