"""Searches of one layout, dealt out to threads: the loops hold no lock of the interpreter.

What is found does not depend on who looks for it, so the answers are those of one thread.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import NamedTuple

from synth.retrieval.descriptors import Descriptors
from synth.retrieval.resident import Found, Part, Spans, Work

ALONE = 30_000  # rows to compare: with fewer, waking another thread takes longer than it saves
CUTS = 2  # pieces of work for each thread, so that none waits long for the others


class Search(NamedTuple):
    """Regions of one category, by their places among those asked for, and the rows to compare with."""

    part: Part
    places: Sequence[int]
    spans: Spans

    @property
    def rows(self) -> int:
        return len(self.places) * self.spans.rows


def searched(
    query: Descriptors, searches: Sequence[Search], *, k: int, at_us: int, threads: int, work: Work
) -> list[tuple[Search, list[Found]]]:
    """What each search finds for each of its places; a search may come back in several of fewer places."""

    def done(share: Sequence[Search], work: Work) -> list[tuple[Search, list[Found]]]:
        return [
            (one, one.part.search(query, one.places, one.spans, k=k, at_us=at_us, work=work)) for one in share
        ]

    if threads < 2 or sum(search.rows for search in searches) < ALONE:
        return done(searches, work)
    mine, *others = dealt(searches, threads)
    each = [Work() for _ in others]
    running = [
        _threads(os.getpid(), threads).submit(done, share, theirs)
        for share, theirs in zip(others, each, strict=True)
    ]
    found = done(mine, work)
    for theirs, other in zip(each, running, strict=True):
        found += other.result()
        work.add(theirs)
    return found


def dealt(searches: Sequence[Search], threads: int) -> list[list[Search]]:
    """The searches in at most as many shares as there are threads, of like size."""
    most = sum(search.rows for search in searches) // (threads * CUTS)
    cut = []
    for search in searches:
        step = max(1, most // search.spans.rows)
        places = [search.places[at : at + step] for at in range(0, len(search.places), step)]
        cut += [search._replace(places=some) for some in places]
    shares: list[list[Search]] = [[] for _ in range(min(threads, len(cut)))]
    for one in sorted(cut, key=lambda one: -one.rows):
        min(shares, key=lambda share: sum(other.rows for other in share)).append(one)
    return shares


@cache
def _threads(process: int, count: int) -> ThreadPoolExecutor:  # noqa: ARG001
    """Of this process: those of one that forked stayed behind."""
    return ThreadPoolExecutor(count, thread_name_prefix="ranking")
