"""What a conversion has done so far, one line of JSON a photo, held against a second writer."""

import fcntl
import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from synth.datasets.sample import Dataset, DatasetError, License

NAME = ".conversion.jsonl"
VERSION = 1


@dataclass(frozen=True)
class Taken:
    """A photo in the folder; `pixels` of each of the dataset's ids."""

    name: str
    split: str
    group: str
    number: int
    pixels: dict[int, int]
    license: License | None


class Journal:
    """`earlier`: photos that a run before this one took, by name.

    Raises, when entered:
        DatasetError: the folder holds something else, another dataset, or is being written to.
    """

    earlier: dict[str, Taken]

    def __init__(self, out: Path, dataset: Dataset) -> None:
        self._out = out
        classes = [[one.id, one.name] for one in dataset.classes]
        self._head = {"version": VERSION, "dataset": dataset.name, "classes": classes}

    def __enter__(self) -> Self:
        path = self._out / NAME
        try:
            self._out.mkdir(parents=True, exist_ok=True)
            if not path.exists() and any(self._out.iterdir()):
                raise DatasetError(f"`{self._out}` holds something else: name an empty or a new folder")
            self._file = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise DatasetError(f"`{self._out}` cannot be written to: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.earlier = self._read()
        except BlockingIOError as error:
            self._file.close()
            raise DatasetError(f"`{self._out}` is being written by another conversion") from error
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, taken: Taken) -> None:
        self._write(asdict(taken) | {"license": taken.license and _license_entry(taken.license)})

    def _write(self, entry: dict[str, Any]) -> None:
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()

    def _read(self) -> dict[str, Taken]:
        self._file.seek(0)
        lines = self._file.read().splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]
        if len(whole) < len(lines):  # torn off where an earlier run was stopped
            self._file.truncate(sum(len(line) for line in whole))  # json.dumps writes ASCII
        if not whole:
            self._write(self._head)
            return {}
        try:
            head, *entries = map(json.loads, whole)
            found = {entry["name"]: _taken(entry) for entry in entries}
        except (ValueError, KeyError, TypeError) as error:
            raise DatasetError(f"`{self._out / NAME}` cannot be read: name a new folder") from error
        if head != self._head:
            raise DatasetError(
                f"`{self._out}` was converted from another dataset or classes: name a new folder"
            )
        return {name: one for name, one in found.items() if (self._out / "photos" / name).is_file()}


def _license_entry(license: License) -> dict[str, Any]:
    return asdict(license) | {"since": license.since and license.since.isoformat()}


def _taken(entry: dict[str, Any]) -> Taken:
    license = entry["license"]
    if license is not None:
        since = license["since"] and date.fromisoformat(license["since"])
        license = License(license["name"], license["url"], license["credit"], since or None)
    held = {int(number): int(count) for number, count in entry["pixels"].items()}
    return Taken(entry["name"], entry["split"], entry["group"], entry["number"], held, license)
