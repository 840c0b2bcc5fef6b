"""Between which checkpoints a payee statement lies, and how many uses of whom were recorded between them."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bankd.audit import checkpoints, usage_map
from bankd.audit.models import LogCheckpoint
from bankd.audit.usage_proof import NOT_COVERED
from bankd.licensing.models import Licensor
from bankd.royalties.models import Statement
from bankd.usage.models import UsageLink


@dataclass(frozen=True)
class Covered:
    """`licensor_id` None: the payee is no licensor, and shares in what others' photos earn.

    The usage proof from `start` to `to` lists `uses` of them; `start` None: since the first entry of the
    log, `to` None: no checkpoint covers the statement yet, ask again after the next one.
    """

    licensor_id: UUID | None
    start: LogCheckpoint | None
    to: LogCheckpoint | None
    uses: int


def facts(found: Covered | None) -> dict[str, Any] | None:
    """As programs are told; None where nothing can be said, or not yet."""
    if found is None or found.to is None:
        return None
    return {
        "licensor": found.licensor_id,
        "from": None if found.start is None else found.start.size,
        "to": found.to.size,
        "uses": found.uses,
        "not_covered": NOT_COVERED,
    }


def of(session: Session, statement: Statement) -> Covered | None:
    """None: the statement was computed before statements named the size of the log."""
    size = statement.figures.get("log_size")
    if size is None:
        return None
    before = session.scalar(
        select(Statement)
        .where(Statement.payee_ref == statement.payee_ref, Statement.ends_on < statement.starts_on)
        .order_by(Statement.ends_on.desc())
        .limit(1)
    )
    since = None if before is None else before.figures.get("log_size")
    start = None if since is None else _covering(session, since)
    to = _covering(session, size)
    licensor_id = session.scalar(select(Licensor.id).where(Licensor.ref == statement.payee_ref))
    uses = 0
    if licensor_id is not None and to is not None:
        links = select(func.count()).where(
            UsageLink.licensor_id == licensor_id,
            UsageLink.entry >= (0 if start is None else start.size),
            UsageLink.entry < to.size,
        )
        uses = session.scalar(links) or 0
    return Covered(licensor_id, start, to, uses)


def _covering(session: Session, size: int) -> LogCheckpoint | None:
    """The first checkpoint of so many entries or more; None where there is none, or it carries no map."""
    found = checkpoints.first_over(session, size - 1)
    if found is None or usage_map.root_in(found.extensions) is None:
        return None
    return found
