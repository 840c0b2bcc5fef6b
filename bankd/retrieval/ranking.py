"""Ranking by whichever path answers sooner; both give the same rows in the same order."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Integer, Select, cast, func, literal, select, text
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.catalog.models import Photo, PhotoGrant, Segment
from bankd.retrieval import reference
from bankd.retrieval.following import follower
from bankd.retrieval.index import EVERY_GRANT
from bankd.retrieval.ranked import Ranked
from synth.retrieval.descriptors import Descriptors
from synth.retrieval.resident import Work

RESIDENT_FROM = 20_000  # segments: below it Postgres answers in a few milliseconds and nothing need be kept
TRIES = 3
EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)


def rank(
    session: Session,
    cleared: Select[tuple[int, int]],
    categories: Sequence[int],
    query: Descriptors,
    *,
    k: int,
    at: datetime,
    without: frozenset[UUID] = frozenset(),
    without_grants: frozenset[UUID] = frozenset(),
    work: Work | None = None,
) -> list[list[Ranked]]:
    """As `reference.rank`: by the resident index where the bank is large and the index stands, or by it.

    The index is of a moment at which every log entry was seen that this
    session sees. A session that has written sees what no index can, and is answered by Postgres.
    """
    if categories and _is_large(session) and not _has_written(session):
        ranked = _resident(session, cleared, categories, query, k, at, without, without_grants, work)
        if ranked is not None:
            return ranked
    return reference.rank(
        session, cleared, categories, query, k=k, at=at, without=without, without_grants=without_grants
    )


def _resident(
    session: Session,
    cleared: Select[tuple[int, int]],
    categories: Sequence[int],
    query: Descriptors,
    k: int,
    at: datetime,
    without: frozenset[UUID],
    without_grants: frozenset[UUID],
    work: Work | None,
) -> list[list[Ranked]] | None:
    """None where the index cannot answer: it is being built, or rights move faster than it is read."""
    following = follower(session.get_bind().engine)
    for _ in range(TRIES):
        index = following.index(query.frame, epoch=log.epoch(session))
        if index is None:
            return None
        held = _held(session, without_grants)
        if any(index.profile(photo) not in (None, profile) for photo, profile, _ in held):
            continue  # grants have other ordinals by now than in the index
        left_out = {photo: bits for photo, _, bits in held}
        left_out |= {photo.bytes: EVERY_GRANT for photo in without}
        return (index.without(left_out) if left_out else index).rank(
            categories,
            query,
            following.clears(cleared, index),
            k=k,
            at_us=(at - EPOCH_START) // timedelta(microseconds=1),
            work=work,
        )
    return None


def _is_large(session: Session) -> bool:
    # Ids are given in turn: a bound from above, read from the end of an index.
    return (session.scalar(select(func.max(Segment.id))) or 0) >= RESIDENT_FROM


def _has_written(session: Session) -> bool:
    session.flush()
    return session.scalar(text("SELECT pg_current_xact_id_if_assigned() IS NOT NULL")) is True


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
