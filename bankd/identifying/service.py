"""Which composite, or which handout of one, a picture is: by what is left of it.

Each answer names its evidence, and of each evidence by how much it may mislead: an upper bound on the chance
that a picture which has nothing to do with the composite is taken for it, or none where none can be given.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Literal
from uuid import UUID

import numpy as np
import numpy.typing as npt
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bankd.audit.actor import Actor
from bankd.identifying import kept
from bankd.identifying.kept import Like
from bankd.identifying.models import CompositeFingerprint
from bankd.identifying.parts import Parts
from bankd.likeness import comparing
from bankd.likeness.hashing import look
from bankd.provenance.models import Composite, Handout
from bankd.provenance.pixels import pixel_sha256
from bankd.watermark.spread import Reading
from bankd.watermark.watermarks import Watermarks

Rgb = npt.NDArray[np.uint8]
Way = Literal["file", "pixels", "watermark", "pdq", "phash", "crop"]
Verdict = Literal["identified", "likely", "ambiguous", "unknown"]

MATCHES_MOST = 50
MARK_BITS = 64
RANDOM_BITS = 60  # of a mark: four of the first 64 bits of a random UUID are its version
EXACT = 2.0**-128
"""That two different files or pictures have one SHA-256, as far as anybody knows."""

RATES = {"pdq": 1.7e-4, "phash": 3.8e-4, "crop": 2.3e-4}
"""How often two pictures of different things are within the limit, at most with 95% confidence (Poisson): of
139,887 pairs 15 were by PDQ and 41 by pHash, of as many in both directions 50 by their parts; all of one
camera that stood still (docs/likeness.md)."""


@dataclass(frozen=True)
class Evidence:
    """`distance`: bits of 256, of what is compared. `false_at_most`: None, it cannot be bounded below 1."""

    by: Way
    distance: int | None
    false_at_most: float | None
    says: str


@dataclass(frozen=True)
class Given:
    """A handout of the composite, as which the picture left the house."""

    handout_id: UUID
    recipient: str
    channel: str
    comp: bool


@dataclass(frozen=True)
class Match:
    """`composite_id` is empty where it is another department's, of which nothing else is told."""

    composite_id: UUID | None
    handouts: tuple[Given, ...]
    evidence: tuple[Evidence, ...]

    @property
    def named(self) -> bool:
        return self.composite_id is not None


@dataclass(frozen=True)
class Identified:
    """`compared`: with how many composites and comps. `notes`: what could not be looked for, and why."""

    verdict: Verdict
    matches: tuple[Match, ...]
    compared: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Found:
    composite_id: UUID
    handout_ids: frozenset[UUID]
    evidence: Evidence


def identify(
    session: Session,
    file: bytes,
    rgb: Rgb | None,
    *,
    watermarks: Watermarks,
    by: Actor,
    parts: Parts | None = None,
) -> Identified:
    """Look a picture up: by bytes, pixels, watermark and looks, all of them, the surest first.

    Args:
        rgb: the picture, upright, in sRGB; None where the file cannot be read, so that its bytes alone count.
        parts: where this machine keeps the parts of pictures; None: they are read through.
    """
    found = _by_file(session, file)
    notes: list[str] = []
    compared = kept.count(session)
    if rgb is None:
        notes.append("the file cannot be read as a picture: it was looked up by its bytes alone")
    else:
        found += _by_pixels(session, rgb)
        readings, unread = watermarks.read(rgb)
        notes += unread
        for reading in readings:
            marked = _by_mark(session, reading)
            found += marked
            if not marked and reading.fits >= reading.least and reading.false_at_most <= SURE:
                notes.append(
                    f"it carries a mark of this house, `{reading.mark:016x}`, of no handout on record"
                )
        if not found or all(one.evidence.by == "watermark" for one in found):
            found += _by_looks(session, rgb, compared=compared, thorough=not found, parts=parts)
    matches = _matches(session, found, by=by)
    return Identified(_verdict(matches), matches[:MATCHES_MOST], compared, tuple(notes))


def _by_file(session: Session, file: bytes) -> list[_Found]:
    digest = sha256(file).hexdigest()
    says = "the file is the very one, byte for byte"
    evidence = Evidence("file", None, EXACT, says)
    handouts = session.execute(
        select(Handout.composite_id, Handout.id).where(Handout.file_sha256 == digest)
    ).all()
    found = [_Found(row[0], frozenset({row[1]}), evidence) for row in handouts]
    sealed = session.scalars(select(Composite.id).where(Composite.file_sha256 == digest))
    return found + [_Found(one, frozenset(), evidence) for one in sealed]


def _by_pixels(session: Session, rgb: Rgb) -> list[_Found]:
    digest = pixel_sha256(rgb)
    evidence = Evidence("pixels", None, EXACT, "every pixel is the same; the file around them is another")
    of = CompositeFingerprint
    looks = session.execute(select(of.composite_id, of.handout_id).where(of.pixel_sha256 == digest)).all()
    found = [_Found(row[0], frozenset(() if row[1] is None else {row[1]}), evidence) for row in looks]
    copies = select(Handout.composite_id, Handout.id).where(Handout.pixel_sha256 == digest)
    found += [_Found(row[0], frozenset({row[1]}), evidence) for row in session.execute(copies)]
    known = {one.composite_id for one in found}
    sealed = session.scalars(select(Composite.id).where(Composite.pixel_sha256 == digest))
    return found + [_Found(one, frozenset(), evidence) for one in sealed if one not in known]


def _by_mark(session: Session, reading: Reading) -> list[_Found]:
    """The handouts whose id begins with the mark."""
    low = reading.mark << MARK_BITS
    ids = Handout.id.between(UUID(int=low), UUID(int=low | (1 << MARK_BITS) - 1))
    rows = session.execute(select(Handout.composite_id, Handout.id).where(ids)).all()
    if not rows:
        return []
    # Nobody's mark would have to be one of those on record, too; whichever bound is lower holds.
    on_record = session.scalar(select(func.count()).select_from(Handout)) or 0
    chance = min(reading.false_at_most, reading.tries * on_record / 2.0**RANDOM_BITS)
    says = f"its watermark is that of the handout ({reading.fits:.1f} deviations from chance)"
    return [_Found(row[0], frozenset({row[1]}), Evidence("watermark", None, chance, says)) for row in rows]


def _by_looks(
    session: Session, rgb: Rgb, *, compared: int, thorough: bool, parts: Parts | None
) -> list[_Found]:
    fingerprint = look(rgb)
    like = [one for one in kept.alike(session, fingerprint) if one.telling]
    if thorough and not like:
        like = [one for one in kept.cropped_from(session, fingerprint, parts=parts) if one.telling]
    return [_looks_like(one, compared) for one in like]


def _looks_like(one: Like, compared: int) -> _Found:
    chance = RATES[one.how] * compared
    most = {"pdq": comparing.PDQ_MOST, "phash": comparing.PHASH_MOST, "crop": comparing.CROP_MOST}[one.how]
    what = {"pdq": "the whole picture looks the same", "phash": "the whole picture looks nearly the same"}
    said = what.get(one.how, "it looks like a part of the picture")
    way: Way = one.how
    says = f"{said}: {one.distance} of 256 bits differ, and up to {most} may"
    handouts = frozenset(() if one.handout_id is None else {one.handout_id})
    return _Found(
        one.composite_id, handouts, Evidence(way, one.distance, chance if chance < 1 else None, says)
    )


def _matches(session: Session, found: Sequence[_Found], *, by: Actor) -> tuple[Match, ...]:
    """Each composite once, with all that speaks for it; those of other departments joined into one."""
    composites = {
        row[0]: row[1]
        for row in session.execute(
            select(Composite.id, Composite.department_id).where(
                Composite.id.in_({one.composite_id for one in found})
            )
        )
    }
    by_id: dict[UUID, list[_Found]] = {}
    hidden: list[Evidence] = []
    for one in found:
        if by.department_id in (None, composites.get(one.composite_id)):
            by_id.setdefault(one.composite_id, []).append(one)
        else:
            hidden.append(replace(one.evidence, says="it is a picture of another department"))
    given = _given(session, {id for one in found for id in one.handout_ids})
    matches = [
        Match(
            composite_id,
            tuple(
                given[id] for id in sorted({id for one in of_one for id in one.handout_ids}) if id in given
            ),
            tuple(dict.fromkeys(one.evidence for one in of_one)),
        )
        for composite_id, of_one in by_id.items()
    ]
    if hidden:
        matches.append(Match(None, (), (min(hidden, key=_doubt),)))
    return tuple(sorted(matches, key=lambda match: min(map(_doubt, match.evidence))))


def _given(session: Session, ids: set[UUID]) -> dict[UUID, Given]:
    rows = session.scalars(select(Handout).where(Handout.id.in_(ids)))
    return {one.id: Given(one.id, one.recipient, one.channel, one.comp) for one in rows}


def _doubt(evidence: Evidence) -> tuple[float, int]:
    return (1.0 if evidence.false_at_most is None else evidence.false_at_most, evidence.distance or 0)


SURE = 1e-6
"""A chance of misleading that is none: evidence below it identifies, what is above is likely."""


def _verdict(matches: Sequence[Match]) -> Verdict:
    if not matches:
        return "unknown"
    sure = [match for match in matches if min(map(_doubt, match.evidence))[0] <= SURE]
    if len(sure) == 1:
        return "identified"
    if sure or len(matches) > 1:
        return "ambiguous"
    return "likely"
