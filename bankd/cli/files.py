"""Files that people name: read with a sentence for what is wrong, written whole or not at all."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from bankd.errors import BankError


class FileUnusable(BankError):
    def __init__(self, path: Path, what: str, why: str) -> None:
        super().__init__(f"the {what} `{path}` {why}")
        self.path = path


def read_bytes(path: Path, *, what: str) -> bytes:
    """Raises: FileUnusable."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise FileUnusable(path, what, "is not there: check its path") from error
    except IsADirectoryError as error:
        raise FileUnusable(path, what, "is a folder: name a file") from error
    except OSError as error:
        raise FileUnusable(path, what, f"cannot be read: {error.strerror}") from error


def check_writable(folder: Path) -> None:
    """Make the folder if it is not there. Raises: FileUnusable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileUnusable(folder, "folder", f"cannot be made: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise FileUnusable(folder, "folder", "cannot be written to: choose another with --out")


def write_all(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write every file under a temporary name, then rename them all: nobody sees half a file.

    Raises:
        FileUnusable: nothing was renamed.
    """
    made: list[tuple[Path, Path]] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            partial = folder / f".{name}.{secrets.token_hex(4)}.partial"
            made.append((partial, folder / name))
            with partial.open("xb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
        for partial, path in made:
            partial.replace(path)
    except OSError as error:
        raise FileUnusable(folder, "folder", f"cannot be written to: {error.strerror}") from error
    finally:
        for partial, _ in made:
            partial.unlink(missing_ok=True)
    return [path for _, path in made]
