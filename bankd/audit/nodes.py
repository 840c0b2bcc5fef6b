"""The tree as it is stored beside the log: what no later entry changes, so that a proof reads a few rows.

Of every 16 entries the leaf hashes are kept in one row, and above them the root of every full subtree. What
is not yet in a full block of 16 is hashed from its entries. Nothing here is trusted: whoever reads compares
with a root that was signed.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from bankd.audit import log, merkle

HEIGHT = 4
BLOCK = 1 << HEIGHT
Place = tuple[int, int]
"""Height and number; height 0 is a block of leaf hashes."""
Entry = tuple[datetime, str, bytes, bytes | None, str | None]
"""Moment, kind, commitment, and where they are not erased salt and payload."""

STORE = text(
    """
    INSERT INTO log_nodes (height, number, hash)
    SELECT * FROM unnest(CAST(:heights AS smallint[]), CAST(:numbers AS bigint[]), CAST(:hashes AS bytea[]))
    ON CONFLICT DO NOTHING
    """
)
# One round trip for all that a proof takes: it costs more than the rows.
READ = text(
    """
    SELECT height, number, hash, NULL::timestamptz, NULL, NULL::bytea, NULL
    FROM unnest(CAST(:heights AS smallint[]), CAST(:numbers AS bigint[])) AS wanted (height, number)
        JOIN log_nodes USING (height, number)
    UNION ALL
    SELECT -1, index, commitment, at, kind, NULL, NULL
    FROM log_entries WHERE index = ANY(CAST(:leaves AS bigint[]))
    UNION ALL
    SELECT -2, entry.index, commitment, at, kind, salt, payload
    FROM log_entries AS entry LEFT JOIN log_payloads AS opened ON opened.index = entry.index
    WHERE entry.index = ANY(CAST(:indexes AS bigint[]))
    UNION ALL
    SELECT -3, size, ''::bytea, at, NULL, NULL, lines FROM log_witnessed WHERE size = :size
    """
)


class Growth:
    """A tree that grows leaf by leaf, and what of it became full on the way, to be stored."""

    def __init__(self) -> None:
        self.size = 0
        self.made: list[tuple[int, int, bytes]] = []  # in the order in which they became full
        self._roots: list[bytes] = []  # of full subtrees of whole blocks, the largest first
        self._block: list[bytes] = []

    def append(self, leaf_hash: bytes) -> None:
        self._block.append(leaf_hash)
        self.size += 1
        if len(self._block) < BLOCK:
            return
        height, number = HEIGHT, (self.size >> HEIGHT) - 1
        node = merkle.Frontier(self._block).root()
        self.made += [(0, number, b"".join(self._block)), (height, number, node)]
        self._block = []
        while number & 1:
            node = merkle.node_hash(self._roots.pop(), node)
            height, number = height + 1, number >> 1
            self.made.append((height, number, node))
        self._roots.append(node)

    def frontier(self) -> merkle.Frontier:
        return merkle.Frontier.at(self.size, [*self._roots, *merkle.Frontier(self._block).roots])

    def root(self) -> bytes:
        return self.frontier().root()

    @classmethod
    def at(cls, size: int, roots: Sequence[bytes], block: Sequence[bytes]) -> "Growth":
        """Go on from a tree of which only the edge is known."""
        growth = cls()
        growth.size, growth._roots, growth._block = size, list(roots), list(block)
        return growth


def store(session: Session, made: Sequence[tuple[int, int, bytes]]) -> None:
    """Keep nodes. One that is there already stays: the same entries make the same."""
    if made:
        heights, numbers, hashes = (list(column) for column in zip(*made, strict=True))
        session.execute(STORE, {"heights": heights, "numbers": numbers, "hashes": hashes})


@dataclass(frozen=True)
class Wanted:
    """What the roots of some ranges of a tree of `size` are made of: few rows, however large the tree."""

    size: int
    ranges: tuple[tuple[int, int], ...]
    nodes: frozenset[Place]
    leaves: frozenset[int]  # of the last block where it is not full, hashed from their entries

    @classmethod
    def of(cls, ranges: Iterable[tuple[int, int]], size: int) -> "Wanted":
        asked = tuple(ranges)
        full = size >> HEIGHT  # blocks
        nodes: set[Place] = set()
        leaves: set[int] = set()
        for start, stop in asked:
            for height, number in merkle.full_subtrees(start, stop):
                first = number << height
                if height >= HEIGHT:
                    nodes.add((height, number))
                elif first >> HEIGHT < full:
                    nodes.add((0, first >> HEIGHT))
                else:
                    leaves.update(range(first, first + (1 << height)))
        return cls(size, asked, frozenset(nodes), frozenset(leaves))


@dataclass
class Found:
    """What was there of it, and the entries and the witnesses' lines that were asked for beside it."""

    wanted: Wanted
    nodes: Mapping[Place, bytes]
    leaves: Mapping[int, bytes]
    entries: Mapping[int, Entry] = field(default_factory=dict)
    witnessed: str = ""

    def roots(self) -> list[bytes | None]:
        """Of each range; None where something of it is not stored."""
        return [self._root(start, stop) for start, stop in self.wanted.ranges]

    def _root(self, start: int, stop: int) -> bytes | None:
        parts = [self._subtree(*place) for place in merkle.full_subtrees(start, stop)]
        known = [part for part in parts if part is not None]
        return merkle.joined(known) if len(known) == len(parts) else None

    def _subtree(self, height: int, number: int) -> bytes | None:
        if height >= HEIGHT:
            return self.nodes.get((height, number))
        first, count = number << height, 1 << height
        block = self.nodes.get((0, first >> HEIGHT))
        if block is not None:
            place = first % BLOCK
            hashes = [block[32 * at : 32 * at + 32] for at in range(place, place + count)]
        else:
            hashes = [self.leaves[at] for at in range(first, first + count) if at in self.leaves]
        return merkle.Frontier(hashes).root() if len(hashes) == count else None


def read(session: Session, wanted: Wanted, *, indexes: Collection[int] = (), witnessed: int = -1) -> Found:
    """Read what is wanted in one statement; with it some entries, and what witnesses say of a head."""
    places = sorted(wanted.nodes)
    rows = session.execute(
        READ,
        {
            "heights": [height for height, _ in places],
            "numbers": [number for _, number in places],
            "leaves": sorted(wanted.leaves),
            "indexes": list(indexes),
            "size": witnessed,
        },
    )
    found = Found(wanted, {}, {})
    nodes: dict[Place, bytes] = {}
    leaves: dict[int, bytes] = {}
    lines: list[tuple[datetime, str]] = []
    entries: dict[int, Entry] = {}
    for height, number, held, at, kind, salt, told in rows:
        if height >= 0:
            nodes[height, number] = bytes(held)
        elif height == -1:
            leaves[number] = merkle.leaf_hash(log.leaf(number, at, kind, held))
        elif height == -2:
            entries[number] = (at, kind, bytes(held), salt, told)
        else:
            lines.append((at, told))
    found.nodes, found.leaves, found.witnessed = nodes, leaves, "".join(told for _, told in sorted(lines))
    found.entries = entries
    return found


def restored(session: Session, size: int) -> Growth | None:
    """The tree over the first `size` entries, to go on from; None where its nodes are not all stored."""
    whole = size >> HEIGHT << HEIGHT
    edge = [(number << height, (number + 1) << height) for height, number in merkle.full_subtrees(0, whole)]
    rest = [(at, at + 1) for at in range(whole, size)]
    roots = read(session, Wanted.of(edge + rest, size)).roots()
    known = [root for root in roots if root is not None]
    if len(known) != len(roots):
        return None
    return Growth.at(size, known[: len(edge)], known[len(edge) :])
