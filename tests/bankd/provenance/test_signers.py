"""Keys that lie elsewhere: a command or an entry point signs, and the files are as good."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bankd.provenance import c2pa, credential, signers
from bankd.provenance.certificates import Credentials
from bankd.provenance.errors import SignatureNotGiven, SigningFailed

CanvasOf = Callable[..., Any]
Seal = Callable[..., c2pa.Sealed]

KEY_STORE = """
import sys
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
key = serialization.load_pem_private_key(open(sys.argv[1], "rb").read(), None)
sys.stdout.buffer.write(key.sign(sys.stdin.buffer.read(), ec.ECDSA(hashes.SHA256())))
"""


@pytest.fixture
def command(credentials: Credentials, tmp_path: Path) -> str:
    (tmp_path / "key store.py").write_text(KEY_STORE)
    (tmp_path / "key.pem").write_text(credentials.key_pem)
    return f"{sys.executable} '{tmp_path}/key store.py' {tmp_path}/key.pem"


def away(credentials: Credentials, ask: Callable[[bytes], bytes]) -> Credentials:
    return replace(credentials, key_pem="", sign=ask)


def test_file_signed_by_a_command_is_trusted_like_any_other(
    canvas: CanvasOf, seal: Seal, credentials: Credentials, command: str
) -> None:
    file = seal(canvas(2), credentials=away(credentials, signers.signer(command=command, name=None))).file

    found = credential.read(file, anchors_pem=credentials.anchors_pem)
    assert found is not None and found.trusted


def test_who_does_not_sign_is_named(canvas: CanvasOf, seal: Seal, credentials: Credentials) -> None:
    for command, said in [
        (f"{sys.executable} -c 'import sys; sys.exit(\"the token is locked\")'", "the token is locked"),
        (f"{sys.executable} -c 'print(1)'", "no signature of a P-256 key"),
        ("/nowhere/at/all", "cannot be run"),
    ]:
        with pytest.raises(SignatureNotGiven, match=said):
            seal(canvas(1), credentials=away(credentials, signers.by_command(command)))
    slow = signers.by_command(f"{sys.executable} -c 'import time; time.sleep(30)'", wait_s=0.2)
    with pytest.raises(SignatureNotGiven, match=r"did not answer in 0\.2 s"):
        slow(b"x")
    for command, said in [("", "empty"), ("'unclosed", "cannot be read")]:
        with pytest.raises(SignatureNotGiven, match=said):
            signers.by_command(command)
    with pytest.raises(SignatureNotGiven, match="0 entry points"):
        signers.signer(command=None, name="nobody")


def test_signature_of_another_key_does_not_leave_the_bank(
    canvas: CanvasOf, seal: Seal, credentials: Credentials
) -> None:
    other = ec.generate_private_key(ec.SECP256R1())

    def sign(data: bytes) -> bytes:
        return signers.plain(other.sign(data, ec.ECDSA(hashes.SHA256())), who="other")

    with pytest.raises(SigningFailed):
        seal(canvas(1), credentials=away(credentials, sign))


def test_either_form_of_a_signature_is_taken(credentials: Credentials) -> None:
    key = serialization.load_pem_private_key(credentials.key_pem.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    der = key.sign(b"x", ec.ECDSA(hashes.SHA256()))

    plain = signers.plain(der, who="test")

    assert len(plain) == 64 and signers.plain(plain, who="test") == plain
