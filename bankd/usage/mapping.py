"""The chains of licensors, kept in the order of the log, and the map of them that checkpoints carry."""

import json
from collections.abc import Collection
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from bankd.audit import log, usage_map
from bankd.audit.checkpoints import Signer
from bankd.audit.errors import LogInconsistent
from bankd.audit.usage_map import EMPTY, SparseMap
from bankd.runtime import Runtime
from bankd.usage import links
from bankd.usage.models import UsageLink

LINKING = 0x62616E6B_6C696E6B  # advisory lock "banklink": links are made by one at a time, in order
PAGE = 500  # entries whose links are in memory at once

HEADS = text(
    """
    SELECT wanted.id, last.number, last.head
    FROM unnest(CAST(:licensors AS uuid[])) AS wanted(id)
    CROSS JOIN LATERAL (
        SELECT number, head FROM usage_links
        WHERE licensor_id = wanted.id AND entry < :size ORDER BY entry DESC LIMIT 1
    ) AS last
    """
)
TAILS = text(
    """
    SELECT licensor_id, number, tail FROM usage_tails WHERE licensor_id = ANY(CAST(:licensors AS uuid[]))
    """
)
KEEP_TAILS = text(
    """
    INSERT INTO usage_tails AS kept (licensor_id, number, tail)
    SELECT * FROM unnest(CAST(:licensors AS uuid[]), CAST(:numbers AS bigint[]), CAST(:tails AS bytea[]))
    ON CONFLICT (licensor_id) DO UPDATE SET number = excluded.number, tail = excluded.tail
    WHERE kept.number < excluded.number
    """
)
MOVED = text("SELECT DISTINCT licensor_id FROM usage_links WHERE entry >= :start AND entry < :stop")
WRITE = text(
    """
    WITH made AS (
        SELECT entry, licensor_id, number, decode(link, 'hex') AS link, decode(head, 'hex') AS head,
            decode(salt, 'hex') AS salt, payload
        FROM json_to_recordset(CAST(:made AS json)) AS made(
            entry bigint, licensor_id uuid, number bigint, link text, head text, salt text, payload text
        )
    ), linked AS (
        INSERT INTO usage_links (entry, licensor_id, number, link, head)
        SELECT entry, licensor_id, number, link, head FROM made
    )
    INSERT INTO usage_link_payloads (entry, licensor_id, salt, payload)
    SELECT entry, licensor_id, salt, payload FROM made
    """
)
LINKED_AT_ONCE = 2000  # uses, in one transaction

Heads = dict[UUID, tuple[int, bytes]]
"""By licensor: how many uses, and the chain's head over them. Who has none is left out."""


def link(
    session: Session, size: int, *, after: int = -1, at_most: int = PAGE, of: set[UUID] | None = None
) -> int | None:
    """Make links that are missing of the first `size` log entries, of some uses at a time.

    Call it until it returns None, each time with what it returned last; in one
    transaction or in several. Whatever was made stays made.

    Args:
        after: no use up to this entry needs a look.
        at_most: how many uses.
        of: gets the licensors of whom links were made.
    """
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LINKING})
    last = session.scalar(select(func.max(UsageLink.entry)))
    start = max(after, -1 if last is None else last) + 1
    found = links.uses(session, start=start, stop=size, page=at_most)
    if not found:
        return None
    made = [one for _, some in links.made(session, found) for one in some]
    now = heads(session, size, {one.licensor_id for one in made})
    rows = []
    for one in made:
        number, head = now.get(one.licensor_id, (0, EMPTY))
        number, head = now[one.licensor_id] = number + 1, usage_map.chained(head, one.link)
        rows.append(
            {
                "entry": one.entry,
                "licensor_id": str(one.licensor_id),
                "number": number,
                "link": one.link.hex(),
                "head": head.hex(),
                "salt": one.salt.hex(),
                "payload": one.payload,
            }
        )
    if rows:
        session.execute(WRITE, {"made": json.dumps(rows)})
    if of is not None:
        of |= {one.licensor_id for one in made}
    return found[-1].index if len(found) == at_most else None


def link_all(runtime: Runtime) -> None:
    """Make all missing links, in transactions of their own: after an upgrade there may be millions."""
    after: int | None = -1
    while after is not None:
        with runtime.transaction() as session:
            after = link(session, log.epoch(session), after=after, at_most=LINKED_AT_ONCE)


def signer(runtime: Runtime) -> Signer:
    """Signs the log's checkpoints, with the usage map in them: no other signer may."""
    return Signer(runtime.log_origin, runtime.log_keys, extend=UsageMap())


def contradicts(size: int) -> LogInconsistent:
    return LogInconsistent(size, "its usage map is another")


def heads(session: Session, size: int, licensors: Collection[UUID]) -> Heads:
    """Of the first `size` log entries, as far as links are made."""
    rows = session.execute(HEADS, {"licensors": list(licensors), "size": size})
    return {licensor_id: (number, bytes(head)) for licensor_id, number, head in rows}


class UsageMap:
    """The map as of a size of the log, moved on from one to the next: what a `Signer` puts in checkpoints.

    One for each signer; not for several threads. It holds about 1 KB for each
    licensor, and begins with all of them.
    """

    def __init__(self, *, trusting: bool = False) -> None:
        """`trusting`: take stored tails for what they say, as who compares the root with a signed one may."""
        self._trusting = trusting
        self._map = SparseMap()
        self._numbers: dict[UUID, int] = {}  # of whom the map was moved last
        self._size = 0
        # Whose links we made last, in a transaction that may not have been committed.
        self._unsure: set[UUID] = set()

    def __call__(self, session: Session, size: int) -> tuple[str, ...]:
        """The extension lines of a checkpoint of this size; makes the links that it is missing.

        Once in a transaction.
        """
        after: int | None = -1
        ours: set[UUID] = set()
        while after is not None:
            after = link(session, size, after=after, of=ours)
        root = self.at(session, size).root()
        self._keep_tails(session)
        self._unsure = ours
        return (usage_map.line(root),)

    def at(self, session: Session, size: int) -> SparseMap:
        """The map of the first `size` entries, whose links are made. It changes with the next call."""
        if size < self._size:
            self.__init__(trusting=self._trusting)  # type: ignore[misc]
        if self._size:
            moved = set(session.scalars(MOVED, {"start": self._size, "stop": size})) | self._unsure
        else:
            moved = set(session.scalars(text("SELECT id FROM licensors")))
        found = heads(session, size, moved)
        tails = self._tails(session, moved) if self._trusting else {}
        self._numbers = {}
        for licensor_id in moved:
            key = usage_map.key_of(licensor_id)
            number, head = found.get(licensor_id, (0, EMPTY))
            tail = tails.get((licensor_id, number))
            self._map.put(key, usage_map.leaf_hash(key, number, head), tail=tail)
            self._numbers[licensor_id] = number
        self._size = size
        return self._map

    def _tails(self, session: Session, licensors: Collection[UUID]) -> dict[tuple[UUID, int], bytes]:
        rows = session.execute(TAILS, {"licensors": list(licensors)})
        return {(licensor_id, number): bytes(tail) for licensor_id, number, tail in rows}

    def _keep_tails(self, session: Session) -> None:
        """For proofs, of whom the map was moved: it is hashed by now."""
        told = [
            (licensor_id, number, tail)
            for licensor_id, number in sorted(self._numbers.items())
            if (tail := self._map.tail(usage_map.key_of(licensor_id))) is not None
        ]
        if told:
            licensors, numbers, tails = (list(column) for column in zip(*told, strict=True))
            session.execute(KEEP_TAILS, {"licensors": licensors, "numbers": numbers, "tails": tails})
