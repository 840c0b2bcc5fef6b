"""Private keys are made once, for their owner alone, and refused where others can read them."""

import os
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bankd import keys
from bankd.keys import KeyUnusable


def raw(folder: Path, name: keys.KeyName) -> bytes:
    return keys.read(folder, name).private_bytes_raw()


def test_keys_are_their_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    folder = tmp_path / "house" / "keys"
    before = os.umask(0)
    try:
        for name in keys.NAMES:
            keys.create(folder, name)
    finally:
        os.umask(before)

    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "order.pem": 0o600,
        "manifest.pem": 0o600,
        "log.pem": 0o600,
    }
    assert len({raw(folder, name) for name in keys.NAMES}) == 3


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    keys.create(tmp_path, "log")
    first = raw(tmp_path, "log")

    keys.create(tmp_path, "log")

    assert raw(tmp_path, "log") == first


def test_many_who_make_a_key_at_once_agree_on_one(tmp_path: Path) -> None:
    found = []

    def make() -> None:
        keys.create(tmp_path, "order")
        found.append(raw(tmp_path, "order"))

    threads = [threading.Thread(target=make) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 16
    assert len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["order.pem"]


def test_a_crash_while_a_key_is_made_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(KeyboardInterrupt):
        keys.create(tmp_path, "order")
    monkeypatch.undo()

    assert list(tmp_path.iterdir()) == []
    keys.create(tmp_path, "order")
    assert len(raw(tmp_path, "order")) == 32


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o777])
def test_a_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    keys.create(tmp_path, "manifest")
    path = tmp_path / "manifest.pem"
    path.chmod(mode)

    with pytest.raises(KeyUnusable, match="run `chmod 600` on it") as refused:
        keys.read(tmp_path, "manifest")

    assert refused.value.path == path
    assert str(path) in str(refused.value)
    path.chmod(0o400)
    assert len(raw(tmp_path, "manifest")) == 32


def test_a_key_that_is_missing_or_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="is missing; `bankd up` makes it"):
        keys.read(tmp_path, "log")

    path = tmp_path / "log.pem"
    path.touch(mode=0o600)
    with pytest.raises(KeyUnusable, match="cannot be read"):
        keys.read(tmp_path, "log")

    other = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(KeyUnusable, match="does not hold an Ed25519 key"):
        keys.read(tmp_path, "log")
