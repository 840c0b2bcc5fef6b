from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.composition import footprints
from synth.composition.ledger import recompute
from synth.layout import Layout
from synth.pictures import UNCOVERED_SHARE, CategoryFacts, Kind, LayoutTooLarge, Segment, SynthError, masks_of
from synth.pipeline import MAX_HOLE_CANDIDATES, Cancelled, Uncovered, synthesize

CATEGORIES = {1: CategoryFacts(1, "wall", planar=True), 2: CategoryFacts(2, "mug", front_rank=80)}


def flat(key: int, photo: int, category: int, mask: np.ndarray, color: int = 120) -> Segment:
    height, width = mask.shape
    rgb = np.full((height, width, 3), color, np.uint8)
    return Segment(key, photo, category, rgb, mask, (0, 0, width, height), (height, width))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["scene", "box"]), st.booleans())
def test_the_bank_recomputes_the_very_ledger_that_the_picture_was_made_by(scene, seed, frame, depth) -> None:
    made = scene(seed, photos=6, depth=depth, least=1)
    try:
        picture = synthesize(
            made.layout, made.picks, made.segments, made.categories, anchor=0, frame=frame, seed=seed
        )
    except Uncovered as refused:
        assert refused.share > UNCOVERED_SHARE
        return
    again = recompute(made.layout, picture.placements, masks_of(made.segments), made.categories)
    assert again.digest() == picture.ledger.digest()
    assert picture.rgb.shape == (*made.layout.frame, 3)
    assert picture.rgb.dtype == np.uint8
    assert picture.ledger.counts(len(picture.placements)).total == made.layout.labels.size
    for placement in picture.placements:
        assert placement.segment in made.picks[placement.region]


@pytest.mark.parametrize("frame", ["scene", "box"])
def test_the_same_order_gives_the_same_pixels(scene, frame) -> None:
    made = scene(4, height=96, width=128, photos=6, least=1)

    def once():
        return synthesize(
            made.layout, made.picks, made.segments, made.categories, anchor=0, frame=frame, seed=3
        )

    one, other = once(), once()
    assert np.array_equal(one.rgb, other.rgb)
    assert one.placements == other.placements
    assert set(one.timings) == {"regions", "align", "order", "compose", "paint", "refine"}
    assert set(one.memory) == set(one.timings)
    assert not one.device_memory


class Device:
    """A meter whose mark is the number of stages that ended before."""

    def __init__(self) -> None:
        self.ended = -1

    def lower(self) -> None:
        self.ended += 1

    def most_bytes(self) -> int:
        return self.ended


def test_a_device_s_memory_is_known_by_stage_too(scene) -> None:
    made = scene(4, height=96, width=128, photos=6, least=1)
    picture = synthesize(
        made.layout, made.picks, made.segments, made.categories, anchor=0, frame="scene", seed=3,
        device_meter=Device(),
    )  # fmt: skip
    stages = ["regions", "align", "order", "compose", "paint", "refine"]
    assert picture.device_memory == {stage: at for at, stage in enumerate(stages)}


def test_pixels_outside_the_mask_have_no_say(scene) -> None:
    made = scene(4, height=96, width=128, photos=6, least=1)
    inverted = {}
    for key, segment in made.segments.items():
        rgb = segment.rgb.copy()
        rgb[~segment.mask] = 255 - rgb[~segment.mask]
        inverted[key] = replace(segment, rgb=rgb)
    one, other = (
        synthesize(made.layout, made.picks, segments, made.categories, anchor=0, frame="scene", seed=3)
        for segments in (made.segments, inverted)
    )
    assert np.array_equal(one.rgb, other.rgb)


def test_a_photo_s_own_layout_with_its_own_segments_gives_the_photo_back() -> None:
    rng = np.random.Generator(np.random.Philox(2))
    photo = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    labels = np.ones((48, 64), np.uint8)
    labels[15:40, 20:44] = 2
    wall = Segment(1, 5, 1, photo, labels == 1, (0, 0, 64, 48), (48, 64))
    mug = Segment(2, 5, 2, photo[15:40, 20:44], np.ones((25, 24), bool), (20, 15, 44, 40), (48, 64))

    picture = synthesize(
        Layout(labels), [[1], [2]], {1: wall, 2: mug}, CATEGORIES, anchor=5, frame="scene", seed=0
    )

    placed = picture.ledger.kind == Kind.PLACED
    assert placed.mean() > 0.85
    assert np.array_equal(picture.rgb[placed], photo[placed])


def test_a_second_candidate_comes_only_for_a_hole_worth_it() -> None:
    layout = Layout(np.ones((96, 128), np.uint8))
    whole = np.ones((96, 128), bool)
    for gap, expected in ((8, 1), (40, 1), (64, 2)):
        holed = whole.copy()
        holed[20 : 20 + gap, 20 : 20 + gap] = False
        segments = {1: flat(1, 1, 1, holed), 2: flat(2, 2, 1, whole)}
        picture = synthesize(layout, [[1, 2]], segments, CATEGORIES, anchor=1, frame="scene", seed=0)
        assert [p.segment for p in picture.placements] == [1, 2][:expected]
        assert (picture.ledger.owner[0] == 0).all()  # the best stays in front


def test_trees_have_their_holes_filled_from_another_photo_sooner_than_a_wall() -> None:
    layout = Layout(np.ones((96, 128), np.uint8))
    trees = {1: CategoryFacts(1, "tree", front_rank=12)}
    whole = np.ones((96, 128), bool)
    holed = whole.copy()
    holed[20:60, 20:60] = False
    segments = {1: flat(1, 1, 1, holed), 2: flat(2, 2, 1, whole)}
    for categories, expected in ((trees, [1, 2]), (CATEGORIES, [1])):
        picture = synthesize(layout, [[1, 2]], segments, categories, anchor=1, frame="scene", seed=0)
        assert [p.segment for p in picture.placements] == expected


def test_a_frame_that_no_segment_covers_is_refused_region_by_region() -> None:
    labels = np.ones((96, 128), np.uint8)
    labels[40:96, 20:60] = 2
    segments = {1: flat(1, 1, 1, np.ones((96, 128), bool))}
    with pytest.raises(Uncovered) as refused:
        synthesize(Layout(labels), [[1], []], segments, CATEGORIES, anchor=1, frame="scene", seed=0)
    assert refused.value.regions == (1,)
    assert refused.value.share == pytest.approx(56 * 40 / (96 * 128))


def test_a_small_region_without_a_segment_is_made_up_and_said_so() -> None:
    labels = np.ones((96, 128), np.uint8)
    labels[40:60, 20:40] = 2
    segments = {1: flat(1, 1, 1, np.ones((96, 128), bool))}
    picture = synthesize(Layout(labels), [[1], []], segments, CATEGORIES, anchor=1, frame="scene", seed=0)
    assert (picture.ledger.kind[40:60, 20:40] == Kind.INPAINTED).all()
    assert (picture.rgb[42:58, 22:38] > 60).all()  # of its surroundings, not black


def test_between_stages_the_work_can_be_called_off(scene) -> None:
    made = scene(4, photos=6, least=1)
    calls = []

    def go_on() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise Cancelled("7")

    with pytest.raises(Cancelled):
        synthesize(
            made.layout,
            made.picks,
            made.segments,
            made.categories,
            anchor=0,
            frame="scene",
            seed=0,
            go_on=go_on,
        )
    assert len(calls) == 2


def test_picks_that_do_not_belong_to_the_layout_are_refused(scene) -> None:
    layout = Layout(np.ones((20, 20), np.uint8))
    segments = {1: flat(1, 1, 1, np.ones((20, 20), bool)), 2: flat(2, 1, 2, np.ones((20, 20), bool))}
    for picks, said in (([], "`1` regions"), ([[9]], "segment `9`"), ([[2]], "another category")):
        with pytest.raises(SynthError, match=said):
            synthesize(layout, picks, segments, CATEGORIES, anchor=1, frame="scene", seed=0)
    with pytest.raises(SynthError, match="category `1`"):
        synthesize(layout, [[1]], segments, {}, anchor=1, frame="scene", seed=0)
    with pytest.raises(LayoutTooLarge):
        synthesize(
            Layout(np.ones((2049, 2), np.uint8)), [[1]], segments, CATEGORIES, anchor=1, frame="scene", seed=0
        )


def test_each_segment_is_warped_a_bounded_number_of_times(scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work is counted, not timed: a picture of n placements costs a fixed number of warps each."""
    made = scene(4, height=96, width=128, photos=6, per_region=6, least=1)
    warps = []
    real = footprints.warp_mask

    def counting(*args, **kwargs):
        warps.append(1)
        return real(*args, **kwargs)

    monkeypatch.setattr("synth.alignment.closed_form.warp_mask", counting)
    synthesize(made.layout, made.picks, made.segments, made.categories, anchor=0, frame="scene", seed=0)
    tried = sum(min(len(keys), MAX_HOLE_CANDIDATES) for keys in made.picks)
    assert 0 < len(warps) <= 5 * tried
