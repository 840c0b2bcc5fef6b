"""Usage proofs as the bank writes them, checked by an implementation that shares no code with it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bankd.audit import notes
from bankd.usage import proving
from bankd.usage.mapping import UsageMap
from tests.bankd.provenance.conftest import make_canvas
from tests.verifier.conftest import AT, BY, House, failures, skipped
from tests.verifier.test_mutations import mutations

STRANGER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
Check = Callable[..., Any]


@pytest.fixture(scope="module")
def house(house_of: Callable[..., House]) -> House:
    house = house_of(0, 1, extend=UsageMap())
    house.rotate("log", Ed25519PrivateKey.from_private_bytes(b"n" * 32))
    house.seal(make_canvas(2, seed=2, height=24, width=32))
    house.say(1)
    house.checkpoint()
    return house


@pytest.fixture(scope="module")
def licensor(house: House) -> str:
    return f"Studio of {min(house.files)}"


def prove(house: House, licensor: str, **between: int) -> Any:
    with house.sessions.begin() as session:
        return json.loads(proving.prove(session, licensor, **between, by=BY, at=AT))


@pytest.fixture(scope="module")
def proof(house: House, licensor: str) -> Any:
    return prove(house, licensor)


@pytest.fixture(scope="module")
def check(verifier: Any, house: House) -> Check:
    """By the first key of the log: the present one follows from it."""

    def check(proof: Any, *, seen: Any = (), **trust: Any) -> Any:
        data = proof if isinstance(proof, bytes) else written(proof)
        first = [notes.public_key_line(house.origin, house.older[0].public_key())]
        told = {"version": 1, "log": {"origin": house.origin, "keys": first}, **trust}
        return verifier.verify(data, verifier.Trust.read(json.dumps(told).encode()), seen=seen)

    return check


def written(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_every_use_of_a_licensor_is_listed_from_the_first_entry_on_and_between_checkpoints(
    house: House, licensor: str, proof: Any, check: Check
) -> None:
    report = check(proof)
    assert failures(report) == set() and skipped(report) == {"witnesses"}
    assert len(report.claims["links"]) == 3

    first = prove(house, licensor, start=6)
    report = check(first, seen=[first["from"]["note"]])
    assert failures(report) == set() and skipped(report) == {"witnesses"}
    assert (first["from"]["count"], len(first["links"])) == (1, 2)
    assert "seen" in skipped(check(proof, seen=[first["from"]["note"]]))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda p: p["links"].pop(), {"usage.incomplete"}),
        (lambda p: p["links"].reverse(), {"usage.incomplete", "usage.link"}),
        (lambda p: p["links"].append(p["links"][0]), {"usage.incomplete", "usage.link"}),
        (lambda p: (p["links"].pop(), p["to"].update(count=2)), {"usage.incomplete", "usage.map"}),
        (lambda p: p["links"][0].update(payload=p["links"][1]["payload"]), {"usage.link"}),
        (lambda p: p["links"][0].update(salt="00" * 32), {"usage.link"}),
        (lambda p: p["links"][0].update(salt=None), {"json.shape"}),
        (lambda p: p["links"][0].update(leaf=p["links"][1]["leaf"]), {"usage.link"}),
        (lambda p: p["links"][0]["hashes"].reverse(), {"log.inclusion"}),
        (lambda p: p["links"][0].update(payload=None, salt=None, leaf=None, hashes=None), set()),
        (lambda p: p["to"].update(head="00" * 32), {"usage.incomplete", "usage.map"}),
        (lambda p: p["to"]["map"].update(bitmap="ff" * 32), {"usage.map"}),
        (lambda p: p["to"]["map"]["hashes"].append("00" * 32), {"usage.map"}),
        (lambda p: p.update(licensor="00000000-0000-0000-0000-000000000000"), {"usage.map", "usage.link"}),
        (lambda p: p["rotations"].clear(), {"note.unknown-key"}),
        (lambda p: p.update(consistency=["00" * 32]), {"log.consistency"}),
        (lambda p: p.update(more=1), {"json.shape"}),
        (lambda p: p.update(v=2), {"json.shape"}),
    ],
)  # fmt: skip
def test_a_list_with_something_done_to_it(proof: Any, check: Check, change: Any, expected: set[str]) -> None:
    forged = json.loads(json.dumps(proof))
    change(forged)

    assert failures(check(forged)) == expected


def test_a_proof_ends_at_checkpoints_of_this_log_that_carry_a_map(
    house: House, licensor: str, proof: Any, check: Check, house_of: Callable[..., House]
) -> None:
    def with_note(note: str) -> set[str]:
        return failures(check({**proof, "to": {**proof["to"], "note": note}}))

    text = notes.split(proof["to"]["note"]).text
    bare = notes.head(text)
    signed = notes.sign(notes.Head(bare.origin, bare.size, bare.root), house.log_key)
    assert with_note(signed) == {"usage.no-map"}
    assert with_note(notes.sign(notes.head(text), STRANGER)) == {"note.unknown-key"}
    another = notes.Head(bare.origin, bare.size, bare.root, ("org.bankd.usage-map/v1 " + "A" * 43 + "=",))
    two = notes.sign(another, house.log_key)
    assert with_note(two) == {"usage.map"}
    assert failures(check(proof, seen=[two])) == {"log.two-views"}
    assert failures(check(proof, checkpoint=two)) == {"log.two-views"}  # as trust.json holds one


def test_what_a_usage_proof_does_not_show_is_not_passed_over(
    verifier: Any, house: House, proof: Any, check: Check
) -> None:
    """Uses that are said to be erased, a picture that it knows nothing of, and whose list it is."""
    hidden = json.loads(json.dumps(proof))
    hidden["links"][0].update(payload=None, salt=None, leaf=None, hashes=None)
    assert skipped(check(hidden)) == {"witnesses", "usage links"}

    trust = verifier.Trust.read(
        json.dumps({"version": 1, "log": {"origin": house.origin, "keys": [notes.public_key_line(
            house.origin, house.older[0].public_key())]}}).encode()
    )  # fmt: skip
    report = verifier.verify(written(proof), trust, pictures=[("mine.png", b"")])
    assert "picture" in skipped(report)
    assert any(proof["licensor"] in line.says for line in report.lines if line.name == "usage completeness")


def test_a_proof_goes_forward(house: House, licensor: str, check: Check) -> None:
    made = prove(house, licensor, start=6)

    assert failures(check({**made, "from": made["to"], "to": made["from"]})) == {"usage.order"}


def test_each_name_of_a_failure_is_what_some_test_expects(verifier: Any) -> None:
    for part in ("usage", "optional", "stamps"):
        verifier.beside(part)
    expected = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))

    assert [name for name in verifier.SAYS if f'"{name}"' not in expected] == []


def test_no_byte_of_a_usage_proof_changes_unseen(proof: Any, check: Check) -> None:
    """Of `says` alone nothing is claimed: it is words."""
    data = written({**proof, "says": ""})
    whole = check(data).claims
    for what, changed in mutations(data, seed=11):
        report = check(changed) if changed[:1] == b"{" else None
        assert report is None or failures(report) or report.claims == whole, what
