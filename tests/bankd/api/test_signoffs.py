"""Sign-offs over HTTP: asked for, seen by those who sign, given, declined, taken back."""

import json
from typing import Any
from uuid import UUID

from bankd.synthesis import steps

LARGE = {"channels": ["print"], "copies": 200_000}
STATED = {"reason": "the chain was read to us", "expires_at": "2026-12-31T00:00:00Z"}


def waiting(bank: Any, use: Any) -> tuple[str, str]:
    """A request that waits, and what for."""
    bank.work(bank.ingest("desk-1.png", "desk-2.png").json()["batch"])
    request = bank.request(use=json.dumps({**use, **LARGE}), variations="1").json()["request"]
    steps.advance(bank.runtime, UUID(request))
    lines = bank.call("compliance", "GET", "/signoffs").json()
    return request, next(line["awaited"] for line in lines if line["request"] == request)


def test_two_sign_and_the_request_goes_on(bank: Any, use: Any) -> None:
    request, awaited = waiting(bank, use)
    bank.key("second", roles=("compliance",))
    shown = bank.call("creative", "GET", f"/requests/{request}").json()
    assert shown["state"] == "awaiting"
    [waits] = shown["waits"]
    assert waits.keys() == {"policy", "says", "role", "signers", "signed", "due_at"}
    assert (waits["policy"], waits["role"], waits["signers"]) == (
        "title-unshown-for-large-run",
        "compliance",
        2,
    )
    assert bank.call("creative", "GET", f"/requests/{request}/explain").json()["waits"] == [waits]
    assert bank.call("creative", "GET", f"/signoffs/{awaited}").status_code == 403
    assert bank.call("creative", "POST", f"/signoffs/{awaited}/give", json=STATED).status_code == 403
    assert bank.call("auditor", "POST", f"/signoffs/{awaited}/give", json=STATED).status_code == 403

    first = bank.call("compliance", "POST", f"/signoffs/{awaited}/give", json=STATED)
    assert first.status_code == 201, first.text
    assert bank.call("compliance", "POST", f"/signoffs/{awaited}/give", json=STATED).status_code == 409
    assert bank.call("creative", "GET", f"/requests/{request}").json()["waits"][0]["signed"] == 1
    second = bank.call("second", "POST", f"/signoffs/{awaited}/give", json=STATED)

    assert second.status_code == 201, second.text
    assert bank.call("creative", "GET", f"/requests/{request}").json()["state"] == "filed"
    fact = bank.call("auditor", "GET", f"/signoffs/{awaited}").json()
    assert (fact["state"], fact["request_state"], fact["refs"][0]) == ("given", "filed", "L-1/all")
    assert {one["signed_by"] for one in fact["signoffs"]} == {"compliance", "second"}
    assert bank.call("compliance", "GET", "/signoffs").json() == []

    given = first.json()["signoff"]
    anew = bank.call("second", "POST", f"/signoffs/given/{given}/supersede", json=STATED).json()
    assert anew["state"] == "stands"
    why = {"reason": "the chain has a gap"}
    path = f"/signoffs/given/{anew['signoff']}/withdraw"
    assert bank.call("compliance", "POST", path, json=why).json()["state"] == "withdrawn"
    assert bank.call("compliance", "POST", path, json=why).status_code == 409


def test_a_no_refuses_and_what_is_wrong_is_said(bank: Any, use: Any) -> None:
    request, awaited = waiting(bank, use)
    wide = {**STATED, "scope": "license"}
    refused = bank.call("compliance", "POST", f"/signoffs/{awaited}/give", json=wide)
    assert refused.status_code == 422 and "needs the document" in refused.json()["detail"]
    assert bank.call("compliance", "GET", f"/signoffs/{UUID(int=4)}").status_code == 404

    declined = bank.call(
        "compliance", "POST", f"/signoffs/{awaited}/decline", json={"reason": "the agency is being sued"}
    )

    assert (declined.json()["state"], declined.json()["request_state"]) == ("declined", "refused")
    told = bank.call("creative", "GET", f"/requests/{request}/explain")
    assert "signoff-declined" in told.text and "sued" not in told.text
