"""Erasures, their certificates and the duties that put them off, over HTTP."""

from typing import Any
from uuid import uuid4

from sqlalchemy import select

from bankd.erasure import carrying
from bankd.provenance.models import Usage


def test_an_erasure_goes_over_http_from_plan_to_certificate(bank: Any, seal: Any) -> None:
    sealed = seal(bank)
    with bank.runtime.transaction() as session:
        placed = select(Usage.photo_id).where(Usage.composite_id == sealed.composite)
        photo = str(session.scalars(placed).first())
    body = {"subject": "photo", "ref": photo, "reason": "asked for", "ground": "appi"}
    kept = bank.call(
        "compliance", "POST", "/retentions",
        json={**body, "class": "tax", "ends_at": "2099-01-01T00:00:00Z"},
    )  # fmt: skip
    assert kept.status_code == 201, kept.text
    plan = bank.call("auditor", "GET", f"/erasures/plan/photo?ref={photo}").json()
    assert (
        plan["photos"] == [photo] and plan["composites"] == 1 and plan["kept"][0]["by"][0]["class"] == "tax"
    )

    assert bank.call("librarian", "POST", "/erasures", json=body).status_code == 403
    made = bank.call("compliance", "POST", "/erasures", json=body)
    assert made.status_code == 201, made.text
    told = made.json()
    assert told["state"] == "kept" and told["handling"]["composites"] == "blurred"
    assert bank.call("compliance", "POST", "/erasures", json=body).status_code == 409

    lift = f"/retentions/{kept.json()['retention']}/lift"
    assert bank.call("compliance", "POST", lift, json={"reason": "r"}).json()["state"] == "over"
    carrying.carry_on(bank.runtime)
    path = f"/erasures/{told['erasure']}"
    assert bank.call("auditor", "GET", path).json()["state"] == "done"
    assert bank.call("auditor", "GET", "/erasures").json()[0]["erasure"] == told["erasure"]
    certificate = bank.call("auditor", "GET", path + "/certificate").json()
    assert certificate["certificate"]["composites"][0]["composite"] == str(sealed.composite)
    checked = bank.call("auditor", "POST", "/erasures/verify", json=certificate)
    assert checked.json() == {"holds": True, "erasure": told["erasure"], "complete": True}
    certificate["certificate"]["complete"] = False
    assert bank.call("auditor", "POST", "/erasures/verify", json=certificate).status_code == 422


def test_a_legal_hold_is_set_listed_and_lifted_over_http(bank: Any) -> None:
    bank.import_rights()
    body = {"subject": "licensor", "ref": "agency", "reason": "a suit"}

    made = bank.call("compliance", "POST", "/holds/legal", json=body)

    assert made.status_code == 201, made.text
    hold = made.json()["retention"]
    assert [one["retention"] for one in bank.call("auditor", "GET", "/holds/legal").json()] == [hold]
    assert bank.call("auditor", "GET", "/retentions").json() == []
    lift = f"/holds/legal/{hold}/lift"
    assert (
        bank.call("compliance", "POST", lift, json={"reason": "settled"}).json()["lifted_reason"] == "settled"
    )
    assert bank.call("compliance", "POST", lift, json={"reason": "again"}).status_code == 409
    assert (
        bank.call("compliance", "POST", f"/holds/legal/{uuid4()}/lift", json={"reason": "r"}).status_code
        == 404
    )
    assert bank.call("auditor", "GET", f"/erasures/{uuid4()}").status_code == 404
