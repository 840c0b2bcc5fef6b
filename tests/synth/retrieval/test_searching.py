"""Ranking by several threads: the same answers, and no region twice or not at all."""

from collections.abc import Sequence
from unittest.mock import patch

import numpy as np
import pytest
from described import drawn
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.retrieval import searching
from synth.retrieval.resident import NEVER_US, Part, Photos, Rows, Spans, Work
from synth.retrieval.searching import Search, dealt, searched


def part(rng: np.random.Generator, count: int) -> Part:
    photos = count // 4 + 1
    rows = Rows(
        segment=np.arange(count),
        photo=rng.integers(0, photos, count).astype(np.int32),
        ordinal=np.arange(count, dtype=np.int32),
        category=rng.integers(1, 4, count).astype(np.uint8),
        profile=rng.integers(0, 5, count),
        descriptors=drawn(rng, count),
    )
    shas = rng.integers(0, 256, (photos, 32)).astype(np.uint8)
    return Part(rows, Photos(shas, np.zeros(photos, np.uint64), np.full(photos, NEVER_US)), frame="scene")


@pytest.mark.parametrize("k", [1, 50])
def test_one_thread_or_several_give_the_same_answers(k: int) -> None:
    rng = np.random.Generator(np.random.Philox(21))
    parts = [part(rng, 1500), part(rng, 40)]
    clears = [one.cleared({1: 1, 3: 1, 4: 1}) for one in parts]
    query = drawn(rng, 17)
    searches = [
        Search(one, list(range(category - 1, 17, 3)), cleared.spans(category))
        for one, cleared in zip(parts, clears, strict=True)
        for category in (1, 2, 3)
    ]

    def answers(threads: int) -> tuple[dict[tuple[int, int], list[list[int]]], Work]:
        work = Work()
        with patch.object(searching, "ALONE", 0):
            found = searched(query, searches, k=k, at_us=0, threads=threads, work=work)
        by_place = {
            (parts.index(search.part), place): [one.segment.tolist(), one.terms.tolist()]
            for search, ones in found
            for place, one in zip(search.places, ones, strict=True)
        }
        assert len(by_place) == sum(len(ones) for _, ones in found) == 2 * 17
        return by_place, work

    alone, counted = answers(1)
    assert any(rows for rows, _ in alone.values())
    for threads in (2, 3):
        shared, work = answers(threads)
        assert shared == alone
        assert work == counted


class Sized:
    """As many rows as it says."""

    def __init__(self, rows: int) -> None:
        self.rows = rows


@settings(max_examples=100, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 10**6)), min_size=1, max_size=12),
    threads=st.integers(2, 9),
)
def test_what_is_dealt_out_is_each_region_once_and_no_share_has_it_all(
    sizes: Sequence[tuple[int, int]], threads: int
) -> None:
    start = 0
    searches = []
    for regions, rows in sizes:
        spans: Spans = Sized(rows)  # type: ignore[assignment]
        searches.append(Search(None, range(start, start + regions), spans))  # type: ignore[arg-type]
        start += regions

    shares = dealt(searches, threads)

    assert sorted(place for share in shares for one in share for place in one.places) == list(range(start))
    assert all(shares) and len(shares) <= threads
    total, largest = sum(one.rows for one in searches), max(one.spans.rows for one in searches)
    assert max(sum(one.rows for one in share) for share in shares) <= total / threads + max(
        largest, total / threads
    )


def test_a_little_work_wakes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.Generator(np.random.Philox(22))
    held = part(rng, 200)
    monkeypatch.setattr(searching, "_threads", None)
    one = Search(held, [0, 1], held.cleared({1: 1}).spans(2))

    assert len(searched(drawn(rng, 2), [one], k=1, at_us=0, threads=2, work=Work())) == 1
