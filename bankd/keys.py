"""The house's Ed25519 keys: one for work orders, one for manifests, one for log checkpoints."""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Literal, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from bankd.errors import BankError

KeyName = Literal["order", "manifest", "log"]
NAMES: tuple[KeyName, ...] = get_args(KeyName)


class KeyUnusable(BankError):
    """A key file is missing, open to others, or not an Ed25519 key."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"key file `{path}` {why}")
        self.path = path


def create(folder: Path, name: KeyName) -> None:
    """Make a key where there is none. An existing one is never replaced: old signatures need it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if _path(folder, name).exists():
        return
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor, fresh = tempfile.mkstemp(dir=folder)  # for its owner alone
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        # Whole or not at all, and never in the place of another that was made meanwhile.
        with contextlib.suppress(FileExistsError):
            os.link(fresh, _path(folder, name))
    finally:
        Path(fresh).unlink()


def read(folder: Path, name: KeyName) -> Ed25519PrivateKey:
    """Raises: KeyUnusable."""
    path = _path(folder, name)
    try:
        if path.stat().st_mode & 0o077:
            raise KeyUnusable(path, "can be read by others; run `chmod 600` on it")
        key = load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError as error:
        raise KeyUnusable(path, "is missing; `bankd up` makes it") from error
    except (OSError, ValueError) as error:
        raise KeyUnusable(path, "cannot be read") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(path, "does not hold an Ed25519 key")
    return key


def _path(folder: Path, name: KeyName) -> Path:
    return folder / f"{name}.pem"
