"""Which entry was changed, taken out or moved, once a root shows that one was."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.audit import checkpoints, log, merkle
from bankd.audit.models import LogEntry, LogNode
from bankd.audit.nodes import BLOCK, HEIGHT

Name = Literal[
    "entry changed", "entry missing", "entry inserted", "entries reordered", "entries changed",
    "log cut off", "log forked", "checkpoint changed", "signing key", "stored tree", "usage map", "witness",
]  # fmt: skip
LOOKED_AT = 10_000  # entries that are not in their place


@dataclass(frozen=True)
class Problem:
    """The first wrong entry is one of `first` to `last`: more than one where only a root shows it."""

    name: Name
    first: int
    last: int
    what: str


@dataclass(frozen=True)
class _Content:
    at: datetime
    kind: str
    commitment: bytes

    def hash_at(self, index: int) -> bytes:
        return merkle.leaf_hash(log.leaf(index, self.at, self.kind, self.commitment))


def name(session: Session, good: merkle.Frontier, size: int, root: bytes) -> Problem:
    """What is wrong with the entries from those that `good` covers up to `size`.

    The stored leaf hashes say it where they lead to the signed root; else only that something is.
    """
    first = good.size
    expected = _stored(session, first, size)
    # The last block is stored once it is full; until then what stands there has to do.
    expected += checkpoints.leaves(session, start=first + len(expected), stop=size)
    tree = good.copy()
    for leaf in expected:
        tree.append(leaf)
    vague = Problem(
        "entries changed", first, size - 1, f"entries {first} to {size - 1} are not those that were signed"
    )
    if tree.size != size or tree.root() != root:
        return vague
    wrong: dict[int, _Content] = {}
    rows = select(LogEntry.index, LogEntry.at, LogEntry.kind, LogEntry.commitment)
    for index, at, kind, commitment in log.paged(session, rows, by=LogEntry.index, start=first, stop=size):
        content = _Content(at, kind, commitment)
        if content.hash_at(index) != expected[index - first]:
            wrong[index] = content
            if len(wrong) == LOOKED_AT:
                break
    if not wrong:
        return vague
    where = min(wrong)
    return _named(where, wrong, {index: expected[index - first] for index in range(where, size)})


def _named(where: int, wrong: dict[int, _Content], expected: dict[int, bytes]) -> Problem:
    if where + 1 in expected and wrong[where].hash_at(where + 1) == expected[where + 1]:
        what = f"entry {where} was taken out, and those after it moved up"
        if where + 1 in wrong and wrong[where + 1].hash_at(where) == expected[where]:
            return Problem(
                "entries reordered", where, where + 1, f"entries {where} and {where + 1} changed places"
            )
        return Problem("entry missing", where, where, what)
    if where + 1 in wrong and wrong[where + 1].hash_at(where) == expected[where]:
        what = f"entry {where} was put in, and those after it moved down"
        return Problem("entry inserted", where, where, what)
    for other, content in wrong.items():
        if content.hash_at(where) == expected[where]:
            return Problem("entries reordered", where, other, f"entry {where} stands at {other}")
    return Problem("entry changed", where, where, f"entry {where} is not the one that was signed")


def _stored(session: Session, start: int, stop: int) -> list[bytes]:
    """The leaf hashes as they were stored, up to the first that was not."""
    found: list[bytes] = []
    rows = select(LogNode.number, LogNode.hash).where(LogNode.height == 0)
    blocks = log.paged(session, rows, by=LogNode.number, start=start >> HEIGHT, stop=(stop >> HEIGHT) + 1)
    for number, hashes in blocks:
        first = number * BLOCK
        if first > start + len(found):
            break
        found += [hashes[32 * at : 32 * at + 32] for at in range(BLOCK) if start <= first + at < stop]
    return found
