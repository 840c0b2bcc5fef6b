"""Which segments to order for each picture: ranked, chosen together, cleared again by the engine."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

import numpy as np
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from bankd import retrieval
from bankd.audit import log
from bankd.catalog.models import Photo
from bankd.catalog.taxonomy import Taxonomy
from bankd.policy.awaiting import waivable
from bankd.policy.clearing import Rights, Terms, clear_photos, rights_of
from bankd.policy.engine import Cleared, Offer
from bankd.policy.filters import filter_for
from bankd.retrieval import Ranked
from bankd.signoffs import standing
from bankd.synthesis import products as declared
from bankd.synthesis.clearing import Apart, SetRefused, clear_set, relied_on, stand_together
from synth.layout import Layout, Region, regions
from synth.retrieval.coherence import Candidate, PhotoLook, choose
from synth.retrieval.descriptors import Descriptors, describe, scene_context

CANDIDATES = 50  # kept per region for the choice of sources
SECONDS = 2  # further candidates ordered per region, for holes
UNCOVERED_BP = 1000  # of the frame, in hundredths of a percent: above it `blend` refuses
MADE_UP_BP = 5000  # above it a picture would be a network's rather than the bank's
ROUNDS = 20  # choices tried while photos that clash are left out


@dataclass(frozen=True)
class Asked:
    """What the plan is for."""

    layout: Layout
    frame: Literal["scene", "box"]
    variations: tuple[int, ...]  # the indexes still wanted
    seed: int
    makes_up: bool = False  # the refiner can make by itself what nothing clears for
    products: Mapping[int, str] = field(default_factory=dict)  # region -> the product that it is declared as


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
    relied: Mapping[UUID, UUID]  # photo -> grant, for all of the pictures
    rights: Rights  # of grants that may be relied on
    offered: Mapping[UUID, Sequence[Offer]]  # by photo all of its grants
    full: frozenset[UUID]  # grants that may not be relied on for any photo
    uncovered_px: int  # of regions for which nothing clears
    epoch: int  # the log index before which every change of rights was seen

    def photo_px(self, picture: Chosen) -> dict[UUID, int]:
        return _photo_px(picture, self.regions, self.photo_of)


@dataclass(frozen=True)
class Short:
    """The bank cannot serve: regions without a cleared segment cover too much of the frame."""

    regions: tuple[Region, ...]
    uncovered: tuple[int, ...]  # their ordinals
    uncovered_px: int
    left_out: frozenset[UUID]  # photos that ranking would have offered


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
    without: frozenset[tuple[UUID, UUID]] = frozenset(),
    without_grants: frozenset[UUID] = frozenset(),
) -> Plan | Short | Clashing:
    """Choose sources for every picture asked for.

    Ranking sees cleared rows only; what is chosen of them is asked again of the
    engine. What it refuses is left out and the choice made anew, with the engine
    asked about all that was ranked: a filter that was wrong once is not asked
    photo by photo where else it is. Where a set does not clear on any grants
    of its photos, the photos of the clash with less canvas area are left out;
    a grant that loses a second time is left out altogether.

    Args:
        without: (photo, grant) that may not be relied on: refused at an earlier seal.
        without_grants: grants with no place left under their cap.
    """
    epoch = log.epoch(session)
    cut = tuple(regions(asked.layout, taxonomy.thin))
    query = describe(asked.layout.labels, cut, asked.frame)
    left_out: set[UUID] = set()
    no_grants = set(without_grants)
    lost: set[UUID] = set()
    refused: SetRefused | None = None
    ask_of_all = bool(without)
    for _ in range(ROUNDS):
        ranked = _ranked(
            session,
            terms,
            cut,
            query,
            products=asked.products,
            without=frozenset(left_out),
            no_grants=frozenset(no_grants),
        )
        uncovered = tuple(region.ordinal for region in cut if not ranked[region.ordinal])
        uncovered_px = sum(cut[ordinal].area_px for ordinal in uncovered)
        most_bp = MADE_UP_BP if asked.makes_up else UNCOVERED_BP
        # Of a product nothing is made up, however small its region.
        if uncovered_px * 10_000 > most_bp * asked.layout.labels.size or asked.products.keys() & {*uncovered}:
            if refused is not None:
                return Clashing(refused)
            return Short(cut, uncovered, uncovered_px, frozenset(left_out))

        photos = sorted({one.photo_sha256: one.photo_id for row in ranked for one in row}.items())
        photo_of = {one.segment_id: one.photo_id for row in ranked for one in row}
        pictures = _pictures(session, asked, cut, ranked, [photo_id for _, photo_id in photos])
        if foreign := _foreign(session, asked, pictures):  # as the filter said, and the records do not
            left_out |= declared.photos_of(foreign, photo_of)
            continue
        areas = [_photo_px(picture, cut, photo_of) for picture in pictures]
        used = {photo for area in areas for photo in area}
        asked_of = [photo_id for _, photo_id in photos if ask_of_all or photo_id in used]
        offered = rights_of(session, asked_of, at=terms.at)
        rights = _less(offered, without)
        answers = clear_photos(terms, "synthesize", rights, without=frozenset(no_grants))
        preferred = {p: answer.grant_id for p, answer in answers.items() if isinstance(answer, Cleared)}
        if dirty := answers.keys() - preferred.keys():
            left_out |= dirty
            ask_of_all = True  # the next choice too would mostly be of what is refused
            continue
        relied = stand_together(terms, rights, preferred, areas, without=frozenset(no_grants))
        if isinstance(relied, Apart):
            refused = relied.refused
            left_out |= relied.photos
            if relied.loser in lost:
                no_grants.add(relied.loser)
            lost.add(relied.loser)
            continue
        return Plan(
            regions=cut,
            pictures=pictures,
            photo_of=photo_of,
            relied={photo: relied[photo] for photo in used},
            rights=rights,
            offered=offered.offers,
            full=frozenset(no_grants),
            uncovered_px=uncovered_px,
            epoch=epoch,
        )
    if refused is not None:
        return Clashing(refused)
    return Short(cut, tuple(region.ordinal for region in cut), asked.layout.labels.size, frozenset(left_out))


def still_clears(session: Session, plan: Plan, *, terms: Terms, held: frozenset[UUID], at: datetime) -> bool:
    """Whether a plan's photos and sets clear now, on the very grants that it relies on.

    Args:
        held: grants on which places are held for it.
    """
    rights = rights_of(session, plan.relied, at=at, reserved=held)
    answers = clear_photos(terms, "synthesize", rights, only=plan.relied)
    if not all(isinstance(answers.get(photo), Cleared) for photo in plan.relied):
        return False
    areas = [plan.photo_px(picture) for picture in plan.pictures]
    return all(
        not isinstance(
            clear_set(
                terms, [relied_on(rights, p, plan.relied[p]) for p in sorted(area)], photos=area.keys()
            ),
            SetRefused,
        )
        for area in areas
    )


def _ranked(
    session: Session,
    terms: Terms,
    cut: Sequence[Region],
    query: Descriptors,
    *,
    products: Mapping[int, str],
    without: frozenset[UUID],
    no_grants: frozenset[UUID],
) -> list[list[Ranked]]:
    """Candidates for each region, for one of a product only what is recorded as it.

    What clears by itself goes first: only where nothing does are those looked for that people signed for.
    """
    groups: dict[str | None, list[int]] = {}
    for region in cut:
        groups.setdefault(products.get(region.ordinal), []).append(region.ordinal)

    def rank(aside: frozenset[str], within: ColumnElement[bool] | None) -> list[list[Ranked]]:
        cleared = filter_for(terms.bundle, "synthesize", terms.use, aside=aside)
        rows: list[list[Ranked]] = [[] for _ in cut]
        for sku, ordinals in groups.items():
            found = retrieval.rank(
                session,
                cleared,
                [cut[ordinal].category for ordinal in ordinals],
                query if len(ordinals) == len(cut) else query.take(np.array(ordinals)),
                k=CANDIDATES,
                at=terms.at,
                without=without,
                without_grants=no_grants,
                within=within if sku is None else declared.within(sku, within),
            )
            for ordinal, row in zip(ordinals, found, strict=True):
                rows[ordinal] = row
        return rows

    ranked = rank(frozenset(), None)
    aside = terms.signed.of(waivable(terms.bundle, "synthesize"))
    if not aside or all(ranked):
        return ranked
    signed = rank(aside, None if terms.signed.everywhere else standing.within(terms.signed))
    return [row or other for row, other in zip(ranked, signed, strict=True)]


def _foreign(session: Session, asked: Asked, pictures: Sequence[Chosen]) -> frozenset[int]:
    """What was chosen for regions of products and is not recorded as them."""
    if not asked.products:
        return frozenset()
    chosen = {s for picture in pictures for ordinal in asked.products for s in picture.picks[ordinal]}
    product_of = declared.recorded(session, chosen)
    return frozenset[int]().union(
        *(declared.not_recorded(asked.products, picture.picks, product_of) for picture in pictures)
    )


def _less(rights: Rights, without: frozenset[tuple[UUID, UUID]]) -> Rights:
    if not without:
        return rights
    offers = {
        photo: [offer for offer in offers if (photo, offer.grant_id) not in without]
        for photo, offers in rights.offers.items()
    }
    return Rights(offers, rights.terms)


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


def _photo_px(picture: Chosen, cut: Sequence[Region], photo_of: Mapping[int, UUID]) -> dict[UUID, int]:
    """Canvas area by photo as picked; photos that only stand by for holes count nothing, but are in it."""
    area_px: Counter[UUID] = Counter()
    for region, picks in zip(cut, picture.picks, strict=True):
        for place, segment in enumerate(picks):
            area_px[photo_of[segment]] += region.area_px if place == 0 else 0
    return dict(area_px)
