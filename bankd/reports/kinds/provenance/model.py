"""The provenance report of a composite as a value: everything it says, in no language yet. Pure."""

from typing import Literal
from uuid import UUID

from bankd.licensing.terms import Value
from bankd.licensing.use import Use
from bankd.provenance.effective import EffectiveLicense
from bankd.provenance.manifest import LogCheckpoint, Refiner
from bankd.reports.report import Report, Scope

MarkCode = Literal[
    "no-document",
    "unverified",
    "withdrawn",
    "superseded",
    "grant-withdrawn",
    "grant-superseded",
    "disputed",
    "erased",
]


class Mark(Value):
    """A fact relied on that a reader has to know is weak, or has changed since."""

    code: MarkCode
    license: str
    grant: str
    at: str | None = None


class Area(Value):
    """Canvas area before refinement; basis points of all areas of one canvas add up to 10000."""

    px: int
    basis_points: int


class ReportedPhoto(Value):
    number: int  # from 1, largest canvas area first
    photo_id: UUID
    sha256: str
    licensor: str
    license: str  # its reference
    license_title: str
    grant: str  # its reference within the license
    grant_id: UUID
    basis: Literal["owned", "licensed"]
    segments: int
    categories: tuple[str, ...]
    area: Area
    placed_px: int
    filled_px: int
    blended_px: int
    seam_px: int | None = None  # see `ProvenanceReport.placed_seams`
    share_ppm: int  # of the photo used
    marks: tuple[Mark, ...]
    thumbnail: Literal["shown", "withheld"]


class LayoutSource(Value):
    """The photo whose arrangement the layout took over; nothing of its pixels is in the picture by that."""

    photo_id: UUID
    sha256: str
    licensor: str
    license: str
    license_title: str
    grant: str
    grant_id: UUID
    basis: Literal["owned", "licensed"]
    marks: tuple[Mark, ...]
    thumbnail: Literal["shown", "withheld"]


class ReportedProduct(Value):
    """A region that was declared as a product, as it came out."""

    region: int  # by its number in the layout, from 0
    product: str  # the house's article number
    area: Area  # of the picture
    generated_px: int  # of that area, made by a network or fed by no photo


class OwedCredit(Value):
    text: str  # verbatim
    text_ja: str | None = None  # for Japanese readers, where it is another
    placement: str
    photos: tuple[int, ...]  # numbers; 0: the photo that gave the layout


class Clearance(Value):
    log_index: int
    policy_bundle: str
    log_checkpoint: LogCheckpoint


class ProvenanceScope(Scope):
    composite: UUID


class ProvenanceReport(Report):
    report: Literal["provenance"] = "provenance"
    version: Literal[2] = 2
    composite_id: UUID
    request_id: UUID
    variation: int
    asked_by: str
    asked_at: str
    sealed_at: str
    sealed_log_index: int | None
    height: int
    width: int
    file_sha256: str
    pixel_sha256: str
    manifest_sha256: str
    photos: tuple[ReportedPhoto, ...]
    placed: Area  # all that placed photos own, which is the next four together
    placed_own: Area  # their own pixels
    placed_filled: Area  # holes filled from them
    placed_blended: Area  # blended, each photo with itself, or where seams are not told apart, all that is
    placed_seams: Area | None = None  # with another photo mixed in; None where the manifest is of version 1
    inpainted: Area
    refiner_only: Area
    network_made: Area | None = None  # of the picture, not of the canvas; None without a network
    refiner: Refiner
    recipe: str
    frame: str
    canvas: str = "strict"
    seed: int
    declared_use: Use
    effective_license: EffectiveLicense
    credits_owed: tuple[OwedCredit, ...]
    clearance: Clearance
    picture: Literal["shown", "withheld"]
    file_erased_at: str | None = None  # for a photo in it
    layout_origin: Literal["own", "licensed", "photo"] | None = None  # as declared; None: before it was asked
    layout: LayoutSource | None = None
    products: tuple[ReportedProduct, ...] = ()

    def marks(self) -> dict[Mark, tuple[int, ...]]:
        """Every mark once, with the numbers of the photos that it stands on; 0: the layout's."""
        found: dict[Mark, tuple[int, ...]] = {}
        numbered = [(photo.number, photo.marks) for photo in self.photos]
        for number, marks in [*numbered, *([(0, self.layout.marks)] if self.layout else [])]:
            for mark in marks:
                found[mark] = (*found.get(mark, ()), number)
        return found
