"""The resident index against the brute force, to the last tie, and against what has not cleared."""

from collections.abc import Mapping
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.retrieval import resident, score
from synth.retrieval.descriptors import Descriptors, pack
from synth.retrieval.resident import FOREVER_US, NEVER_US, Found, Part, Photos, Rows, Work, merge

AT_US = 1_000
EVERYTHING = dict.fromkeys(range(8), 1)


def drawn(
    rng: np.random.Generator, count: int, *, labels: tuple[int, ...] = (0, 1, 2, 22, 200)
) -> Descriptors:
    """Blobs and half-empty contexts, some of them equal, so that there are ties and void cells."""
    masks = np.zeros((count, 32, 32), dtype=bool)
    contexts = np.zeros((count, 16, 16), dtype=np.uint8)
    for at in range(count):
        y, x = rng.integers(0, 24, 2)
        masks[at, y : y + rng.integers(1, 9), x : x + rng.integers(1, 9)] = True
        contexts[at, : rng.integers(0, 17)] = rng.choice(labels, (1, 16))
    if count > 3:
        masks[1], contexts[1] = masks[0], contexts[0]
        contexts[2] = 0
    return pack("scene", masks, contexts)


class Bank:
    """Rows, their photos, and the part made of them."""

    def __init__(
        self,
        descriptors: Descriptors,
        rng: np.random.Generator,
        *,
        blocks: bool = True,
        profiles: int = 8,
        categories: tuple[int, ...] = (1, 2, 22),
    ) -> None:
        count = len(descriptors)
        photos = max(1, count // 5)
        self.rows = Rows(
            segment=rng.permutation(count).astype(np.int64),
            photo=rng.integers(0, photos, count).astype(np.int32),
            ordinal=rng.permutation(count).astype(np.int32),
            category=rng.choice(categories, count).astype(np.uint8),
            profile=rng.integers(0, profiles, count),
            descriptors=descriptors,
        )
        some = rng.random(photos) < (0.3 if blocks else 0)
        self.photos = Photos(
            # Few different bytes, so that photos differ late in their hash or share its beginning.
            sha256=rng.integers(0, 2, (photos, 32)).astype(np.uint8),
            blocked=np.where(some, rng.integers(0, 4, photos), 0).astype(np.uint64),
            until_us=np.where(
                some, rng.choice([NEVER_US, 0, AT_US, AT_US + 1, FOREVER_US], photos), NEVER_US
            ),
        )
        self.part = Part(self.rows, self.photos, frame="scene")

    def best(
        self, query: Descriptors, category: int, clears: Mapping[int, int], k: int
    ) -> list[list[tuple[int, ...]]]:
        """By brute force, for each row of `query`."""
        rows, photos = self.rows, self.photos
        masks = np.array(
            [clears.get(profile, 0) for profile in range(int(rows.profile.max()) + 1)], np.uint64
        )
        free = masks[rows.profile] & ~photos.blocked[rows.photo] != 0
        eligible = np.flatnonzero((rows.category == category) & free & (photos.until_us[rows.photo] <= AT_US))
        sha = photos.sha256[rows.photo[eligible]]
        order = eligible[np.lexsort((rows.ordinal[eligible], *sha.T[::-1]))]
        ordered = rows.descriptors.take(order)
        answers = []
        for at in range(len(query)):
            found, terms = score.top(query, at, ordered, k)
            counts = zip(terms.im, terms.um, terms.ic, terms.uc, strict=True)
            answers.append(
                [
                    (int(rows.segment[order[n]]), *map(int, four))
                    for n, four in zip(found, counts, strict=True)
                ]
            )
        return answers

    def search(
        self, query: Descriptors, category: int, clears: Mapping[int, int], k: int, work: Work | None = None
    ) -> list[Found]:
        """By bounds, and once more without any: both give the same."""
        spans = self.part.cleared(clears).spans(category)
        places = list(range(len(query)))
        ways = []
        for few, counted in ((10**9, Work()), (0, work or Work())):
            with patch.multiple(resident, FEW=few, FEW_EACH=0):
                ways.append(self.part.search(query, places, spans, k=k, at_us=AT_US, work=counted))
            assert few == 0 or (counted.tiles == 0 and counted.rows <= spans.rows * len(query))
        assert [listed(one) for one in ways[0]] == [listed(one) for one in ways[1]]
        return ways[1]


def listed(found: Found) -> list[tuple[int, ...]]:
    return [(int(one), *map(int, terms)) for one, terms in zip(found.segment, found.terms, strict=True)]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**9),
    count=st.integers(1, 500),
    k=st.sampled_from([1, 2, 5, 50, 200]),
    clearing=st.sampled_from([0.0, 0.2, 0.6, 1.0]),
)
def test_the_index_gives_the_rows_of_the_brute_force_in_its_order(
    seed: int, count: int, k: int, clearing: float
) -> None:
    """Sixty banks, and of each 200 questions."""
    rng = np.random.Generator(np.random.Philox(seed))
    bank, query = Bank(drawn(rng, count), rng), drawn(rng, 50, labels=(0, 1, 2, 22, 77))
    clears = {profile: int(rng.integers(1, 4)) for profile in range(8) if rng.random() < clearing}

    for category in (1, 2, 22, 9):
        found = bank.search(query, category, clears, k)
        assert [listed(one) for one in found] == bank.best(query, category, clears, k)


@pytest.mark.parametrize("share", [0, 0.001, 0.01, 0.1, 1])
@pytest.mark.parametrize("k", [1, 50, 200])
def test_however_few_profiles_clear_the_rows_are_those_of_the_brute_force(share: float, k: int) -> None:
    """Rows lie one by one among those that do not clear; there may be fewer than are asked for."""
    rng = np.random.Generator(np.random.Philox(11))
    bank = Bank(drawn(rng, 3000), rng, profiles=1000)
    clears = dict.fromkeys(range(round(1000 * share)), 1)
    query, work = drawn(rng, 8), Work()

    found = bank.search(query, 2, clears, k, work)

    assert [listed(one) for one in found] == bank.best(query, 2, clears, k)
    cleared = int(((bank.rows.category == 2) & (bank.rows.profile < 1000 * share)).sum())
    assert work.rows <= 8 * cleared


def test_a_region_without_a_mask_or_without_a_context_is_ranked_by_the_other() -> None:
    rng = np.random.Generator(np.random.Philox(12))
    bank = Bank(drawn(rng, 500), rng)
    contexts = np.full((2, 16, 16), 2, np.uint8)
    contexts[1] = 0
    masks = np.zeros((2, 32, 32), bool)
    masks[1, 3:9, 4:11] = True
    query = pack("scene", masks, contexts)

    for k in (1, 200):
        found = bank.search(query, 1, EVERYTHING, k)
        assert [listed(one) for one in found] == bank.best(query, 1, EVERYTHING, k)


@pytest.mark.parametrize("label", [0, 1, 200])
def test_contexts_of_one_category_fill_a_bin_beyond_what_it_counts(label: int) -> None:
    """256 cells of one category: a bin counts to 255, and the bound may not fall below the score."""
    rng = np.random.Generator(np.random.Philox(3))
    masks = np.zeros((300, 32, 32), bool)
    masks[np.arange(300), rng.integers(0, 32, 300), rng.integers(0, 32, 300)] = True
    whole = pack("scene", masks, np.full((300, 16, 16), label, np.uint8))
    bank = Bank(whole, rng, blocks=False)
    query = whole.take(np.arange(20))

    for category in (1, 2, 22):
        found = bank.search(query, category, EVERYTHING, 3)
        assert [listed(one) for one in found] == bank.best(query, category, EVERYTHING, 3)


def test_full_masks_and_equal_rows_are_told_apart_by_photo_and_ordinal_alone() -> None:
    rng = np.random.Generator(np.random.Philox(4))
    same = pack("scene", np.ones((200, 32, 32), bool), np.full((200, 16, 16), 2, np.uint8))
    bank = Bank(same, rng, blocks=False)

    for k in (1, 7, 200):
        one = same.take(np.array([0]))
        assert [listed(bank.search(one, 1, EVERYTHING, k)[0])] == bank.best(one, 1, EVERYTHING, k)


def test_a_bank_of_one_category_under_one_profile_is_one_range() -> None:
    rng = np.random.Generator(np.random.Philox(13))
    bank = Bank(drawn(rng, 900), rng, profiles=1, categories=(2,))
    query = drawn(rng, 8)

    assert len(bank.part.cleared(EVERYTHING).spans(2).ranges) == 1
    for k in (1, 50, 200):
        found = bank.search(query, 2, EVERYTHING, k)
        assert [listed(one) for one in found] == bank.best(query, 2, EVERYTHING, k)


@pytest.mark.parametrize("clears", [{}, {99: 1}, {0: 0, 1: 0}])
def test_where_nothing_clears_nothing_is_found_and_nothing_is_read(clears: dict[int, int]) -> None:
    rng = np.random.Generator(np.random.Philox(5))
    bank, work = Bank(drawn(rng, 400), rng), Work()

    found = bank.search(drawn(rng, 4), 1, clears, 50, work)

    assert [len(one.segment) for one in found] == [0, 0, 0, 0]
    assert (work.spans, work.tiles, work.rows) == (0, 0, 0)


def test_a_photo_that_is_blocked_is_gone_from_the_next_answer_and_back_when_it_is_freed() -> None:
    rng = np.random.Generator(np.random.Philox(6))
    bank, query = Bank(drawn(rng, 400), rng, blocks=False), drawn(rng, 1)
    before = bank.search(query, 1, EVERYTHING, 200)[0]
    photo = int(before.photo[0])
    free = bank.part

    def block(*, blocked: int, until_us: int) -> None:
        bank.part = bank.part.blocking(
            np.array([photo]), np.array([blocked], np.uint64), np.array([until_us], np.int64)
        )

    block(blocked=0, until_us=FOREVER_US)
    without = bank.search(query, 1, EVERYTHING, 200)[0]
    block(blocked=1, until_us=NEVER_US)
    by_grant = bank.search(query, 1, EVERYTHING, 200)[0]
    other_grant = bank.search(query, 1, dict.fromkeys(range(8), 3), 200)[0]
    block(blocked=0, until_us=NEVER_US)
    after = bank.search(query, 1, EVERYTHING, 200)[0]
    block(blocked=0, until_us=FOREVER_US)
    bank.part = free
    as_it_was = bank.search(query, 1, EVERYTHING, 200)[0]

    assert photo not in without.photo and photo not in by_grant.photo
    assert listed(after) == listed(other_grant) == listed(as_it_was) == listed(before)
    assert listed(without) == [
        row for row, one in zip(listed(before), before.photo, strict=True) if one != photo
    ]


def test_only_rows_that_may_be_among_the_best_are_scored_in_full() -> None:
    rng = np.random.Generator(np.random.Philox(7))
    bank, work = Bank(drawn(rng, 4000), rng, blocks=False), Work()

    bank.search(drawn(rng, 1), 1, EVERYTHING, 1, work)

    assert work.spans >= 20
    assert work.rows <= 400  # of about 1,300 rows of the category


def test_answers_of_several_parts_join_in_the_one_order() -> None:
    rng = np.random.Generator(np.random.Philox(8))
    whole = Bank(drawn(rng, 600), rng)
    query = drawn(rng, 1)
    rows = whole.rows
    halves = []
    for which in (np.arange(0, 600, 2), np.arange(1, 600, 2)):
        part = Rows(
            rows.segment[which], rows.photo[which], rows.ordinal[which], rows.category[which],
            rows.profile[which], rows.descriptors.take(which),
        )  # fmt: skip
        half = Part(part, whole.photos, frame="scene")
        halves.append(
            half.search(query, [0], half.cleared(EVERYTHING).spans(2), k=50, at_us=AT_US, work=Work())[0]
        )

    part_of, place = merge(halves, 50)

    joined = [listed(halves[number])[at] for number, at in zip(part_of, place, strict=True)]
    assert [joined] == whole.best(query, 2, EVERYTHING, 50)
