"""Requests that wait for people: what they wait for, and what becomes of them once people have spoken.

A request waits only where no choice of sources clears without a signature. Then one more plan is
made as if everything that may be signed were: what that plan rests on is what people are asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from bankd.access.permissions import Permission, require
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog.taxonomy import Taxonomy
from bankd.licensing.use import Use
from bankd.notices import service as notices
from bankd.notices.channels import Channel
from bankd.policy import service as policy
from bankd.policy.awaiting import Awaiting, waivable
from bankd.policy.clearing import Terms, clear_photos
from bankd.policy.explain import says
from bankd.policy.signoff import EVERYBODY
from bankd.signoffs import reading as records
from bankd.signoffs import service as signoffs
from bankd.signoffs.errors import AwaitedNotFound, SignoffError, SignoffNotFound
from bankd.signoffs.models import AwaitedSignoff, AwaitedState, Signoff
from bankd.signoffs.service import Wanted
from bankd.synthesis import filing, reading, service
from bankd.synthesis.clearing import SealRefused, awaited_by_set, relied_on
from bankd.synthesis.errors import RequestNotFound
from bankd.synthesis.models import Request, RequestState
from bankd.synthesis.plan import Asked, Plan, plan
from bankd.synthesis.reading import DECLINED, LAPSED

NEARLY = timedelta(days=1)  # before it is due people are told again


def awaited(
    session: Session,
    asked: Asked,
    *,
    terms: Terms,
    taxonomy: Taxonomy,
    without: frozenset[tuple[UUID, UUID]],
    without_grants: frozenset[UUID],
) -> list[Wanted]:
    """The signatures that would let a request go on; empty where none would."""
    if not (waivable(terms.bundle, "synthesize") or waivable(terms.bundle, "compose")):
        return []
    planned = plan(
        session,
        asked,
        terms=replace(terms, signed=EVERYBODY),
        taxonomy=taxonomy,
        without=without,
        without_grants=without_grants,
    )
    return wanted_by(planned, terms) if isinstance(planned, Plan) else []


def wanted_by(planned: Plan, terms: Terms) -> list[Wanted]:
    """What of a plan is not signed by those who have signed."""
    answers = clear_photos(terms, "synthesize", planned.rights, only=planned.relied)
    alone: dict[str, dict[UUID, UUID]] = {}
    for photo, grant in planned.relied.items():
        answer = answers[photo]
        for rule in answer.policies if isinstance(answer, Awaiting) else ():
            alone.setdefault(rule, {})[photo] = grant
    together: dict[str, dict[UUID, UUID]] = {}
    for picture in planned.pictures:
        photos = sorted(planned.photo_px(picture))
        relied = [relied_on(planned.rights, photo, planned.relied[photo]) for photo in photos]
        for rule in awaited_by_set(terms, relied, photos=photos):
            together.setdefault(rule, {}).update({photo: planned.relied[photo] for photo in photos})
    return [
        *(Wanted(rule, photos) for rule, photos in sorted(alone.items())),
        *(Wanted(rule, photos, together=True) for rule, photos in sorted(together.items())),
    ]


def wait(
    session: Session, request: Request, wanted: Sequence[Wanted], *, terms: Terms, by: Actor, at: datetime
) -> None:
    """Let a request wait until people have spoken."""
    signoffs.ask(
        session,
        terms.bundle,
        wanted,
        request_id=request.id,
        requester=request.filed_by,
        use=Use.model_validate(request.use),
        by=by,
        at=at,
    )
    request.state = RequestState.AWAITING
    request.lease_until = None
    log.append(
        session, Kind.REQUEST_AWAITS, by=by, at=at,
        request=request.id, policies=[one.policy for one in wanted], bundle=terms.bundle.digest,
    )  # fmt: skip


def give(session: Session, awaited_id: UUID, *, by: Actor, at: datetime, **stated: Any) -> Signoff:
    """Sign what a request waits for; the last signature that it needs sends it on.

    Args:
        stated: scope, reason, document_sha256 and expires_at, as `signoffs.give` takes them.

    Raises:
        As `signoffs.give`.
    """
    require(by, Permission.SIGNOFFS_GIVE)
    request = _locked(session, awaited_id, by=by)
    made = signoffs.give(session, awaited_id, by=by, at=at, **stated)
    _resume(session, request, by=by, at=at)
    return made


def decline(session: Session, awaited_id: UUID, *, reason: str, by: Actor, at: datetime) -> AwaitedSignoff:
    """Say no: the request is refused.

    Raises:
        As `signoffs.decline`.
    """
    require(by, Permission.SIGNOFFS_GIVE)
    request = _locked(session, awaited_id, by=by)
    declined = signoffs.decline(session, awaited_id, reason=reason, by=by, at=at)
    _refuse(session, request, {declined.policy, DECLINED}, by=by, at=at)
    return declined


def withdraw(session: Session, signoff_id: UUID, *, reason: str, by: Actor, at: datetime) -> Signoff:
    """Raises: as `signoffs.withdraw`."""
    require(by, Permission.SIGNOFFS_GIVE)
    made = records.signoff(session, signoff_id)
    _request(session, made.request_id, by=by, hidden=SignoffNotFound(signoff_id))
    return signoffs.withdraw(session, signoff_id, reason=reason, by=by, at=at)


def supersede(session: Session, signoff_id: UUID, *, by: Actor, at: datetime, **stated: Any) -> Signoff:
    """Raises: as `signoffs.supersede`."""
    require(by, Permission.SIGNOFFS_GIVE)
    made = records.signoff(session, signoff_id)
    _request(session, made.request_id, by=by, hidden=SignoffNotFound(signoff_id))
    return signoffs.supersede(session, signoff_id, by=by, at=at, **stated)


def sweep(session: Session, *, by: Actor, at: datetime) -> int:
    """Refuse requests whose sign-off nobody gave in time, send on those that wait for nothing; how many."""
    late = {one.request_id for one in records.lapsing(session, at=at)}
    moved = 0
    # Requests are locked before what they wait for, as whoever signs does: nobody waits for the other.
    for request in session.scalars(
        select(Request)
        .where(Request.id.in_(late), Request.state == RequestState.AWAITING)
        .order_by(Request.id)
        .with_for_update(skip_locked=True)
    ):
        over = [one for one in records.queue(session, request_id=request.id) if one.due_at <= at]
        for one in over:
            signoffs.lapse(session, one, by=by, at=at)
        if over:
            _refuse(session, request, {LAPSED, *(one.policy for one in over)}, by=by, at=at)
            moved += 1
    waits = exists().where(
        AwaitedSignoff.request_id == Request.id, AwaitedSignoff.state == AwaitedState.AWAITING
    )
    for request in session.scalars(
        select(Request)
        .where(Request.state == RequestState.AWAITING, ~waits)
        .with_for_update(skip_locked=True)
    ):
        moved += _resume(session, request, by=by, at=at)
    return moved


def tell(session: Session, *, to: Mapping[str, Channel], at: datetime) -> int:
    """Tell people what waits for them, when it comes and a day before it is due; how many notices."""
    told = 0
    open_ = session.scalars(
        select(AwaitedSignoff)
        .where(AwaitedSignoff.state == AwaitedState.AWAITING, AwaitedSignoff.told < 2)
        .order_by(AwaitedSignoff.due_at, AwaitedSignoff.id)
        .with_for_update(skip_locked=True)
    ).all()
    if not open_:
        return 0
    bundle = policy.active(session)
    for one in open_:
        step = 2 if one.due_at - at <= NEARLY else 1
        if one.told >= step:
            continue
        told += notices.tell(
            session,
            "signoff",
            key=f"signoff {one.id} {step}",
            title=f"a sign-off is {'nearly due' if step == 2 else 'awaited'}: {one.policy}",
            words=(
                f"{says(bundle, one.policy)} ({one.policy}).\n"
                f"Request {one.request_id} of {one.requester} waits for {one.signers} of {one.role} to sign,"
                f" until {one.due_at:%Y-%m-%d %H:%M}Z; after that it is refused.\n"
                f"See `bankd signoffs show {one.id}`.\n"
            ),
            facts={
                "awaited": str(one.id),
                "request": str(one.request_id),
                "policy": one.policy,
                "role": one.role,
                "signers": one.signers,
                "due_at": one.due_at.isoformat(),
            },
            to=to,
            at=at,
        )
        one.told = step
    return told


def listed(
    session: Session, *, state: str | None, limit: int, by: Actor, at: datetime
) -> list[dict[str, Any]]:
    """The queue as compliance sees it, the soonest due first; `state` None is all of it.

    Raises:
        NotPermitted.
    """
    require(by, Permission.SIGNOFFS_READ)
    own = select(Request.id).where(Request.department_id == by.department_id)
    among = None if by.department_id is None else own
    found = records.queue(session, state=state, among=among, limit=limit)
    signed = records.signatures(session, [one.id for one in found])
    bundles = {one.bundle_digest: policy.stored(session, one.bundle_digest) for one in found}
    return [
        records.facts(one, signed[one.id], says=says(bundles[one.bundle_digest], one.policy), at=at)
        for one in found
    ]


def shown(session: Session, awaited_id: UUID, *, by: Actor, at: datetime) -> dict[str, Any]:
    """One entry of the queue, with the use and the grants that it is about: not for whoever filed it.

    Raises:
        NotPermitted, AwaitedNotFound.
    """
    require(by, Permission.SIGNOFFS_READ)
    one = records.get(session, awaited_id)
    signed = records.signatures(session, [one.id])[one.id]
    request = _request(session, one.request_id, by=by, hidden=AwaitedNotFound(awaited_id))
    refs = reading.refs(session, set(one.grants))
    sentence = says(policy.stored(session, one.bundle_digest), one.policy)
    return records.facts(one, signed, says=sentence, at=at) | {
        "refs": [refs[grant] for grant in one.grants],
        "use": request.use,
        "request_state": str(request.state),
    }


def _locked(session: Session, awaited_id: UUID, *, by: Actor) -> Request:
    """The request, locked, before what it waits for."""
    found = records.get(session, awaited_id)
    _request(session, found.request_id, by=by, hidden=AwaitedNotFound(awaited_id))
    return session.get_one(Request, found.request_id, with_for_update=True, populate_existing=True)


def _request(session: Session, request_id: UUID, *, by: Actor, hidden: SignoffError) -> Request:
    """The request that a sign-off is about, unless it is another department's."""
    try:
        return filing.get(session, request_id, by=by)
    except RequestNotFound:
        raise hidden from None


def _resume(session: Session, request: Request, *, by: Actor, at: datetime) -> bool:
    """Send a request on that waits for nobody any more; what was sent on already stays as it is."""
    session.flush()
    if request.state != RequestState.AWAITING or records.open_of(session, request.id):
        return False
    log.append(session, Kind.REQUEST_RESUMED, by=by, at=at, request=request.id)
    service.again(session, request, at=at)
    return True


def _refuse(session: Session, request: Request, reasons: set[str], *, by: Actor, at: datetime) -> None:
    signoffs.drop(session, request.id, by=by, at=at)
    if request.state == RequestState.AWAITING:
        service.refuse_set(session, request, SealRefused(frozenset(reasons)), by=by, at=at)
