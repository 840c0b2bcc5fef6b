import json
from typing import Any
from uuid import uuid4

import pytest


@pytest.fixture
def sealed(bank: Any, seal: Any) -> Any:
    return seal(bank, department="Catalogue")


def test_lineage_is_shown_paged_and_written_in_every_format(bank: Any, sealed: Any) -> None:
    path = f"/lineage/{sealed.composite}"

    whole = bank.call("auditor", "GET", path).json()
    page = bank.call("auditor", "GET", path, params={"limit": 1, "ways": "up"}).json()
    rest = bank.call("auditor", "GET", path, params={"ways": "up", "after": page["after"]}).json()

    assert whole["totals"]["up"] == {"photo": 2, "segment": 2}
    assert {one["relation"] for one in whole["edges"]} == {"cut", "placed"}
    assert len(page["nodes"]) + len(rest["nodes"]) == len(whole["nodes"]) == 5
    prov = bank.call("auditor", "GET", path, params={"format": "prov-json"})
    assert f"composite:{sealed.composite}" in prov.json()["entity"]
    assert bank.call("auditor", "GET", path, params={"format": "svg"}).text.startswith("<svg")
    assert bank.call("auditor", "GET", path, params={"format": "dot"}).text.startswith("digraph")


def test_lineage_takes_its_permission_and_of_another_department_says_nothing(bank: Any, sealed: Any) -> None:
    bank.key("theirs", roles=("creative",), department="Magazine")
    bank.key("ours", roles=("creative",), department="Catalogue")
    path = f"/lineage/{sealed.composite}"

    assert bank.call("librarian", "GET", path).status_code == 403
    assert bank.call("theirs", "GET", path).status_code == 404
    assert bank.call("auditor", "GET", f"/lineage/{uuid4()}").status_code == 404
    assert bank.call("auditor", "GET", path, params={"after": "nowhere"}).status_code == 422
    ours = bank.call("ours", "GET", path).json()
    auditor = bank.call("auditor", "GET", path).json()
    assert ours["scope"] == "department"
    for told, terms in ((ours, False), (auditor, True)):
        rights = [held for node in told["nodes"] for held in node["rights"]]
        assert rights and all((held["terms"] is not None) is terms for held in rights)
    assert "123456" not in json.dumps(ours)


def test_a_picture_is_identified_and_another_departments_is_not_named(bank: Any, sealed: Any) -> None:
    bank.key("theirs", roles=("creative",), department="Magazine")

    def ask(role: str, file: bytes) -> Any:
        return bank.call(role, "POST", "/composites/identify", files={"file": ("x.png", file)})

    mine = ask("auditor", sealed.file).json()
    hidden = ask("theirs", sealed.file).json()
    nothing = ask("auditor", b"no picture at all").json()

    assert mine["verdict"] == "identified"
    assert mine["matches"][0]["composite_id"] == str(sealed.composite)
    assert {one["by"] for one in mine["matches"][0]["evidence"]} == {"file", "pixels"}
    assert hidden["matches"][0]["composite_id"] is None
    assert str(sealed.composite) not in json.dumps(hidden)
    assert (nothing["verdict"], nothing["matches"]) == ("unknown", [])
    assert ask("librarian", sealed.file).status_code == 403
