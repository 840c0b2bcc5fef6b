"""Other ways to the best segments of a region: plain SQL, brute force in numpy, an approximate index."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg

from synth.retrieval import score
from synth.retrieval.descriptors import CONTEXT_CELLS, FORMAT, MASK_CELLS, PLANES, Descriptors, Packed
from tools.bench.bank import Bank, Ints
from tools.bench.database import Column, bits, copy_in

MASK, CONTEXT = MASK_CELLS**2, CONTEXT_CELLS**2

_DIFFERS = " | ".join(f"(d.c{plane} # %(c{plane})s::bit({CONTEXT}))" for plane in range(PLANES))
_TERMS = f"""
    SELECT d.segment_id, d.mask_n + %(mask_n)s AS masks, d.context_n + %(context_n)s AS contexts,
           bit_count(d.mask & %(mask)s::bit({MASK})) AS im,
           bit_count(%(shown)s::bit({CONTEXT}) & ~({_DIFFERS})) AS ic
"""
_BEST = """
    SELECT segment_id, im::float8 / (masks - im)
                       + coalesce(ic::float8 / nullif(contexts - ic, 0), 0) AS score
    FROM ({terms}) AS t ORDER BY score DESC, segment_id LIMIT %(k)s
"""
PLAIN = _BEST.format(
    terms=_TERMS + f"FROM descriptors AS d WHERE d.category_id = %(category)s AND d.frame = 'scene'"
    f" AND d.format = {FORMAT} AND d.profile_id = ANY(%(profiles)s)"
)
NEAREST = _BEST.format(
    terms=_TERMS + f"FROM (SELECT segment_id FROM approximate WHERE profile_id = ANY(%(profiles)s)"
    " ORDER BY shape <%%> %(shape)s::bit({width}) LIMIT %(candidates)s) AS near"
    f" JOIN descriptors AS d ON d.segment_id = near.segment_id AND d.frame = 'scene' AND d.format = {FORMAT}"
)


def plain(
    connection: "psycopg.Connection[Any]",
    query: Descriptors,
    at: int,
    category: int,
    profiles: list[int],
    k: int,
) -> list[tuple[int, float]]:
    """The score written down in SQL, over the rows that clear: (segment, score), best first."""
    asked = _parameters(query, at) | {"category": category, "profiles": profiles, "k": k}
    return connection.execute(PLAIN, asked, prepare=True).fetchall()


class Packed64:
    """Rows of one category that clear, laid out for one pass, 64 bits at a time and no plane too many."""

    def __init__(self, bank: Bank, which: Ints, query: Descriptors) -> None:
        described = bank.descriptors.take(which)
        held = np.flatnonzero(
            described.planes.any(axis=(0, 2)) | query.planes.any(axis=(0, 2))
        )  # planes that are empty everywhere tell nothing
        self.planes_held = held if len(held) else np.array([0])
        self.segment = which + 1
        self.masks = np.ascontiguousarray(described.masks).view(np.uint64)
        self.planes = np.ascontiguousarray(described.planes[:, self.planes_held]).view(np.uint64)
        self.mask_n, self.context_n = described.mask_n.astype(np.int64), described.context_n.astype(np.int64)

    @property
    def row_bytes(self) -> int:
        return self.masks.shape[1] * 8 + self.planes.shape[1] * self.planes.shape[2] * 8 + 4

    def best(self, query: Descriptors, at: int, k: int) -> tuple[Ints, npt.NDArray[np.float64]]:
        mask = query.masks[at].view(np.uint64)
        planes = query.planes[at]
        shown = np.bitwise_or.reduce(planes, axis=0).view(np.uint64)
        asked = np.ascontiguousarray(planes[self.planes_held]).view(np.uint64)
        im = np.bitwise_count(self.masks & mask).sum(axis=1, dtype=np.int64)
        unequal = np.bitwise_or.reduce(self.planes ^ asked, axis=1)
        ic = np.bitwise_count(~unequal & shown).sum(axis=1, dtype=np.int64)
        um = self.mask_n + int(query.mask_n[at]) - im
        uc = self.context_n + int(query.context_n[at]) - ic
        keys = score.key(im, um, ic, uc)
        some = np.argpartition(-keys, k - 1)[:k] if k < len(keys) else np.arange(len(keys))
        order = some[np.lexsort((self.segment[some], -keys[some]))]
        return self.segment[order], keys[order]


class Approximate:
    """pgvector's HNSW over the rows of one category, which has the graph for itself.

    A row is embedded as its mask's bits and a bit for each context cell and category: Jaccard distance over
    them all is as near to the score as one distance comes. Candidates are then scored exactly.
    """

    def __init__(self, connection: "psycopg.Connection[Any]", bank: Bank, which: Ints) -> None:
        self.connection = connection
        described = bank.descriptors.take(which)
        self.labels = np.flatnonzero(np.bincount(_contexts(described.planes).ravel(), minlength=256))
        self.labels = self.labels[self.labels > 0]
        self.width = MASK + CONTEXT * len(self.labels)
        connection.execute(
            "CREATE TABLE approximate (segment_id bigint NOT NULL, profile_id integer NOT NULL,"
            f" shape bit({self.width}) NOT NULL)"
        )
        for start in range(0, len(which), 1 << 14):
            part = slice(start, start + (1 << 14))
            columns: list[Column] = [
                ("segment_id", (which[part] + 1).astype(">i8")),
                ("profile_id", bank.profile[which[part]].astype(">i4")),
                ("shape", bits(self._shapes(described.take(np.arange(len(which))[part])))),
            ]
            copy_in(connection, "approximate", columns)
        connection.execute("SET maintenance_work_mem = '2GB'")
        connection.execute("SET max_parallel_maintenance_workers = 2")
        connection.execute("CREATE INDEX ON approximate USING hnsw (shape bit_jaccard_ops)")
        connection.execute("ANALYZE approximate")
        connection.execute("SET enable_seqscan = off")
        connection.execute("SET hnsw.iterative_scan = relaxed_order")
        connection.execute("SET hnsw.max_scan_tuples = 1000000")
        connection.execute("SET hnsw.scan_mem_multiplier = 16")

    def best(
        self, query: Descriptors, at: int, profiles: list[int], k: int, *, candidates: int
    ) -> list[tuple[int, float]]:
        shape = self._shapes(query.take(np.array([at])))[0]
        asked = _parameters(query, at) | {
            "profiles": profiles, "k": k, "shape": _text(shape), "candidates": candidates,
        }  # fmt: skip
        return self.connection.execute(NEAREST.format(width=self.width), asked, prepare=True).fetchall()

    def look(self, ef: int) -> None:
        self.connection.execute(f"SET hnsw.ef_search = {ef}")

    def _shapes(self, described: Descriptors) -> Packed:
        cells = _contexts(described.planes)
        hot = np.packbits(cells[:, None, :] == self.labels[:, None], axis=2)  # (n, labels, 32)
        return np.concatenate([described.masks, hot.reshape(len(cells), -1)], axis=1)


def recall(found: Sequence[tuple[int, float]], best: npt.NDArray[np.float64]) -> float:
    """Share of the exact best scores that an answer reached: whichever of equal rows it took is right."""
    if not len(best):
        return 1.0
    good = sum(score >= best[-1] - 1e-9 for _, score in found)
    return min(good, len(best)) / len(best)


def _contexts(planes: Packed) -> npt.NDArray[np.uint8]:
    cells = np.zeros((len(planes), CONTEXT), np.uint8)
    for plane in range(PLANES):
        cells |= np.unpackbits(planes[:, plane], axis=1) << np.uint8(plane)
    return cells


def _parameters(query: Descriptors, at: int) -> dict[str, Any]:
    return {
        "mask": _text(query.masks[at]),
        "shown": _text(np.bitwise_or.reduce(query.planes[at], axis=0)),
        "mask_n": int(query.mask_n[at]),
        "context_n": int(query.context_n[at]),
        **{f"c{plane}": _text(query.planes[at, plane]) for plane in range(PLANES)},
    }


def _text(packed: Packed) -> str:
    return "".join(f"{byte:08b}" for byte in packed.tolist())
