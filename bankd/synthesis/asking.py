"""What a request is asked against: the rules in force, its use, and what people have signed for it."""

from datetime import datetime

from sqlalchemy.orm import Session

from bankd.access import service as access
from bankd.licensing.facts import use_facts
from bankd.licensing.use import Use
from bankd.policy import service as policy
from bankd.policy.clearing import Terms
from bankd.policy.load import Bundle
from bankd.policy.signoff import NOBODY, Signed
from bankd.signoffs import standing
from bankd.synthesis.models import Request


def terms_for(session: Session, request: Request, *, use: Use | None = None, at: datetime) -> Terms:
    """The terms of a request at a moment.

    Args:
        use: a part of what was requested, such as one of its channels; None for the whole.
    """
    whole = Use.model_validate(request.use)
    asks = access.department_called(session, request.department_id)
    values = standing.asked(whole, request_id=request.id, requester=request.filed_by, at=at)
    bundle, any_signed = policy.active_beside(session, standing.ANY, values=values)
    facts = use_facts(whole if use is None else use, at=at, department=asks)
    signed = signed_for(session, request, bundle, at=at) if any_signed else NOBODY
    return Terms(bundle, facts, at, signed)


def signed_for(session: Session, request: Request, bundle: Bundle, *, at: datetime) -> Signed:
    """What people have signed that counts for a request now, read anew."""
    return standing.standing(
        session,
        bundle,
        Use.model_validate(request.use),
        request_id=request.id,
        requester=request.filed_by,
        at=at,
    )
