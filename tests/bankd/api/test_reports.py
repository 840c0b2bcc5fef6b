import hashlib
import re
from typing import Any
from urllib.parse import parse_qsl

from sqlalchemy import select

from bankd.audit.models import LogEntry, LogPayload
from bankd.reports.registry import KINDS


def test_provenance_is_reported_in_each_format_and_language(bank: Any, seal: Any) -> None:
    made = seal(bank)
    path = f"/reports/provenance/{made.composite}"

    page = bank.call("auditor", "GET", path)
    assert page.status_code == 200, page.text
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert "House of Tests" in page.text and len(re.findall("data:image/jpeg", page.text)) == 3
    assert '<html lang="ja"' in bank.call("auditor", "GET", f"{path}?locale=ja").text

    document = bank.call("compliance", "GET", f"{path}?format=pdf")
    assert document.content.startswith(b"%PDF-") and document.headers["content-type"] == "application/pdf"

    report = bank.call("compliance", "GET", f"{path}?format=json")
    assert report.json()["composite_id"] == str(made.composite)
    assert report.json()["head"]["entity"] == "House of Tests"
    assert report.json()["head"]["prepared_by"] == "compliance"
    assert report.json()["asked_by"] == "creative" and report.json()["picture"] == "shown"
    with bank.runtime.transaction() as session:
        logged = session.execute(
            select(LogEntry.kind, LogPayload.payload)
            .join(LogPayload, LogPayload.index == LogEntry.index)
            .order_by(LogEntry.index.desc())
            .limit(4)
        ).all()
    assert {kind for kind, _ in logged} == {"report.made"}
    assert hashlib.sha256(report.content).hexdigest() in logged[0].payload


def test_picture_and_thumbnails_are_withheld_once_a_photo_may_not_be_viewed(bank: Any, seal: Any) -> None:
    made = seal(bank)
    body = {"reason": "claimed by another"}
    bank.call("compliance", "POST", f"/photos/{made.photos[0]}/dispute", json=body)

    path = f"/reports/provenance/{made.composite}"
    report = bank.call("auditor", "GET", f"{path}?format=json").json()

    assert report["picture"] == "withheld"
    shown = {photo["photo_id"]: photo["thumbnail"] for photo in report["photos"]}
    assert shown == {str(made.photos[0]): "withheld", str(made.photos[1]): "shown"}
    assert len(re.findall("data:image/jpeg", bank.call("auditor", "GET", path).text)) == 1


def test_unknown_format_or_language_is_refused(bank: Any, seal: Any) -> None:
    path = f"/reports/provenance/{seal(bank).composite}"
    for query in ("format=docx", "locale=xx"):
        assert bank.call("auditor", "GET", f"{path}?{query}").status_code == 422


def test_each_kind_of_report_is_for_those_who_may_see_what_it_holds(bank: Any, seal: Any) -> None:
    made = seal(bank)
    asked = {
        "exposure/license/L-1": "exposure",
        f"exposure/photo/{made.photos[0]}": "exposure",
        "expiries?within_days=30": "expiries",
        "inventory": "inventory",
    }
    for path, kind in asked.items():
        answer = bank.call("auditor", "GET", f"/reports/{path}", params={"format": "json"} | _query(path))
        assert answer.status_code == 200, answer.text
        assert answer.json()["report"] == kind and answer.json()["head"]["unverified_facts"] == 0
        for role in ("creative", "librarian", "operator"):
            assert bank.call(role, "GET", f"/reports/{path}").status_code == 403
    exposed = bank.call("auditor", "GET", "/reports/exposure/license/L-1?format=json").json()
    assert (exposed["composites"], exposed["photos"]) == (1, 2)
    assert bank.call("auditor", "GET", "/reports").json() == sorted(KINDS)
    published = bank.call("auditor", "GET", "/reports/schemas/inventory").json()
    assert published["title"] == "InventoryReport"


def test_what_is_not_there_has_no_report(bank: Any) -> None:
    for path, status in {
        "exposure/license/L-9": 404,
        "exposure/moon/L-9": 422,
        "expiries?within_days=0": 422,
        "training/abcd": 404,
        "schemas/horoscope": 404,
        "statement/00000000-0000-0000-0000-000000000001": 404,
    }.items():
        answer = bank.call("auditor", "GET", f"/reports/{path}")
        assert answer.status_code == status, (path, answer.text)


def test_spreadsheets_come_with_their_media_types(bank: Any) -> None:
    sheet = bank.call("auditor", "GET", "/reports/inventory?format=xlsx&locale=ja")
    assert (
        sheet.headers["content-type"].startswith("application/vnd.openxmlformats")
        and sheet.content[:2] == b"PK"
    )
    assert 'filename="inventory.xlsx"' in sheet.headers["content-disposition"]
    table = bank.call("auditor", "GET", "/reports/inventory?format=csv")
    assert table.headers["content-type"].startswith("text/csv") and "House of Tests" in table.text


def _query(path: str) -> dict[str, str]:
    return dict(parse_qsl(path.partition("?")[2]))
