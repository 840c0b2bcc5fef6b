"""Which publications outlast a right that was withdrawn or will end, and what is to be done with each."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from bankd.audit.actor import Actor
from bankd.expiries import service as expiries
from bankd.expiries.service import Expiry
from bankd.exposure.subjects import Named, find, grants_of, uses
from bankd.licensing import withdrawals
from bankd.provenance.models import Composite, Publication
from bankd.synthesis import circulating
from bankd.synthesis.circulating import Standing
from bankd.synthesis.lasting import PRINTED

ENDING = frozenset({"term", "sell-off", "release", "reconfirm-by"})
"""The ends after which something that is public may have to come down."""


@dataclass(frozen=True)
class Outlasting:
    """A publication that may still be public when a right has ended, and what is to be done with it then."""

    expiry: Expiry
    standing: Standing

    def as_json(self) -> dict[str, Any]:
        return {**self.standing.as_json(), "ends": expiries.facts(self.expiry)}


def touched(
    session: Session,
    withdrawal_id: UUID,
    *,
    on: date | None = None,
    after: UUID | None = None,
    limit: int = 100,
    by: Actor,
    at: datetime,
) -> list[Standing]:
    """A page of the publications that a withdrawal touches and nobody took down, in the order of their ids.

    Raises:
        WithdrawalNotFound.
        UseRefused: the day is over.
    """
    one = withdrawals.get(session, withdrawal_id)
    named = Named(one.subject, one.subject_id, one.ref)
    return [
        circulating.of_publication(session, found, on=on, by=by, at=at)
        for found in _public(session, named, by=by, after=after, limit=limit)
    ]


def ending(
    session: Session, *, within: timedelta, limit: int = 100, by: Actor, at: datetime
) -> list[Outlasting]:
    """The publications that terms, sell-offs and releases leave behind within a time, the next end first.

    Each is asked of the day after the end. Those that say themselves that they are over by then are left out.
    """
    found: list[Outlasting] = []
    for expiry in expiries.expiring(session, at=at, within=within):
        if expiry.what not in ENDING:
            continue
        named = find(session, expiry.subject, expiry.ref, by=by)
        for one in _public(session, named, by=by, limit=limit - len(found)):
            on = expiry.at.astimezone(ZoneInfo(one.zone)).date()
            if expiry.what == "sell-off" and one.channel not in PRINTED:
                continue
            if one.ends_on is None or one.ends_on >= on:
                found.append(
                    Outlasting(expiry, circulating.of_publication(session, one, on=on, by=by, at=at))
                )
        if len(found) >= limit:
            break
    return found


def _public(
    session: Session, named: Named, *, by: Actor, after: UUID | None = None, limit: int
) -> Iterator[Publication]:
    """Publications of composites that rely on something, less what was replaced or taken down."""
    each = uses(named, grants_of(session, named))
    seen: list[ColumnElement[bool]] = []
    if by.department_id is not None:
        seen = [Composite.department_id == by.department_id]  # what is of none is the whole house's
    yield from session.scalars(
        select(Publication)
        .join(Composite, Composite.id == Publication.composite_id)
        .where(
            Publication.composite_id.in_(select(each.c.composite_id)),
            Publication.replaced_by_id.is_(None),
            Publication.taken_down_on.is_(None),
            *([Publication.id > after] if after else []),
            *seen,
        )
        .order_by(Publication.id)
        .limit(limit)
    ).all()
