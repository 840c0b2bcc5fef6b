"""Which segments to order for each picture: ranked, chosen together, cleared again by the engine."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd import retrieval
from bankd.catalog.models import Photo
from bankd.catalog.taxonomy import Taxonomy
from bankd.policy import compile as compiled
from bankd.policy.clearing import Rights, Terms, clear_photos, rights_of
from bankd.policy.engine import Cleared
from bankd.retrieval import Ranked
from bankd.synthesis.clearing import SetRefused, clear_set, relied_on
from synth.layout import Layout, Region, regions
from synth.retrieval.coherence import Candidate, PhotoLook, choose
from synth.retrieval.descriptors import describe, scene_context

CANDIDATES = 50  # kept per region for the choice of sources
SECONDS = 2  # further candidates ordered per region, for holes
UNCOVERED_BP = 1000  # of the frame, in hundredths of a percent: above it `blend` refuses
ROUNDS = 20  # choices tried while photos that clash are left out


@dataclass(frozen=True)
class Asked:
    """What the plan is for."""

    layout: Layout
    frame: Literal["scene", "box"]
    variations: tuple[int, ...]  # the indexes still wanted
    seed: int


@dataclass(frozen=True)
class Chosen:
    """One picture: per region the segments to order, best first."""

    index: int
    seed: int
    anchor: UUID | None
    picks: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Plan:
    """Pictures that may be ordered, and the one grant relied on for each photo."""

    regions: tuple[Region, ...]
    pictures: tuple[Chosen, ...]
    photo_of: Mapping[int, UUID]  # segment -> photo
    relied: Mapping[UUID, UUID]  # photo -> grant
    rights: Rights
    uncovered_px: int  # of regions for which nothing clears


@dataclass(frozen=True)
class Short:
    """The bank cannot serve: regions without a cleared segment cover too much of the frame."""

    regions: tuple[Region, ...]
    uncovered: tuple[int, ...]  # their ordinals
    uncovered_px: int


@dataclass(frozen=True)
class Clashing:
    """What clears cannot stand together, whatever was tried."""

    refused: SetRefused


def plan(
    session: Session,
    asked: Asked,
    *,
    terms: Terms,
    taxonomy: Taxonomy,
    without_photos: frozenset[UUID] = frozenset(),
    without_grants: frozenset[UUID] = frozenset(),
) -> Plan | Short | Clashing:
    """Choose sources for every picture asked for.

    Ranking sees cleared rows only; its winners are asked again of the engine,
    and what the engine refuses is left out and the choice made anew. So is,
    where a set does not clear, the photo of the clash with less canvas area.
    """
    cut = tuple(regions(asked.layout, taxonomy.thin))
    query = describe(asked.layout.labels, cut, asked.frame)
    cleared = compiled.clears(terms.bundle, "synthesize", terms.use)
    left_out = set(without_photos)
    refused: SetRefused | None = None
    for _ in range(ROUNDS):
        ranked = retrieval.rank(
            session,
            cleared,
            [region.category for region in cut],
            query,
            k=CANDIDATES,
            at=terms.at,
            without=frozenset(left_out),
        )
        uncovered = tuple(region.ordinal for region in cut if not ranked[region.ordinal])
        uncovered_px = sum(cut[ordinal].area_px for ordinal in uncovered)
        if uncovered_px * 10_000 > UNCOVERED_BP * asked.layout.labels.size:
            return Clashing(refused) if refused is not None else Short(cut, uncovered, uncovered_px)

        photos = sorted({one.photo_sha256: one.photo_id for row in ranked for one in row}.items())
        rights = rights_of(session, [photo_id for _, photo_id in photos], at=terms.at)
        answers = clear_photos(terms, "synthesize", rights, without=without_grants)
        dirty = {photo for photo, answer in answers.items() if not isinstance(answer, Cleared)}
        if dirty:
            left_out |= dirty
            continue
        relied = {photo: answer.grant_id for photo, answer in answers.items() if isinstance(answer, Cleared)}
        pictures = _pictures(session, asked, cut, ranked, [photo_id for _, photo_id in photos])
        clash = None
        for picture in pictures:
            photo_px = _photo_px(picture, cut, ranked)
            answer = clear_set(terms, [relied_on(rights, photo, relied[photo]) for photo in sorted(photo_px)])
            if isinstance(answer, SetRefused):
                clash = refused = answer
                left_out |= _to_leave(answer, photo_px, relied)
                break
        if clash is None:
            used = {photo for picture in pictures for photo in _photo_px(picture, cut, ranked)}
            return Plan(
                regions=cut,
                pictures=pictures,
                photo_of={one.segment_id: one.photo_id for row in ranked for one in row},
                relied={photo: relied[photo] for photo in used},
                rights=rights,
                uncovered_px=uncovered_px,
            )
    return Clashing(refused or SetRefused(frozenset(), ()))


def picture_seed(seed: int, index: int) -> int:
    """The seed of one picture of a request: below 2^53, so that JSON keeps it exactly."""
    return int(np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)[0] >> np.uint64(11))


def _pictures(
    session: Session,
    asked: Asked,
    cut: Sequence[Region],
    ranked: Sequence[Sequence[Ranked]],
    photos: Sequence[UUID],
) -> tuple[Chosen, ...]:
    number = {photo_id: place for place, photo_id in enumerate(photos)}
    looks = {
        number[photo.id]: PhotoLook(
            np.frombuffer(photo.scene_context, dtype=np.uint8).reshape(16, 16),
            np.array(photo.lab_mean),
            np.array(photo.lab_std),
        )
        for photo in session.scalars(select(Photo).where(Photo.id.in_(photos)))
    }
    candidates = [
        [Candidate(one.segment_id, number[one.photo_id], one.im, one.um, one.ic, one.uc) for one in row]
        for row in ranked
    ]
    # All pictures are chosen, so that a later attempt gives each index its own anchor again.
    variations = choose(
        [region.area_px for region in cut],
        candidates,
        scene_context(asked.layout.labels),
        looks,
        variations=max(asked.variations) + 1,
        rng=np.random.Generator(np.random.Philox(asked.seed)),
    )
    pictures = []
    for index in asked.variations:
        variation = variations[index]
        taken = {
            row[pick].photo for row, pick in zip(candidates, variation.picks, strict=True) if pick is not None
        }
        pictures.append(
            Chosen(
                index=index,
                seed=picture_seed(asked.seed, index),
                anchor=None if variation.anchor is None else photos[variation.anchor],
                picks=tuple(
                    _picks(row, pick, taken) for row, pick in zip(candidates, variation.picks, strict=True)
                ),
            )
        )
    return tuple(pictures)


def _picks(row: Sequence[Candidate], pick: int | None, taken: set[int]) -> tuple[int, ...]:
    """The pick, then what may fill its holes: the next best of photos in the picture already."""
    if pick is None:
        return ()
    others = [one.segment for place, one in enumerate(row) if place != pick and one.photo in taken]
    return (row[pick].segment, *others[:SECONDS])


def _photo_px(picture: Chosen, cut: Sequence[Region], ranked: Sequence[Sequence[Ranked]]) -> dict[UUID, int]:
    """Canvas area by photo as picked; photos that only stand by for holes count nothing, but are in it."""
    photo_of = {one.segment_id: one.photo_id for row in ranked for one in row}
    area_px: Counter[UUID] = Counter()
    for region, picks in zip(cut, picture.picks, strict=True):
        for place, segment in enumerate(picks):
            area_px[photo_of[segment]] += region.area_px if place == 0 else 0
    return dict(area_px)


def _to_leave(clash: SetRefused, photo_px: Mapping[UUID, int], relied: Mapping[UUID, UUID]) -> set[UUID]:
    """The photos of the clash's weaker side; of a clash among many, the photos of the smallest grant."""
    by_grant: Counter[UUID] = Counter()
    for photo, area_px in photo_px.items():
        by_grant[relied[photo]] += area_px
    blamed = [grant for pair in clash.pairs for grant in (pair.first, pair.second) if grant is not None]
    loser = min(blamed or list(by_grant), key=lambda grant: (by_grant[grant], str(grant)))
    return {photo for photo in photo_px if relied[photo] == loser}
