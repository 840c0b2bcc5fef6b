import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from bankd.catalog.models import Photo
from bankd.ingestion.models import Batch
from bankd.worker.models import Outgoing


def record(*grants: str) -> dict[str, Any]:
    return {
        "grants": list(grants),
        "depictions": {"persons": False},
        "releases": [],
        "disputed": None,
        "embargo_until": None,
    }


def count(bank: Any, table: Any) -> int:
    with bank.runtime.transaction() as session:
        return session.scalar(select(func.count()).select_from(table))


def test_batch_is_filed_with_its_rights_and_told_photo_by_photo(bank: Any) -> None:
    response = bank.ingest("desk-1.png", "desk-2.png")

    assert response.status_code == 202, response.text
    batch = response.json()
    assert response.headers["location"] == f"/photos/batches/{batch['batch']}"
    assert (batch["photos"], batch["waiting"], batch["finished"]) == (2, 2, False)
    assert count(bank, Outgoing) == 2

    bank.work(batch["batch"])

    told = bank.call("librarian", "GET", response.headers["location"]).json()
    assert (told["taken"], told["waiting"], told["finished"], told["refused"]) == (2, 0, True, {})
    assert [(item["name"], item["state"]) for item in told["items"]] == [
        ("desk-1.png", "taken"),
        ("desk-2.png", "taken"),
    ]
    photo = bank.call("auditor", "GET", f"/photos/{told['items'][0]['photo']}").json()
    assert photo["state"] == "admitted" and photo["segments"] == {"mug": 1, "wall": 1}
    assert photo["grants"] == [{"grant": "L-1/all", "blocked": False}]


def test_photos_of_a_batch_take_the_grants_that_their_records_name(bank: Any) -> None:
    assert bank.import_rights().status_code == 200
    records = json.dumps({"desk-1.png": record("L-1/all")})
    batch = bank.ingest("desk-1.png", "desk-2.png", rights=False, records=records).json()["batch"]
    bank.work(batch)
    told = bank.call("librarian", "GET", f"/photos/batches/{batch}").json()
    assert [item["state"] for item in told["items"]] == ["taken", "quarantined"]


@pytest.mark.parametrize(
    ("records", "slug", "says"),
    [
        (json.dumps({"desk-1.png": record("L-1/none")}), "upload-invalid", "`L-1/none`"),
        (json.dumps({"other.png": record()}), "upload-invalid", "`other.png`"),
        (json.dumps({"desk-1.png": {"grants": []}}), "upload-invalid", "field required"),
        ("[" * 100_000, "upload-invalid", "no JSON"),
        ("7", "upload-invalid", "records"),
    ],
)
def test_faulty_records_refuse_the_batch_whole(bank: Any, records: str, slug: str, says: str) -> None:
    response = bank.ingest("desk-1.png", rights=False, records=records)
    assert response.status_code == 422, response.text
    assert response.json()["type"].endswith(slug) and says in response.json()["detail"]
    assert count(bank, Batch) == count(bank, Outgoing) == 0


def test_files_of_a_batch_belong_together(bank: Any, label_map: Any) -> None:
    def ingest(*files: tuple[str, tuple[str, bytes]], **data: str) -> tuple[int, str]:
        classes = ("classes", ("classes.json", b'[{"id": 0, "name": "wall"}]'))
        given = {"name": "a batch", "department": "Catalogue", **data}
        response = bank.call("librarian", "POST", "/photos/batches", files=[classes, *files], data=given)
        return response.status_code, response.json()["detail"]

    photo = ("photos", ("a.png", label_map()))
    cases = [
        ((photo, ("photos", ("a.jpg", b"x"))), "same stem"),
        ((photo, ("labels", ("b.png", b"x"))), "no photo has its stem"),
        ((photo, ("labels", ("a.png", b"x")), ("labels", ("a.tif", b"x"))), "two files for `a.png`"),
        ((("photos", ("../a.png", b"x")),), "`../a.png`"),
        ((("photos", ("/etc/passwd", b"x")),), "`/etc/passwd`"),
        ((("photos", (".hidden", b"x")),), "`.hidden`"),
        ((("photos", ("a\\b.png", b"x")),), "no plain file name"),
    ]
    for files, says in cases:
        status, detail = ingest(*files)
        assert status == 422 and says in detail, detail
    status, detail = ingest(photo, department="Kitchen")
    assert status == 422 and "`Kitchen`" in detail
    status, detail = ingest(photo, name="n\0ame")
    assert status == 422 and "NUL" in detail
    assert count(bank, Batch) == 0


def test_photo_that_is_no_photo_is_refused_alone(bank: Any, label_map: Any) -> None:
    files = [
        ("classes", ("classes.json", b'[{"id": 0, "name": "wall"}, {"id": 1, "name": "mug"}]')),
        ("photos", ("bad.png", b"no picture")),
        ("labels", ("bad.png", label_map())),
    ]
    data = {"name": "a batch", "department": "Catalogue"}
    response = bank.call("librarian", "POST", "/photos/batches", files=files, data=data)
    bank.work(response.json()["batch"])
    told = bank.call("librarian", "GET", response.headers["location"]).json()
    assert told["items"][0]["state"] == "refused" and "`bad.png`" in told["items"][0]["detail"]
    assert sum(told["refused"].values()) == 1 and count(bank, Photo) == 0


def test_department_sees_and_fills_its_own_batches_only(bank: Any) -> None:
    bank.key("magazine", roles=("librarian",), department="Magazine")
    bank.key("catalogue", roles=("librarian",), department="Catalogue")
    response = bank.ingest("desk-1.png", role="magazine", department="Catalogue")
    assert response.status_code == 403 and response.json()["type"].endswith("department-foreign")

    own = bank.ingest("desk-1.png", role="magazine", department=None).json()
    assert own["department"] == str(bank.departments["Magazine"])
    bank.work(own["batch"])
    photo = bank.call("magazine", "GET", f"/photos/batches/{own['batch']}").json()["items"][0]["photo"]
    for path in (f"/photos/batches/{own['batch']}", f"/photos/{photo}"):
        assert bank.call("magazine", "GET", path).status_code == 200
        assert bank.call("librarian", "GET", path).status_code == 200
        assert bank.call("catalogue", "GET", path).status_code == 404
    body = {"reason": "not ours"}
    assert bank.call("catalogue", "POST", f"/photos/{photo}/dispute", json=body).status_code == 404


def test_photos_are_listed_and_their_segments_by_ordinal(bank: Any) -> None:
    batch = bank.ingest("desk-1.png", "desk-2.png").json()["batch"]
    bank.work(batch)
    bank.key("magazine", roles=("librarian",), department="Magazine")

    listed = bank.call("librarian", "GET", "/photos", params={"state": "admitted"}).json()
    assert {one["name"] for one in listed} == {"desk-1.png", "desk-2.png"}
    assert [one["held_back"] for one in listed] == [False, False]
    second = bank.call("librarian", "GET", "/photos", params={"limit": 1, "offset": 1}).json()
    assert second == listed[1:]
    assert bank.call("librarian", "GET", "/photos", params={"state": "quarantined"}).json() == []
    assert bank.call("magazine", "GET", "/photos").json() == []

    photo = listed[0]["photo"]
    found = bank.call("librarian", "GET", f"/photos/{photo}/segments").json()
    shown = bank.call("librarian", "GET", f"/photos/{photo}").json()
    assert [one["ordinal"] for one in found] == list(range(len(found)))
    assert sorted(one["category"] for one in found) == ["mug", "wall"]
    assert 0 < sum(one["share"] for one in found) <= 1
    for one in found:
        x0, y0, x1, y1 = one["box"]
        assert 0 <= x0 < x1 <= shown["width"] and 0 <= y0 < y1 <= shown["height"]
    assert bank.call("magazine", "GET", f"/photos/{photo}/segments").status_code == 404


def test_a_form_where_json_is_taken_is_told_so(bank: Any) -> None:
    answer = bank.call("librarian", "POST", f"/photos/{uuid4()}/dispute", data={"reason": "mine"})

    assert answer.status_code == 422
    assert answer.json()["detail"] == "`body`: send a JSON object, with `Content-Type: application/json`"


def test_dispute_stands_until_it_is_lifted(bank: Any) -> None:
    batch = bank.ingest("desk-1.png").json()["batch"]
    bank.work(batch)
    photo = bank.call("librarian", "GET", f"/photos/batches/{batch}").json()["items"][0]["photo"]
    path, body = f"/photos/{photo}", {"reason": "the agency says it is not theirs"}

    disputed = bank.call("librarian", "POST", f"{path}/dispute", json=body)
    assert disputed.status_code == 200 and disputed.json()["dispute_reason"] == body["reason"]
    again = bank.call("compliance", "POST", f"{path}/dispute", json=body)
    assert again.status_code == 409 and again.json()["type"].endswith("photo-already-disputed")

    assert bank.call("compliance", "POST", f"{path}/lift-dispute", json=body).json()["disputed_at"] is None
    assert bank.call("compliance", "POST", f"{path}/lift-dispute", json=body).status_code == 409
    assert bank.call("librarian", "POST", f"/photos/{uuid4()}/dispute", json=body).status_code == 404
    with bank.runtime.transaction() as session:
        assert session.get_one(Photo, UUID(photo)).disputed_at is None


def test_a_photo_is_said_to_show_a_product(bank: Any) -> None:
    batch = bank.ingest("desk-1.png").json()["batch"]
    bank.work(batch)
    photo = bank.call("librarian", "GET", f"/photos/batches/{batch}").json()["items"][0]["photo"]
    path = f"/photos/{photo}/product"

    said = bank.call("librarian", "PUT", path, json={"product": "MUG-1"})
    assert said.status_code == 200, said.text
    assert said.json()["depictions"]["product"] == "MUG-1"
    parts = bank.call("librarian", "PUT", path, json={"product": "MUG-2", "segments": [0]}).json()
    assert parts["depictions"]["products"] == [{"product": "MUG-2", "segments": [0]}]
    assert "product" not in parts["depictions"]
    none = bank.call("librarian", "PUT", path, json={"product": None}).json()
    assert not {"product", "products"} & none["depictions"].keys()
    for wrong in ({"product": "two words"}, {"product": "A", "segments": [999]}, {"segments": [0]}):
        assert bank.call("librarian", "PUT", path, json=wrong).status_code == 422, wrong
    assert bank.call("creative", "PUT", path, json={"product": "A"}).status_code == 403
    gone = f"/photos/{uuid4()}/product"
    assert bank.call("librarian", "PUT", gone, json={"product": "A"}).status_code == 404
