"""Keys that follow each other: who trusts one goes on by the log's own entries, and by nothing else."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bankd.audit import log, notes, signing_keys
from bankd.audit.checkpoints import Signer
from bankd.audit.kinds import Kind
from bankd.proving import auditing
from bankd.proving.auditing import Asked, Within
from tests.bankd.provenance.conftest import make_canvas
from tests.verifier.conftest import AT, BY, House, Verify, closed, failures, opened, skipped

KEYS = [Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in range(4)]


@pytest.fixture(scope="module")
def rotated(house_of: Callable[..., House]) -> House:
    """Its log key changed twice and its manifest key once, with a composite sealed under each."""
    house = house_of(0, log_key=KEYS[0], manifest_key=KEYS[0])
    house.rotate("log", KEYS[1])
    house.rotate("manifest", KEYS[1])
    house.seal(make_canvas(2, seed=1, height=24, width=32))
    house.say(2)
    house.rotate("log", KEYS[2])
    house.seal(make_canvas(2, seed=2, height=24, width=32))
    house.checkpoint()
    return house


@pytest.fixture(scope="module")
def data(rotated: House, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return rotated.audit(tmp_path_factory.mktemp("rotated") / "audit.zip", *rotated.files, pictures=False)


def lines(house: House, *keys: Ed25519PrivateKey) -> dict[str, Any]:
    return {
        "origin": house.origin,
        "keys": [notes.public_key_line(house.origin, k.public_key()) for k in keys],
    }


def hexed(*keys: Ed25519PrivateKey) -> list[str]:
    return [key.public_key().public_bytes_raw().hex() for key in keys]


@pytest.mark.parametrize("known", [0, 1, 2])
def test_any_key_of_the_log_leads_to_those_after_it(
    verify: Verify, rotated: House, data: bytes, known: int
) -> None:
    trusted = lines(rotated, KEYS[known])

    report = verify(data, log=trusted, manifest_keys=hexed(KEYS[0]), checkpoint=None)

    assert failures(report) == set()
    assert len(report.claims["manifests"]) == 3


def test_a_checkpoint_that_was_seen_under_a_later_key_is_led_to_by_the_file(
    verify: Verify, rotated: House, data: bytes
) -> None:
    """As the page says: what was seen is kept as `checkpoint`, and keys in trust.json stay what they were."""
    head = next(
        content.decode()
        for name, content in opened(data).items()
        if name == f"checkpoints/{json.loads(opened(data)['audit.json'])['checkpoint']}.note"
    )
    manifests = hexed(KEYS[0])

    found = verify(data, log=lines(rotated, KEYS[0]), manifest_keys=manifests, checkpoint=head)
    assert failures(found) == set() and "history" not in skipped(found)

    text = notes.head(notes.split(head).text)
    foreign = notes.sign(notes.Head(text.origin, text.size, text.root), KEYS[3])
    found = verify(data, log=lines(rotated, KEYS[0]), manifest_keys=manifests, checkpoint=foreign)
    assert "history" in skipped(found)


def test_a_key_that_never_signed_this_log_leads_nowhere(verify: Verify, rotated: House, data: bytes) -> None:
    found = failures(verify(data, log=lines(rotated, KEYS[3]), checkpoint=None))

    assert found == {"note.unknown-key"}


def test_a_manifest_key_is_followed_from_the_one_before_it_alone(
    verify: Verify, rotated: House, data: bytes
) -> None:
    trusted = lines(rotated, KEYS[0])

    found = verify(data, log=trusted, manifest_keys=hexed(KEYS[3]), checkpoint=None)
    assert failures(found) == {"manifest.signature"} and found.claims["manifests"] == {}
    # Whoever was given the present key alone believes what it signed, and no older manifest.
    found = verify(data, log=trusted, manifest_keys=hexed(KEYS[1]), checkpoint=None)
    assert failures(found) == {"manifest.signature"} and len(found.claims["manifests"]) == 2


def test_a_key_of_another_log_takes_no_place_in_this_one(
    house_of: Callable[..., House], verify: Verify, tmp_path: Path
) -> None:
    """Even where the log itself names it."""
    house = house_of(0, log_key=KEYS[0])
    told = notes.public_key_line(house.origin, KEYS[0].public_key())
    foreign = notes.public_key_line("other.example/log", KEYS[1].public_key())
    with house.sessions.begin() as session:
        log.append(session, Kind.LOG_KEY_ROTATED, by=BY, at=AT, before=told, after=foreign, note="")
        log.settle(session)
        index = log.epoch(session) - 1
    with house.sessions.begin() as session, pytest.MonkeyPatch.context() as patch:
        # The bank's own signer would not go on over such an entry.
        patch.setattr(signing_keys, "rotated", lambda session, signs: [])
        Signer(house.origin, KEYS[0]).sign(session, at=AT)
    with house.sessions.begin() as session, pytest.MonkeyPatch.context() as patch:
        rotated = [SimpleNamespace(index=index)]
        patch.setattr(signing_keys, "rotated", lambda session, signs: rotated if signs == "log" else [])
        auditing.write(
            session, tmp_path / "audit.zip", Asked(tuple(house.files)), Within(),
            signed=auditing.signed(session), prior=None, blobs=house.blobs, by=BY, at=AT,
        )  # fmt: skip

    found = verify((tmp_path / "audit.zip").read_bytes(), log=lines(house, KEYS[0]), checkpoint=None)

    assert failures(found) == {"key.another"}


@pytest.mark.parametrize("line", ["", "a", "a+b", "a+00000000+AAAA", "x+12345678+AQ==", "+00000000+"])
def test_a_line_that_is_no_key_is_not_trusted(verifier: Any, house: House, line: str) -> None:
    with pytest.raises(verifier.Failed) as refused:
        verifier.Trust.read(json.dumps(house.trust(log={"origin": house.origin, "keys": [line]})).encode())

    assert refused.value.name == "key.unreadable"


def test_a_change_of_keys_that_the_file_keeps_back_or_makes_up(
    verify: Verify, rotated: House, data: bytes, tmp_path: Path
) -> None:
    def found(change: Callable[[Any], Any]) -> set[str]:
        members = opened(data)
        told = json.loads(members["keys.json"])
        change(told)
        members["keys.json"] = json.dumps(
            told, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()
        return failures(
            verify(
                closed(tmp_path / "forged.zip", members),
                log=lines(rotated, KEYS[0]),
                manifest_keys=hexed(KEYS[0]),
                checkpoint=None,
            )
        )

    def made_up(told: Any) -> None:
        entry = told["log"][0]["entry"]
        ours = notes.public_key_line(rotated.origin, KEYS[1].public_key())
        entry["payload"] = entry["payload"].replace(
            ours, notes.public_key_line(rotated.origin, KEYS[3].public_key())
        )

    def another_entry(told: Any) -> None:
        told["log"][0]["entry"] = told["manifest"][0]["entry"]

    assert found(lambda told: told["log"].clear()) == {"note.unknown-key"}
    assert found(lambda told: told["log"].reverse()) == {"note.unknown-key"}
    assert found(lambda told: told["manifest"].clear()) == {"manifest.signature"}
    assert found(made_up) == {"log.payload", "note.unknown-key"}
    assert found(another_entry) == {"log.leaf", "note.unknown-key"}
