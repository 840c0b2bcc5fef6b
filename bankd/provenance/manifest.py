"""The manifest of a composite, version 2: what was placed, where, on which grant, exactly.

It travels inside every copy of the composite and can never be taken back, so
it holds opaque ids, hashes and counts alone: no names, no terms. The declared
use, the effective license and the credits stand in it as salted hashes; their
words are the `Disclosures` that the bank keeps and shows to whom it chooses.
docs/manifest.md explains each field; `manifest.schema.json` is its JSON Schema.
Version 1, which did not tell seams between photos apart, is read as it was written.
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import numpy as np
import numpy.typing as npt
import rfc8785
from pydantic import Field, SerializerFunctionWrapHandler, ValidationError, model_serializer, model_validator

from bankd.audit.canonical import plain
from bankd.licensing.terms import Value
from bankd.licensing.use import Use
from bankd.provenance import regions
from bankd.provenance.effective import CreditOwed, EffectiveLicense
from bankd.provenance.errors import AreasDoNotAddUp, ManifestUnreadable
from bankd.provenance.shares import UNOWNED, Areas, ppm

SCHEMA_ID = "urn:bankd:manifest:2"  # which is of version 1 too
MAX_PX = 1 << 28
MAX_TEXT_BYTES = 32 << 20

Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=MAX_PX)]
Positive = Annotated[int, Field(ge=1, le=MAX_PX)]
# JSON numbers are exact up to here (RFC 8785, section 3.2.2.3).
Exact = Annotated[int, Field(ge=0, le=2**53 - 1)]
Moment = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]


class LogCheckpoint(Value):
    """The state of the log that this composite was made on top of."""

    size: Exact
    root: Hash


NETWORK_FIELDS = frozenset({"gate_sha256", "made_px", "aligner", "sorter"})


class Refiner(Value):
    """What turned the canvas into the picture. `blend` has no trained network.

    A network's gate says of each pixel how much of it the network made, in 255ths;
    `made_px` counts those of which it made nine tenths or more, whoever owns them on the canvas.
    """

    name: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")]
    checkpoint: Hash | None
    training_snapshot: Hash | None
    training_photos: Count  # how many photos the snapshot holds; the snapshot names them
    gate_sha256: Hash | None = None  # see `gate_sha256`
    made_px: Count = 0
    aligner: Hash | None = None  # the network that placed segments, if one did
    sorter: Hash | None = None  # the network that ordered them, if one did

    @model_validator(mode="after")
    def _trained_or_not(self) -> Self:
        trained = self.checkpoint is not None
        named = (self.training_snapshot is not None, self.training_photos > 0, self.gate_sha256 is not None)
        if any(trained != one for one in named):
            raise ValueError(
                "a network names its checkpoint, its gate, its snapshot and its training photos, or none"
            )
        if not trained and (self.made_px or self.aligner or self.sorter):
            raise ValueError("without a refinement network no network made anything")
        return self

    @model_serializer(mode="wrap")
    def _as_before_networks(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What only a network has is left out of the text of `blend`, as it was before there were any."""
        fields: dict[str, Any] = written(self)
        return {name: value for name, value in fields.items() if value or name not in NETWORK_FIELDS}


PHOTO_CODES = frozenset({"iscc", "credentials_sha256", "generated"})


class PlacedSegment(Value):
    segment_id: Exact
    category: Annotated[str, Field(min_length=1, max_length=64)]
    area_px: Positive  # in the photo
    placed_px: Count  # on the canvas: its own pixels
    filled_px: Count  # holes filled from it
    blended_px: Count  # blended, and in version 2 of its photo alone
    seam_px: Count | None = (
        None  # its own with another photo's mixed in; null in version 1, which left it out
    )

    @property
    def canvas_px(self) -> int:
        return self.placed_px + self.filled_px + self.blended_px + (self.seam_px or 0)

    @model_serializer(mode="wrap")
    def _as_before_seams(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = written(self)
        if self.seam_px is None:
            del fields["seam_px"]
        return fields


class PlacedPhoto(Value):
    photo_id: UUID
    sha256: Hash  # of the photo's original bytes
    grant_id: UUID  # relied on for all of its segments
    height: Positive  # of the frame that its segments are measured in
    width: Positive
    segments: Annotated[tuple[PlacedSegment, ...], Field(min_length=1)]
    canvas_px: Positive
    share_ppm: Annotated[int, Field(ge=0, le=1_000_000)]  # of the photo: area of its placed segments
    iscc: Annotated[str, Field(pattern="^ISCC:[A-Z2-7]{10,80}$")] | None = None  # ISO 24138
    credentials_sha256: Hash | None = None  # of the C2PA manifest store that the photo arrived with
    generated: bool = False  # that store says that a generative network made the photo

    @property
    def seam_px(self) -> int | None:
        """Its own pixels with another photo's mixed in; None where the manifest does not say."""
        found = [segment.seam_px for segment in self.segments]
        return None if None in found else sum(one or 0 for one in found)

    @model_serializer(mode="wrap")
    def _as_before_codes(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What is not known of a photo is left out of the text, as it was before it was asked."""
        fields: dict[str, Any] = written(self)
        return {name: value for name, value in fields.items() if value or name not in PHOTO_CODES}

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.canvas_px != sum(segment.canvas_px for segment in self.segments):
            raise ValueError("a photo's canvas area is the sum of its segments'")
        used_px = sum(segment.area_px for segment in self.segments)
        if used_px > self.height * self.width or self.share_ppm != ppm(used_px, self.height * self.width):
            raise ValueError("a photo's share is the area of its placed segments in its own frame")
        return self


class LayoutPhoto(Value):
    """The photo whose label map the layout is: what is where in the picture is taken over from it."""

    photo_id: UUID
    sha256: Hash  # of the photo's original bytes
    grant_id: UUID  # relied on for that
    iscc: Annotated[str, Field(pattern="^ISCC:[A-Z2-7]{10,80}$")] | None = None  # ISO 24138

    @model_serializer(mode="wrap")
    def _without_code(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = written(self)
        if self.iscc is None:
            del fields["iscc"]
        return fields


class Commitments(Value):
    """SHA-256 of RFC 8785 of `{"salt": .., "value": ..}`: fixed now, shown when it is due."""

    declared_use: Hash
    effective_license: Hash
    credits_owed: Hash
    layout_origin: Hash | None = None  # none in manifests from before it was declared
    products: Hash | None = None  # none where no region is declared as one

    @model_serializer(mode="wrap")
    def _as_before_origins(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = written(self)
        return {
            name: value
            for name, value in fields.items()
            if value or name not in ("layout_origin", "products")
        }


class Manifest(Value):
    version: Literal[1, 2] = 2
    composite_id: UUID
    request_id: UUID
    variation: Count
    sealed_at: Moment
    pixel_sha256: Hash
    height: Positive
    width: Positive
    policy_bundle: Hash
    clearance_log_index: Exact
    log_checkpoint: LogCheckpoint
    recipe: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")]
    frame: Literal["scene", "box"]
    canvas: Literal["strict", "overlap"] = "strict"  # whether segments were clipped to their regions
    seed: Exact
    refiner: Refiner
    placed_photos: tuple[PlacedPhoto, ...]
    layout_photo: LayoutPhoto | None = None  # none where the layout is no photo's label map
    owner_runs: tuple[Annotated[int, Field(ge=-1, le=MAX_PX)], ...]  # see bankd.provenance.regions
    seam_px: Count | None = None  # into which more than one photo was mixed, whoever owns them; in version 2
    inpainted_px: Count
    refiner_px: Count
    commitments: Commitments

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if len(self.owner_runs) % 2 or not all(length > 0 for length in self.owner_runs[1::2]):
            raise ValueError("owner runs are pairs of an owner and a length of at least 1")
        owners = self.owner_runs[::2]
        if any(left == right for left, right in itertools.pairwise(owners)):
            raise ValueError("two runs that touch have different owners")
        segments = self.segments()
        seams = [segment.seam_px for segment in segments]
        if any((one is None) != (self.version == 1) for one in (self.seam_px, *seams)):
            raise ValueError("version 2 counts seams, version 1 does not")
        if self.version == 2 and self.seam_px != sum(one or 0 for one in seams):
            raise ValueError("the area of seams is the sum of its segments'")
        expected = {number: one.canvas_px - (one.seam_px or 0) for number, one in enumerate(segments)}
        expected |= {len(segments) + number: one.seam_px or 0 for number, one in enumerate(segments)}
        expected = {number: px for number, px in expected.items() if px}
        if nobody := self.inpainted_px + self.refiner_px:
            expected[UNOWNED] = nobody
        if regions.totals(self.owner_runs) != expected or sum(expected.values()) != self.height * self.width:
            raise ValueError("the areas do not add up to the frame")
        if not self.refiner.checkpoint and self.refiner_px:
            raise ValueError("without a network the refiner makes no pixel alone")
        if (
            self.refiner.checkpoint
            and not self.refiner_px <= self.refiner.made_px <= self.height * self.width
        ):
            raise ValueError("the network made what nobody owns, and no more than the frame")
        for name, ids in (
            ("photo", [photo.photo_id for photo in self.placed_photos]),
            ("segment", [segment.segment_id for segment in segments]),
        ):
            if len(set(ids)) != len(ids):
                raise ValueError(f"a {name} is listed twice")
        return self

    @model_serializer(mode="wrap")
    def _as_before_overlap(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A strict canvas is left out of the text, as it was before there was another; so is what is null."""
        fields: dict[str, Any] = written(self)
        if self.canvas == "strict":
            del fields["canvas"]
        for name in ("layout_photo", "seam_px"):
            if fields[name] is None:
                del fields[name]
        return fields

    @property
    def synthetic(self) -> bool:
        """Whether a placed photo is known to be made by a generative network."""
        return any(photo.generated for photo in self.placed_photos)

    def segments(self) -> tuple[PlacedSegment, ...]:
        """All segments; a segment's place here is its number in the owner map."""
        return tuple(segment for photo in self.placed_photos for segment in photo.segments)

    def photo_map(self) -> npt.NDArray[np.int32]:
        """(H, W): the number of the placed photo that owns each pixel, from 0, or -1."""
        numbers = [number for number, photo in enumerate(self.placed_photos) for _ in photo.segments]
        return np.array([*numbers, *numbers, -1], dtype=np.int32)[self._owners()]  # -1 takes the last

    def seams(self) -> npt.NDArray[np.bool_]:
        """(H, W): where more than one photo was mixed. Nowhere in version 1, which does not say."""
        found: npt.NDArray[np.bool_] = self._owners() >= len(self.segments())
        return found

    def _owners(self) -> npt.NDArray[np.int32]:
        return regions.owner_map(self.owner_runs, height=self.height, width=self.width)

    def canonical(self) -> str:
        """RFC 8785 text: what is signed, stored and embedded.

        Of text and whole numbers under ASCII names alone, which the standard library writes the same way:
        a test holds both equal.
        """
        return json.dumps(
            self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )


def read(text: str) -> Manifest:
    """A manifest back from its canonical text, every count checked.

    Raises:
        ManifestUnreadable: not JSON, not a manifest, areas that do not add up, or not canonical.
    """
    if len(text) > MAX_TEXT_BYTES:
        raise ManifestUnreadable("it is larger than any manifest can be")
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "manifest"
        raise ManifestUnreadable(f"`{where}`: {first['msg']}") from error
    if manifest.canonical() != text:
        raise ManifestUnreadable("it is not in canonical form")
    return manifest


def schema() -> dict[str, Any]:
    """The JSON Schema that `manifest.schema.json` publishes."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **Manifest.model_json_schema(mode="validation"),
    }


class Disclosed(Value):
    salt: Hash
    value: Any

    def commitment(self) -> str:
        return sha256(rfc8785.dumps({"salt": self.salt, "value": self.value})).hexdigest()


class Disclosures(Value):
    """The words behind a manifest's commitments. Kept by the bank, never embedded."""

    declared_use: Disclosed
    effective_license: Disclosed
    credits_owed: Disclosed
    layout_origin: Disclosed | None = None
    products: Disclosed | None = None  # of each declared region: region, product, area_px, generated_px

    def commitments(self) -> Commitments:
        return Commitments(
            declared_use=self.declared_use.commitment(),
            effective_license=self.effective_license.commitment(),
            credits_owed=self.credits_owed.commitment(),
            layout_origin=None if self.layout_origin is None else self.layout_origin.commitment(),
            products=None if self.products is None else self.products.commitment(),
        )

    def use(self) -> Use:
        return Use.model_validate(self.declared_use.value)

    def license(self) -> EffectiveLicense:
        return EffectiveLicense.model_validate(self.effective_license.value)

    def credits(self) -> tuple[CreditOwed, ...]:
        return tuple(CreditOwed.model_validate(credit) for credit in self.credits_owed.value)


def disclose(
    *,
    use: Use,
    license: EffectiveLicense,
    salt: bytes,
    layout_origin: str | None = None,
    products: Sequence[Mapping[str, Any]] = (),
) -> Disclosures:
    """Fix the words under salts of their own, so that short ones cannot be guessed from their hashes.

    Args:
        salt: at least 16 random bytes, fresh for each composite.
        layout_origin: as it was declared: `own`, `licensed` or `photo:<id>`.
        products: of each region that is declared as one, what came out: `region`, `product`, `area_px` and
            `generated_px`, which no photo fed or a network made.
    """
    if len(salt) < 16:
        raise ValueError("a salt needs at least 16 bytes")

    def disclosed(name: str, value: Any) -> Disclosed:
        return Disclosed(salt=sha256(salt + name.encode()).hexdigest(), value=value)

    terms = plain(license.model_dump())
    return Disclosures(
        declared_use=disclosed("declared_use", plain(use.model_dump())),
        effective_license=disclosed("effective_license", terms),
        credits_owed=disclosed("credits_owed", terms["credits"]),
        layout_origin=None if layout_origin is None else disclosed("layout_origin", layout_origin),
        products=disclosed("products", [dict(one) for one in products]) if products else None,
    )


class Source(Value):
    """A segment that was ordered for a composite, with its photo and the grant relied on."""

    segment_id: int
    category: str
    area_px: int
    photo_id: UUID
    photo_sha256: str
    photo_height: int
    photo_width: int
    grant_id: UUID
    photo_iscc: str | None = None
    photo_credentials_sha256: str | None = None
    photo_generated: bool = False


def draw_up(
    *,
    composite_id: UUID,
    request_id: UUID,
    variation: int,
    sealed_at: datetime,
    pixel_sha256: str,
    owner: npt.NDArray[np.integer],
    placements: Sequence[int],
    areas: Areas,
    seams: npt.NDArray[np.bool_] | None = None,
    sources: Mapping[int, Source],
    policy_bundle: str,
    clearance_log_index: int,
    log_checkpoint: LogCheckpoint,
    recipe: str,
    frame: Literal["scene", "box"],
    seed: int,
    refiner: Refiner,
    commitments: Commitments,
    canvas: Literal["strict", "overlap"] = "strict",
    layout_photo: LayoutPhoto | None = None,
) -> Manifest:
    """The manifest of a canvas. Photos stand by canvas area, largest first, as do the segments of each.

    Args:
        owner: (H, W), the placement that fed each pixel, or -1: the ledger's.
        placements: the segment id of each placement.
        areas: of the same ledger and seams, by `shares.count`.
        seams: (H, W), where more than one photo was mixed; nowhere if left out.
        sources: by segment id, at least those that fed a pixel.
    """
    fed = {area.segment_id: area for area in areas.segments}
    by_photo: dict[UUID, list[Source]] = {}
    for segment_id in fed:
        by_photo.setdefault(sources[segment_id].photo_id, []).append(sources[segment_id])

    photos = []
    for photo_id, used in by_photo.items():
        used.sort(key=lambda source: (-fed[source.segment_id].canvas_px, source.segment_id))
        first = used[0]
        if len({source.grant_id for source in used}) > 1:
            raise ValueError(f"photo {photo_id} relies on more than one grant")
        photos.append(
            PlacedPhoto(
                photo_id=photo_id,
                sha256=first.photo_sha256,
                grant_id=first.grant_id,
                iscc=first.photo_iscc,
                credentials_sha256=first.photo_credentials_sha256,
                generated=first.photo_generated,
                height=first.photo_height,
                width=first.photo_width,
                segments=tuple(
                    PlacedSegment(
                        segment_id=source.segment_id,
                        category=source.category,
                        area_px=source.area_px,
                        placed_px=fed[source.segment_id].placed_px,
                        filled_px=fed[source.segment_id].filled_px,
                        blended_px=fed[source.segment_id].blended_px,
                        seam_px=fed[source.segment_id].seam_px,
                    )
                    for source in used
                ),
                canvas_px=sum(fed[source.segment_id].canvas_px for source in used),
                share_ppm=ppm(sum(source.area_px for source in used), first.photo_height * first.photo_width),
            )
        )
    photos.sort(key=lambda photo: (-photo.canvas_px, photo.sha256))

    order = [segment.segment_id for photo in photos for segment in photo.segments]
    number = {segment_id: place for place, segment_id in enumerate(order)}
    # The last entry stands for -1. Placements that fed no pixel are looked up by none.
    numbers = np.array([*(number.get(segment_id, UNOWNED) for segment_id in placements), UNOWNED])
    owners = numbers[owner]
    if seams is not None:
        owners = np.where(seams, owners + len(order), owners)
    height, width = owner.shape
    if areas.frame_px != height * width:
        raise AreasDoNotAddUp(areas.frame_px, height * width)
    return Manifest(
        composite_id=composite_id,
        request_id=request_id,
        variation=variation,
        sealed_at=moment(sealed_at),
        pixel_sha256=pixel_sha256,
        height=height,
        width=width,
        policy_bundle=policy_bundle,
        clearance_log_index=clearance_log_index,
        log_checkpoint=log_checkpoint,
        recipe=recipe,
        frame=frame,
        canvas=canvas,
        seed=seed,
        refiner=refiner,
        placed_photos=tuple(photos),
        layout_photo=layout_photo,
        owner_runs=regions.run_lengths(owners),
        seam_px=areas.seam_px,
        inpainted_px=areas.inpainted_px,
        refiner_px=areas.refiner_px,
        commitments=commitments,
    )


def gate_sha256(gate: npt.NDArray[np.uint8]) -> str:
    """SHA-256 of a gate map: height and width as 32-bit big-endian numbers, then the bytes row by row."""
    size = np.array(gate.shape, dtype=">u4").tobytes()
    return sha256(size + np.ascontiguousarray(gate).tobytes()).hexdigest()


def moment(at: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, rounded down."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
