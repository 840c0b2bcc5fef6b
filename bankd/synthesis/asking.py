"""What a request is asked against: the rules in force, its use, and what people have signed for it."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from bankd.access import service as access
from bankd.licensing.use import Use
from bankd.policy.clearing import Terms, terms_of
from bankd.policy.load import Bundle
from bankd.policy.signoff import Signed
from bankd.signoffs.standing import standing
from bankd.synthesis.models import Request


def terms_for(session: Session, request: Request, *, use: Use | None = None, at: datetime) -> Terms:
    """The terms of a request at a moment.

    Args:
        use: a part of what was requested, such as one of its channels; None for the whole.
    """
    whole = Use.model_validate(request.use)
    asks = access.department_called(session, request.department_id)
    terms = terms_of(session, whole if use is None else use, at=at, department=asks)
    return replace(terms, signed=signed_for(session, request, terms.bundle, at=at))


def signed_for(session: Session, request: Request, bundle: Bundle, *, at: datetime) -> Signed:
    """What people have signed that counts for a request now, read anew."""
    return standing(
        session,
        bundle,
        Use.model_validate(request.use),
        request_id=request.id,
        requester=request.filed_by,
        at=at,
    )
