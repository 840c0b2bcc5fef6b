"""What the key of a department learns of another one: nothing, by any route there is."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import update

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.exposure import marking
from bankd.provenance.models import Composite

DAYS = {"from": "2026-01-01", "to": "2026-12-31"}
WITHDRAWAL = {"subject": "license", "ref": "L-1", "kind": "claim", "reason": "a claim"}


@pytest.fixture
def theirs(bank: Any, seal: Any) -> dict[str, str]:
    """Everything that a department has, by what it is called; the license under it was withdrawn."""
    bank.key(
        "ours", roles=("librarian", "creative", "compliance", "auditor", "operator"), department="Magazine"
    )
    made = seal(bank, department="Catalogue")
    given = bank.call(
        "creative", "POST", f"/composites/{made.composite}/handouts",
        json={"recipient": "Recipient of theirs", "channel": "web"},
    )  # fmt: skip
    assert given.status_code == 200, given.text
    published = bank.call(
        "compliance", "POST", "/publications",
        json={"composite": str(made.composite), "facts": {
            "channel": "web", "place": "https://theirs.example/", "territories": ["JP"],
            "starts_on": "2026-06-01",
        }},
    )  # fmt: skip
    assert published.is_success, published.text
    held = bank.call(
        "compliance", "POST", "/holds",
        json={"subject": "photo", "ref": str(made.photos[0]), "reason": "reason of theirs",
              "starts_at": None, "ends_at": "2026-07-01T00:00:00Z"},
    )  # fmt: skip
    assert held.is_success, held.text
    withdrawn = bank.call("compliance", "POST", "/withdrawals", json=WITHDRAWAL)
    assert withdrawn.is_success, withdrawn.text
    with bank.runtime.transaction() as session:
        assert marking.mark_next(session, to={}, by=Actor.system("tests"), at=bank.runtime.now()) is not None
    return {
        "composite": str(made.composite),
        "request": str(made.request),
        "photo": str(made.photos[0]),
        "other photo": str(made.photos[1]),
        "handout": given.headers["bankd-handout"],
        "publication": published.json()["publication"],
        "hold": held.json()["hold"],
        "withdrawal": withdrawn.json()["withdrawal"],
        "recipient": "Recipient of theirs",
        "place": "theirs.example",
        "reason": "reason of theirs",
        "name": "desk-1.png",
    }


SHARED = {"withdrawal"}
NOBODY = "00000000-0000-0000-0000-000000000000"
"""Of a license, which is the whole house's."""


def paths(bank: Any, known: dict[str, str]) -> Iterator[str]:
    """Each route that can be read, of each thing that it could be asked about."""
    things = {
        "subject": ["photo", "license"], "ref": [known["photo"], "L-1"], "license": ["L-1"],
        "licensor": ["agency"], "kind": ["period"], "release": ["R-1"], "index": ["0", "5"],
        "named": [known["photo"], known["composite"], known["handout"]],
    }  # fmt: skip
    for path, methods in bank.app.openapi()["paths"].items():
        if "get" not in methods:
            continue
        named = [one["name"] for one in methods["get"].get("parameters", []) if one["in"] == "path"]
        for chosen in itertools.product(*(things.get(one, [known.get(one, NOBODY)]) for one in named)):
            filled = path
            for name, thing in zip(named, chosen, strict=True):
                filled = filled.replace("{" + name + "}", thing).replace("{" + name + ":path}", thing)
            yield filled


def test_no_route_that_is_read_tells_a_department_of_what_is_anothers(
    bank: Any, theirs: dict[str, str]
) -> None:
    secrets = {name: thing for name, thing in theirs.items() if name not in SHARED}
    told: dict[str, set[str]] = {}
    answered = set()
    for path in paths(bank, theirs):
        asked = {"format": "json", "ref": theirs["photo"]}
        answer = bank.call("ours", "GET", path, params=asked | ({} if path.startswith("/log") else DAYS))
        assert answer.status_code < 500, (path, answer.text)
        answered |= {path} if answer.status_code == 200 else set()
        named = {theirs["photo"], path} if answer.status_code != 200 else {path}
        said = {
            name
            for name, thing in secrets.items()
            if thing in answer.text and not any(thing in one for one in named)
        }
        if said:
            told[path] = said

    assert told == {} and len(answered) > 15


def test_what_is_told_of_all_departments_takes_a_key_of_none(bank: Any, theirs: dict[str, str]) -> None:
    takedown = bank.call("compliance", "GET", "/withdrawals/takedowns").json()[0]
    done = f"/withdrawals/takedowns/{takedown['id']}/confirm"
    for method, path, body in (
        ("POST", done, {"note": "called back"}),
        ("POST", f"/holds/{theirs['hold']}/lift", {"reason": "ours now"}),
        ("POST", "/policies/diff", None),
        ("GET", "/log/export", None),
        ("GET", "/reports/expiries", None),
    ):
        refused = bank.call("ours", method, path, json=body)
        assert refused.status_code == 403 and "one department" in refused.json()["detail"], path
    assert bank.call("compliance", "POST", done, json={"note": "called back"}).status_code == 200


def test_a_picture_of_no_department_is_the_whole_houses(
    bank: Any, theirs: dict[str, str], database: Any
) -> None:
    with database.owner_engine.begin() as connection:
        connection.execute(update(Composite).values(department_id=None))

    for key, expected in (("ours", []), ("compliance", [theirs["composite"]])):
        told = bank.call(key, "GET", "/exposure/license", params={"ref": "L-1"}).json()
        assert [one["composite_id"] for one in told["lines"]] == expected
        assert told["composites"] == len(expected)
        path = f"/withdrawals/{theirs['withdrawal']}/publications"
        standing = bank.call(key, "GET", path).json()
        assert [one["composite"] for one in standing] == expected


def test_nobody_changes_what_is_another_departments(bank: Any, theirs: dict[str, str]) -> None:
    photo, composite, publication = theirs["photo"], theirs["composite"], theirs["publication"]
    of_photo = {"subject": "photo", "ref": photo, "reason": "ours"}
    published = {"channel": "web", "place": "https://ours.example/", "territories": ["JP"],
                 "starts_on": "2026-06-01"}  # fmt: skip
    tried = [
        ("POST", f"/photos/{photo}/dispute", {"json": {"reason": "ours"}}),
        ("POST", f"/photos/{photo}/lift-dispute", {"json": {"reason": "ours"}}),
        ("POST", f"/photos/{photo}/dismiss-faces", {"json": {"reason": "ours"}}),
        ("POST", f"/photos/{photo}/review", {"json": {"verdict": "refuse", "reason": "ours"}}),
        ("PUT", f"/photos/{photo}/product", {"json": {"product": "MUG-1", "segments": []}}),
        ("POST", f"/photos/{photo}/supersede-embedded",
         {"data": {"field": "data_mining", "reason": "ours", "clause": "1"},
          "files": {"document": ("d.txt", b"d")}}),
        ("POST", f"/composites/{composite}/handouts", {"json": {"recipient": "Ours", "channel": "web"}}),
        ("POST", f"/composites/{composite}/time-stamps", {}),
        ("POST", "/publications", {"json": {"composite": composite, "facts": published}}),
        ("POST", "/publications", {"json": {"handout": theirs["handout"], "facts": published}}),
        ("POST", f"/publications/{publication}/takedown", {"json": {}}),
        ("POST", f"/publications/{publication}/replace", {"json": {"reason": "ours", "facts": published}}),
        ("POST", "/withdrawals", {"json": {**of_photo, "kind": "claim"}}),
        ("POST", "/holds", {"json": {**of_photo, "starts_at": None, "ends_at": "2026-07-01T00:00:00Z"}}),
        ("POST", "/holds/legal", {"json": of_photo}),
        ("POST", "/retentions", {"json": {**of_photo, "class": "tax", "ends_at": "2026-07-01T00:00:00Z"}}),
        ("POST", "/erasures", {"json": {**of_photo, "ground": "gdpr-17"}}),
    ]  # fmt: skip
    with bank.runtime.transaction() as session:
        before = log.epoch(session)
    answers = {path: bank.call("ours", method, path, **sent) for method, path, sent in tried}

    assert {
        path: (one.status_code, one.text) for path, one in answers.items() if one.status_code != 404
    } == {}
    with bank.runtime.transaction() as session:
        assert log.epoch(session) == before
