"""Reports issued, kept, approved, scheduled, dropped after an erasure, on a real database and store."""

import hashlib
import json
import os
import signal
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from desk import Desk
from sqlalchemy import func, select, text

from bankd.access.errors import NotPermitted
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.erasure import carrying
from bankd.erasure import service as erasures
from bankd.erasure.service import Handling
from bankd.issued import periods, scheduling, service
from bankd.issued.errors import (
    ApprovalRefused,
    IssuedReportNotFound,
    ReportDamaged,
    ReportDropped,
    ScheduleNotFound,
    ScheduleRefused,
)
from bankd.issued.models import DueReport, IssuedReport, ReportSubject
from bankd.notices.models import Notice
from bankd.provenance import manifest
from bankd.reports import issuing, rendering
from bankd.reports.errors import ScopeUnreadable
from bankd.runtime import Runtime

MAY = {"first_day": "2026-05-01", "last_day": "2026-05-31"}
AIKO = Actor("user", "aiko", frozenset({"compliance"}))
KEN = Actor("user", "ken", frozenset({"compliance"}))


class Target:
    """A channel that is never sent over: what is stored for it is looked at."""

    target = "https://there.example/hook"


TO: Any = {"webhook": Target()}


def keep(rt: Any, name: str = "period", by: Actor = AIKO, **more: Any) -> IssuedReport:
    return issuing.keep(
        rt, name, more.pop("asked", MAY), forms=more.pop("forms", ["html"]), locale="en", by=by
    )


def contents(rt: Any, report_id: UUID) -> dict[str, bytes]:
    with rt.transaction() as session:
        found = service.get(session, report_id, by=AIKO)
        return {
            file.name: service.fetch(session, found, file.name, blobs=rt.blobs)[1]
            for file in service.files(session, report_id)
        }


def problems(rt: Any, report_id: UUID) -> tuple[str, ...]:
    with rt.transaction() as session:
        found = service.get(session, report_id, by=AIKO)
        return service.check(session, found, blobs=rt.blobs).problems


def stored(rt: Any, prefix: str = "reports") -> set[str]:
    listed = rt.blobs._client.list_objects(rt.blobs._bucket, prefix=f"{prefix}/", recursive=True)
    return {str(one.object_name) for one in listed}


def entries(rt: Any, kind: str) -> list[Any]:
    with rt.transaction() as session:
        return [one for one in log.read(session) if one.kind == kind]


def test_an_issued_report_is_kept_byte_for_byte_and_its_digests_are_in_the_log(bank: Any) -> None:
    rt = bank.rt
    made = keep(rt, forms=["html", "csv"])

    held = contents(rt, made.id)
    assert set(held) == {
        "report.json", "report.html", "report.csv",
        "requests.csv", "refusals.csv", "uses.csv", "decisions.csv",
    }  # fmt: skip
    assert hashlib.sha256(held["report.json"]).hexdigest() == made.sha256
    report = rendering.read("period", held["report.json"])
    assert report.head.prepared_by == "aiko" and report.head.approved_by is None
    assert rendering.render(report, "html", "en") == held["report.html"]
    assert {one.name: one.sha256 for one in report.annexes} == {
        name: hashlib.sha256(content).hexdigest()
        for name, content in held.items()
        if not name.startswith("report.")
    }
    [entry] = entries(rt, "report.issued")
    assert entry.index == made.log_index
    assert entry.payload["objects"]["sha256"] == made.sha256
    assert entry.payload["objects"]["files"] == {
        name: hashlib.sha256(content).hexdigest() for name, content in held.items()
    }
    assert problems(rt, made.id) == ()
    with rt.transaction() as session:
        [one] = service.listed(session, by=AIKO)
        assert one.id == made.id and service.facts(one)["state"] == "issued"
        with pytest.raises(IssuedReportNotFound):
            service.get(session, made.id, by=Actor("user", "x", frozenset({"auditor"}), bank.department_id))
        with pytest.raises(NotPermitted):
            service.get(session, made.id, by=Actor("user", "x", frozenset({"creative"})))


def test_what_was_changed_in_the_store_or_in_the_records_is_found(bank: Any, database: Any) -> None:
    rt = bank.rt
    made = keep(rt)
    with rt.transaction() as session:
        file = next(one for one in service.files(session, made.id) if one.name == "report.html")
    rt.blobs.delete(file.key)
    assert "is not what was issued: the store does not have it" in " ".join(problems(rt, made.id))
    with pytest.raises(ReportDamaged):
        contents(rt, made.id)

    with database.owner_engine.begin() as owner:
        owner.execute(text("UPDATE issued_reports SET sha256 = repeat('e', 64)"))
        owner.execute(text("DELETE FROM issued_files WHERE name = 'report.html'"))
    found = problems(rt, made.id)
    assert any("tells of another report" in one for one in found)
    assert any("are not those that entry" in one for one in found)


def test_another_person_approves_and_the_same_json_is_issued_with_his_name(bank: Any) -> None:
    rt = bank.rt
    made = keep(rt)
    with pytest.raises(ApprovalRefused, match="`aiko` prepared it"):
        issuing.approve(rt, made.id, by=AIKO)
    with pytest.raises(NotPermitted):
        issuing.approve(rt, made.id, by=Actor("user", "rin", frozenset({"auditor"})))

    approved = issuing.approve(rt, made.id, by=KEN)

    before = rendering.read("period", contents(rt, made.id)["report.json"])
    after = rendering.read("period", contents(rt, approved.id)["report.json"])
    assert (after.head.approved_by, after.head.replaces) == ("ken", made.sha256)
    same = {"approved_by": None, "approved_at": None, "replaces": None}
    assert after.model_copy(update={"head": after.head.model_copy(update=same)}) == before
    assert b"ken" in contents(rt, approved.id)["report.html"]
    assert contents(rt, approved.id)["requests.csv"] == contents(rt, made.id)["requests.csv"]
    with pytest.raises(ApprovalRefused, match=f"`{approved.id}` took its place"):
        issuing.approve(rt, made.id, by=Actor("user", "rin", frozenset({"compliance"})))
    with pytest.raises(ApprovalRefused, match="`ken` has approved it"):
        issuing.approve(rt, approved.id, by=Actor("user", "rin", frozenset({"compliance"})))
    assert problems(rt, approved.id) == ()
    assert len(entries(rt, "report.issued")) == 2


def test_nothing_is_issued_that_was_asked_wrongly(bank: Any) -> None:
    with pytest.raises(ScopeUnreadable, match="ends on `2026-05-01`, before it begins"):
        keep(bank.rt, asked={"first_day": "2026-05-02", "last_day": "2026-05-01"})
    assert entries(bank.rt, "report.issued") == []


@pytest.mark.parametrize(
    ("every", "day", "first", "after"),
    [
        ("day", date(2026, 5, 20), date(2026, 5, 20), date(2026, 5, 21)),
        ("week", date(2026, 5, 20), date(2026, 5, 18), date(2026, 5, 25)),
        ("month", date(2026, 12, 20), date(2026, 12, 1), date(2027, 1, 1)),
        ("quarter", date(2026, 5, 20), date(2026, 4, 1), date(2026, 7, 1)),
        ("year", date(2026, 5, 20), date(2026, 1, 1), date(2027, 1, 1)),
    ],
)
def test_periods_follow_each_other(every: Any, day: date, first: date, after: date) -> None:
    assert periods.first_of(every, day) == first
    assert periods.next_of(every, first) == after
    assert periods.first_of(every, after - timedelta(days=1)) == first


def test_a_period_is_over_where_its_zone_says_so() -> None:
    at = datetime(2026, 5, 31, 15, tzinfo=UTC)  # the first moment of June in Tokyo
    march = date(2026, 3, 9)

    assert [first for first, _ in periods.over("month", march, zone="Asia/Tokyo", at=at)] == [
        date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1),
    ]  # fmt: skip
    assert len([*periods.over("month", march, zone="UTC", at=at)]) == 2


def schedule(rt: Any, **more: Any) -> Any:
    with rt.transaction() as session:
        return issuing.schedule(
            session, more.pop("name", "period"), more.pop("asked", {}),
            **{"every": "month", "first_day": date(2026, 3, 5), "zone": "UTC", "locale": "ja",
               "forms": ["csv"], "by": AIKO, "at": rt.now(), **more},
        )  # fmt: skip


def test_missed_periods_are_made_up_once_each_and_told(bank: Any, later: Callable[..., None]) -> None:
    rt = bank.rt
    made = schedule(rt)
    assert schedule(rt).id == made.id

    assert issuing.make_due(rt, TO) == 3  # March, April, May
    assert issuing.make_due(rt, TO) == 0
    later(days=31)
    assert issuing.make_due(rt, TO) == 1

    with rt.transaction() as session:
        issued = service.listed(session, by=AIKO, schedule_id=made.id)
        assert sorted(one.first_day for one in issued) == [date(2026, month, 1) for month in (3, 4, 5, 6)]
        assert {one.why for one in issued} == {"scheduled"}
        assert {one.prepared_by for one in issued} == {"aiko"}
        told = session.scalars(select(Notice)).all()
        assert len(told) == 4 and all("was issued" in one.title for one in told)
        [shown] = scheduling.listed(session, by=AIKO)
        assert (shown["state"], shown["last_period"]) == ("kept up", date(2026, 6, 1))
    held = contents(rt, issued[0].id)
    assert rendering.read("period", held["report.json"]).period.last_day == issued[0].last_day
    assert "期間監査報告書".encode() in held["report.csv"]

    with rt.transaction() as session:
        scheduling.remove(session, made.id, by=AIKO, at=rt.now())
        with pytest.raises(ScheduleNotFound):
            scheduling.remove(session, made.id, by=AIKO, at=rt.now())
    later(days=40)
    assert issuing.make_due(rt, TO) == 0


def test_what_fails_is_shown_told_and_tried_again(
    bank: Any,
    later: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rt = bank.rt
    schedule(rt, name="exposure", asked={"subject": "license", "ref": "L-late"}, first_day=date(2026, 5, 1))
    for tries in range(1, 4):
        assert issuing.make_due(rt, TO) == 0
        assert issuing.make_due(rt, TO) == 0  # not at once again
        with rt.transaction() as session:
            [shown] = scheduling.listed(session, by=AIKO)
            assert (shown["state"], shown["tries"]) == ("failing", tries)
            assert "L-late" in shown["error"]
            told = session.scalar(select(func.count()).where(Notice.kind == "report-failed"))
            assert told == int(tries >= 3)
        later(minutes=10)
    bank.grant("late")
    assert issuing.make_due(rt, TO) == 1
    with rt.transaction() as session:
        assert scheduling.listed(session, by=AIKO)[0]["state"] == "kept up"


def test_a_schedule_takes_what_its_report_takes(bank: Any) -> None:
    rt = bank.rt
    with pytest.raises(ScopeUnreadable, match="composite"):
        schedule(rt, name="provenance")
    with pytest.raises(ScheduleRefused, match="more than ten years ago"):
        schedule(rt, first_day=date(2010, 1, 1))
    with pytest.raises(NotPermitted):
        schedule(rt, by=Actor("user", "rin", frozenset({"auditor"})))


def test_a_kill_at_any_moment_leaves_one_report_of_each_period(bank: Any, later: Callable[..., None]) -> None:
    rt = bank.rt
    schedule(rt, first_day=date(2026, 5, 1), forms=["json"])
    deaths = 0
    tried: set[str] = set()
    for step in range(1, 40):
        child = os.fork()
        if child == 0:
            _die(rt, step)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        deaths += 1
        with rt.transaction() as session:
            tried |= {str(one) for due in session.scalars(select(DueReport)) for one in due.tried}
        later(seconds=scheduling.LEASE.total_seconds())
    issuing.make_due(rt, TO)

    assert deaths >= 5
    with rt.transaction() as session:
        [made] = service.listed(session, by=AIKO)
        assert session.scalar(select(func.count()).where(DueReport.issued_at.is_(None))) == 0
        assert session.scalar(select(func.count()).select_from(Notice)) == 1
        keys = {one.key for one in service.files(session, made.id)}
    assert {one for one in stored(rt) if str(made.id) in one} == keys
    assert len(entries(rt, "report.issued")) == 1
    assert len(tried) >= 5
    for one in tried - {str(made.id)}:  # what tries that died had stored is gone
        assert stored(rt, f"reports/{one}") == set()


def _die(rt: Any, step: int) -> None:
    """Make what is due in a process that is killed at its `step`th touch of database or store."""
    touched = 0
    failed = 1
    signal.alarm(600)  # should it hang on what a thread held when it was forked
    try:
        rt.engine.dispose(close=False)
        rt.__dict__.pop("engine", None)
        rt.__dict__.pop("blobs", None)
        real, blobs = Runtime.transaction, rt.blobs

        def touch() -> None:
            nonlocal touched
            touched += 1
            if touched > step:
                os.kill(os.getpid(), signal.SIGKILL)

        def transaction() -> Any:
            touch()
            return real(rt)

        def touching(do: Callable[..., Any]) -> Callable[..., Any]:
            def doing(*args: Any, **more: Any) -> Any:
                touch()
                return do(*args, **more)

            return doing

        rt.transaction = transaction
        for name in ("delete_prefix", "put"):
            setattr(blobs, name, touching(getattr(blobs, name)))
        issuing.make_due(rt, TO)
        failed = 0
    finally:
        os._exit(failed)


def test_after_an_erasure_what_named_the_photo_is_dropped_and_issued_again(
    served: Any,
    later: Callable[..., None],
) -> None:
    rt = served.rt
    composite = Desk(served).composite()
    photo = manifest.read(composite.manifest).placed_photos[0].photo_id
    sha256 = served.photo(photo).sha256
    named = keep(rt, "provenance", asked={"composite": composite.id}, forms=["html"])
    about = keep(rt, "exposure", asked={"subject": "photo", "ref": str(photo)}, forms=["json"])
    other = keep(rt)
    approved = issuing.approve(rt, named.id, by=KEN)
    assert any(name.startswith("picture.") for name in contents(rt, approved.id))
    with rt.transaction() as session:
        subjects = session.execute(
            select(ReportSubject.report_id, ReportSubject.asked).where(ReportSubject.subject_id == photo)
        ).all()
    assert sorted(map(tuple, subjects)) == sorted([(named.id, False), (about.id, True), (approved.id, False)])

    later(minutes=40)
    with rt.transaction() as session:
        decided = erasures.carry_out(
            session, "photo", str(photo), reason="asked for", ground="gdpr-17",
            handling=Handling(composites="kept", gates="kept"), by=KEN, at=rt.now(),
        )  # fmt: skip
    later(seconds=5)
    carrying.carry_on(rt)

    for one in (named, about, approved):
        assert stored(rt, f"reports/{one.id}") == set()
        with pytest.raises(ReportDropped, match="was redacted on 2026-06-01"):
            contents(rt, one.id)
        assert problems(rt, one.id) == ()  # its digest stays, in the record and in the log
    assert contents(rt, other.id)
    with rt.transaction() as session:
        erasure = erasures.get(session, decided.id, by=KEN)
        told = erasures.certificate(
            session, erasure, house="house", key=rt.manifest_key, at=rt.now()
        )["certificate"]  # fmt: skip
        assert {
            "what": "reports that the bank kept and that named them",
            "where": "object store",
            "count": 3,
        } in told["gone"]
        assert service.get(session, about.id, by=AIKO).asked == {}

    assert issuing.make_due(rt, TO) == 1  # of the approved one alone
    assert issuing.make_due(rt, TO) == 0
    with rt.transaction() as session:
        again = session.scalars(select(IssuedReport).where(IssuedReport.why == "redacted")).one()
        assert (again.replaces_id, again.approved_by) == (approved.id, None)
        assert service.successor(session, named.id) == again.id
    made = rendering.read("provenance", contents(rt, again.id)["report.json"])
    assert made.head.redacted_on == date(2026, 6, 1) and made.head.replaces == approved.sha256
    assert b"Redacted on" in contents(rt, again.id)["report.html"]
    assert not any(name.startswith("picture.") and c == b"" for name, c in contents(rt, again.id).items())
    assert json.loads(contents(rt, again.id)["report.json"])["picture"] == "withheld"
    assert sha256  # the manifest's own: it stays, as the erasure's certificate says
    later(minutes=1)
    carrying.carry_on(rt)
    assert contents(rt, again.id)  # made since, it names no more than the bank does
    assert [one.payload["objects"]["again"] for one in entries(rt, "report.redacted")].count(True) == 1
