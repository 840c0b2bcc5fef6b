import hashlib
import re
from typing import Any

from sqlalchemy import select

from bankd.audit.models import LogEntry, LogPayload


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
