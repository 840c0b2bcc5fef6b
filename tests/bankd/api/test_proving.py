"""Audit files and trust.json over HTTP, read by the verifier that knows no bank."""

import json
from typing import Any

import pytest
import stranger

from bankd.audit.checkpoints import Signer


@pytest.fixture(scope="module")
def verifier() -> Any:
    return stranger.module()


def checkpoint(bank: Any) -> None:
    with bank.runtime.transaction() as session:
        Signer(bank.runtime.log_origin, bank.runtime.log_keys).sign(session, at=bank.runtime.now())


def names(report: Any, outcome: str) -> set[str]:
    return {line.name for line in report.lines if line.outcome == outcome}


def test_an_audit_file_holds_by_the_trust_that_the_bank_tells(bank: Any, seal: Any, verifier: Any) -> None:
    made = seal(bank)
    path = f"/reports/audit?composite={made.composite}&pictures=true"
    early = bank.call("auditor", "GET", path)
    assert (early.status_code, early.json()["type"]) == (409, "urn:bankd:problem:not-yet-signed")
    checkpoint(bank)
    trust = bank.call("auditor", "GET", "/log/trust").json()

    answer = bank.call("auditor", "GET", path)

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["cache-control"] == "no-store"
    report = verifier.verify(answer.content, verifier.Trust.read(json.dumps(trust).encode()))
    assert names(report, "FAILED") == set()
    assert names(report, "PASSED") >= {"history", "seal", "clearance", "picture", "content credentials"}
    assert names(report, "NOT CHECKED") == {"witnesses", "disclosures", "clearance replay", "handouts"}
    assert b"Kirishima" not in answer.content


def test_a_picture_is_withheld_while_a_photo_in_it_may_not_be_looked_at(
    bank: Any, seal: Any, verifier: Any
) -> None:
    made = seal(bank)
    checkpoint(bank)
    bank.call(
        "compliance", "POST", f"/photos/{made.photos[0]}/dispute", json={"reason": "claimed by another"}
    )
    trust = bank.call("auditor", "GET", "/log/trust?checkpoint=false").json()
    assert trust["checkpoint"] is None

    data = bank.call("auditor", "GET", f"/reports/audit?composite={made.composite}&pictures=true").content

    report = verifier.verify(data, verifier.Trust.read(json.dumps(trust).encode()))
    assert names(report, "FAILED") == set()
    (line,) = (one for one in report.lines if one.name == "picture")
    assert line.outcome == "NOT CHECKED" and "withheld" in line.says
    mine = verifier.Trust.read(json.dumps(trust).encode())
    report = verifier.verify(data, mine, pictures=[("mine.png", made.file)])
    assert [one.outcome for one in report.lines if one.about == "mine.png"] == ["PASSED"]


def test_terms_take_a_key_that_may_read_them_and_what_is_not_there_is_a_problem(bank: Any, seal: Any) -> None:
    made = seal(bank)
    checkpoint(bank)
    path = f"/reports/audit?composite={made.composite}"

    assert b"Kirishima" in bank.call("auditor", "GET", f"{path}&disclosures=true").content
    for query, status, kind in (
        ("composite=00000000-0000-0000-0000-000000000000", 404, "composite-not-found"),
        (f"composite={made.composite}&prior=12345", 404, "checkpoint-missing"),
        (f"composite={made.composite}&from=2026-01-01", 422, "asked-twice"),
        ("from=2031-01-01", 422, "nothing-to-audit"),
        ("licensor=nobody", 404, "licensor-not-found"),
    ):
        answer = bank.call("auditor", "GET", f"/reports/audit?{query}")
        assert (answer.status_code, answer.json()["type"]) == (status, f"urn:bankd:problem:{kind}"), query
