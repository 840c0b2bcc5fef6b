import numpy as np

from synth.retrieval.coherence import (
    Candidate,
    PhotoLook,
    agreement,
    choose,
    lighting_distance,
    look,
)

STREET = np.full((16, 16), 9, dtype=np.uint8)


def a_look(lightness: float = 50, context: np.ndarray = STREET) -> PhotoLook:
    return PhotoLook(context, np.array([lightness, 0.0, 0.0]), np.array([10.0, 5.0, 5.0]))


def offered(segment: int, photo: int, score_percent: int) -> Candidate:
    return Candidate(segment, photo, im=score_percent, um=100, ic=0, uc=0)


def philox(seed: int = 1) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def photos_of(candidates, variation) -> list[int | None]:
    return [
        None if pick is None else candidates[region][pick].photo
        for region, pick in enumerate(variation.picks)
    ]


def test_the_anchor_is_the_photo_with_the_best_area_weighted_score() -> None:
    candidates = [[offered(1, 0, 60), offered(2, 1, 50)], [offered(3, 0, 50), offered(4, 1, 70)]]
    looks = {0: a_look(), 1: a_look()}

    large_first = choose([900, 100], candidates, STREET, looks, variations=1, rng=philox())
    large_second = choose([100, 900], candidates, STREET, looks, variations=1, rng=philox())

    assert large_first[0].anchor == 0
    assert large_second[0].anchor == 1


def test_the_anchors_own_segment_beats_a_slightly_better_stranger() -> None:
    candidates = [
        [offered(1, 0, 80)],
        [offered(2, 1, 55), offered(3, 0, 50)],
        [offered(4, 1, 70), offered(5, 0, 50)],
    ]
    looks = {0: a_look(), 1: a_look()}

    chosen = choose([500, 250, 250], candidates, STREET, looks, variations=1, rng=philox(), share_cap=1.0)

    assert photos_of(candidates, chosen[0]) == [0, 0, 1]


def test_a_photo_of_other_light_loses_to_one_of_the_anchors_light() -> None:
    candidates = [[offered(1, 0, 90)], [offered(2, 1, 52), offered(3, 2, 50)]]
    looks = {0: a_look(80), 1: a_look(20), 2: a_look(75)}

    chosen = choose([900, 100], candidates, STREET, looks, variations=1, rng=philox(), share_cap=1.0)

    assert photos_of(candidates, chosen[0]) == [0, 2]
    assert lighting_distance(looks[0], looks[1]) == 0.6


def test_a_photo_whose_scene_agrees_with_the_layout_is_preferred() -> None:
    kitchen = np.full((16, 16), 2, dtype=np.uint8)
    candidates = [[offered(1, 0, 55), offered(2, 1, 50)]]

    chosen = choose(
        [10], candidates, STREET, {0: a_look(context=kitchen), 1: a_look()}, variations=1, rng=philox()
    )

    assert photos_of(candidates, chosen[0]) == [1]
    assert (agreement(kitchen, STREET), agreement(STREET, STREET)) == (0.0, 1.0)


def test_variations_take_different_anchors_best_first() -> None:
    candidates = [[offered(at, at, 90 - 10 * at) for at in range(3)] for _ in range(2)]
    looks = {at: a_look() for at in range(3)}

    chosen = choose([500, 500], candidates, STREET, looks, variations=3, rng=philox())

    assert [variation.anchor for variation in chosen] == [0, 1, 2]


def test_equal_photos_go_to_the_lower_number() -> None:
    candidates = [[offered(7, 3, 50), offered(8, 2, 50)]]

    chosen = choose([10], candidates, STREET, {2: a_look(), 3: a_look()}, variations=1, rng=philox())

    assert chosen[0].anchor == 2


def test_no_photo_holds_more_than_the_cap_where_others_can_serve() -> None:
    candidates = [[offered(10 + at, 0, 90), offered(20 + at, 1, 60 + at)] for at in range(5)]
    looks = {0: a_look(), 1: a_look()}

    chosen = choose([20] * 5, candidates, STREET, looks, variations=1, rng=philox())

    assert photos_of(candidates, chosen[0]) == [0, 0, 0, 1, 1]  # the cheapest to give up went
    assert chosen[0].largest_share == 0.6


def test_a_photo_keeps_what_no_other_can_serve_and_the_share_says_so() -> None:
    candidates = [[offered(1, 0, 90)], [offered(2, 0, 90)], []]

    chosen = choose([50, 40, 10], candidates, STREET, {0: a_look()}, variations=1, rng=philox())

    assert chosen[0].picks == (0, 0, None)
    assert chosen[0].largest_share == 0.9


def test_giving_up_regions_never_makes_another_photo_hold_too_much() -> None:
    candidates = [[offered(1, 0, 90), offered(2, 1, 80)], [offered(3, 0, 90), offered(4, 2, 20)]]

    chosen = choose(
        [70, 30], candidates, STREET, {0: a_look(), 1: a_look(), 2: a_look()}, variations=1, rng=philox()
    )

    assert photos_of(candidates, chosen[0]) == [0, 2]


def test_without_any_candidate_there_is_no_anchor() -> None:
    chosen = choose([10, 10], [[], []], STREET, {}, variations=2, rng=philox())

    assert [(variation.anchor, variation.picks) for variation in chosen] == [(None, (None, None))] * 2


def test_the_same_seed_chooses_the_same_and_chance_enters_only_when_anchors_come_round_again() -> None:
    candidates = [[offered(10 * region + at, at % 2, 60 + at % 3) for at in range(6)] for region in range(8)]
    looks = {0: a_look(), 1: a_look(55)}

    def run(seed: int):
        return choose([10] * 8, candidates, STREET, looks, variations=4, rng=philox(seed))

    assert run(1) == run(1)
    assert run(1)[:2] == run(2)[:2]
    assert run(1)[2:] != run(2)[2:]
    assert run(1)[2] != run(1)[0]


def test_the_look_of_a_grey_photo_has_its_lightness_and_no_color() -> None:
    grey = np.full((300, 600, 3), 119, dtype=np.uint8)

    seen = look(grey, STREET)

    assert abs(seen.lab_mean[0] - 50.03) < 0.3
    assert np.abs(seen.lab_mean[1:]).max() < 0.1
    assert seen.lab_std.max() < 0.1
    assert np.array_equal(seen.lab_mean, seen.lab_mean.round(2))
