import json
from typing import Any

from sqlalchemy import func, select

from bankd.catalog.models import Photo
from bankd.licensing.models import Licensor


def test_import_counts_what_is_new_and_what_is_known(bank: Any) -> None:
    first = bank.import_rights()
    assert first.status_code == 200, first.text
    assert first.json()["new"] == {"licensors": 1, "documents": 1, "licenses": 1, "grants": 1}
    assert first.json()["known"] == {}
    assert bank.import_rights().json()["known"] == first.json()["new"]


def test_faulty_file_is_refused_by_its_lines_and_leaves_nothing(bank: Any, rights_text: str) -> None:
    text = rights_text.replace("[WORLD]", "[Atlantis]").replace("licensor: agency", "licensor: nobody")
    response = bank.import_rights(text)
    assert response.status_code == 422 and response.json()["type"].endswith("rights-file-refused")
    assert {error["line"] for error in response.json()["errors"]} <= set(range(1, 40))
    assert "`rights.yaml` line" in response.json()["detail"] and "/" not in response.json()["detail"]
    with bank.runtime.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Licensor)) == 0

    missing = bank.call(
        "librarian", "POST", "/licenses/import", files={"rights": ("rights.yaml", rights_text.encode())}
    )
    assert missing.status_code == 422 and "documents/agreement.md" in missing.json()["detail"]


def test_lines_of_a_sheet_are_refused_alone_and_tried_before(bank: Any) -> None:
    sheet = bank.call("librarian", "GET", "/licenses/template?format=csv").content
    head, example = sheet.decode("utf-8-sig").splitlines()
    lines = [head, example, example.replace("AOI-2026-017", "AOI-2").replace("JP; KR", "Atlantis")]
    files = {"rights": ("rights.csv", "\n".join(lines).encode())}

    tried = bank.call("librarian", "POST", "/licenses/import?dry_run=true", files=files).json()
    assert tried["dry_run"] and [row["state"] for row in tried["rows"]] == ["new", "refused"]
    assert bank.call("librarian", "GET", "/licenses").json() == []

    done = bank.call("librarian", "POST", "/licenses/import", files=files).json()
    assert (done["new"], done["rows"]) == ({"licensors": 1, "licenses": 1, "grants": 1}, None)
    assert [(row["line"], row["state"]) for row in done["refused"]] == [(3, "refused")]
    assert "unknown territory `ATLANTIS`" in done["refused"][0]["says"]
    assert bank.call("creative", "POST", "/licenses/import", files=files).status_code == 403
    book = bank.call("creative", "GET", "/licenses/template")
    assert book.content.startswith(b"PK") and book.headers["content-type"].endswith("spreadsheetml.sheet")


def test_document_cannot_be_laid_outside(bank: Any, rights_text: str) -> None:
    for name in ("../up.md", "/tmp/up.md", "documents/../../up.md", "rights.yaml", "rights.yaml/x", "."):
        files = [("rights", ("rights.yaml", rights_text.encode())), ("documents", (name, b"x"))]
        response = bank.call("librarian", "POST", "/licenses/import", files=files)
        assert response.status_code == 422, name
        assert response.json()["type"].endswith("upload-invalid"), response.text


def test_terms_are_shown_to_those_alone_who_may_read_them(bank: Any) -> None:
    bank.import_rights()
    told = bank.call("librarian", "GET", "/licenses/L-1").json()
    assert told["in_force"] and told["verified"] and told["licensor"] == "Agency Nine"
    assert told["grants"][0]["terms"]["quote"] is None
    assert told["grants"][0]["terms"]["allows"]["fee_minor"] == 123456
    assert bank.call("librarian", "GET", f"/licenses/{told['license']}").json() == told

    for path in ("/licenses/L-1", "/licenses"):
        seen = bank.call("creative", "GET", path)
        assert seen.status_code == 200 and "L-1" in seen.text
        assert "123456" not in seen.text and "for all media" not in seen.text
    assert bank.call("creative", "GET", "/licenses?after=L-1").json() == []
    assert bank.call("creative", "GET", "/licenses/L-2").status_code == 404


def test_withdrawal_blocks_its_photos_and_stands(bank: Any) -> None:
    batch = bank.ingest("desk-1.png", "desk-2.png").json()["batch"]
    bank.work(batch)
    body = {"reason": "the licensor left"}

    response = bank.call("compliance", "POST", "/licenses/L-1/withdraw", json=body)

    assert response.status_code == 200 and response.json()["photos"] == 2
    assert (response.json()["composites"], response.json()["networks"]) == (0, [])
    assert response.json()["license"]["withdrawn_at"] and not response.json()["license"]["in_force"]
    items = bank.call("librarian", "GET", f"/photos/batches/{batch}").json()["items"]
    photo = bank.call("librarian", "GET", f"/photos/{items[0]['photo']}").json()
    assert photo["grants"] == [{"grant": "L-1/all", "blocked": True}]

    again = bank.call("compliance", "POST", "/licenses/L-1/withdraw", json=body)
    assert again.status_code == 409 and again.json()["type"].endswith("license-already-withdrawn")
    assert bank.call("compliance", "POST", "/licenses/L-2/withdraw", json=body).status_code == 404
    for faulty in ({}, {"reason": ""}, {"reason": 7}):
        assert bank.call("compliance", "POST", "/licenses/L-1/withdraw", json=faulty).status_code == 422


def an_agreement(photo: str, **changes: Any) -> dict[str, Any]:
    permission = {
        "target": photo, "assigner": {"uid": "https://nine.example/", "vcard:fn": "Nine"},
        "assignee": "https://house.example/", "action": ["use", "bankd:synthesize", "bankd:combine"],
        "constraint": [{"leftOperand": "dateTime", "operator": "gteq", "rightOperand": "2026-01-01"}],
    }  # fmt: skip
    return {
        "@context": ["http://www.w3.org/ns/odrl.jsonld", {"bankd": "urn:bankd:odrl:1#"}],
        "@type": "Agreement", "uid": "urn:bankd:license:N-1", "permission": [{**permission, **changes}],
    }  # fmt: skip


def test_an_odrl_agreement_comes_in_with_its_photos_and_goes_out_again(bank: Any) -> None:
    bank.work(bank.ingest("desk-1.png").json()["batch"])

    def bring(document: dict[str, Any], query: str = "") -> Any:
        files = {"rights": ("n.jsonld", json.dumps(document).encode())}
        return bank.call("librarian", "POST", f"/licenses/import{query}", files=files)

    refused = bring(an_agreement("desk-1.png", duty={"action": "inform"}))
    assert (
        refused.status_code == 422 and "the duty `inform` cannot be represented" in refused.json()["detail"]
    )
    tried = bring(an_agreement("desk-1.png"), "?dry_run=true&house=https://house.example/").json()
    assert (tried["photos"], tried["new"]["grants"]) == (1, 1)
    assert bank.call("librarian", "GET", "/licenses/N-1").status_code == 404

    done = bring(an_agreement("desk-1.png"), "?house=https://house.example/").json()
    assert (done["photos"], done["absent"], done["new"]["documents"]) == (1, 0, 1)
    assert "is not limited in `territories`, `channels`" in "; ".join(done["notes"])
    shown = bank.call("librarian", "GET", "/licenses/N-1").json()
    assert shown["grants"][0]["terms"]["allows"]["licensees"] == ["house"]

    out = bank.call("librarian", "GET", "/licenses/N-1/odrl")
    assert out.headers["content-type"] == "application/ld+json"
    [rule] = out.json()["permission"]
    assert len(rule["target"]) == 1 and rule["target"][0].startswith("urn:sha256:")
    assert bank.call("creative", "GET", "/licenses/N-1/odrl").status_code == 403
    bank.call("compliance", "POST", "/licenses/N-1/withdraw", json={"reason": "left"})
    gone = bank.call("librarian", "GET", "/licenses/N-1/odrl")
    assert gone.status_code == 422 and "it was withdrawn" in gone.json()["detail"]


def test_a_sheet_gives_its_grants_to_photos_that_the_bank_holds(bank: Any) -> None:
    bank.work(bank.ingest("desk-1.png", "desk-2.png").json()["batch"])
    sheet = bank.call("librarian", "GET", "/licenses/template?format=csv").content
    head, example = sheet.decode("utf-8-sig").splitlines()
    row = example.replace("desk-001.jpg; desk-002.jpg", "desk-1.png; absent.png")

    done = bank.call(
        "librarian", "POST", "/licenses/import", files={"rights": ("r.csv", f"{head}\n{row}\n".encode())}
    ).json()

    assert (done["photos"], done["absent"], done["refused"]) == (1, 1, [])


def test_compliance_alone_supersedes_what_a_photo_says_of_itself(bank: Any) -> None:
    bank.work(bank.ingest("desk-1.png").json()["batch"])
    with bank.runtime.transaction() as session:
        photo = session.scalar(select(Photo.id))
    form = {"field": "data_mining", "clause": "2", "reason": "newer terms", "document_sha256": "0" * 64}
    path = f"/photos/{photo}/supersede-embedded"

    assert bank.call("librarian", "POST", path, data=form).status_code == 403
    nothing = bank.call("compliance", "POST", path, data=form)
    assert nothing.status_code == 422 and "says nothing of `data_mining`" in nothing.json()["detail"]
    assert bank.call("compliance", "POST", path, data={**form, "field": "mood"}).status_code == 422
