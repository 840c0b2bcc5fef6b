"""Snapshots: pinned sets of photos that were cleared for training, as folders.

A folder holds `snapshot.json` and beside it photos (JPEG, PNG, WebP or TIFF), label maps
(8-bit PNG of house category ids) and, where known, depths (16-bit PNG, millimetres,
0 = unknown). The digest covers photos, label maps and rights profiles
by their hashes, and no ids: the same set has the same digest in every house.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import numpy as np
import rfc8785
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from synth.pictures import CategoryFacts, Rgb, SynthError

NAME = "snapshot.json"
VERSION = 1
_SUFFIXES = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp", "TIFF": "tif"}

Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class BadSnapshot(SynthError):
    """A folder that is no snapshot, or one that says what cannot be."""


class SnapshotChanged(SynthError):
    """What lies in the folder is not what was pinned. `name` is the file that differs."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"`{name}` is not what the snapshot pinned: {why}")
        self.name = name


class SnapshotCategory(BaseModel):
    """What composition has to know of one house category."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int = Field(ge=0, le=254)
    name: str = Field(min_length=1)
    ground: bool = False
    planar: bool = False
    thin: bool = False
    void: bool = False
    front_rank: int = Field(default=50, ge=0, le=100)

    def facts(self) -> CategoryFacts:
        return CategoryFacts(
            self.id, self.name, self.ground, self.planar, self.thin, self.void, self.front_rank
        )


class SnapshotPhoto(BaseModel):
    """One photo. `group` and `number` say which photos show the same scene: neighbours in a sequence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    photo_sha256: Hash
    label_sha256: Hash
    profile_sha256: Hash
    group: str
    number: int
    photo: str
    labels: str
    depth: str | None = None
    depth_sha256: Hash | None = None

    @property
    def triple(self) -> list[str]:
        return [self.photo_sha256, self.label_sha256, self.profile_sha256]


class _Index(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1]
    digest: Hash
    categories: tuple[SnapshotCategory, ...] = Field(min_length=1, max_length=255)
    photos: tuple[SnapshotPhoto, ...] = Field(min_length=1)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A snapshot whose list agrees with its digest. Files are checked as they are read."""

    folder: Path
    digest: str
    categories: tuple[CategoryFacts, ...]
    photos: tuple[SnapshotPhoto, ...]

    def facts(self) -> Mapping[int, CategoryFacts]:
        return {category.id: category for category in self.categories}

    def rgb(self, photo: SnapshotPhoto) -> Rgb:
        """(H, W, 3) uint8 sRGB, upright.

        Raises:
            SnapshotChanged: the file is gone, or another one.
        """
        picture = _open(self._bytes(photo.photo, photo.photo_sha256), photo.photo)
        return np.asarray(_srgb(ImageOps.exif_transpose(picture)), np.uint8)

    def labels(self, photo: SnapshotPhoto) -> NDArray[np.uint8]:
        """(H, W) house category ids, each of them one of the snapshot's categories."""
        picture = _open(self._bytes(photo.labels, photo.label_sha256), photo.labels)
        if picture.mode not in ("L", "P"):
            raise BadSnapshot(f"`{photo.labels}` is no 8-bit label map")
        labels = np.asarray(picture, np.uint8)
        known = np.zeros(256, bool)
        known[[category.id for category in self.categories]] = True
        unknown = np.flatnonzero((np.bincount(labels.ravel(), minlength=256) > 0) & ~known)
        if unknown.size:
            raise BadSnapshot(f"`{photo.labels}` holds category `{unknown[0]}`, which the snapshot lacks")
        return labels

    def depth(self, photo: SnapshotPhoto) -> NDArray[np.uint16] | None:
        """(H, W) millimetres, 0 = unknown."""
        if photo.depth is None:
            return None
        picture = _open(self._bytes(photo.depth, photo.depth_sha256), photo.depth)
        if picture.mode not in ("I;16", "I"):
            raise BadSnapshot(f"`{photo.depth}` is no 16-bit depth map")
        return np.asarray(picture).astype(np.uint16)

    def verify(self) -> None:
        """Read every file once and hold it to its hash."""
        for photo in self.photos:
            self._bytes(photo.photo, photo.photo_sha256)
            self._bytes(photo.labels, photo.label_sha256)
            if photo.depth is not None:
                self._bytes(photo.depth, photo.depth_sha256)

    def _bytes(self, name: str, sha256: str | None) -> bytes:
        try:
            data = (self.folder / name).read_bytes()
        except OSError as error:
            raise SnapshotChanged(name, "it cannot be read") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise SnapshotChanged(name, "its SHA-256 differs")
        return data


def digest(photos: Iterable[SnapshotPhoto]) -> str:
    """SHA-256 of RFC 8785 of the sorted (photo, label map, rights profile) hashes."""
    return hashlib.sha256(rfc8785.dumps(sorted(photo.triple for photo in photos))).hexdigest()


def read(folder: Path, *, pinned: str | None = None) -> Snapshot:
    """Open a snapshot folder.

    Args:
        pinned: the digest that is expected, where one is.

    Raises:
        BadSnapshot: there is no snapshot here.
        SnapshotChanged: the list is not the one that its digest, or `pinned`, was made of.
    """
    try:
        index = _Index.model_validate_json((folder / NAME).read_bytes())
    except OSError as error:
        raise BadSnapshot(f"`{folder}` holds no readable {NAME}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BadSnapshot(f"`{folder / NAME}` is no snapshot: {where}: {first['msg']}") from error
    if digest(index.photos) != index.digest:
        raise SnapshotChanged(NAME, "its list does not give its digest")
    if pinned is not None and pinned != index.digest:
        raise SnapshotChanged(NAME, f"its digest is `{index.digest}`, not `{pinned}`")
    _check(index)
    return Snapshot(folder, index.digest, tuple(c.facts() for c in index.categories), index.photos)


@dataclass(frozen=True)
class Member:
    """A photo to be written into a snapshot: its bytes as they came in, label map and depth as arrays."""

    name: str
    group: str
    number: int
    photo: bytes
    labels: NDArray[np.uint8]
    profile_sha256: str
    depth_mm: NDArray[np.uint16] | None = None


def write(folder: Path, members: Iterable[Member], categories: Sequence[CategoryFacts]) -> Snapshot:
    """Write a snapshot folder; `snapshot.json` comes last, so that half a folder is none.

    Raises:
        BadSnapshot: two members share a name, or a photo is of no kind that snapshots hold.
    """
    rows: list[SnapshotPhoto] = []
    for sub in ("photos", "labels", "depth"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    seen: set[str] = set()
    for member in members:
        if member.name in seen or PurePosixPath(member.name).name != member.name:
            raise BadSnapshot(f"`{member.name}` cannot name a photo of the snapshot: taken, or no file name")
        seen.add(member.name)
        suffix = _SUFFIXES[_open(member.photo, member.name).format or ""]
        depth = None if member.depth_mm is None else f"depth/{member.name}.png"
        labels = _png(member.labels)
        depths = None if member.depth_mm is None else _png(member.depth_mm)
        row = SnapshotPhoto(
            photo_sha256=hashlib.sha256(member.photo).hexdigest(),
            label_sha256=hashlib.sha256(labels).hexdigest(),
            profile_sha256=member.profile_sha256,
            group=member.group,
            number=member.number,
            photo=f"photos/{member.name}.{suffix}",
            labels=f"labels/{member.name}.png",
            depth=depth,
            depth_sha256=None if depths is None else hashlib.sha256(depths).hexdigest(),
        )
        (folder / row.photo).write_bytes(member.photo)
        (folder / row.labels).write_bytes(labels)
        if depth is not None and depths is not None:
            (folder / depth).write_bytes(depths)
        rows.append(row)
    index = {
        "version": VERSION,
        "digest": digest(rows),
        "categories": [
            {
                "id": c.id, "name": c.name, "ground": c.ground, "planar": c.planar, "thin": c.thin,
                "void": c.void, "front_rank": c.front_rank,
            }
            for c in categories
        ],
        "photos": [row.model_dump() for row in rows],
    }  # fmt: skip
    (folder / NAME).write_text(json.dumps(index, indent=1) + "\n")
    return read(folder)


def _check(index: _Index) -> None:
    ids, names = [c.id for c in index.categories], [c.name for c in index.categories]
    if len(set(ids)) < len(ids) or len(set(names)) < len(names):
        raise BadSnapshot(f"{NAME} names a category twice")
    for photo in index.photos:
        for name in (photo.photo, photo.labels, photo.depth):
            if name is not None and not _inside(name):
                raise BadSnapshot(f"`{name}` is outside the snapshot's folder")
        if (photo.depth is None) != (photo.depth_sha256 is None):
            raise BadSnapshot(f"`{photo.photo}` has a depth map or a hash of one, and not both")


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name and "\0" not in name


def _open(data: bytes, name: str) -> Image.Image:
    try:
        picture = Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP", "TIFF"))
        picture.load()
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise BadSnapshot(f"`{name}` is no readable JPEG, PNG, WebP or TIFF") from error
    return picture


def _srgb(picture: Image.Image) -> Image.Image:
    """As the bank sees a photo: by its ICC profile where that is of use, sRGB where there is none."""
    profile = picture.info.get("icc_profile")
    if picture.mode.startswith("I;16"):
        picture = Image.fromarray((np.asarray(picture, np.uint32) >> 8).astype(np.uint8))
    if picture.mode not in ("L", "RGB", "CMYK"):
        picture = picture.convert("RGB")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(
                picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
            )
        except (ImageCms.PyCMSError, OSError, ValueError):
            converted = None  # one that is broken says nothing
        if converted is not None:
            return converted
    return picture.convert("RGB")


def _png(array: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG")
    return out.getvalue()
