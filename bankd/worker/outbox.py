"""The outbox: a hint commits with its row, a relay sends it afterwards."""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, delete, or_, select, text
from sqlalchemy.orm import Session

from bankd.worker.errors import BrokerUnavailable
from bankd.worker.models import Outgoing

logger = logging.getLogger(__name__)

CHANNEL = "bankd_outbox"
ENQUEUE = text(
    """
    WITH hint AS (
        INSERT INTO outbox (queue, task, arguments, created_at)
        VALUES (:queue, :task, CAST(:arguments AS jsonb), :at)
    )
    SELECT pg_notify(:channel, '')
    """
)
HINT_LOST = timedelta(seconds=10)
HINT_AGAIN = timedelta(minutes=1)
HINT_AGAIN_MOST = timedelta(minutes=30)

Send = Callable[[str, str, Mapping[str, str]], None]
"""Hands (queue, task, arguments) to a broker. Raises: BrokerUnavailable."""


def enqueue(session: Session, task: str, *, queue: str, at: datetime, **ids: UUID | int | str) -> None:
    """Stage one hint; it exists if and only if the transaction commits."""
    arguments = json.dumps({name: str(value) for name, value in ids.items()})
    hint = {"queue": queue, "task": task, "arguments": arguments, "at": at, "channel": CHANNEL}
    session.execute(ENQUEUE, hint)


def overdue(
    first: SQLColumnExpression[datetime],
    last: SQLColumnExpression[datetime],
    *,
    at: datetime,
    drained: bool,
) -> ColumnElement[bool]:
    """Whether to hint again at what was first hinted at then, last at that moment, and has not moved.

    Where the queue is drained its hint is gone: the broker lost it, or a
    worker that died has it. Where others wait in the queue it may wait among
    them, and is doubled after as long as it has waited already.

    Args:
        drained: the broker holds no hint that no worker has taken.
    """
    if drained:
        return last <= at - HINT_LOST
    waited: SQLColumnExpression[Any] = last - first
    return or_(last <= at - HINT_AGAIN_MOST, and_(last <= at - HINT_AGAIN, last + waited <= at))


def relay(session: Session, send: Send, *, limit: int = 200) -> int:
    """Send waiting hints, oldest first, until all are sent or the broker fails; how many were sent.

    Several relays may run: rows are taken with SKIP LOCKED. What the broker
    did not take stays for the next round; what it took is deleted when the
    caller commits.
    """
    waiting = session.scalars(
        select(Outgoing).order_by(Outgoing.id).limit(limit).with_for_update(skip_locked=True)
    ).all()
    sent: list[int] = []
    for hint in waiting:
        try:
            send(hint.queue, hint.task, hint.arguments)
        except BrokerUnavailable as error:
            logger.warning("%s; %d hints wait", error, len(waiting) - len(sent))
            break
        sent.append(hint.id)
    if sent:
        session.execute(delete(Outgoing).where(Outgoing.id.in_(sent)))
    return len(sent)
