"""A file that only grows: one line of JSON for each checkpoint, durable before it counts.

It is worth as much as the place where it lies: a mount of another machine, or a disk that is written once.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from bankd.audit import notes
from bankd.audit.canonical import moment
from bankd.audit.errors import LogInconsistent, NoteInvalid
from bankd.witnesses.errors import WitnessContradicts, WitnessInvalid, WitnessSilent
from bankd.witnesses.told import Told

TAIL = 1 << 16  # bytes of the last line, at most


@dataclass(frozen=True)
class FileWitness:
    path: Path
    every: timedelta = timedelta(minutes=1)
    kind: str = "file"
    key: Ed25519PublicKey | None = None

    @property
    def name(self) -> str:
        return f"file:{self.path.name}"

    @property
    def where(self) -> str:
        return str(self.path)

    def tell(self, told: Told) -> str:
        line = json.dumps({"at": moment(told.at), "note": told.note}, ensure_ascii=False).encode() + b"\n"
        try:
            new = not self.path.exists()
            with self.path.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                last = self._last(file)
                if last is not None and self._has(last, told):
                    return ""
                # What a crash cut off was never counted; the line after it begins anew.
                file.write(line if _ends_whole(file) else b"\n" + line)
                file.flush()
                os.fsync(file.fileno())
            if new:
                _sync(self.path.parent)
        except OSError as error:
            raise WitnessSilent(self.name, f"`{self.path}`: {error.strerror}") from error
        return ""

    def kept(self) -> Iterator[str]:
        try:
            with self.path.open("rb") as file:
                for line in file:
                    note = _note(line)
                    if note is not None:
                        yield note
        except FileNotFoundError:
            return
        except OSError as error:
            raise WitnessSilent(self.name, f"`{self.path}`: {error.strerror}") from error

    def _has(self, last: str, told: Told) -> bool:
        """Whether it is there already; what is there is a past of the checkpoint."""
        try:
            head = notes.head(notes.split(last).text)
            if head.size > told.size:
                why = (
                    f"it holds a checkpoint of {head.size} entries, and the last of the log is of {told.size}"
                )
                raise WitnessContradicts(self.name, why)
            told.check(last)
        except NoteInvalid as error:
            raise WitnessInvalid(f"`{self.path}` is not a witness of this log: {error}") from error
        except LogInconsistent as error:
            raise WitnessContradicts(self.name, str(error)) from error
        return head.size == told.size

    def _last(self, file: BinaryIO) -> str | None:
        """The last note that was written whole."""
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - TAIL))
        for line in reversed(file.read().split(b"\n")):
            note = _note(line)
            if note is not None:
                return note
        if end:
            raise WitnessInvalid(f"`{self.path}` holds no checkpoint: name a file of its own as the witness")
        return None


def _note(line: bytes) -> str | None:
    """The note of a line; None of one that was cut off."""
    try:
        found = json.loads(line)["note"]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) else None


def _ends_whole(file: BinaryIO) -> bool:
    if not file.seek(0, os.SEEK_END):
        return True
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
