"""The house's Ed25519 keys: one for work orders, one for manifests, one for log checkpoints."""

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from bankd.errors import BankError

KeyName = Literal["order", "manifest", "log", "witness"]
ORIGIN = "log.origin"
NAMES: tuple[KeyName, ...] = ("order", "manifest", "log")  # of every house; a witness has its own folder


class KeyUnusable(BankError):
    """A key file is missing, open to others, or not an Ed25519 key."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"key file `{path}` {why}")
        self.path = path


def create(folder: Path, name: KeyName) -> None:
    """Make a key where there is none. An existing one is never replaced: old signatures need it."""
    _make(folder, _path(folder, name))


def read(folder: Path, name: KeyName) -> Ed25519PrivateKey:
    """Raises: KeyUnusable."""
    return _read(_path(folder, name))


def create_next(folder: Path, name: KeyName) -> Ed25519PrivateKey:
    """The key that is to take the other's place; one that was left by a rotation cut short is that one."""
    _make(folder, _next(folder, name))
    return _read(_next(folder, name))


def read_next(folder: Path, name: KeyName) -> Ed25519PrivateKey | None:
    """Raises: KeyUnusable."""
    path = _next(folder, name)
    return _read(path) if path.exists() else None


def promote(folder: Path, name: KeyName) -> None:
    """Put the next key in the place of the present one, which is gone then."""
    _next(folder, name).replace(_path(folder, name))
    _sync(folder)


def keep_origin(folder: Path, origin: str) -> None:
    """Write down what the log is called, before the key that it is called after is gone."""
    path = folder / ORIGIN
    if path.exists():
        return
    fresh = folder / f".{ORIGIN}.partial"
    with fresh.open("w") as file:
        file.write(f"{origin}\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    _sync(folder)


def read_origin(folder: Path) -> str | None:
    try:
        return (folder / ORIGIN).read_text().strip()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise KeyUnusable(folder / ORIGIN, "cannot be read") from error


@contextlib.contextmanager
def rotating(folder: Path) -> Iterator[None]:
    """One rotation at a time."""
    with (folder / ".rotating").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _make(folder: Path, path: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
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
            os.link(fresh, path)
    finally:
        Path(fresh).unlink()


def _read(path: Path) -> Ed25519PrivateKey:
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


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _path(folder: Path, name: KeyName) -> Path:
    return folder / f"{name}.pem"


def _next(folder: Path, name: KeyName) -> Path:
    return folder / f"{name}.next.pem"
