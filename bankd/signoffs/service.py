"""The queue of sign-offs and what people do with it. What becomes of a request is `synthesis.waiting`'s."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.access.errors import NotPermitted
from bankd.access.permissions import Permission, require
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.licensing.models import Document, Grant
from bankd.licensing.use import Use
from bankd.policy import service as policy
from bankd.policy.load import Bundle
from bankd.policy.signoff import SCOPES, Needs, Scope, rule_sha256
from bankd.signoffs import reading
from bankd.signoffs.errors import (
    AlreadySettled,
    AwaitedNotFound,
    SignedAlready,
    SignerIsRequester,
    SignoffNotFound,
    SignoffOver,
    SignoffUnfit,
)
from bankd.signoffs.models import AwaitedSignoff, AwaitedState, Signoff
from bankd.signoffs.standing import use_sha256

DUE = timedelta(days=3)
LONGEST = timedelta(days=3660)  # ten years: nobody signs for ever


@dataclass(frozen=True)
class Wanted:
    """One rule that keeps a request waiting: what it is about, each photo with the grant to be relied on."""

    policy: str
    relied: Mapping[UUID, UUID]
    together: bool = False  # about the photos of a picture together


def ask(
    session: Session,
    bundle: Bundle,
    wanted: Sequence[Wanted],
    *,
    request_id: UUID,
    requester: str,
    use: Use,
    by: Actor,
    at: datetime,
) -> list[AwaitedSignoff]:
    """Put into the queue what a request waits for, one entry for each rule."""
    made = []
    for one in wanted:
        needs = _needs(bundle, one.policy)
        photos = sorted(one.relied, key=str)
        awaited = AwaitedSignoff(
            id=uuid4(),
            request_id=request_id,
            requester=requester,
            policy=one.policy,
            rule_sha256=rule_sha256(bundle.policies[one.policy].source),
            bundle_digest=bundle.digest,
            role=needs.role,
            signers=needs.signers,
            together=one.together,
            photos=photos,
            grants=[one.relied[photo] for photo in photos],
            use_sha256=use_sha256(use),
            made_at=at,
            due_at=at + DUE,
            told=0,
            state=AwaitedState.AWAITING,
        )
        session.add(awaited)
        made.append(awaited)
        log.append(
            session, Kind.SIGNOFF_AWAITED, by=by, at=at,
            awaited=awaited.id, request=request_id, policy=one.policy, role=needs.role,
            signers=needs.signers, photos=photos, due_at=awaited.due_at,
        )  # fmt: skip
    session.flush()
    return made


def give(
    session: Session,
    awaited_id: UUID,
    *,
    scope: str,
    reason: str,
    document_sha256: str | None = None,
    expires_at: datetime,
    by: Actor,
    at: datetime,
) -> Signoff:
    """Sign what is awaited. It is given once as many people as it takes have signed.

    Raises:
        NotPermitted: it takes another role.
        AwaitedNotFound, AlreadySettled, SignerIsRequester, SignedAlready.
        SignoffUnfit: the scope, the reason, the document or the end will not do, or the rule
            is another by now.
    """
    awaited = _claimed(session, awaited_id, by=by)
    needs = _needs(policy.active(session), awaited.policy, read=awaited.rule_sha256)
    chosen = _scope(scope, together=awaited.together)
    earlier = _signatures(session, awaited.id)
    standing = {one.signed_by for one in earlier if one.state(at=at) == "stands"}
    if by.name in standing:
        raise SignedAlready(by.name, awaited_id)
    signoff = _sign(
        session,
        awaited=awaited,
        scope=chosen,
        reason=reason,
        document_sha256=document_sha256,
        expires_at=expires_at,
        by=by,
        at=at,
    )
    log.append(
        session, Kind.SIGNOFF_GIVEN, by=by, at=at,
        signoff=signoff.id, awaited=awaited.id, request=awaited.request_id, policy=awaited.policy,
        scope=chosen, rule=signoff.rule_sha256, photos=signoff.photos, licenses=signoff.licenses,
        use=signoff.use_sha256,
        reason=signoff.reason, document=document_sha256, expires_at=expires_at,
    )  # fmt: skip
    if len(standing | {by.name}) >= max(needs.signers, awaited.signers):
        _settle(awaited, AwaitedState.GIVEN, by=by, at=at)
    session.flush()
    return signoff


def decline(session: Session, awaited_id: UUID, *, reason: str, by: Actor, at: datetime) -> AwaitedSignoff:
    """Say no, for good: one person's is enough.

    Raises:
        NotPermitted, AwaitedNotFound, AlreadySettled, SignerIsRequester, SignoffUnfit.
    """
    awaited = _claimed(session, awaited_id, by=by)
    awaited.reason = _reason(reason)
    _settle(awaited, AwaitedState.DECLINED, by=by, at=at)
    session.flush()
    log.append(
        session, Kind.SIGNOFF_DECLINED, by=by, at=at,
        awaited=awaited.id, request=awaited.request_id, policy=awaited.policy, reason=awaited.reason,
    )  # fmt: skip
    return awaited


def withdraw(session: Session, signoff_id: UUID, *, reason: str, by: Actor, at: datetime) -> Signoff:
    """Take a sign-off back: from now on nothing is sealed or handed out on it.

    Raises:
        NotPermitted, SignoffNotFound, SignoffOver, SignoffUnfit.
    """
    require(by, Permission.SIGNOFFS_GIVE)
    signoff = _still(session, signoff_id)
    signoff.withdrawn_at, signoff.withdrawn_by, signoff.withdrawn_reason = at, by.name, _reason(reason)
    session.flush()
    log.append(
        session, Kind.SIGNOFF_WITHDRAWN, by=by, at=at,
        signoff=signoff.id, policy=signoff.policy, scope=signoff.scope, reason=signoff.withdrawn_reason,
    )  # fmt: skip
    return signoff


def supersede(
    session: Session,
    signoff_id: UUID,
    *,
    reason: str,
    document_sha256: str | None = None,
    expires_at: datetime,
    by: Actor,
    at: datetime,
) -> Signoff:
    """Sign anew for the same, with another end or document, in the place of an earlier sign-off.

    Raises:
        NotPermitted, SignoffNotFound, SignoffOver, SignerIsRequester.
        SignoffUnfit: as for `give`.
    """
    require(by, Permission.SIGNOFFS_GIVE)
    before = _still(session, signoff_id)
    awaited = session.get_one(AwaitedSignoff, before.awaited_id)
    needs = _needs(policy.active(session), before.policy, read=before.rule_sha256)
    _may_sign(awaited, needs.role, by=by)
    made = _sign(
        session,
        awaited=awaited,
        scope=before.scope,
        reason=reason,
        document_sha256=document_sha256,
        expires_at=expires_at,
        by=by,
        at=at,
    )
    session.flush()
    before.superseded_at, before.superseded_by = at, made.id
    session.flush()
    log.append(
        session, Kind.SIGNOFF_SUPERSEDED, by=by, at=at,
        signoff=before.id, with_signoff=made.id, policy=made.policy, scope=made.scope, reason=made.reason,
        document=document_sha256, expires_at=expires_at,
    )  # fmt: skip
    return made


def lapse(session: Session, awaited: AwaitedSignoff, *, by: Actor, at: datetime) -> None:
    _settle(awaited, AwaitedState.LAPSED, by=by, at=at)
    session.flush()
    log.append(
        session, Kind.SIGNOFF_LAPSED, by=by, at=at,
        awaited=awaited.id, request=awaited.request_id, policy=awaited.policy, due_at=awaited.due_at,
    )  # fmt: skip


def drop(session: Session, request_id: UUID, *, by: Actor, at: datetime) -> None:
    """End what else a request waits for that is over itself."""
    for awaited in session.scalars(
        select(AwaitedSignoff)
        .where(AwaitedSignoff.request_id == request_id, AwaitedSignoff.state == AwaitedState.AWAITING)
        .order_by(AwaitedSignoff.id)
        .with_for_update()
    ).all():
        lapse(session, awaited, by=by, at=at)


def _signatures(session: Session, awaited_id: UUID) -> list[Signoff]:
    return reading.signatures(session, [awaited_id])[awaited_id]


def _claimed(session: Session, awaited_id: UUID, *, by: Actor) -> AwaitedSignoff:
    require(by, Permission.SIGNOFFS_GIVE)
    awaited = session.get(AwaitedSignoff, awaited_id, with_for_update=True, populate_existing=True)
    if awaited is None:
        raise AwaitedNotFound(awaited_id)
    if awaited.settled_at is not None:
        raise AlreadySettled(awaited_id, awaited.state, awaited.settled_at)
    _may_sign(awaited, awaited.role, by=by)
    return awaited


def _may_sign(awaited: AwaitedSignoff, role: str, *, by: Actor) -> None:
    if role not in by.roles:
        raise NotPermitted(by.name, Permission.SIGNOFFS_GIVE, [role])
    if by.name == awaited.requester:
        raise SignerIsRequester(by.name, awaited.request_id)


def _sign(
    session: Session,
    *,
    awaited: AwaitedSignoff,
    scope: Scope,
    reason: str,
    document_sha256: str | None,
    expires_at: datetime,
    by: Actor,
    at: datetime,
) -> Signoff:
    if not at < expires_at <= at + LONGEST:
        raise SignoffUnfit(
            f"a sign-off ends after it is given and within ten years, not at `{expires_at.isoformat()}`"
        )
    if document_sha256 is not None and session.get(Document, document_sha256) is None:
        raise SignoffUnfit(f"document `{document_sha256}` is not recorded")
    if scope != "request" and document_sha256 is None:
        raise SignoffUnfit(f"a sign-off for every request of the same {scope} needs the document behind it")
    licenses = session.scalars(
        select(Grant.license_id).where(Grant.id.in_(awaited.grants)).distinct().order_by(Grant.license_id)
    ).all()
    signoff = Signoff(
        id=uuid4(),
        awaited_id=awaited.id,
        policy=awaited.policy,
        rule_sha256=awaited.rule_sha256,
        scope=scope,
        request_id=awaited.request_id,
        photos=list(awaited.photos),
        licenses=list(licenses),
        use_sha256=awaited.use_sha256,
        reason=_reason(reason),
        document_sha256=document_sha256,
        signed_by=by.name,
        signed_at=at,
        expires_at=expires_at,
    )
    session.add(signoff)
    return signoff


def _still(session: Session, signoff_id: UUID) -> Signoff:
    """A sign-off that was neither withdrawn nor superseded, locked."""
    signoff = session.get(Signoff, signoff_id, with_for_update=True, populate_existing=True)
    if signoff is None:
        raise SignoffNotFound(signoff_id)
    if signoff.withdrawn_at is not None:
        raise SignoffOver(signoff_id, "withdrawn", signoff.withdrawn_at)
    if signoff.superseded_at is not None:
        raise SignoffOver(signoff_id, "superseded", signoff.superseded_at)
    return signoff


def _settle(awaited: AwaitedSignoff, state: AwaitedState, *, by: Actor, at: datetime) -> None:
    awaited.state, awaited.settled_at, awaited.settled_by = state, at, by.name


def _needs(bundle: Bundle, id: str, *, read: str | None = None) -> Needs:
    """Raises: SignoffUnfit: the rule leaves nothing to people, or reads otherwise than when it was asked."""
    rule = bundle.policies.get(id)
    if rule is None or rule.signoff is None:
        raise SignoffUnfit(f"policy `{id}` is not left to people by the rules in force")
    if read is not None and rule_sha256(rule.source) != read:
        raise SignoffUnfit(f"policy `{id}` reads otherwise since this was asked: file the request again")
    return rule.signoff


def _scope(scope: str, *, together: bool) -> Scope:
    if scope not in SCOPES:
        raise SignoffUnfit(f"`{scope}` is no scope: use {', '.join(SCOPES)}")
    if together and scope not in ("request", "use"):
        raise SignoffUnfit(
            f"this rule is about photos that stand together: sign for the request or use, not `{scope}`"
        )
    return scope


def _reason(reason: str) -> str:
    stated = reason.strip()
    if not stated:
        raise SignoffUnfit("a sign-off, or its refusal, needs a reason")
    return stated
