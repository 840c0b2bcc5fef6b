"""The log over HTTP: what a person reads, what an auditor takes away, what a witness would be told."""

import json

from bankd.audit import log, merkle, notes, proofs
from bankd.audit.kinds import Kind
from bankd.audit.proofs import Extension


def test_a_checkpoint_is_signed_on_demand_and_proves_entries(bank):
    signed = bank.call("auditor", "POST", "/log/checkpoints").json()
    key = bank.runtime.log_key.public_key()
    assert notes.read(signed["note"], key).size == signed["size"] > 0
    assert bank.call("creative", "GET", "/log/checkpoints/latest").json() == signed

    answer = bank.call("auditor", "GET", "/log/entries/0/proof")
    assert proofs.check(proofs.read(answer.content), key).size <= signed["size"]
    (first, *_) = bank.call("auditor", "GET", "/log/entries?limit=3").json()
    assert first["index"] == 0 and first["payload"]["kind"] == first["kind"]
    assert bank.call("auditor", "GET", "/log/entries/99999/proof").status_code == 404
    for path in ("/log/entries", "/log/entries/0/proof", "/log/export"):
        assert bank.call("creative", "GET", path).status_code == 403


def test_one_checkpoint_is_proven_to_extend_another(bank):
    first = bank.call("auditor", "POST", "/log/checkpoints").json()
    with bank.runtime.transaction() as session:
        log.append(session, Kind.REPORT_MADE, by=bank.runtime.actor, at=bank.runtime.now(), number=1)
    second = bank.call("auditor", "POST", "/log/checkpoints").json()
    assert second["size"] == first["size"] + 1
    answer = bank.call("auditor", "GET", f"/log/consistency?first={first['size']}")
    proof = Extension.model_validate_json(answer.content)
    old, new = (notes.head(notes.split(note).text) for note in (proof.first, proof.second))
    hashes = [notes.decoded(node) for node in proof.hashes]
    assert merkle.extends(old.size, old.root, new.size, new.root, proof=hashes)
    missing = bank.call("auditor", "GET", "/log/consistency?first=99999")
    assert (missing.status_code, missing.json()["type"]) == (404, "urn:bankd:problem:checkpoint-missing")


def test_the_log_is_verified_against_what_somebody_kept(bank):
    kept = bank.call("auditor", "POST", "/log/checkpoints").json()
    found = bank.call("operator", "POST", "/log/verify", json={}).json()
    assert (found["holds"], found["history"], found["problem"]) == (True, "unproven", None)
    given = {"checkpoints": [kept["note"]]}
    found = bank.call("operator", "POST", "/log/verify", json=given).json()
    assert (found["history"], found["proven"], found["root"]) == ("proven", kept["size"], kept["root"])
    refused = bank.call("operator", "POST", "/log/verify", json={"checkpoints": ["bank\n1\nAAAA\n"]})
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:bankd:problem:note-invalid")


def test_the_whole_log_can_be_worked_out_from_its_export(bank):
    signed = bank.call("auditor", "POST", "/log/checkpoints").json()
    lines = bank.call("auditor", "GET", "/log/export?payloads=false").text.splitlines()
    head, *rest = map(json.loads, lines)
    leaves = [merkle.leaf_hash(one["leaf"].encode()) for one in rest if "leaf" in one]
    assert (head["size"], head["origin"]) == (signed["size"], bank.runtime.log_origin)
    assert merkle.Frontier(leaves).root().hex() == signed["root"]
    assert rest[-1] == {"checkpoint": signed["note"]}
    assert all(one["payload"] is None for one in rest if "leaf" in one)
    opened = [json.loads(line) for line in bank.call("auditor", "GET", "/log/export").text.splitlines()]
    assert json.loads(opened[1]["payload"])["v"] == 1


def test_keys_and_witnesses_are_listed(bank):
    keys = bank.call("creative", "GET", "/log/keys").json()
    assert [one["signs"] for one in keys] == ["log", "manifest"]
    name, key = notes.read_public_key(keys[0]["key"])
    assert (name, key) == (bank.runtime.log_origin, bank.runtime.log_key.public_key())
    assert bank.call("creative", "GET", "/log/witnesses").json() == []
