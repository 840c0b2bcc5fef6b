import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from bankd.provenance import certificates
from bankd.provenance.errors import CertificateUnusable

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_development_chain_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "keys"

    made = certificates.ensure_development(folder, at=NOW)

    assert certificates.ensure_development(folder, at=NOW + timedelta(days=900)) == made
    assert made.development
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "PRIVATE" not in made.chain_pem and "PRIVATE" not in repr(made)


def test_many_that_find_no_chain_at_once_make_one(tmp_path: Path) -> None:
    for attempt in range(3):
        folder = tmp_path / str(attempt)
        with ThreadPoolExecutor(8) as threads:
            made = set(threads.map(lambda _: certificates.ensure_development(folder, at=NOW), range(8)))  # noqa: B023
        assert made == {certificates.ensure_development(folder, at=NOW)}


def test_leaf_is_what_c2pa_demands_of_a_signer() -> None:
    leaf, root = x509.load_pem_x509_certificates(certificates.development_chain(at=NOW).chain_pem.encode())

    leaf.verify_directly_issued_by(root)
    extensions = leaf.extensions
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.EMAIL_PROTECTION
    ]
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature and not usage.key_cert_sign
    assert extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert isinstance(leaf.signature_hash_algorithm, hashes.SHA256)
    assert leaf.not_valid_before_utc == NOW - timedelta(days=1)


def files(folder: Path, chain: str, key: str) -> tuple[Path, Path]:
    (folder / "chain.pem").write_text(chain)
    (folder / "key.pem").write_text(key)
    return folder / "chain.pem", folder / "key.pem"


def test_certificate_of_a_house_is_read_and_its_last_is_the_anchor(tmp_path: Path) -> None:
    made = certificates.development_chain(at=NOW)

    loaded = certificates.load(*files(tmp_path, made.chain_pem, made.key_pem))

    assert (loaded.chain_pem, loaded.anchors_pem) == (made.chain_pem, made.anchors_pem)
    assert not loaded.development


def test_certificate_warns_before_it_ends(tmp_path: Path) -> None:
    chain = certificates.validity(certificates.development_chain(at=NOW))

    assert chain.subject == "bankd development signer of bankd"
    assert chain.ends_at == NOW + certificates.VALID_FOR
    assert chain.warning(at=NOW) is None
    assert chain.warning(at=chain.ends_at - timedelta(days=46)) is None
    assert "in 45 days: renew it" in str(chain.warning(at=chain.ends_at - timedelta(days=45)))
    assert "nothing can be sealed before" in str(chain.warning(at=chain.ends_at))
    assert "nothing can be sealed yet" in str(chain.warning(at=NOW - timedelta(days=2)))
    with pytest.raises(CertificateUnusable, match="no readable certificate"):
        certificates.roots(files(tmp_path, "nothing", "")[0])


def test_chain_without_its_key_signs_by_whoever_holds_it(tmp_path: Path) -> None:
    made = certificates.development_chain(at=NOW)
    chain, _ = files(tmp_path, made.chain_pem, "")

    loaded = certificates.load(chain, None, sign=lambda _: b"signed")

    assert loaded.key_pem == "" and loaded.sign is not None and loaded.sign(b"") == b"signed"


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def test_credentials_that_cannot_sign_are_refused_by_name(tmp_path: Path) -> None:
    one, other = (certificates.development_chain(at=NOW) for _ in range(2))
    leaf, root = (
        certificate.public_bytes(serialization.Encoding.PEM).decode()
        for certificate in x509.load_pem_x509_certificates(one.chain_pem.encode())
    )
    root_key = ec.generate_private_key(ec.SECP256R1())
    bare = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(root_key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
    )
    bare_pem = bare.sign(root_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    authority = bare.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    authority_pem = (
        authority.sign(root_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    )

    for chain, key, reason in [
        ("no certificate", one.key_pem, "no readable PEM"),
        (one.chain_pem, "no key", "no readable PEM"),
        (one.chain_pem, pem(rsa.generate_private_key(65537, 2048)), "not a P-256 key"),
        (one.chain_pem, pem(ec.generate_private_key(ec.SECP384R1())), "not a P-256 key"),
        (one.chain_pem, other.key_pem, "does not belong"),
        (root + leaf, one.key_pem, "does not belong"),
        (leaf + other.anchors_pem, one.key_pem, "not signed by the one after it"),
        (authority_pem, pem(root_key), "authority"),
        (bare_pem, pem(root_key), "lacks the extension 2.5.29.15"),
    ]:
        with pytest.raises(CertificateUnusable, match=reason):
            certificates.load(*files(tmp_path, chain, key))

    with pytest.raises(CertificateUnusable, match="`missing\\.pem` cannot sign composites"):
        certificates.load(tmp_path / "missing.pem", tmp_path / "key.pem")
