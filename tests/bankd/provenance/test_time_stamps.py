"""When a file was signed: said by an authority of its own, inside the file or beside it."""

import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from time_authority import Authority, authority

from bankd.provenance import c2pa, credential, time_stamps
from bankd.provenance.certificates import Credentials, development_chain
from bankd.provenance.errors import TimeStampRefused, TimeStampUnavailable

CanvasOf = Callable[..., Any]
Seal = Callable[..., c2pa.Sealed]


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("authority")) as made:
        yield made


@pytest.fixture
def nobody() -> Iterator[str]:
    with socket.socket() as taken:  # bound, never listening: connecting is refused at once
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"


def read(file: bytes, credentials: Credentials, roots_pem: str = "") -> credential.Credential:
    found = credential.read(file, anchors_pem=credentials.anchors_pem, time_stamp_roots_pem=roots_pem)
    assert found is not None and found.trusted
    return found


def test_stamp_in_a_file_names_moment_and_authority_and_is_trusted_by_its_own_root_alone(
    canvas: CanvasOf, seal: Seal, credentials: Credentials, clock: Authority
) -> None:
    sealed = seal(canvas(1), clock=c2pa.Clock((clock.url,), required=True))

    assert sealed.time_stamped
    known = read(sealed.file, credentials, clock.root_pem).time_stamp
    assert known is not None and known.authority == "Test clock 1" and known.trusted
    unknown = read(sealed.file, credentials).time_stamp
    assert unknown is not None and (unknown.at, unknown.trusted) == (known.at, False)


def test_root_of_an_authority_vouches_for_no_signer(
    canvas: CanvasOf, seal: Seal, credentials: Credentials
) -> None:
    file = seal(canvas(1)).file

    found = credential.read(file, anchors_pem="", time_stamp_roots_pem=credentials.anchors_pem)

    assert found is not None and found.valid and not found.trusted and found.anchor is None


def test_authorities_are_asked_in_turn(canvas: CanvasOf, seal: Seal, clock: Authority, nobody: str) -> None:
    asked = clock.asked

    assert seal(canvas(1), clock=c2pa.Clock((nobody, clock.url), required=True)).time_stamped
    assert clock.asked == asked + 1
    assert not seal(canvas(1), clock=c2pa.Clock((nobody,))).time_stamped
    with pytest.raises(TimeStampUnavailable, match="`time_stamp_policy` is `refuse`"):
        seal(canvas(1), clock=c2pa.Clock((nobody,), required=True))


def test_stamp_that_ends_in_no_trusted_root_counts_as_none(
    canvas: CanvasOf, seal: Seal, credentials: Credentials, clock: Authority
) -> None:
    other = development_chain(at=datetime.now(UTC)).anchors_pem  # a root, and not the authority's

    assert not seal(canvas(1), clock=c2pa.Clock((clock.url,), roots_pem=other)).time_stamped
    assert seal(canvas(1), clock=c2pa.Clock((clock.url,), roots_pem=clock.root_pem)).time_stamped
    with pytest.raises(TimeStampUnavailable):
        seal(canvas(1), clock=c2pa.Clock((clock.url,), required=True, roots_pem=other))


def test_one_root_can_stand_behind_signer_and_authority(
    canvas: CanvasOf, seal: Seal, credentials: Credentials, clock: Authority
) -> None:
    both = credentials.anchors_pem + clock.root_pem

    sealed = seal(
        canvas(1),
        credentials=replace(credentials, anchors_pem=both),
        clock=c2pa.Clock((clock.url,), required=True, roots_pem=both),
    )

    assert sealed.time_stamped
    found = credential.read(sealed.file, anchors_pem=both, time_stamp_roots_pem=both)
    assert found is not None and found.trusted and found.anchor == "bankd development root of bankd"
    assert found.time_stamp is not None and found.time_stamp.trusted


def test_stamp_beside_a_file_is_of_these_bytes_and_openssl_says_so_too(
    clock: Authority, tmp_path: Path
) -> None:
    file = b"a sealed file"

    response = time_stamps.ask(clock.url, sha256(file).hexdigest(), roots_pem=clock.root_pem)
    found = time_stamps.read(response, file_sha256=sha256(file).hexdigest(), roots_pem=clock.root_pem)

    assert found is not None and found.trusted and found.authority == "Test clock 1"
    assert time_stamps.read(response, file_sha256="0" * 64, roots_pem=clock.root_pem) is None
    (tmp_path / "file").write_bytes(file)
    (tmp_path / "file.tsr").write_bytes(response)
    command = ["openssl", "ts", "-verify", "-data", tmp_path / "file", "-in", tmp_path / "file.tsr"]
    done = subprocess.run([*command, "-CAfile", clock.folder / "root.pem"], capture_output=True, timeout=300)
    assert b"Verification: OK" in done.stdout, done.stderr


@pytest.mark.parametrize("nonce", [0, 127, 128, 255, 256, 2**63, 2**64 - 1])
def test_what_is_asked_for_is_a_hash_with_any_nonce(nonce: int, tmp_path: Path) -> None:
    (tmp_path / "query").write_bytes(time_stamps.query("ab" * 32, nonce))

    command = ["openssl", "ts", "-query", "-in", tmp_path / "query", "-text"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout

    assert "Hash Algorithm: sha256" in told and "Certificate required: yes" in told
    assert int(told.split("Nonce: ")[1].split()[0], 16) == nonce


def test_stamp_of_a_stranger_is_not_trusted_and_a_changed_one_neither(
    clock: Authority, tmp_path: Path
) -> None:
    file_sha256 = sha256(b"a sealed file").hexdigest()
    response = time_stamps.ask(clock.url, file_sha256, roots_pem="")
    other = tmp_path / "other"
    other.mkdir()
    with authority(other, name="Other clock") as stranger:
        found = time_stamps.read(response, file_sha256=file_sha256, roots_pem=stranger.root_pem)
        assert found is not None and not found.trusted
        with pytest.raises(TimeStampRefused, match="none of the roots"):
            time_stamps.ask(clock.url, file_sha256, roots_pem=stranger.root_pem)
    at = response.index(bytes.fromhex(file_sha256)) + 40  # behind the hash: in what is signed
    changed = response[:at] + bytes([response[at] ^ 1]) + response[at + 1 :]
    found = time_stamps.read(changed, file_sha256=file_sha256, roots_pem=clock.root_pem)
    assert found is None or not found.trusted


def test_what_is_no_stamp_is_refused_in_a_sentence(nobody: str, clock: Authority) -> None:
    with pytest.raises(TimeStampRefused, match="it does not answer"):
        time_stamps.ask(nobody, "0" * 64, roots_pem="", wait_s=2)
    assert time_stamps.read(b"nothing", file_sha256="0" * 64, roots_pem=clock.root_pem) is None
