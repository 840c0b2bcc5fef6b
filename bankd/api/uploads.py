"""Files of a form, bounded, on their way to services that want bytes or paths."""

import shutil
from pathlib import Path, PurePosixPath

from fastapi import UploadFile

from bankd.api.errors import UploadInvalid


def content(file: UploadFile, *, most_bytes: int) -> bytes:
    """All of a file. Raises: UploadInvalid, if it has more than `most_bytes`."""
    found = file.file.read(most_bytes + 1)
    if len(found) > most_bytes:
        raise UploadInvalid(f"`{file.filename}` is larger than the {most_bytes} bytes allowed here")
    return found


def save(file: UploadFile, path: Path) -> Path:
    """Write a file to a path of our own choice, without holding it in memory."""
    with path.open("wb") as out:
        shutil.copyfileobj(file.file, out, 1 << 20)
    return path


def below(folder: Path, name: str) -> Path:
    """Where a file lies that names itself by a relative path; its folders are made.

    Raises:
        UploadInvalid: the name leads outside, or is no path of plain names.
    """
    path = PurePosixPath(name)
    plain = all(part.isprintable() and "\\" not in part and part != ".." for part in path.parts)
    if not path.parts or path.is_absolute() or not plain or len(name) > 1000:
        raise UploadInvalid(f"`{name}` is no relative path of plain names")
    found = folder.joinpath(*path.parts)
    try:
        found.parent.mkdir(parents=True, exist_ok=True)
        if found.exists():
            raise UploadInvalid(f"`{name}` is given twice: give each file its own name")
    except OSError as error:
        raise UploadInvalid(f"`{name}` is no name for a file beside the others") from error
    return found
