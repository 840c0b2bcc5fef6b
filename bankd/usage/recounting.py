"""All links once more, from the log and nothing else, against those that are stored."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.audit import usage_map
from bankd.audit.errors import LogInconsistent
from bankd.audit.usage_map import EMPTY, SparseMap
from bankd.usage import links
from bankd.usage.models import UsageLink, UsageLinkPayload

PAGE = 500


class Recount:
    """Works out the extension lines of checkpoints, one after the other in ascending size.

    For `verify`. It holds the map and a page of links; a root takes a quarter
    of a millisecond for each licensor that had uses since the one before.
    """

    def __init__(self) -> None:
        self._map = SparseMap()
        self._heads: dict[UUID, tuple[int, bytes]] = {}
        self._size = 0
        self.links = 0
        self.erased = 0  # links whose payload is gone; they stand
        self.unlinked = 0  # uses that were erased before links were made: no chain has them

    def __call__(self, session: Session, size: int) -> tuple[str, ...]:
        """Raises: LogInconsistent: the stored links are not those that the log makes."""
        moved: set[UUID] = set()
        start = self._size
        while start < size:
            found = links.uses(session, start=start, stop=size, page=PAGE)
            stop = found[-1].index + 1 if len(found) == PAGE else size
            stored = _stored(session, start=start, stop=stop)
            for use, made in links.made(session, found):
                there = stored.pop(use.index, [])
                self._hold(size, use, made, there)
                for one in there:
                    self._chain(size, one)
                    moved.add(one.licensor_id)
            if stored:
                raise LogInconsistent(size, f"entry {min(stored)} is no use, and there is a link of it")
            start = stop
        for licensor_id in moved:
            key = usage_map.key_of(licensor_id)
            self._map.put(key, usage_map.leaf_hash(key, *self._heads[licensor_id]))
        self._size = size
        return (usage_map.line(self._map.root()),)

    def facts(self) -> dict[str, int]:
        """As programs are told."""
        return {
            "usage_links": self.links,
            "usage_links_erased": self.erased,
            "uses_unlinked": self.unlinked,
        }

    def _chain(self, size: int, one: Any) -> None:
        """Raises: LogInconsistent: the link does not follow its licensor's last one."""
        number, head = self._heads.get(one.licensor_id, (0, EMPTY))
        now = (number + 1, usage_map.chained(head, one.link))
        if now != (one.number, one.head):
            raise LogInconsistent(
                size, f"the chain of licensor `{one.licensor_id}` breaks at entry {one.entry}"
            )
        self._heads[one.licensor_id] = now
        self.links += 1

    def _hold(self, size: int, use: links.Use, made: list[links.Made], there: Sequence[Any]) -> None:
        """Raises: LogInconsistent: what is stored of a use is not what its entry makes."""
        if use.payload is None:
            if any(one.salt is not None or one.payload is not None for one in there):
                raise LogInconsistent(size, f"entry {use.index} was erased, and what its links say was not")
            self.erased += len(there)
            self.unlinked += not there
            return
        known = [(one.licensor_id, one.link, one.salt, one.payload) for one in there]
        if known != [(one.licensor_id, one.link, one.salt, one.payload) for one in made]:
            raise LogInconsistent(size, f"the links of entry {use.index} are not those that it makes")


def _stored(session: Session, *, start: int, stop: int) -> dict[int, list[Any]]:
    """By entry; of one by licensor."""
    rows = (
        select(
            UsageLink.entry,
            UsageLink.licensor_id,
            UsageLink.number,
            UsageLink.link,
            UsageLink.head,
            UsageLinkPayload.salt,
            UsageLinkPayload.payload,
        )
        .outerjoin(
            UsageLinkPayload,
            (UsageLinkPayload.entry == UsageLink.entry)
            & (UsageLinkPayload.licensor_id == UsageLink.licensor_id),
        )
        .where(UsageLink.entry >= start, UsageLink.entry < stop)
        .order_by(UsageLink.entry, UsageLink.licensor_id)
    )
    found: dict[int, list[Any]] = {}
    for row in session.execute(rows):
        found.setdefault(row.entry, []).append(row)
    return found
