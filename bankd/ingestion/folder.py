"""A folder of photos and label maps, as a librarian hands it over.

    photos/ (or images/)   the photos
    labels/                a PNG of the same stem for each
    instances/, depth/     the same, where there are any
    classes.json           [{"id": .., "name": ..}, ..]

Names that begin with a dot are passed over. Nothing outside the folder is
ever read, whatever its names and links say.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bankd.catalog.taxonomy import read_classes
from bankd.ingestion.errors import FolderInvalid

PHOTO_FOLDERS = ("photos", "images")
CLASSES_MOST_BYTES = 1024 * 1024


@dataclass(frozen=True)
class FolderPhoto:
    """One photo's files; `name` is its file name."""

    name: str
    photo: Path
    labels: Path | None
    instances: Path | None
    depth: Path | None


@dataclass(frozen=True)
class Folder:
    photos: tuple[FolderPhoto, ...]  # by name
    classes: list[dict[str, Any]]
    unused: tuple[str, ...]  # label maps, instance maps and depths that no photo has the stem of


def read_folder(path: Path) -> Folder:
    """Find the photos of a folder and what belongs to each; reads no picture yet.

    Raises:
        FolderInvalid: it is not laid out as above, two files share a stem, or a link leads outside.
        ClassesInvalid: `classes.json` is no list.
    """
    if not path.is_dir():
        raise FolderInvalid(f"`{path}` is no folder")
    root = path.resolve()
    present = [name for name in PHOTO_FOLDERS if (root / name).is_dir()]
    if len(present) != 1:
        raise FolderInvalid(f"`{path}` must hold one folder `photos` (or `images`)")
    if not (root / "labels").is_dir():
        raise FolderInvalid(f"`{path}` must hold a folder `labels` with a label map for each photo")
    classes = root / "classes.json"
    if not classes.is_file():
        raise FolderInvalid(f"`{path}` must hold a `classes.json` that names the ids of its label maps")
    _inside(classes, root)
    if classes.stat().st_size > CLASSES_MOST_BYTES:
        raise FolderInvalid(f"`{classes.name}` is larger than {CLASSES_MOST_BYTES} bytes")

    photos = _files(root / present[0], root)
    maps = {
        kind: _files(root / kind, root) if (root / kind).is_dir() else {}
        for kind in ("labels", "instances", "depth")
    }
    return Folder(
        photos=tuple(
            FolderPhoto(
                name=file.name,
                photo=file,
                labels=maps["labels"].get(stem),
                instances=maps["instances"].get(stem),
                depth=maps["depth"].get(stem),
            )
            for stem, file in sorted(photos.items())
        ),
        classes=read_classes(classes.read_bytes()),
        unused=tuple(
            f"{kind}/{file.name}"
            for kind, files in maps.items()
            for stem, file in sorted(files.items())
            if stem not in photos
        ),
    )


def _files(folder: Path, root: Path) -> dict[str, Path]:
    """The files of a folder by stem."""
    _inside(folder, root)
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if file.name.startswith("."):
            continue
        _inside(file, root)
        shown = f"{folder.name}/{file.name}"
        if file.is_dir():
            raise FolderInvalid(f"`{shown}` is a folder: files must lie directly in `{folder.name}`")
        if not file.is_file():
            raise FolderInvalid(f"`{shown}` is no plain file")
        if file.stem in found:
            raise FolderInvalid(f"`{shown}` and `{found[file.stem].name}` have the same stem: rename one")
        found[file.stem] = file
    return found


def _inside(path: Path, root: Path) -> None:
    try:
        there = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise FolderInvalid(f"`{path.name}` is a link that leads nowhere") from error
    if not there.is_relative_to(root):
        raise FolderInvalid(f"`{path.name}` is a link that leads outside the folder: copy the file instead")
