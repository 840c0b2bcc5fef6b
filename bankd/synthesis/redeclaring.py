"""Another story about the same picture: another purpose, audience or subjects declared after a refusal.

Whoever really uses the picture otherwise has a reason, and compliance hears it first. Less of the same use
(fewer territories, a shorter period) is no other story, and a refusal because the bank holds no such
segments teaches none.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.audit.actor import Actor
from bankd.synthesis.models import Request, RequestState
from bankd.synthesis.shortfall import NO_PRODUCT, NO_SEGMENTS

REDECLARED = "redeclared"
SAYS = (
    "The same layout was refused under another declaration of purpose, audience or subjects;"
    " compliance has to look at this request first"
)
AFTER = "redeclared_after"  # in a request's outcome: the one that was refused
WITHIN = timedelta(days=30)
STORY = frozenset({"purpose", "audience", "subjects"})


def refused_before(
    session: Session, use: Mapping[str, Any], *, layout_sha256: str, by: Actor, at: datetime
) -> UUID | None:
    """The last request of the same department for the same layout that was refused for its rights, and of
    which this use differs in nothing but the story told about it."""
    rows = session.execute(
        select(Request.id, Request.use, Request.outcome)
        .where(
            Request.layout_sha256 == layout_sha256,
            Request.department_id.is_not_distinct_from(by.department_id),
            Request.state == RequestState.REFUSED,
            Request.finished_at >= at - WITHIN,
        )
        .order_by(Request.finished_at.desc(), Request.id)
    )
    return next((id for id, then, outcome in rows if retold(then, use) and not _of_no_matter(outcome)), None)


def retold(then: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether two uses differ in their story, and in nothing else."""
    differing = {name for name in then.keys() | now.keys() if then.get(name) != now.get(name)}
    return bool(differing) and differing <= STORY


def _of_no_matter(outcome: Mapping[str, Any]) -> bool:
    """A refusal that says nothing about rights: it was held itself, or there was nothing to be had."""
    reasons = {reason["policy"] for region in outcome.get("regions", ()) for reason in region["reasons"]}
    return AFTER in outcome or (bool(reasons) and reasons <= {NO_SEGMENTS, NO_PRODUCT})
