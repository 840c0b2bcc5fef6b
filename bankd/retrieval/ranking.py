"""Ranking by whichever path answers sooner; both give the same rows in the same order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Integer, cast, exists, func, literal, select
from sqlalchemy.orm import Session

from bankd.audit.models import LogEntry
from bankd.catalog.models import Photo, PhotoGrant, Segment
from bankd.policy.filters import Filter
from bankd.retrieval import reference
from bankd.retrieval.ranked import Ranked
from synth.retrieval.descriptors import Descriptors

if TYPE_CHECKING:
    from synth.retrieval.resident import Work

# Segments. From 500 on the index answers a layout sooner (docs/benchmarks.md), but a process first loads a
# compiler and builds: below this, the statement is done before that pays.
RESIDENT_FROM = 4_000
TRIES = 3
EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)


def rank(
    session: Session,
    cleared: Filter,
    categories: Sequence[int],
    query: Descriptors,
    *,
    k: int,
    at: datetime,
    without: frozenset[UUID] = frozenset(),
    without_grants: frozenset[UUID] = frozenset(),
    within: ColumnElement[bool] | None = None,
    work: "Work | None" = None,
) -> list[list[Ranked]]:
    """As `reference.rank`, which answers where the bank is small or the index does not stand yet.

    The index is of a moment at which every log entry was seen that this
    session sees. A session that has written sees what no index can, and is answered by Postgres;
    so is a department that may see photos under embargo, which the index holds back from everyone, and
    who looks at some photos alone (`within`).
    """
    if not categories:
        return []
    state = _state(session)
    if within is None and state.large and not state.written and not _sees_embargoed(session, cleared, at=at):
        ranked = _resident(
            session, state.epoch, cleared, categories, query, k, at, without, without_grants, work
        )
        if ranked is not None:
            return ranked
    return reference.rank(
        session,
        cleared,
        categories,
        query,
        k=k,
        at=at,
        without=without,
        without_grants=without_grants,
        within=within,
    )


def _resident(
    session: Session,
    epoch: int,
    cleared: Filter,
    categories: Sequence[int],
    query: Descriptors,
    k: int,
    at: datetime,
    without: frozenset[UUID],
    without_grants: frozenset[UUID],
    work: "Work | None",
) -> list[list[Ranked]] | None:
    """None where the index cannot answer: it is being built, or rights move faster than it is read."""
    # Here, as the compiler behind it takes a while to load, and what ranks in no large bank can do without.
    from bankd.retrieval.following import follower
    from bankd.retrieval.index import EVERY_GRANT

    following = follower(session.get_bind().engine)
    for _ in range(TRIES):
        index = following.index(query.frame, epoch=epoch)
        if index is None:
            return None
        held = _held(session, without_grants)
        if any(index.profile(photo) not in (None, profile) for photo, profile, _ in held):
            # Grants have other ordinals by now than in the index.
            epoch = _state(session).epoch
            continue
        left_out = {photo: bits for photo, _, bits in held}
        left_out |= {photo.bytes: EVERY_GRANT for photo in without}
        return (index.without(left_out) if left_out else index).rank(
            categories,
            query,
            following.clears(cleared, index),
            k=k,
            at_us=(at - EPOCH_START) // timedelta(microseconds=1),
            work=work,
            threads=following.threads,
        )
    return None


@dataclass(frozen=True)
class _State:
    """What a session sees of the bank."""

    large: bool
    written: bool  # by the session itself
    epoch: int


def _state(session: Session) -> _State:
    session.flush()
    # Ids are given in turn: the last one bounds the count from above, and is read from the end of an index.
    last, written, epoch = session.execute(
        select(
            select(func.max(Segment.id)).scalar_subquery(),
            func.pg_current_xact_id_if_assigned().is_not(None),
            select(func.max(LogEntry.index)).scalar_subquery(),
        )
    ).one()
    return _State((last or 0) >= RESIDENT_FROM, written, 0 if epoch is None else epoch + 1)


def _sees_embargoed(session: Session, cleared: Filter, *, at: datetime) -> bool:
    if not cleared.department:
        return False
    return bool(session.scalar(select(exists().where(reference.in_view_of(cleared, at=at)))))


def _held(session: Session, grants: frozenset[UUID]) -> list[tuple[bytes, int, int]]:
    """The photos that hold one of these grants, their profiles, and which bits the grants have there."""
    if not grants:
        return []
    bits: Any = func.bit_or(literal(1, BigInteger).op("<<")(cast(PhotoGrant.ordinal, Integer)))
    rows = session.execute(
        select(Photo.id, Photo.profile_id, bits)
        .join(PhotoGrant, PhotoGrant.photo_id == Photo.id)
        .where(PhotoGrant.grant_id.in_(grants), Photo.state == "admitted")
        .group_by(Photo.id)
    )
    return [(photo.bytes, profile, mask) for photo, profile, mask in rows]
