"""Whether photos that clear alone may stand in one picture, and under which license it then stands."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from bankd.policy import awaiting, engine
from bankd.policy.clearing import Adapted, Rights, Terms, clear_photos
from bankd.policy.engine import Cleared
from bankd.policy.facts import set_facts
from bankd.provenance.effective import Clash, EffectiveLicense, Relied, effective

MEET_EMPTY = "meet-empty"


@dataclass(frozen=True)
class SealRefused:
    """Why one picture was not sealed. `photos` are the sources to leave out of another attempt."""

    reasons: frozenset[str]
    photos: frozenset[UUID] = frozenset()
    grants: tuple[UUID, ...] = ()  # of a clash: the pair


@dataclass(frozen=True)
class SetRefused:
    """Grants that clear alone and not together; `pairs` name who clashes with whom, and by which policies."""

    reasons: frozenset[str]
    pairs: tuple[engine.Clash, ...]

    @property
    def grants(self) -> tuple[UUID, ...]:
        """Those of the first clash; empty where no two are to blame."""
        pair = next(iter(self.pairs), None)
        return () if pair is None else tuple(g for g in (pair.first, pair.second) if g is not None)


def relied_on(rights: Rights, photo_id: UUID, grant_id: UUID) -> Relied:
    """The grant as the set of a composite sees it."""
    offer = next(offer for offer in rights.offers[photo_id] if offer.grant_id == grant_id)
    terms = rights.terms[grant_id]
    return Relied(
        grant_id,
        offer.facts,  # type: ignore[arg-type]
        credit=terms.credit,
        sublicense=terms.sublicense,
        indemnity=terms.indemnity,
    )


def clear_set(
    terms: Terms, relied: Sequence[Relied], *, photos: Collection[UUID] = ()
) -> EffectiveLicense | SetRefused:
    """The license of a picture that relies on these, or why they may not stand in one (action `compose`).

    The grant that the picture's arrangement is taken on is one of them.

    Args:
        photos: those of the picture, which people may have signed for.
    """
    relied = _with_adapted(terms, relied)
    met = effective(relied) if relied else None
    decision, _ = _decided(terms, relied, met, photos)
    if decision.allowed and isinstance(met, EffectiveLicense):
        return met
    pairs = engine.clashes(terms.bundle, terms.use, [(one.grant_id, one.facts) for one in relied])
    if isinstance(met, Clash):
        pairs.insert(0, engine.Clash(met.first, met.second, (MEET_EMPTY,)))
    return SetRefused(frozenset(decision.policies) or frozenset({MEET_EMPTY}), tuple(pairs))


def awaited_by_set(terms: Terms, relied: Sequence[Relied], *, photos: Collection[UUID]) -> tuple[str, ...]:
    """The policies that keep a picture waiting for people, and nothing else would keep from being made."""
    relied = _with_adapted(terms, relied)
    return _decided(terms, relied, effective(relied) if relied else None, photos)[1]


def _with_adapted(terms: Terms, relied: Sequence[Relied]) -> Sequence[Relied]:
    """A picture without sources stays one: an arrangement of nothing is none."""
    return [*relied, _arranged(terms.adapted)] if relied and terms.adapted is not None else relied


def _arranged(adapted: Adapted) -> Relied:
    """The grant without what its photo shows: of that nothing is in the picture."""
    unseen = {
        "persons": "none",
        "subjects_shown": frozenset(),
        "brands": frozenset(),
    }
    return Relied(
        adapted.grant_id,
        adapted.facts.model_copy(update=unseen),
        credit=adapted.terms.credit,
        sublicense=adapted.terms.sublicense,
        indemnity=adapted.terms.indemnity,
    )


def _decided(
    terms: Terms, relied: Sequence[Relied], met: EffectiveLicense | Clash | None, photos: Collection[UUID]
) -> tuple[engine.Decision, tuple[str, ...]]:
    facts = set_facts(
        [one.facts for one in relied],
        meet_empty=isinstance(met, Clash),
        use=terms.use,
        pictured=terms.pictured,
    )
    decision = engine.decide_set(terms.bundle, facts, terms.use)
    return awaiting.looked_at_set(
        terms.bundle, facts, terms.use, decision, photos=photos, signed=terms.signed
    )


@dataclass(frozen=True)
class Apart:
    """A picture whose sources cannot stand together on any of their grants.

    `loser` is the weaker grant of the clash, by canvas area; `photos` are
    those of the picture that rely on it.
    """

    refused: SetRefused
    loser: UUID
    photos: frozenset[UUID]


def stand_together(
    terms: Terms,
    rights: Rights,
    preferred: Mapping[UUID, UUID],
    pictures: Sequence[Mapping[UUID, int]],
    *,
    without: frozenset[UUID] = frozenset(),
) -> dict[UUID, UUID] | Apart:
    """The one grant to rely on for each photo, such that the set of every picture clears.

    Each photo starts on its preferred grant. Where a set does not clear, the
    photos of one side of the clash turn, all of them, to the next grant that
    clears them alone: the side with less canvas area if it can, else another.
    A grant once turned away from is not come back to.

    Args:
        preferred: photo -> grant.
        pictures: canvas area in pixels by photo.
        without: grants that may not be relied on.
    """
    relied = dict(preferred)
    turned: frozenset[tuple[UUID, UUID]] = frozenset()
    while True:
        for photo_px in pictures:
            answer = _clear_picture(terms, rights, relied, photo_px)
            if answer is None:
                continue
            sides = _sides(answer, photo_px, relied)
            for grant in sides:
                away = turned | {(photo, grant) for photo in photo_px if relied[photo] == grant}
                others = _others(terms, rights, away, away - turned, without=without)
                if others is not None:
                    turned, relied = away, relied | others
                    break
            else:
                return _apart(terms, rights, preferred, photo_px) or _blamed(answer, photo_px, relied)
            break
        else:
            return relied


def _clear_picture(
    terms: Terms, rights: Rights, relied: Mapping[UUID, UUID], photo_px: Mapping[UUID, int]
) -> SetRefused | None:
    answer = clear_set(
        terms,
        [relied_on(rights, photo, relied[photo]) for photo in sorted(photo_px)],
        photos=photo_px.keys(),
    )
    return answer if isinstance(answer, SetRefused) else None


def _others(
    terms: Terms,
    rights: Rights,
    away: frozenset[tuple[UUID, UUID]],
    wanted: frozenset[tuple[UUID, UUID]],
    *,
    without: frozenset[UUID],
) -> dict[UUID, UUID] | None:
    """Another grant for each photo wanted, none of those turned away from; None if one of them has none."""
    offers = {
        photo: [offer for offer in rights.offers[photo] if (photo, offer.grant_id) not in away]
        for photo, _ in wanted
    }
    answers = clear_photos(terms, "synthesize", Rights(offers, rights.terms), without=without)
    found = {photo: answer.grant_id for photo, answer in answers.items() if isinstance(answer, Cleared)}
    return found if len(found) == len(offers) else None


def _apart(
    terms: Terms, rights: Rights, preferred: Mapping[UUID, UUID], photo_px: Mapping[UUID, int]
) -> Apart | None:
    """The clash as it is before any photo turned; None if the picture clears then."""
    answer = _clear_picture(terms, rights, preferred, photo_px)
    return None if answer is None else _blamed(answer, photo_px, preferred)


def _blamed(refused: SetRefused, photo_px: Mapping[UUID, int], relied: Mapping[UUID, UUID]) -> Apart:
    loser = _sides(refused, photo_px, relied)[0]
    return Apart(refused, loser, frozenset(photo for photo in photo_px if relied[photo] == loser))


def _sides(refused: SetRefused, photo_px: Mapping[UUID, int], relied: Mapping[UUID, UUID]) -> list[UUID]:
    """The grants to blame, or all where no two are to blame, the one with the least canvas area first.

    The grant of the picture's arrangement is never one: no other choice of sources goes without it.
    """
    by_grant: Counter[UUID] = Counter()
    for photo, area_px in photo_px.items():
        by_grant[relied[photo]] += area_px
    blamed = {grant for pair in refused.pairs for grant in (pair.first, pair.second) if grant is not None}
    return sorted(blamed & by_grant.keys() or by_grant, key=lambda grant: (by_grant[grant], str(grant)))
