"""Notices: stored in the transaction of what they tell of, then sent at least once, or given up and shown."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from bankd.access.permissions import Permission, require
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.notices.channels import Channel, Message
from bankd.notices.errors import NoticeAlreadySent, NoticeNotFound, NotSent
from bankd.notices.models import Notice
from bankd.notices.signing import MOST_TRIES, wait_after

AT_ONCE = 20  # sent in one round


def tell(
    session: Session,
    kind: str,
    *,
    key: str,
    title: str,
    words: str,
    facts: Mapping[str, Any],
    to: Mapping[str, Channel],
    at: datetime,
) -> int:
    """Store a notice for each channel; how many. One of the same key is not stored again."""
    made = 0
    for name, channel in to.items():
        row = {
            "id": uuid4(),
            "key": key,
            "kind": kind,
            "channel": name,
            "target": channel.target,
            "title": title,
            "words": words,
            "facts": dict(facts),
            "made_at": at,
            "tries": 0,
            "next_at": at,
        }
        inserted = postgresql.insert(Notice).values(row).on_conflict_do_nothing().returning(Notice.id)
        made += len(session.scalars(inserted).all())
    return made


def send_due(
    transaction: Callable[[], AbstractContextManager[Session]],
    to: Mapping[str, Channel],
    *,
    by: Actor,
    now: Callable[[], datetime],
) -> int:
    """Try what is due, each outside of any transaction; how many were sent.

    A try is counted before it is made. So a crash between sending and noting
    it sends again later, with the same id, and never loses one.
    """
    sent = 0
    with transaction() as session:
        claimed = _claim(session, at=now())
    for notice in claimed:
        channel = to.get(notice.channel)
        error: str | None = None
        try:
            if channel is None or channel.target != notice.target:
                raise NotSent(f"{notice.channel} `{notice.target}` is not in the settings any more")
            channel.send(
                Message(notice.id, notice.kind, notice.title, notice.words, notice.facts, notice.made_at),
                at=now(),
            )
        except NotSent as failed:
            error = str(failed)
        with transaction() as session:
            _note(session, notice.id, error=error, by=by, at=now())
        sent += error is None
    return sent


def listed(session: Session, *, state: str | None = None, limit: int = 100) -> Sequence[Notice]:
    """Notices, the latest first: all, or those that wait, were sent, or are dead."""
    wanted = select(Notice).order_by(Notice.made_at.desc(), Notice.id).limit(limit)
    column = {"waiting": Notice.next_at, "sent": Notice.sent_at, "dead": Notice.dead_at}.get(state or "")
    return session.scalars(wanted if column is None else wanted.where(column.is_not(None))).all()


def facts(one: Notice) -> dict[str, Any]:
    """A notice as it is shown, without its words."""
    return {
        "notice": one.id,
        "kind": one.kind,
        "title": one.title,
        "channel": one.channel,
        "target": one.target,
        "state": one.state,
        "tries": one.tries,
        "made_at": one.made_at,
        "next_at": one.next_at,
        "sent_at": one.sent_at,
        "dead_at": one.dead_at,
        "error": one.last_error,
    }


def dead(session: Session) -> int:
    """How many were given up."""
    return session.scalar(select(func.count()).where(Notice.dead_at.is_not(None))) or 0


def retry(session: Session, notice_id: UUID, *, by: Actor, at: datetime) -> Notice:
    """Try a notice again from now on, as if it were new.

    Raises:
        NotPermitted, NoticeNotFound, NoticeAlreadySent.
    """
    require(by, Permission.NOTICES_RETRY)
    notice = session.get(Notice, notice_id, with_for_update=True)
    if notice is None:
        raise NoticeNotFound(notice_id)
    if notice.sent_at is not None:
        raise NoticeAlreadySent(notice_id)
    notice.dead_at, notice.next_at, notice.tries = None, at, 0
    session.flush()
    log.append(session, Kind.NOTICE_RETRIED, by=by, at=at, notice=notice_id)
    return notice


def _claim(session: Session, *, at: datetime) -> Sequence[Notice]:
    due = session.scalars(
        select(Notice)
        .where(Notice.next_at <= at)
        .order_by(Notice.next_at, Notice.id)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    for notice in due:
        notice.tries += 1
        notice.next_at = at + wait_after(notice.tries)
    return due


def _note(session: Session, notice_id: UUID, *, error: str | None, by: Actor, at: datetime) -> None:
    notice = session.get_one(Notice, notice_id, with_for_update=True)
    notice.last_error = error
    if error is None:
        notice.sent_at, notice.next_at, notice.dead_at = at, None, None
    elif notice.tries >= MOST_TRIES and notice.next_at is not None:
        notice.dead_at, notice.next_at = at, None
        log.append(
            session, Kind.NOTICE_DIED, by=by, at=at,
            notice=notice_id, channel=notice.channel, tries=notice.tries, error=error,
        )  # fmt: skip
