"""The period audit, over generated requests of a year and over what services record."""

import hashlib
import tracemalloc
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.licensing import holds
from bankd.policy import load
from bankd.policy import service as policy
from bankd.reports.errors import PeriodRefused
from bankd.reports.kind import Context
from bankd.reports.kinds.period import KIND
from bankd.reports.kinds.period.model import PeriodReport, PeriodScope
from bankd.reports.rendering import read, render
from tools.bench import period as generated

ROOT = Path(__file__).parents[3]
YEAR = PeriodScope(first_day=date(2026, 1, 1), last_day=date(2026, 12, 31))
JUNE = PeriodScope(first_day=date(2026, 6, 1), last_day=date(2026, 6, 30))
AUDITOR = Actor("user", "aiko", frozenset({"auditor"}))
AFTER = datetime(2027, 1, 2, tzinfo=UTC)


def audit(
    session: Session,
    scope: PeriodScope = YEAR,
    *,
    aside: Path | None = None,
    by: Actor = AUDITOR,
    at: datetime = AFTER,
) -> PeriodReport:
    context = Context("The house", by, at, SimpleNamespace(), aside)  # type: ignore[arg-type]
    return KIND.gather(session, scope, context).report


def fill(url: str, requests: int) -> None:
    plain = url.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        generated.fill(connection, requests)


@pytest.fixture
def year(database: Any) -> Any:
    fill(database.owner_url, 400)
    return database


def test_a_year_is_counted_by_state_department_purpose_reason_and_week(year: Any) -> None:
    with year.sessions() as session:
        report = audit(session)

    requests = report.requests
    assert requests.filed == 400 and requests.pictures == 400
    assert {one.word: one.count for one in requests.states} == {
        "completed": 240, "refused": 120, "failed": 4, "filed": 36,
    }  # fmt: skip
    for rows in (requests.departments, requests.purposes):
        assert sum(row.filed for row in rows) == 400
        assert all(sum(one.count for one in row.states) == row.filed for row in rows)
    assert {row.name for row in requests.departments} == {"", *(f"department {n}" for n in range(1, 6))}
    assert requests.by == "week" and len(requests.spans) == 53
    assert sum(span.filed for span in requests.spans) == 400
    assert sum(span.refused for span in requests.spans) == report.refusals.requests == 120
    assert requests.spans[0].starts_on == date(2026, 1, 1)  # a Thursday: the week is cut off
    assert requests.spans[1].starts_on == date(2026, 1, 5)
    assert (report.refusals.handouts, report.refusals.pictures) == (8, 0)
    reasons = {one.policy: one for one in report.refusals.reasons}
    # In each refusal the six regions have six neighbouring rules of 17 and one of five, some of them twice.
    assert sum(one.requests for one in reasons.values()) > 120
    assert reasons["rule-3"].handouts == 8
    assert max(one.requests for one in reasons.values()) <= 120
    assert [(one.word, one.count) for one in report.failures] == [("given up after 10 tries", 4)]
    assert report.uses.sealed == 240
    [web] = report.uses.handouts
    assert (web.channel, web.composites, web.comps) == ("web", 20, 20)
    assert all(one.agree for one in report.agreement)
    assert {one.what: (one.entries, one.records) for one in report.agreement} | {
        "requests": (400, 400), "composites": (240, 240), "handouts": (40, 40),
    } == {one.what: (one.entries, one.records) for one in report.agreement}  # fmt: skip
    assert report.log.entries == sum(one.count for one in report.log.kinds)
    assert report.head.data_cut_off == report.log.entries
    assert read("period", report.as_text()) == report


def test_days_are_those_of_the_zone(year: Any) -> None:
    with year.sessions() as session:
        session.execute(text("SELECT 1"))
        at = session.scalar(text("SELECT filed_at FROM requests ORDER BY filed_at OFFSET 180 LIMIT 1"))
        day = at.date()
        before = day - timedelta(days=1)
        whole = audit(session, PeriodScope(first_day=before, last_day=day + timedelta(days=1)))
        parts = [
            audit(session, PeriodScope(first_day=one, last_day=one, zone="Asia/Tokyo"))
            for one in (before, day, day + timedelta(days=1))
        ]
        tokyo = audit(
            session,
            PeriodScope(first_day=before, last_day=day + timedelta(days=1), zone="Asia/Tokyo"),
        )

    assert parts[0].period.until == f"{before.isoformat()}T15:00:00.000000Z"
    assert sum(part.requests.filed for part in parts) == tokyo.requests.filed
    assert whole.requests.filed > 0


def test_records_without_an_entry_and_entries_without_a_record_are_found(year: Any) -> None:
    with year.owner_engine.begin() as owner:
        owner.execute(text("DELETE FROM requests WHERE state = 'filed'"))
        owner.execute(
            text(
                "INSERT INTO composites SELECT (jsonb_populate_record(c, jsonb_build_object('id',"
                " gen_random_uuid(), 'variation', 1, 'blob_key', 'x', 'file_sha256', repeat('f', 64)))).*"
                " FROM composites AS c ORDER BY sealed_at LIMIT 1"
            )
        )
    with year.sessions() as session:
        found = {one.what: one for one in audit(session).agreement}

    assert (found["requests"].without_record, found["requests"].without_entry) == (36, 0)
    assert (found["composites"].without_record, found["composites"].without_entry) == (0, 1)
    assert not found["requests"].agree and not found["composites"].agree and found["handouts"].agree


def test_an_erased_entry_is_no_disagreement(year: Any) -> None:
    with year.owner_engine.begin() as owner:
        owner.execute(text("ALTER TABLE log_payloads DISABLE TRIGGER USER"))
        owner.execute(
            text(
                "DELETE FROM log_payloads WHERE index = (SELECT max(index) FROM log_entries"
                " WHERE kind = 'composite.handed-out')"
            )
        )
        owner.execute(
            text(
                "DELETE FROM log_payloads WHERE index = (SELECT max(index) FROM log_entries"
                " WHERE kind = 'request.refused')"
            )
        )
    with year.sessions() as session:
        report = audit(session)

    found = {one.what: one for one in report.agreement}["handouts"]
    assert (found.erased, found.without_entry, found.agree) == (1, 1, True)
    assert (report.refusals.requests, report.refusals.erased) == (120, 1)


def test_all_is_of_one_moment_whatever_is_written_meanwhile(year: Any) -> None:
    still = year.engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with Session(still) as session:
        session.execute(text("SELECT 1 FROM requests LIMIT 1"))
        with year.owner_engine.begin() as owner:
            owner.execute(text("DELETE FROM requests WHERE state = 'filed'"))
            owner.execute(
                text(
                    "INSERT INTO log_entries (index, at, kind, commitment) SELECT max(index) + 1, now(),"
                    " 'request.refused', decode(repeat('00', 32), 'hex') FROM log_entries"
                )
            )
        report = audit(session)

    assert report.requests.filed == 400
    assert all(one.agree for one in report.agreement)
    assert report.head.data_cut_off == report.log.last_index + 1


def test_listings_have_a_row_for_each_and_are_named_by_their_digests(year: Any, tmp_path: Path) -> None:
    with year.sessions() as session:
        report = audit(session, aside=tmp_path)

    assert {one.name: one.rows for one in report.annexes} == {
        "requests.csv": 400, "refusals.csv": 128, "uses.csv": 280, "decisions.csv": 0,
    }  # fmt: skip
    for one in report.annexes:
        content = (tmp_path / one.name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == one.sha256
        assert content.count(b"\r\n") == one.rows + 1
    first = (tmp_path / "refusals.csv").read_text().splitlines()[1].split(",")
    assert first[2] == "request.refused" and first[5].startswith("rule-0 ")


def test_memory_does_not_grow_with_the_period(database: Any, tmp_path: Path) -> None:
    peaks = []
    for requests in (1_500, 4_500):  # both more than are sent together
        with database.owner_engine.begin() as owner:
            for table in ("log_payloads", "log_entries"):
                owner.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            owner.execute(text("DELETE FROM handouts"))
            for table in ("composites", "requests", "departments", "log_payloads", "log_entries"):
                owner.execute(text(f"DELETE FROM {table}"))
        fill(database.owner_url, requests)
        with database.sessions() as session:
            audit(session, aside=tmp_path)  # what is loaded once is loaded by now
            tracemalloc.start()
            report = audit(session, aside=tmp_path)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
        assert report.requests.filed == requests

    assert peaks[1] < peaks[0] * 1.3 + 200_000


def test_what_people_decided_is_counted_with_the_sentences_of_policies(
    session: Session, BY: SimpleNamespace, NOON: datetime
) -> None:
    bundle = load.read(ROOT / "policies")
    policy.activate(session, bundle, by=BY.compliance, at=NOON - timedelta(days=30))
    rule = next(one for one in bundle.policies.values() if one.file.startswith("signoff"))
    for kind in (Kind.SIGNOFF_AWAITED, Kind.SIGNOFF_AWAITED, Kind.SIGNOFF_DECLINED, Kind.SIGNOFF_WITHDRAWN):
        log.append(session, kind, by=BY.compliance, at=NOON, policy=rule.id, awaited=UUID(int=1))
    log.append(
        session, Kind.REQUEST_REFUSED, by=BY.system, at=NOON, request=UUID(int=2),
        regions=[{"region": 1, "category": "mug", "reasons": ["no-segments", rule.id]},
                 {"region": 2, "category": "cup", "reasons": ["no-segments"]}],
    )  # fmt: skip
    log.append(session, Kind.KEY_CREATED, by=BY.operator, at=NOON, key=UUID(int=3), name="x", roles=[])
    log.append(session, Kind.KEY_REVOKED, by=BY.operator, at=NOON + timedelta(days=60), key=UUID(int=3))
    log.append(
        session, Kind.WITHDRAWAL_MARKED, by=BY.system, at=NOON, withdrawal=UUID(int=4), composites=7,
        sealed_after=1, takedowns=3,
    )  # fmt: skip
    log.append(
        session, Kind.ERASURE_DECIDED, by=BY.compliance, at=NOON, erasure=UUID(int=5), subject="person",
        ground="gdpr-17",
    )  # fmt: skip
    hold = holds.record(
        session, subject="photo", subject_id=UUID(int=6), ref="p", reason="court", starts_at=None,
        ends_at=None, by=BY.compliance, at=NOON,
    )  # fmt: skip
    holds.begin(session, hold, by=BY.compliance, at=NOON)
    log.settle(session)

    report = audit(session, JUNE)

    assert report.policies.before == bundle.digest and report.policies.activations == ()
    [asked] = report.signoffs
    assert (asked.policy, asked.says) == (rule.id, rule.says)
    assert (asked.awaited, asked.given, asked.declined, asked.withdrawn) == (2, 0, 1, 1)
    assert [(one.policy, one.requests) for one in report.refusals.reasons] == [
        ("no-segments", 1),
        (rule.id, 1),
    ]
    assert report.refusals.reasons[0].says == "The bank holds no photo with this category"
    assert report.refusals.reasons[1].says == rule.says
    assert (report.access.keys_created, report.access.keys_revoked) == (1, 0)
    assert (report.withdrawals.marked, report.withdrawals.composites) == (1, 7)
    assert report.withdrawals.takedowns_asked == 3
    assert [(one.subject, one.ground, one.decided) for one in report.erasures.decided] == [
        ("person", "gdpr-17", 1)
    ]
    assert (report.holds.set, report.holds.began, report.holds.standing) == (1, 1, 1)
    agreement = {one.what: one for one in report.agreement}
    assert agreement["holds"].agree and not agreement["erasures"].agree  # a log entry alone, as made here


def test_a_period_is_of_the_whole_house_and_not_of_the_future(session: Session) -> None:
    of_one = Actor("user", "ken", frozenset({"auditor"}), UUID(int=1))
    with pytest.raises(PeriodRefused, match="of the whole house"):
        audit(session, by=of_one)
    with pytest.raises(PeriodRefused, match="begins on `2026-06-01`, which is not yet"):
        audit(session, JUNE, at=datetime(2026, 5, 31, tzinfo=UTC))


@pytest.mark.parametrize("locale", ["en", "ja"])
def test_a_period_in_which_nothing_happened_says_so(session: Session, locale: Any) -> None:
    page = render(audit(session, JUNE), "html", locale).decode()

    said = (
        "Nothing was refused in the period." if locale == "en" else "対象期間に却下されたものはありません。"
    )
    assert said in page


def test_the_same_audit_gives_the_same_bytes(year: Any) -> None:
    with year.sessions() as session:
        report = audit(session)

    for form in ("json", "csv", "xlsx"):
        assert render(report, form, "ja") == render(read("period", report.as_text()), form, "ja")
