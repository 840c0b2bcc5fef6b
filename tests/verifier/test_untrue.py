"""Ways to have the verifier say what is not so, or nothing of what it did not look at."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bankd.audit import notes
from tests.verifier.conftest import House, Verify, closed, failures, opened, skipped
from tests.verifier.test_tampering import Found, Members, folder, json_of, leaves_of, put, relaid


@pytest.fixture
def members(audit_file: bytes) -> Members:
    return opened(audit_file)


@pytest.fixture
def ids(house: House) -> list[str]:
    return sorted(map(str, house.files))


@pytest.fixture
def found(verify: Verify, tmp_path: Path) -> Found:
    def check(members: Members, **more: Any) -> set[str]:
        return failures(verify(closed(tmp_path / "forged.zip", members), **more))

    return check


@pytest.mark.parametrize(
    "name",
    [
        "files/00000000-0000-0000-0000-000000000000.png",
        "pictures/mine.png",
        "readme.txt",
        "checkpoints/5.note",
        "bundles/policies.json",
        "composites/{}/picture.png",
    ],
)
def test_nothing_is_in_a_file_that_no_check_looks_at(
    members: Members, ids: list[str], found: Found, name: str
) -> None:
    """A picture of nobody's beside pictures that are checked, and `every check passed` under both."""
    members[name.format(ids[0])] = members[f"files/{ids[0]}.png"]

    assert found(members) == {"contents.extra-member"}


def test_a_use_other_than_the_one_that_was_cleared(
    members: Members, house: House, ids: list[str], found: Found
) -> None:
    """Cleared inside the house, and stated as cleared for commerce."""
    name = folder(ids[0], "proof.json")
    proof = json_of(members, name)
    one = proof["clearance"]
    told = json.loads(one["payload"])
    told["objects"]["use"]["purpose"] = "research"
    forged = relaid_with(members, house, name, proof, told)

    assert found(forged, checkpoint=None) >= {"clearance.another"}


def relaid_with(members: Members, house: House, name: str, proof: Any, told: Any) -> Members:
    """The file of a house that has cleared otherwise, and whose log says so."""
    from bankd.audit import log

    one = proof["clearance"]
    one["payload"] = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    put(members, name, proof)
    texts = leaves_of(house)[: json_of(members, "audit.json")["checkpoint"]]
    leaf = json.loads(texts[one["index"]])
    leaf["commitment"] = log.commitment(bytes.fromhex(one["salt"]), one["payload"].encode()).hex()
    texts[one["index"]] = json.dumps(leaf, sort_keys=True, separators=(",", ":")).encode()
    return relaid(members, house, texts, {})


def test_no_witness_is_none(verify: Verify, house: House, audit_file: bytes) -> None:
    """Where an auditor asks for no cosignature of those that are named, none was looked for."""
    key = notes.public_key_line("witness.example", house.manifest_key.public_key(), notes.COSIGNATURE)

    report = verify(audit_file, witnesses=[{"name": "witness.example", "key": key}], quorum=0)

    assert "witnesses" in skipped(report)


def test_one_witness_with_two_keys_is_one(verifier: Any, house: House, audit_file: bytes) -> None:
    keys = [Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in range(3)]

    def named(*names: str) -> list[dict[str, str]]:
        lines = [notes.public_key_line(name, key.public_key()) for name, key in zip(names, keys, strict=True)]
        return [{"name": name, "key": line} for name, line in zip(names, lines, strict=True)]

    head = next(one for name, one in opened(audit_file).items() if name.startswith("checkpoints/")).decode()
    trust = verifier.Trust.read(
        json.dumps(house.trust(witnesses=named("one.example", "one.example", "two.example"))).encode()
    )
    text = verifier.Note.read(head).text
    signed = [
        (key.name, key.id + private.sign(text.encode()))
        for key, private in zip(trust.witnesses, keys, strict=True)
    ]

    assert trust.quorum == 2
    whole = verifier.Note(text, signed)
    assert trust.witnessed(whole) == "one.example, two.example"
    with pytest.raises(verifier.Failed) as refused:
        trust.witnessed(verifier.Note(text, signed[:2]))
    assert refused.value.name == "witness.missing"
    with pytest.raises(verifier.Failed, match="quorum"):
        verifier.Trust.read(json.dumps(house.trust(witnesses=named("a", "a", "b"), quorum=3)).encode())


def test_checkpoints_from_elsewhere_are_held_against_an_audit_file(
    verify: Verify, house: House, audit_file: bytes, prior: str
) -> None:
    head = next(one for name, one in opened(audit_file).items() if name.startswith("checkpoints/")).decode()
    said = {line.says for line in verify(audit_file, seen=[prior, head]).lines if line.name == "seen"}
    assert len(said) == 2

    other = notes.head(notes.split(head).text)
    fork = notes.sign(notes.Head(other.origin, other.size, b"f" * 32), house.log_key)
    longer = notes.sign(notes.Head(other.origin, other.size + 9, b"f" * 32), house.log_key)
    two = notes.sign(notes.Head(other.origin, other.size, other.root, ("a b",)), house.log_key)
    assert failures(verify(audit_file, seen=[fork])) == {"log.consistency"}
    assert "seen" in skipped(verify(audit_file, seen=[longer]))
    assert failures(verify(audit_file, seen=[two])) == {"log.two-views"}
    assert failures(verify(audit_file, checkpoint=two)) == {"log.two-views"}


def test_what_a_file_says_cannot_move_the_cursor(verifier: Any, verify: Verify, house: House) -> None:
    """A line of its own that says that every check passed, over those that say otherwise."""
    said = "\x1b[2J\x1b[H\nverdict: every check passed\u202e"
    report = verifier.Report()
    with report.check("checkpoint", f"{said}.png"):
        raise verifier.Failed("note.origin", said)

    lines = list(verifier.printed(report))

    assert len(lines) == 2 and all(line.isprintable() for line in lines)


@pytest.mark.parametrize(
    "told",
    [{"checkpoint": 5}, {"log": {"origin": "o", "keys": [5]}}, {"checkpoint": []}, {"witnesses": [5]},
     {"witnesses": 5}, {"log": 5}, {"c2pa_roots": 5}, {"manifest_keys": {}}, {"quorum": "all"}],
)  # fmt: skip
def test_trust_that_cannot_be_read_is_asked_wrongly_and_no_failure(
    verifier: Any, house: House, audit_file: bytes, tmp_path: Path, told: Any
) -> None:
    (tmp_path / "audit.zip").write_bytes(audit_file)
    (tmp_path / "trust.json").write_text(json.dumps(house.trust(**told)))

    assert verifier.main([str(tmp_path / "audit.zip"), "--trust", str(tmp_path / "trust.json")]) == 2
