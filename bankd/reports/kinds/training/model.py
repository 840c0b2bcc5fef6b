"""What a network was trained on, as a value. Pure."""

from typing import Literal

from bankd.licensing.terms import Value
from bankd.licensing.use import Use
from bankd.reports.report import Report, Scope


class TrainingScope(Scope):
    network: str
    """Its SHA-256, or how that begins."""


class ByLicense(Value):
    """Photos that hold a grant of the license which allows training; one with several counts under each."""

    licensor: str
    license: str
    title: str
    basis: str
    spdx: str | None
    photos: int
    verified: bool
    document: bool
    withdrawn_at: str | None


class Counted(Value):
    code: str
    photos: int


class Photo(Value):
    sha256: str
    licenses: tuple[str, ...]


class TrainingReport(Report):
    report: Literal["training"] = "training"
    version: Literal[1] = 1
    network: str  # SHA-256 of its file
    kind: str
    size_bytes: int
    registered_at: str
    code_version: str | None
    recipe: dict[str, str]
    categories: tuple[str, ...]
    metrics: dict[str, str]
    """Numbers as text, as the network's card has them."""
    snapshot: str
    photos: int
    pinned_at: str
    pinned_under: str
    """The digest of the policies under which each photo cleared."""
    pinned_at_log: int
    """Rights were looked at up to this log entry."""
    imported: bool
    """Whether the snapshot came with the network from another bank."""
    use: Use
    clears_today: bool
    refused_today: int
    refused_by: tuple[str, ...]
    by_license: tuple[ByLicense, ...]
    without_license: int
    """Photos of which this bank holds no license that allows training: those of another bank."""
    bases: tuple[Counted, ...]
    persons: tuple[Counted, ...]
    data_bases: tuple[Counted, ...]
    data_mining: tuple[Counted, ...]
    erased: int
    """Photos of the snapshot that were erased since."""
    here: int
    """Photos of the snapshot that this bank holds."""
    listed: tuple[Photo, ...]
    """By hash; all where there are no more than are listed."""
