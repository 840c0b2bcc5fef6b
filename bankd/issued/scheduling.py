"""Schedules of reports, and which reports are to be made by now. Making them is others' work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from bankd.access.permissions import Permission, require
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.issued.errors import ScheduleNotFound, ScheduleRefused
from bankd.issued.models import EVERY, DueReport, Every, IssuedReport, ReportSchedule
from bankd.issued.periods import first_of, over
from bankd.licensing.days import end_of
from bankd.licensing.terms import known_zone
from bankd.notices.signing import wait_after

LEASE = timedelta(minutes=30)  # of whoever makes one; a clerk that died is waited for so long
AT_ONCE = 400  # periods of one schedule that are noted as due in one round
LONGEST_BACK = timedelta(days=3660)
FAILED_OFTEN = 3  # from then on people are told


def add(
    session: Session,
    kind: str,
    *,
    asked: Mapping[str, Any],
    every: Every,
    first_day: date | None,
    zone: str,
    locale: str,
    forms: Sequence[str],
    by: Actor,
    at: datetime,
) -> ReportSchedule:
    """Have a report made of each period that is over, from the one that holds `first_day` on (None: today).

    The same again is the one that there is already.

    Raises:
        NotPermitted.
        ScheduleRefused: no such time zone or rhythm, or too far back.
    """
    require(by, Permission.REPORTS_SCHEDULE)
    if by.department_id is not None:
        raise ScheduleRefused("schedules are of the whole house: a key of one department sets none")
    if every not in EVERY:
        raise ScheduleRefused(f"reports are made every {', '.join(EVERY)}, not every `{every}`")
    try:
        known_zone(zone)
    except ValueError as error:
        raise ScheduleRefused(str(error)) from error
    if first_day is not None and end_of(first_day, zone) < at - LONGEST_BACK:
        raise ScheduleRefused(f"`{first_day}` is more than ten years ago")
    first = first_of(every, first_day or at.date())
    same = session.scalar(
        select(ReportSchedule).where(
            ReportSchedule.kind == kind,
            ReportSchedule.asked == dict(asked),
            ReportSchedule.every == every,
            ReportSchedule.zone == zone,
            ReportSchedule.locale == locale,
            ReportSchedule.forms == list(forms),
            ReportSchedule.removed_at.is_(None),
        )
    )
    if same is not None:
        return same
    made = ReportSchedule(
        kind=kind,
        asked=dict(asked),
        every=every,
        zone=zone,
        first_day=first,
        locale=locale,
        forms=list(forms),
        added_at=at,
        added_by=by.name,
    )
    session.add(made)
    session.flush()
    log.append(
        session, Kind.REPORT_SCHEDULED, by=by, at=at,
        schedule=made.id, report_kind=kind, every=every, zone=zone, first_day=first, locale=locale,
        forms=list(forms),
    )  # fmt: skip
    return made


def remove(session: Session, schedule_id: UUID, *, by: Actor, at: datetime) -> ReportSchedule:
    """End a schedule: what it issued stays, what is still to be made of it is not made any more.

    Raises:
        NotPermitted, ScheduleNotFound: there is none, or it was removed already.
    """
    require(by, Permission.REPORTS_SCHEDULE)
    found = session.get(ReportSchedule, schedule_id, with_for_update=True, populate_existing=True)
    if found is None or found.removed_at is not None:
        raise ScheduleNotFound(schedule_id)
    found.removed_at, found.removed_by = at, by.name
    session.flush()
    log.append(session, Kind.REPORT_UNSCHEDULED, by=by, at=at, schedule=schedule_id)
    return found


def listed(session: Session, *, by: Actor, removed: bool = False) -> list[dict[str, Any]]:
    """Schedules as they are shown: what each issued last, what is to be made, and what fails."""
    require(by, Permission.REPORTS_MAKE)
    if by.department_id is not None:
        return []
    wanted = select(ReportSchedule).order_by(ReportSchedule.added_at, ReportSchedule.id)
    if not removed:
        wanted = wanted.where(ReportSchedule.removed_at.is_(None))
    return [_facts(session, one) for one in session.scalars(wanted)]


def fill(session: Session, *, at: datetime) -> int:
    """Note what is to be made by now, also of periods that nobody was there for; how many are new."""
    made = 0
    newest = (
        select(DueReport.schedule_id, func.max(DueReport.first_day).label("first_day"))
        .group_by(DueReport.schedule_id)
        .subquery()
    )
    rows = session.execute(
        select(ReportSchedule, newest.c.first_day)
        .outerjoin(newest, newest.c.schedule_id == ReportSchedule.id)
        .where(ReportSchedule.removed_at.is_(None))
        .order_by(ReportSchedule.id)
    ).all()
    for schedule, known in rows:
        periods = over(schedule.every, known or schedule.first_day, zone=schedule.zone, at=at)
        due = [
            {
                "id": uuid4(),
                "schedule_id": schedule.id,
                "first_day": first,
                "last_day": last,
                "due_at": end_of(last, schedule.zone),
                "next_at": at,
                "tries": 0,
            }
            for first, last in islice(periods, AT_ONCE)
            if first != known
        ]
        if due:
            noted = insert(DueReport).values(due).on_conflict_do_nothing().returning(DueReport.id)
            made += len(session.scalars(noted).all())
    return made


@dataclass(frozen=True)
class Claimed:
    """A report to be made now, and all that it takes to know what. `report_id` is this try's own."""

    id: UUID
    report_id: UUID
    kind: str
    asked: Mapping[str, Any]
    locale: str
    forms: tuple[str, ...] | None  # None: those that the one before had
    first_day: date | None
    last_day: date | None
    zone: str
    prepared_by: str
    schedule_id: UUID | None
    replaces: IssuedReport | None
    left: tuple[UUID, ...]  # by earlier tries, in the store


def claim(session: Session, *, at: datetime) -> Claimed | None:
    """Take on what is due longest, for `LEASE`; None if nothing is. A try is counted before it is made."""
    due = session.scalar(
        select(DueReport)
        .outerjoin(ReportSchedule, ReportSchedule.id == DueReport.schedule_id)
        .where(
            DueReport.issued_at.is_(None),
            DueReport.next_at <= at,
            or_(DueReport.schedule_id.is_(None), ReportSchedule.removed_at.is_(None)),
        )
        .order_by(DueReport.due_at, DueReport.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=DueReport)
    )
    if due is None:
        return None
    left, report_id = tuple(due.tried), uuid4()
    due.tries += 1
    due.next_at = at + LEASE
    due.tried = [*due.tried, report_id]
    session.flush()
    if due.schedule_id is not None:
        schedule = session.get_one(ReportSchedule, due.schedule_id)
        return Claimed(
            id=due.id,
            report_id=report_id,
            kind=schedule.kind,
            asked=schedule.asked,
            locale=schedule.locale,
            forms=tuple(schedule.forms),
            first_day=due.first_day,
            last_day=due.last_day,
            zone=schedule.zone,
            prepared_by=schedule.added_by,
            schedule_id=schedule.id,
            replaces=None,
            left=left,
        )
    assert due.replaces_id is not None
    before = session.get_one(IssuedReport, due.replaces_id)
    return Claimed(
        id=due.id,
        report_id=report_id,
        kind=before.kind,
        asked=before.asked,
        locale=before.locale,
        forms=None,
        first_day=before.first_day,
        last_day=before.last_day,
        zone="UTC",
        prepared_by=before.prepared_by,
        schedule_id=before.schedule_id,
        replaces=before,
        left=left,
    )


def done(session: Session, due_id: UUID, *, at: datetime) -> bool:
    """Say that it was issued; False if another try was quicker, and this one is not to be filed."""
    due = session.get_one(DueReport, due_id, with_for_update=True, populate_existing=True)
    if due.issued_at is not None:
        return False
    due.issued_at, due.last_error = at, None
    due.tried = []
    session.flush()
    return True


def failed(session: Session, due_id: UUID, *, error: str, at: datetime) -> DueReport:
    """Note why it could not be made, and when it is tried again."""
    due = session.get_one(DueReport, due_id, with_for_update=True, populate_existing=True)
    due.last_error, due.next_at = error, at + wait_after(due.tries)
    session.flush()
    return due


def _facts(session: Session, schedule: ReportSchedule) -> dict[str, Any]:
    last = session.scalar(
        select(IssuedReport)
        .where(IssuedReport.schedule_id == schedule.id)
        .order_by(IssuedReport.first_day.desc(), IssuedReport.issued_at.desc())
        .limit(1)
    )
    waiting = session.scalars(
        select(DueReport)
        .where(DueReport.schedule_id == schedule.id, DueReport.issued_at.is_(None))
        .order_by(DueReport.first_day)
    ).all()
    failing = next((one for one in waiting if one.last_error is not None), None)
    state = "removed" if schedule.removed_at else "failing" if failing else "due" if waiting else "kept up"
    return {
        "schedule": schedule.id,
        "state": state,
        "kind": schedule.kind,
        "asked": schedule.asked,
        "every": schedule.every,
        "zone": schedule.zone,
        "first_day": schedule.first_day,
        "locale": schedule.locale,
        "forms": schedule.forms,
        "added_at": schedule.added_at,
        "added_by": schedule.added_by,
        "removed_at": schedule.removed_at,
        "last_period": last.first_day if last else None,
        "last_report": last.id if last else None,
        "waiting": 0 if schedule.removed_at else len(waiting),
        "error": failing.last_error if failing and not schedule.removed_at else None,
        "tries": failing.tries if failing and not schedule.removed_at else 0,
        "next_at": failing.next_at if failing and not schedule.removed_at else None,
    }
