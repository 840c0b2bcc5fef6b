"""Withdrawals, holds, exposure, expiries and notices over HTTP."""

from datetime import timedelta
from typing import Any

from bankd.exposure import marking, withdrawing
from bankd.notices import service as notices


class Receiver:
    """A channel of which nothing is sent here."""

    target = "https://desk.example/hook"

    def send(self, message: Any, *, at: Any) -> None:
        raise AssertionError


def clerk(bank: Any, to: Any = None) -> None:
    rt = bank.runtime
    with rt.transaction() as session:
        withdrawing.sweep(session, by=rt.actor, at=rt.now())
    with rt.transaction() as session:
        assert marking.mark_next(session, to=to or {}, by=rt.actor, at=rt.now()) is not None


def test_withdrawal_is_recorded_shown_marked_and_its_handouts_asked_back(bank: Any, seal: Any) -> None:
    sealed = seal(bank)
    body = {"subject": "license", "ref": "L-1", "reason": "it never bound us", "kind": "void-from-start"}

    made = bank.call("compliance", "POST", "/withdrawals", json=body)

    assert made.status_code == 201, made.text
    told = made.json()
    assert (told["photos"], told["composites"], told["effects"]["handouts"]) == (2, 1, "recall")
    assert bank.call("compliance", "POST", "/withdrawals", json=body).status_code == 409
    clerk(bank, {"webhook": Receiver()})
    path = f"/withdrawals/{told['withdrawal']}"
    assert bank.call("auditor", "GET", path).json()["marked_at"]
    marks = bank.call("auditor", "GET", path + "/composites").json()
    assert [one["composite"] for one in marks] == [str(sealed.composite)]
    assert bank.call("auditor", "GET", path + f"/composites?after={sealed.composite}").json() == []
    assert (
        bank.call("auditor", "GET", "/withdrawals?subject=license&ref=L-1").json()[0]["kind"] == body["kind"]
    )
    assert bank.call("auditor", "GET", "/withdrawals/takedowns").json() == []
    assert bank.call("auditor", "GET", path + "/publications").json() == []

    ending = {"outcome": "released", "reason": "they found the signed copy"}
    assert (told["effects"]["money"], told["settled"]) == ("escrow", None)
    assert bank.call("auditor", "POST", path + "/settle", json=ending).status_code == 403
    wrong = bank.call("compliance", "POST", path + "/settle", json={**ending, "outcome": "lost"})
    assert wrong.status_code == 422
    settled = bank.call("compliance", "POST", path + "/settle", json=ending)
    assert (settled.status_code, settled.json()["taken_back"]) == (200, []), settled.text
    assert bank.call("auditor", "GET", path).json()["settled"] == settled.json()
    again = bank.call("compliance", "POST", path + "/settle", json=ending)
    assert again.status_code == 409 and again.json()["type"].endswith("escrow-already-settled")

    exposure = bank.call("auditor", "GET", "/exposure/licensor?ref=agency").json()
    assert (exposure["composites"], exposure["photos"], exposure["networks"]) == (1, 2, [])
    assert exposure["lines"][0]["composite_id"] == str(sealed.composite)
    assert exposure["lines"][0]["why"] == "sealed-after"

    [notice] = bank.call("operator", "GET", "/notices?state=waiting").json()
    assert notice["kind"] == "withdrawal" and "license L-1" in notice["title"]
    again = bank.call("operator", "POST", f"/notices/{notice['notice']}/retry")
    assert again.json()["state"] == "waiting"
    with bank.runtime.transaction() as session:
        assert notices.dead(session) == 0


def test_what_cannot_be_withdrawn_or_held_is_a_problem(bank: Any) -> None:
    bank.import_rights()
    for path, body, status, words in (
        ("/withdrawals", {"ref": "L-9"}, 404, "no license `L-9`"),
        ("/withdrawals", {"subject": "grant", "ref": "L-1/none"}, 404, "no grant `L-1/none`"),
        ("/withdrawals", {"subject": "licensor", "ref": "nobody"}, 404, "no licensor has the ref `nobody`"),
        ("/withdrawals", {"subject": "person", "ref": "x", "kind": "objection"}, 404, "the person `x`"),
        ("/withdrawals", {"subject": "photo", "ref": "mug", "kind": "claim"}, 422, "`mug` names no photo"),
        ("/withdrawals", {"kind": "objection"}, 422, "not withdrawn as `objection`"),
        ("/withdrawals", {"kind": "theft"}, 422, "body.kind"),
        ("/withdrawals", {"effective_from": "2026-06-01T12:00:00"}, 422, "effective_from"),
        ("/withdrawals", {"document_sha256": "0" * 64}, 422, "no document"),
        ("/holds", {"ends_at": "2026-05-01T00:00:00Z"}, 422, "not after it begins"),
        ("/holds", {"subject": "person"}, 422, "body.subject"),
    ):
        given = {"subject": "license", "ref": "L-1", "reason": "why", **body}
        response = bank.call("compliance", "POST", path, json=given)
        assert response.status_code == status and words in response.json()["detail"], response.text
    for path in ("/exposure/license?ref=L-9", "/exposure/release?ref=R-9"):
        assert bank.call("compliance", "GET", path).status_code == 404
    assert bank.call("compliance", "GET", "/exposure/segment?ref=7").status_code == 422


def test_hold_is_set_listed_and_lifted(bank: Any) -> None:
    bank.work(bank.ingest("desk-1.png").json()["batch"])
    ends = (bank.runtime.moment + timedelta(days=3)).isoformat()
    body = {"subject": "licensor", "ref": "agency", "reason": "a rumor", "ends_at": ends}

    made = bank.call("compliance", "POST", "/holds", json=body)

    assert (made.status_code, made.json()["state"]) == (201, "stands")
    [listed] = bank.call("auditor", "GET", "/holds").json()
    assert listed["hold"] == made.json()["hold"]
    [ending] = bank.call("librarian", "GET", "/expiries?within_days=7").json()
    assert (ending["what"], ending["subject"], ending["ref"]) == ("hold", "licensor", "agency")
    path = f"/holds/{listed['hold']}/lift"
    assert bank.call("compliance", "POST", path, json={"reason": "it was none"}).json()["state"] == "over"
    assert bank.call("compliance", "POST", path, json={"reason": "again"}).status_code == 409
    assert bank.call("auditor", "GET", "/holds").json() == []
    assert len(bank.call("auditor", "GET", "/holds?over=true").json()) == 1
