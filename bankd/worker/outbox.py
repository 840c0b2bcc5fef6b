"""The outbox: a hint commits with its row, a relay sends it afterwards."""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from bankd.worker.models import Outgoing

CHANNEL = "bankd_outbox"

Send = Callable[[str, str, Mapping[str, str]], None]
"""Hands (queue, task, arguments) to a broker; raises when the broker did not take it."""


def enqueue(session: Session, task: str, *, queue: str, at: datetime, **ids: UUID | int | str) -> None:
    """Stage one hint; it exists if and only if the transaction commits."""
    session.add(
        Outgoing(queue=queue, task=task, arguments={k: str(v) for k, v in ids.items()}, created_at=at)
    )
    session.execute(text(f"NOTIFY {CHANNEL}"))


def relay(session: Session, send: Send, *, limit: int = 200) -> int:
    """Send waiting hints, oldest first; how many were sent.

    Several relays may run: rows are taken with SKIP LOCKED. The caller
    commits; a hint whose sending raised stays for the next round.
    """
    waiting = session.scalars(
        select(Outgoing).order_by(Outgoing.id).limit(limit).with_for_update(skip_locked=True)
    ).all()
    sent: list[int] = []
    try:
        for hint in waiting:
            send(hint.queue, hint.task, hint.arguments)
            sent.append(hint.id)
    finally:
        if sent:
            session.execute(delete(Outgoing).where(Outgoing.id.in_(sent)))
    return len(sent)
