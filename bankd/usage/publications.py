"""Publications: recorded as they happened, held against their handout, counted and charged.

Facts are never refused for going beyond a clearance; they are marked, and
compliance sees them. Only what cannot be a fact is refused.
"""

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import rfc8785
from sqlalchemy import ColumnElement, func, or_, select, text
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.licensing import caps
from bankd.licensing.caps import Key
from bankd.licensing.terms import GrantTerms
from bankd.licensing.use import Use
from bankd.licensing.vocabulary import Trigger
from bankd.provenance.errors import CompositeNotFound
from bankd.provenance.manifest import Disclosures
from bankd.provenance.models import Composite, Handout, HandoutHold, Publication
from bankd.royalties import accrual, once
from bankd.royalties.accrual import Subject
from bankd.usage.errors import (
    AlreadyReplaced,
    AlreadyTakenDown,
    HandoutNotFound,
    PublicationNotFound,
    PublicationRefused,
    RefTaken,
)
from bankd.usage.within import HandedOut, Published, outside

PUBLISHING = 0x62616E6B_7075626C  # advisory lock: publications of one handout count its copies in turn


@dataclass(frozen=True)
class Recorded:
    publication: Publication
    new: bool  # False: it was on record already


def record(
    session: Session,
    published: Published,
    *,
    handout_id: UUID | None = None,
    composite_id: UUID | None = None,
    ref: str | None = None,
    document_sha256: str | None = None,
    by: Actor,
    at: datetime,
) -> Recorded:
    """Record a publication of what a handout gave, or of a composite found published; safe to repeat.

    Of a composite alone, it is held against the handout that it goes beyond
    the least. What its grants owe and count for publications and copies is
    owed and counted now, beyond a cap too.

    Args:
        ref: what it is called elsewhere; None names it by its facts.

    Raises:
        HandoutNotFound, CompositeNotFound: there is none, or it is another department's.
        PublicationRefused: the facts contradict each other, or have not happened yet.
        RefTaken: the ref is another publication's.
    """
    _take_turns(session)
    composite, handout = _of(session, handout_id, composite_id, by=by)
    ref = _named(published, composite.id, handout_id) if ref is None else ref
    known = session.scalar(select(Publication).where(Publication.ref == ref))
    if known is not None:
        if not _same(known, published, composite.id, handout_id):
            raise RefTaken(ref)
        return Recorded(known, new=False)
    if handout is None:
        handout = _closest(session, composite, published)
    made = _add(
        session, published, composite, handout, ref=ref, document_sha256=document_sha256, by=by, at=at
    )
    log.append(session, Kind.PUBLICATION_RECORDED, by=by, at=at, **_payload(made))
    return Recorded(made, new=True)


def replace(
    session: Session,
    publication: UUID | str,
    published: Published,
    *,
    reason: str,
    ref: str | None = None,
    by: Actor,
    at: datetime,
) -> Publication:
    """Record what a publication really was, in place of what was recorded wrongly.

    The old record stays, and what it owed and counted is taken back by
    further entries. A takedown of the old one holds for the new one.

    Raises:
        PublicationNotFound, AlreadyReplaced.
        PublicationRefused: no reason, the same facts, or facts that cannot be.
        RefTaken: the ref is another publication's.
    """
    if not reason.strip():
        raise PublicationRefused("a replacement needs its reason")
    _take_turns(session)
    old = _current(session, publication, by=by)
    if _facts(published) == _facts_of(old):
        raise PublicationRefused(f"publication `{old.ref}` is recorded with these facts already")
    composite, handout = _of(session, old.handout_id, old.composite_id, by=by)
    ref = _named(published, composite.id, old.handout_id, replaces=old.id) if ref is None else ref
    if session.scalar(select(Publication.id).where(Publication.ref == ref)) is not None:
        raise RefTaken(ref)
    fed = accrual.fed_by(session, composite)
    terms = accrual.terms_of(session, list(fed))
    caps.give_back(session, _counts(terms, copies=old.copies), taken_at=old.recorded_at)
    accrual.reverse(session, old.id, reason=reason, by=by, at=at)
    made = _add(
        session,
        published,
        composite,
        handout,
        ref=ref,
        document_sha256=old.document_sha256,
        replaces=old,
        by=by,
        at=at,
    )
    if old.taken_down_on is not None and old.taken_down_on >= made.starts_on:
        made.taken_down_on, made.taken_down_at = old.taken_down_on, old.taken_down_at
        made.taken_down_by, made.taken_down_evidence = old.taken_down_by, old.taken_down_evidence
    old.replaced_by_id = made.id
    session.flush()
    once.settle(session, terms, reason=reason, by=by, at=at)
    log.append(
        session, Kind.PUBLICATION_REPLACED, by=by, at=at, replaces=old.id, reason=reason, **_payload(made)
    )
    return made


def take_down(
    session: Session,
    publication: UUID | str,
    *,
    on: date | None = None,
    evidence: str | None = None,
    by: Actor,
    at: datetime,
) -> Publication:
    """Record that a publication is no longer public from a day on; None is today.

    Raises:
        PublicationNotFound, AlreadyReplaced, AlreadyTakenDown: the first takedown stands.
        PublicationRefused: the day lies before it was public, or ahead.
    """
    found = _current(session, publication, by=by)
    if found.taken_down_on is not None:
        raise AlreadyTakenDown(found.ref, found.taken_down_on)
    today = at.astimezone(ZoneInfo(found.zone)).date()
    on = on or today
    if on < found.starts_on:
        raise PublicationRefused(
            f"publication `{found.ref}` starts on `{found.starts_on}`, so it was not taken down on `{on}`"
        )
    if on > today:
        raise PublicationRefused(f"a takedown is recorded when it has happened: `{on}` is still to come")
    found.taken_down_on, found.taken_down_at, found.taken_down_by = on, at, by.name
    found.taken_down_evidence = evidence
    session.flush()
    log.append(
        session,
        Kind.PUBLICATION_TAKEN_DOWN,
        by=by,
        at=at,
        publication=found.id,
        composite=found.composite_id,
        on=on,
        evidence=evidence,
    )
    return found


def get(session: Session, publication: UUID | str, *, by: Actor) -> Publication:
    """By id or ref.

    Raises:
        PublicationNotFound: there is none, or it is another department's.
    """
    named: ColumnElement[bool] = Publication.ref == str(publication)
    with contextlib.suppress(ValueError):
        named = or_(named, Publication.id == UUID(str(publication)))
    wanted = select(Publication).where(named)
    if by.department_id is not None:
        wanted = wanted.join(Composite, Composite.id == Publication.composite_id).where(
            Composite.department_id == by.department_id
        )
    found = session.scalars(wanted.limit(1)).one_or_none()
    if found is None:
        raise PublicationNotFound(publication)
    return found


def publications(
    session: Session,
    *,
    by: Actor,
    composite_id: UUID | None = None,
    handout_id: UUID | None = None,
    outside_only: bool = False,
    after: UUID | None = None,
    limit: int = 100,
) -> Sequence[Publication]:
    """The newest records first; those that were replaced are left out."""
    wanted = (
        select(Publication)
        .where(Publication.replaced_by_id.is_(None))
        .order_by(Publication.recorded_at.desc(), Publication.id)
        .limit(limit)
    )
    if by.department_id is not None:
        wanted = wanted.join(Composite, Composite.id == Publication.composite_id).where(
            Composite.department_id == by.department_id
        )
    if composite_id is not None:
        wanted = wanted.where(Publication.composite_id == composite_id)
    if handout_id is not None:
        wanted = wanted.where(Publication.handout_id == handout_id)
    if outside_only:
        wanted = wanted.where(func.cardinality(Publication.outside) > 0)
    if after is not None:
        last = get(session, after, by=by)
        wanted = wanted.where(
            or_(
                Publication.recorded_at < last.recorded_at,
                (Publication.recorded_at == last.recorded_at) & (Publication.id > last.id),
            )
        )
    return session.scalars(wanted).all()


def state(session: Session, found: Publication, *, at: datetime) -> str:
    """`replaced`, `taken-down`, `ended`, `live`, or `overdue`: public though its cleared period is over."""
    if found.replaced_by_id is not None:
        return "replaced"
    if found.taken_down_on is not None:
        return "taken-down"
    today = at.astimezone(ZoneInfo(found.zone)).date()
    if found.ends_on is not None and found.ends_on < today:
        return "ended"
    handout = None if found.handout_id is None else session.get(Handout, found.handout_id)
    return "live" if handout is not None and today <= _use(session, handout).ends_on else "overdue"


def _add(
    session: Session,
    published: Published,
    composite: Composite,
    handout: Handout | None,
    *,
    ref: str,
    document_sha256: str | None,
    replaces: Publication | None = None,
    by: Actor,
    at: datetime,
) -> Publication:
    zone = (
        _disclosed(composite).zone if handout is None else _use(session, handout).zone
    )  # the days are those of the use
    if published.starts_on > at.astimezone(ZoneInfo(zone)).date():
        raise PublicationRefused(
            f"a publication is recorded when it has happened: `{published.starts_on}` is still to come"
        )
    before = None if handout is None else _handed_out(session, handout, without=replaces)
    beyond = outside(published, before)
    fed = accrual.fed_by(session, composite)
    terms = accrual.terms_of(session, list(fed))
    spent = _spend(session, handout, terms, copies=published.copies, at=at)
    if spent.over:
        beyond = (*beyond, "over-cap")
    made = Publication(
        ref=ref,
        composite_id=composite.id,
        handout_id=None if handout is None else handout.id,
        **_facts(published),
        zone=zone,
        document_sha256=document_sha256,
        outside=list(beyond),
        recorded_at=at,
        recorded_by=by.name,
    )
    session.add(made)
    session.flush()
    accrual.accrue(
        session,
        Subject(composite.id, made.handout_id, made.id),
        {"publication": 1, "copies": published.copies},
        fed=fed,
        terms=terms,
        before=spent.before,
        by=by,
        at=at,
    )
    if replaces is None:
        once.settle(session, terms, came=made.id, reason=f"publication {made.ref}", by=by, at=at)
    return made


def _spend(
    session: Session, handout: Handout | None, terms: dict[UUID, GrantTerms], *, copies: int, at: datetime
) -> caps.Spent:
    """Count it on its grants; what the handout held is freed first, and the rest of it held on."""
    wanted = _counts(terms, copies=copies)
    if handout is not None and wanted:
        holds = session.scalars(
            select(HandoutHold).where(HandoutHold.handout_id == handout.id).with_for_update()
        ).all()
        freed = dict.fromkeys(wanted, 0) | {_key(h): min(h.count, wanted.get(_key(h), 0)) for h in holds}
        caps.free(session, freed, reserved_at=handout.at)
        for one in holds:
            if freed[_key(one)] == one.count:
                session.delete(one)
            else:
                one.count -= freed[_key(one)]
        session.flush()
    return caps.take(session, wanted, at=at, beyond=True)


def _counts(terms: dict[UUID, GrantTerms], *, copies: int) -> dict[Key, int]:
    """Zeros stand here too, so that every use of a grant locks the same counters by its first call."""
    units: dict[Trigger, int] = {"publication": 1, "copies": copies}
    return {
        (grant_id, trigger): count
        for grant_id, stated in terms.items()
        for trigger, count in units.items()
        if trigger in stated.counted
    }


def _key(held: HandoutHold) -> Key:
    return held.grant_id, held.trigger  # type: ignore[return-value]


def _of(
    session: Session, handout_id: UUID | None, composite_id: UUID | None, *, by: Actor
) -> tuple[Composite, Handout | None]:
    handout = None
    if handout_id is not None:
        handout = session.get(Handout, handout_id)
        if handout is None:
            raise HandoutNotFound(handout_id)
        if composite_id not in (None, handout.composite_id):
            raise PublicationRefused(f"handout `{handout_id}` is not of composite `{composite_id}`")
    elif composite_id is None:
        raise PublicationRefused("a publication needs its handout, or at least its composite")
    wanted = composite_id if handout is None else handout.composite_id
    composite = None if wanted is None else session.get(Composite, wanted)
    if composite is None or by.department_id not in (None, composite.department_id):
        raise CompositeNotFound(wanted) if handout is None and wanted else HandoutNotFound(handout_id)  # type: ignore[arg-type]
    return composite, handout


def _closest(session: Session, composite: Composite, published: Published) -> Handout | None:
    """Of its handouts the one that the publication goes beyond the least; of equals the first."""
    handouts = session.scalars(
        select(Handout).where(Handout.composite_id == composite.id).order_by(Handout.at, Handout.id)
    ).all()
    return min(handouts, key=lambda one: len(outside(published, _handed_out(session, one))), default=None)


def _handed_out(session: Session, handout: Handout, *, without: Publication | None = None) -> HandedOut:
    use = _use(session, handout)
    counted = select(func.coalesce(func.sum(Publication.copies), 0)).where(
        Publication.handout_id == handout.id, Publication.replaced_by_id.is_(None)
    )
    if without is not None:
        counted = counted.where(Publication.id != without.id)
    return HandedOut(
        use=use,
        channel=handout.channel,
        on=handout.at.astimezone(ZoneInfo(use.zone)).date(),
        comp=handout.comp,
        copies_before=int(session.scalar(counted) or 0),
    )


def _use(session: Session, handout: Handout) -> Use:
    """The use that the composite was made for: what the handout was cleared for, but for its channel."""
    return _disclosed(session.get_one(Composite, handout.composite_id))


def _disclosed(composite: Composite) -> Use:
    return Disclosures.model_validate(composite.disclosures).use()


def _current(session: Session, publication: UUID | str, *, by: Actor) -> Publication:
    """Locked by being the only writer: all that stamp a publication take turns."""
    _take_turns(session)
    found = get(session, publication, by=by)
    session.refresh(found)
    if found.replaced_by_id is not None:
        raise AlreadyReplaced(found.ref, found.replaced_by_id)
    return found


def _facts(published: Published) -> dict[str, Any]:
    facts = {name: getattr(published, name) for name in Published.model_fields}
    return {**facts, "territories": sorted(published.territories)}


def _facts_of(found: Publication) -> dict[str, Any]:
    return {name: getattr(found, name) for name in Published.model_fields}


def _same(found: Publication, published: Published, composite_id: UUID, handout_id: UUID | None) -> bool:
    same_handout = handout_id is None or found.handout_id == handout_id
    return found.composite_id == composite_id and same_handout and _facts(published) == _facts_of(found)


def _named(
    published: Published, composite_id: UUID, handout_id: UUID | None, *, replaces: UUID | None = None
) -> str:
    """A ref made of the facts: told again, they are known."""
    told: dict[str, Any] = {"composite": str(composite_id), "facts": published.as_json()}
    if handout_id is not None:
        told["handout"] = str(handout_id)
    if replaces is not None:
        told["replaces"] = str(replaces)
    return hashlib.sha256(rfc8785.dumps(told)).hexdigest()[:32]


def _payload(made: Publication) -> dict[str, Any]:
    return {
        "publication": made.id,
        "ref": made.ref,
        "composite": made.composite_id,
        "handout": made.handout_id,
        **_facts_of(made),
        "outside": made.outside,
    }


def _take_turns(session: Session) -> None:
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": PUBLISHING})
