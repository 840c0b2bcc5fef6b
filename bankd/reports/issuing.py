"""Issuing reports: made in one snapshot, stored, and filed with their digests in the log.

First the bytes, then the row that names them; so what a crash leaves is bytes that nobody names.
"""

import logging
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast, get_args
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from bankd.access.permissions import Permission, Role, require
from bankd.audit.actor import Actor
from bankd.audit.canonical import moment
from bankd.errors import BankError
from bankd.issued import scheduling, service
from bankd.issued.models import Every, IssuedReport, ReportSchedule, prefix
from bankd.issued.scheduling import FAILED_OFTEN, Claimed
from bankd.issued.service import NewFile, NewReport
from bankd.notices import service as notices
from bankd.notices.channels import Channel
from bankd.reports import making, rendering
from bankd.reports.kind import Context, Gathered
from bankd.reports.marks import opener
from bankd.reports.registry import kind_of, scope_of
from bankd.reports.rendering import MEDIA_TYPES
from bankd.reports.report import Form, Report
from bankd.reports.strings import Locale
from bankd.runtime import Runtime
from bankd.storage import Blobs

logger = logging.getLogger(__name__)

FORMS: tuple[Form, ...] = get_args(Form)
FORM, PICTURE = "report.", "picture."  # how names of files begin; what else there is are annexes


def keep(
    rt: Runtime,
    name: str,
    asked: Mapping[str, Any],
    *,
    forms: Sequence[Form],
    locale: Locale,
    by: Actor,
) -> IssuedReport:
    """Make a report and issue it: its JSON in any case, and the forms that are wanted.

    Raises:
        NotPermitted, ReportUnknown, ScopeUnreadable, and what the kind of report says.
        BlobUnavailable: nothing was issued.
    """
    new, files = _made(rt, name, asked, forms=forms, locale=locale, by=by, replaces=None)
    issued = _issue(rt, uuid4(), replace(new, department_id=by.department_id), files, by=by)
    assert issued is not None  # nobody else makes it
    return issued


def approve(rt: Runtime, report_id: UUID, *, by: Actor) -> IssuedReport:
    """Issue a report again, with the name of who approved it: the same JSON but for its head.

    Raises:
        NotPermitted, IssuedReportNotFound, ReportDropped, ReportDamaged.
        ApprovalRefused: by its preparer, twice, or of what another took the place of.
    """
    at = rt.now()
    with rt.transaction() as session:
        before = service.approvable(session, report_id, by=by)
        held = {
            file.name: service.fetch(session, before, file.name, blobs=rt.blobs)
            for file in service.files(session, report_id)
        }
    text = held[f"{FORM}json"][1]
    report: Report = rendering.read(before.kind, text)
    approved = report.model_copy(
        update={
            "head": report.head.model_copy(
                update={"approved_by": by.name, "approved_at": moment(at), "replaces": before.sha256}
            )
        }
    )
    others = [
        NewFile(name, file.media_type, content)
        for name, (file, content) in held.items()
        if not name.startswith(FORM)
    ]
    pictures = {
        file.name.removeprefix(PICTURE): file.content for file in others if file.name.startswith(PICTURE)
    }
    forms = _forms(held)
    files = [*_rendered(approved, forms, locale=cast(Locale, before.locale), pictures=pictures), *others]
    new = NewReport(
        kind=before.kind,
        text=approved.as_text(),
        asked=before.asked,
        locale=before.locale,
        department_id=before.department_id,
        first_day=before.first_day,
        last_day=before.last_day,
        as_of=before.as_of,
        cutoff=before.cutoff,
        prepared_by=before.prepared_by,
        why="approved",
        approved_by=by.name,
        approved_at=at,
        schedule_id=before.schedule_id,
        replaces_id=before.id,
    )

    def still(session: Session) -> bool:
        service.approvable(session, report_id, by=by)
        return True

    issued = _issue(rt, uuid4(), new, files, by=by, still=still)
    assert issued is not None  # it raises where it may not be approved any more
    return issued


def schedule(
    session: Session,
    name: str,
    asked: Mapping[str, Any],
    *,
    every: Every,
    first_day: date | None,
    zone: str,
    locale: Locale,
    forms: Sequence[Form],
    by: Actor,
    at: datetime,
) -> ReportSchedule:
    """Have a report of any kind made of each period that is over. The same again is the one there is.

    Raises:
        NotPermitted, ReportUnknown, ScheduleRefused.
        ScopeUnreadable: something that the report needs to know is missing, or not what it should be.
    """
    require(by, Permission.REPORTS_SCHEDULE)
    for permission in kind_of(name).permissions:
        require(by, permission)
    day = first_day or at.date()
    scope_of(name, {**asked, **_period(name, day, day, zone=zone)})
    return scheduling.add(
        session, name, asked=dict(asked), every=every, first_day=first_day, zone=zone, locale=locale,
        forms=forms, by=by, at=at,
    )  # fmt: skip


def make_due(rt: Runtime, to: Mapping[str, Channel]) -> int:
    """Make what is due by now, one report after the other; how many were issued.

    What fails is noted, told after some tries, and tried again later; what dies half-way is made anew.
    """
    with rt.transaction() as session:
        scheduling.fill(session, at=rt.now())
    issued = 0
    while True:
        with rt.transaction() as session:
            claimed = scheduling.claim(session, at=rt.now())
        if claimed is None:
            return issued
        try:
            issued += _make(rt, claimed, to)
        except Exception as error:
            if not isinstance(error, BankError):
                logger.exception("report `%s`", claimed.kind)
            why = str(error) if isinstance(error, BankError) else f"a fault of ours ({type(error).__name__})"
            with rt.transaction() as session:
                due = scheduling.failed(session, claimed.id, error=why, at=rt.now())
                if due.tries >= FAILED_OFTEN:
                    _tell_failed(session, claimed, why, to=to, at=rt.now())


def _make(rt: Runtime, claimed: Claimed, to: Mapping[str, Channel]) -> bool:
    for left in claimed.left:
        rt.blobs.delete_prefix(prefix(left))
    before = claimed.replaces
    asked = dict(claimed.asked)
    forms = claimed.forms
    if claimed.schedule_id is not None and before is None:
        assert claimed.first_day is not None and claimed.last_day is not None
        asked |= _period(claimed.kind, claimed.first_day, claimed.last_day, zone=claimed.zone)
    if forms is None and before is not None:
        with rt.transaction() as session:
            forms = _forms(file.name for file in service.files(session, before.id))
    # As whoever asked for it: the clerk has no roles, and a report is made for people.
    behalf = Actor(
        "user",
        claimed.prepared_by,
        frozenset({Role.COMPLIANCE}),
        None if before is None else before.department_id,
    )
    new, files = _made(
        rt, claimed.kind, asked, forms=cast(Sequence[Form], forms), locale=cast(Locale, claimed.locale),
        by=behalf, replaces=before,
    )  # fmt: skip
    new = replace(
        new,
        department_id=behalf.department_id,
        first_day=claimed.first_day,
        last_day=claimed.last_day,
        why="scheduled" if before is None else "redacted",
        schedule_id=claimed.schedule_id,
        replaces_id=None if before is None else before.id,
    )

    def still(session: Session) -> bool:
        if not scheduling.done(session, claimed.id, at=rt.now()):
            return False
        _tell_issued(session, claimed, new, to=to, at=rt.now())
        return True

    return _issue(rt, claimed.report_id, new, files, by=rt.actor, still=still) is not None


def _made(
    rt: Runtime,
    name: str,
    asked: Mapping[str, Any],
    *,
    forms: Sequence[Form],
    locale: Locale,
    by: Actor,
    replaces: IssuedReport | None,
) -> tuple[NewReport, list[NewFile]]:
    with tempfile.TemporaryDirectory(prefix="bankd-report-") as folder:
        at = rt.now()  # before the snapshot: whatever was erased by then is not in it
        with rt.snapshot() as session:
            context = Context(rt.settings.house, by, at, rt.blobs, Path(folder), opener(rt))
            gathered: Gathered[Any] = making.gather(session, name, asked, context=context)
        report: Report = gathered.report
        if replaces is not None:
            head = report.head.model_copy(
                update={"redacted_on": at.astimezone(UTC).date(), "replaces": replaces.sha256}
            )
            report = report.model_copy(update={"head": head})
        files = _rendered(report, forms, locale=locale, pictures=gathered.pictures)
        files += [
            NewFile(f"{PICTURE}{picture}", "image/jpeg", content)
            for picture, content in sorted(gathered.pictures.items())
        ]
        files += [
            NewFile(path.name, MEDIA_TYPES["csv"], path.read_bytes())
            for path in sorted(Path(folder).iterdir())
        ]
    scope = scope_of(name, asked).model_dump(mode="json")
    new = NewReport(
        kind=name,
        text=report.as_text(),
        asked=scope,
        locale=locale,
        department_id=None,
        first_day=_day(scope.get("first_day")),
        last_day=_day(scope.get("last_day")),
        as_of=at,
        cutoff=report.head.data_cut_off,
        prepared_by=report.head.prepared_by,
    )
    return new, files


def _rendered(
    report: Report, forms: Sequence[Form], *, locale: Locale, pictures: Mapping[str, bytes]
) -> list[NewFile]:
    wanted = [form for form in FORMS if form in forms or form == "json"]
    return [
        NewFile(f"{FORM}{form}", MEDIA_TYPES[form], rendering.render(report, form, locale, pictures=pictures))
        for form in wanted
    ]


def _issue(
    rt: Runtime,
    report_id: UUID,
    new: NewReport,
    files: Sequence[NewFile],
    *,
    by: Actor,
    still: Callable[[Session], bool] = lambda session: True,  # noqa: ARG005
) -> IssuedReport | None:
    """Store, then record. `still` is asked in that transaction; where it says no, nothing is left: None."""
    service.put(rt.blobs, report_id, files)
    try:
        with rt.transaction() as session:
            if not still(session):
                _discard(rt.blobs, report_id)
                return None
            return service.record(session, report_id, new, files, by=by, at=rt.now())
    except BankError:
        _discard(rt.blobs, report_id)
        raise


def _discard(blobs: Blobs, report_id: UUID) -> None:
    blobs.delete_prefix(prefix(report_id))


def _forms(names: Iterable[str]) -> tuple[Form, ...]:
    known = set(names)
    return tuple(form for form in FORMS if f"{FORM}{form}" in known)


def _period(name: str, first: date, last: date, *, zone: str) -> dict[str, Any]:
    """The days that a report of this kind is asked about; nothing where it is of a moment."""
    fields = kind_of(name).scope.model_fields
    if "first_day" not in fields:
        return {}
    return {"first_day": first, "last_day": last, **({"zone": zone} if "zone" in fields else {})}


def _day(value: Any) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _tell_issued(
    session: Session, claimed: Claimed, new: NewReport, *, to: Mapping[str, Channel], at: datetime
) -> None:
    period = f" of {claimed.first_day} to {claimed.last_day}" if claimed.first_day else ""
    again = " again, redacted" if claimed.replaces else ""
    notices.tell(
        session,
        "report-issued",
        key=f"report {claimed.id}",
        title=f"Report `{claimed.kind}`{period} was issued{again}",
        words=(
            f"The report `{claimed.kind}`{period} was issued{again}, as of {moment(new.as_of)}.\n"
            f"Fetch it with `bankd reports fetch {claimed.report_id}`.\n"
            f"The SHA-256 of its JSON is {new.sha256}.\n"
        ),
        facts={
            "report": str(claimed.report_id),
            "kind": claimed.kind,
            "first_day": str(claimed.first_day) if claimed.first_day else None,
            "last_day": str(claimed.last_day) if claimed.last_day else None,
            "sha256": new.sha256,
        },
        to=to,
        at=at,
    )


def _tell_failed(
    session: Session, claimed: Claimed, why: str, *, to: Mapping[str, Channel], at: datetime
) -> None:
    period = f" of {claimed.first_day} to {claimed.last_day}" if claimed.first_day else ""
    notices.tell(
        session,
        "report-failed",
        key=f"report-failed {claimed.id}",
        title=f"Report `{claimed.kind}`{period} could not be made",
        words=(
            f"The report `{claimed.kind}`{period} could not be made: {why}.\n"
            "It is tried again by itself; `bankd reports schedule list` shows how that goes.\n"
        ),
        facts={"kind": claimed.kind, "first_day": str(claimed.first_day), "error": why},
        to=to,
        at=at,
    )
