"""The whole log, line by line, for who wants to work it out himself."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, literal, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from bankd.audit import checkpoints, log
from bankd.audit.models import LogCheckpoint, LogEntry, LogPayload, LogWitnessed


def lines(session: Session, *, payloads: bool = True) -> Iterator[dict[str, Any]]:
    """One JSON value a line: what it is of, every entry up to the last checkpoint, every checkpoint.

    `leaf` is the text that the tree hashes; `salt` and `payload` open its commitment.
    """
    last = checkpoints.latest(session)
    size = 0 if last is None else last.size
    yield {"v": 1, "origin": None if last is None else last.origin, "size": size}
    rows = select(
        LogEntry.index, LogEntry.at, LogEntry.kind, LogEntry.commitment, LogPayload.salt, LogPayload.payload
    ).outerjoin(LogPayload, LogPayload.index == LogEntry.index)
    found = log.paged(session, rows, by=LogEntry.index, stop=size)
    for index, at, kind, commitment, salt, payload in found:
        opened = payloads and salt is not None
        yield {
            "index": index,
            "leaf": log.leaf(index, at, kind, commitment).decode(),
            "salt": salt.hex() if opened else None,
            "payload": payload if opened else None,
        }
    cosigned = (
        select(
            func.string_agg(
                LogWitnessed.lines, aggregate_order_by(literal(""), LogWitnessed.at, LogWitnessed.lines)
            )
        )
        .where(LogWitnessed.size == LogCheckpoint.size)
        .scalar_subquery()
    )
    signed = select(LogCheckpoint.size, LogCheckpoint.note, cosigned)
    for _, note, below in log.paged(session, signed, by=LogCheckpoint.size, stop=size + 1):
        yield {"checkpoint": note + (below or "")}
