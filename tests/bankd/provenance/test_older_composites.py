"""What was sealed before must go on verifying: a file as the bank made it on 2026-11-23, before there were
renditions, ISCC codes or credentials of photos in manifests."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bankd.provenance import signing
from bankd.provenance.manifest import read
from bankd.provenance.service import Known
from bankd.provenance.verify import Verdict, verify

SEALED = Path(__file__).parent / "sealed"


@pytest.fixture(scope="module")
def text() -> str:
    return (SEALED / "composite-1.manifest.json").read_text()


def test_manifest_of_then_is_read_and_its_signature_holds(text: str, manifest_key: Ed25519PrivateKey) -> None:
    manifest = read(text)
    signature = bytes.fromhex((SEALED / "composite-1.manifest.sig").read_text())

    assert manifest.version == 1 and manifest.canonical() == text
    assert signing.is_signed(text, signature, manifest_key.public_key())


def test_file_of_then_is_authentic_now(text: str, manifest_key: Ed25519PrivateKey) -> None:
    file = (SEALED / "composite-1.png").read_bytes()
    manifest = read(text)
    known = Known(manifest.composite_id, "0" * 64, text, b"")

    found = verify(
        file,
        anchors_pem=(SEALED / "composite-1.anchors.pem").read_text(),
        manifest_key=manifest_key.public_key(),
        lookup=lambda sha256: [known] if sha256 == manifest.pixel_sha256 else [],
    )

    assert found.verdict is Verdict.AUTHENTIC and found.manifest == manifest
