"""Files of a folder or a ZIP archive by their names in it, and nothing outside of it."""

import os
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Protocol

from synth.datasets.sample import DatasetError, SampleRefused

FILE_MOST_BYTES = 512 * 1024 * 1024
LIST_MOST_BYTES = 4 * 1024 * 1024 * 1024  # of a JSON or XML that describes a whole dataset


class _Source(Protocol):
    names: tuple[str, ...]

    def size(self, name: str) -> int: ...
    def read(self, name: str) -> bytes: ...


class Tree:
    """A view of a source from one of its folders down."""

    def __init__(self, source: _Source, *, shown: str, prefix: str = "") -> None:
        self.shown = shown
        self.names = tuple(name[len(prefix) :] for name in source.names if name.startswith(prefix))
        self._source = source
        self._prefix = prefix
        self._there = frozenset(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._there

    def has_folder(self, folder: str) -> bool:
        return any(name.startswith(f"{folder}/") for name in self.names)

    def below(self, folder: str, *suffixes: str) -> list[str]:
        """Files of a folder and its folders, those that end so where suffixes are given; "" is the root."""
        start = f"{folder}/" if folder else ""
        return [
            name
            for name in self.names
            if name.startswith(start) and (not suffixes or name.lower().endswith(suffixes))
        ]

    def descend(self, *folders: str) -> "Tree | None":
        """The tree whose root holds all these folders: this one, or the one folder in it that does."""
        if all(map(self.has_folder, folders)):
            return self
        tops = sorted({name.split("/", 1)[0] for name in self.names if "/" in name})
        inner = [top for top in tops if all(self.has_folder(f"{top}/{folder}") for folder in folders)]
        if len(inner) != 1:
            return None
        return Tree(self._source, shown=self.shown, prefix=f"{self._prefix}{inner[0]}/")

    def read(self, name: str, *, what: str = "file", of: str | None = None) -> bytes:
        """The bytes of what a photo needs.

        Raises:
            SampleRefused: it is not there, leads outside, or is too large.
        """
        if name not in self:
            subject = f"`{of}` has no {what}: " if of else ""
            raise SampleRefused(f"{subject}`{name}` is not there")
        if self._source.size(self._prefix + name) > FILE_MOST_BYTES:
            raise SampleRefused(f"`{name}` is larger than {FILE_MOST_BYTES // 2**20} MiB")
        try:
            return self._source.read(self._prefix + name)
        except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
            raise SampleRefused(f"`{name}` cannot be read: {error}") from error

    def read_list(self, name: str) -> bytes:
        """The bytes of what describes the whole dataset. Raises: DatasetError."""
        if name in self and self._source.size(self._prefix + name) > FILE_MOST_BYTES:
            if self._source.size(self._prefix + name) > LIST_MOST_BYTES:
                raise DatasetError(f"`{name}` is larger than {LIST_MOST_BYTES // 2**30} GiB")
            return self._source.read(self._prefix + name)
        try:
            return self.read(name)
        except SampleRefused as error:
            raise DatasetError(str(error)) from error


def open_tree(path: Path) -> Tree:
    """Raises: DatasetError: neither folder nor ZIP, or something in it leads outside."""
    if path.is_dir():
        return Tree(_Folder(path), shown=str(path))
    if path.is_file() and zipfile.is_zipfile(path):
        return Tree(_Zip(path), shown=str(path))
    if path.is_file() and path.suffix.lower() == ".zip":
        raise DatasetError(f"`{path}` is truncated or no ZIP archive")
    if path.exists():
        raise DatasetError(f"`{path}` is neither a folder nor a ZIP archive")
    raise DatasetError(f"`{path}` is not there: check its path")


def is_safe(name: str) -> bool:
    """Whether a name that a file gives stays inside of where it is looked for."""
    path = PurePosixPath(name)
    return not (
        not name
        or path.is_absolute()
        or ".." in path.parts
        or "\\" in name
        or any(ord(letter) < 32 for letter in name)
    )


def by_stem(names: Iterable[str], *, ending: str = "") -> dict[str, str]:
    """Names by the stem of their last part, `ending` (such as `_gtFine`) taken away.

    Raises:
        DatasetError: two have the same.
    """
    found: dict[str, str] = {}
    for name in names:
        stem = PurePosixPath(name).stem.removesuffix(ending)
        if stem in found:
            raise DatasetError(f"`{name}` and `{found[stem]}` have the same stem: rename one")
        found[stem] = name
    return found


class _Folder:
    def __init__(self, path: Path) -> None:
        self._root = path.resolve()
        names: list[str] = []
        for folder, folders, files in os.walk(self._root, onerror=self._unreadable):
            here = Path(folder)
            for name in folders:
                if (here / name).is_symlink():
                    raise DatasetError(
                        f"`{(here / name).relative_to(self._root)}` is a link to a folder:"
                        " put the folder itself there"
                    )
            folders[:] = sorted(name for name in folders if not _hidden(name))
            inside = here.relative_to(self._root)
            names += [(inside / name).as_posix() for name in files if not _hidden(name)]
        self.names = tuple(sorted(names))

    def size(self, name: str) -> int:
        try:
            return self._path(name).stat().st_size
        except OSError as error:
            raise SampleRefused(f"`{name}` cannot be read: {error.strerror}") from error

    def read(self, name: str) -> bytes:
        return self._path(name).read_bytes()

    def _path(self, name: str) -> Path:
        path = self._root / name
        if path.is_symlink() and not path.resolve().is_relative_to(self._root):
            raise SampleRefused(f"`{name}` is a link that leads outside the folder: copy the file instead")
        return path

    @staticmethod
    def _unreadable(error: OSError) -> None:
        raise DatasetError(f"`{error.filename}` cannot be read: {error.strerror}") from error


class _Zip:
    def __init__(self, path: Path) -> None:
        self._archive = zipfile.ZipFile(path)  # open as long as the tree is read
        self._sizes = {entry.filename: entry.file_size for entry in self._archive.infolist()}
        for name in self._sizes:
            if not is_safe(name):
                raise DatasetError(
                    f"`{path.name}` holds `{name}`, which leads outside of it: do not trust it"
                )
        self.names = tuple(
            sorted(
                name
                for name in self._sizes
                if not name.endswith("/") and not any(map(_hidden, PurePosixPath(name).parts))
            )
        )

    def size(self, name: str) -> int:
        return self._sizes[name]

    def read(self, name: str) -> bytes:
        return self._archive.read(name)


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"
