from typing import Any
from uuid import UUID, uuid4

import pytest

from bankd.audit.actor import Actor
from bankd.catalog import reviewing
from bankd.catalog.likenesses import Found
from bankd.catalog.models import Photo, Tombstone

REASON = {"reason": "two different desks"}


@pytest.fixture
def held(bank: Any) -> str:
    """A photo that was found to look like a tombstone."""
    batch = bank.ingest("desk-1.png").json()["batch"]
    bank.work(batch)
    photo = bank.call("librarian", "GET", f"/photos/batches/{batch}").json()["items"][0]["photo"]
    rt = bank.runtime
    with rt.transaction() as session:
        stone = Tombstone(sha256="0" * 64, pixel_sha256="0" * 64, reason="asked for", made_at=rt.now())
        session.add(stone)
        session.flush()
        found = Found(None, stone.id, "crop", 30, sure=False)
        assert reviewing.found_alike(session, UUID(photo), [found], by=Actor.system("tests"), at=rt.now())
    return str(photo)


def test_a_held_photo_is_listed_with_what_it_looks_like_and_released_by_compliance(
    bank: Any, held: str
) -> None:
    [waiting] = bank.call("librarian", "GET", "/photos/review").json()
    assert (waiting["photo"], waiting["quarantine_reason"], waiting["verdict"]) == (held, "likeness", None)
    [like] = waiting["alike"]
    assert (like["how"], like["distance"], like["photo"]) == ("crop", 30, None)
    assert like["tombstone"] is not None and "asked for" not in str(waiting)

    path = f"/photos/{held}/review"
    assert bank.call("librarian", "POST", path, json={**REASON, "verdict": "release"}).status_code == 403
    released = bank.call("compliance", "POST", path, json={**REASON, "verdict": "release"})
    again = bank.call("compliance", "POST", path, json={**REASON, "verdict": "refuse"})

    assert released.status_code == 200, released.text
    assert (released.json()["state"], released.json()["verdict"]) == ("admitted", "released")
    assert again.status_code == 409 and again.json()["type"].endswith("not-held-for-likeness")
    assert bank.call("librarian", "GET", "/photos/review").json() == []
    shown = bank.call("librarian", "GET", f"/photos/{held}/likeness").json()
    assert shown["iscc"].startswith("ISCC:") and shown["reason"] == REASON["reason"]


def test_a_photo_that_is_refused_beside_a_tombstone_is_erased(bank: Any, held: str) -> None:
    body = {**REASON, "verdict": "refuse"}

    refused = bank.call("compliance", "POST", f"/photos/{held}/review", json=body)

    assert refused.json()["state"] == "erased"
    with bank.runtime.transaction() as session:
        assert session.get_one(Photo, UUID(held)).erased_at is not None


def test_only_photos_that_are_there_have_a_likeness(bank: Any, held: str) -> None:
    assert bank.call("auditor", "GET", f"/photos/{uuid4()}/likeness").status_code == 404
    assert bank.call("creative", "GET", f"/photos/{held}/likeness").status_code == 403
    unknown = {**REASON, "verdict": "perhaps"}
    assert bank.call("compliance", "POST", f"/photos/{held}/review", json=unknown).status_code == 422
