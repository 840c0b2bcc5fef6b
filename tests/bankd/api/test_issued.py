"""Issued reports and their schedules, over HTTP."""

import hashlib
from typing import Any
from uuid import uuid4

from bankd.reports import issuing

MAY = {"first_day": "2026-05-01", "last_day": "2026-05-31"}


def test_a_report_is_issued_fetched_checked_and_approved_over_http(bank: Any) -> None:
    shown = bank.call("auditor", "GET", "/reports/period?from=2026-05-01&to=2026-05-31&format=json")
    assert shown.status_code == 200, shown.text
    assert shown.json()["requests"]["filed"] == 0
    assert bank.call("creative", "GET", "/reports/period?from=2026-05-01&to=2026-05-31").status_code == 403
    wrong = bank.call("auditor", "GET", "/reports/period?from=2026-05-02&to=2026-05-01")
    assert wrong.status_code == 422 and "before it begins" in wrong.json()["detail"]

    body = {"kind": "period", "asked": MAY, "forms": ["html"], "locale": "ja"}
    made = bank.call("auditor", "POST", "/reports/issued", json=body)
    assert made.status_code == 201, made.text
    told = made.json()
    path = f"/reports/issued/{told['report']}"
    assert told["state"] == "issued" and told["first_day"] == "2026-05-01"
    names = {one["name"]: one["sha256"] for one in told["files"]}
    page = bank.call("auditor", "GET", f"{path}/files/report.html")
    assert hashlib.sha256(page.content).hexdigest() == names["report.html"]
    assert page.headers["content-security-policy"].endswith("sandbox")
    assert bank.call("auditor", "GET", f"{path}/files/nothing.pdf").status_code == 404
    checked = bank.call("auditor", "GET", f"{path}/check").json()
    assert (checked["holds"], checked["problems"], checked["files"]) == (True, [], len(names))

    assert bank.call("auditor", "POST", f"{path}/approve").status_code == 403
    approved = bank.call("compliance", "POST", f"{path}/approve")
    assert approved.status_code == 201, approved.text
    assert approved.json()["replaces"] == told["report"] and approved.json()["state"] == "approved"
    assert bank.call("compliance", "POST", f"{path}/approve").status_code == 409
    listed = bank.call("auditor", "GET", "/reports/issued?kind=period").json()
    assert {one["report"] for one in listed} == {told["report"], approved.json()["report"]}
    assert bank.call("auditor", "GET", f"/reports/issued/{uuid4()}").status_code == 404


def test_a_schedule_is_set_kept_and_removed_over_http(bank: Any) -> None:
    body = {"kind": "period", "every": "month", "first_day": "2026-05-10", "forms": ["json"]}
    assert bank.call("auditor", "POST", "/reports/schedules", json=body).status_code == 403

    made = bank.call("compliance", "POST", "/reports/schedules", json=body)

    assert made.status_code == 201, made.text
    assert made.json()["first_day"] == "2026-05-01" and made.json()["state"] == "kept up"
    assert issuing.make_due(bank.runtime, {}) == 1
    [listed] = bank.call("auditor", "GET", "/reports/schedules").json()
    assert (listed["last_period"], listed["waiting"]) == ("2026-05-01", 0)
    shown = bank.call("auditor", "GET", f"/reports/issued/{listed['last_report']}").json()
    assert (shown["why"], shown["schedule"]) == ("scheduled", made.json()["schedule"])
    path = f"/reports/schedules/{made.json()['schedule']}/remove"
    assert bank.call("compliance", "POST", path).json()["state"] == "removed"
    assert bank.call("compliance", "POST", path).status_code == 404
