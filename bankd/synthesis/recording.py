"""What a clearance was decided on, and the answer that follows from it, written so that both can be kept.

Rights profiles never change, so of each photo its profile's digest is enough, with what stood
against its grants at that moment; of the use, the facts that policy saw. The answer is worked out
from these alone: whoever has them and the bundle comes to the same bytes.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import rfc8785
from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.licensing.facts import profile_digest
from bankd.licensing.models import RightsProfile
from bankd.licensing.terms import MUTABLE, GrantFacts
from bankd.policy import engine
from bankd.policy.clearing import Adapted, Rights, Terms, clear_photos
from bankd.policy.engine import Cleared, Offer
from bankd.policy.facts import NOTHING_KNOWN
from bankd.synthesis.clearing import Apart, SetRefused, clear_set, relied_on, stand_together
from bankd.synthesis.models import Clearance
from bankd.synthesis.plan import Plan
from bankd.synthesis.shortfall import Looked, told

VERSION = 1
NO_DAYS = GrantFacts.model_fields.keys() - MUTABLE


def record(plan: Plan, terms: Terms) -> dict[str, Any]:
    """The facts of a plan's decision, in JSON's types."""
    return {
        "v": VERSION,
        "action": "synthesize",
        "use": terms.use.as_json(),
        "photos": {
            str(photo): photo_facts(
                plan.offered[photo], {offer.grant_id for offer in plan.rights.offers[photo]}
            )
            for photo in plan.relied
        },
        "full": sorted(str(grant) for grant in plan.full if grant in plan.rights.terms),
        **({"signed": signed} if (signed := terms.signed.as_json()) else {}),
        **({"layout": _layout(terms.adapted)} if terms.adapted is not None else {}),
        **({"pictured": terms.pictured.as_json()} if terms.pictured != NOTHING_KNOWN else {}),
        "pictures": [
            {
                "index": picture.index,
                "photos": {str(photo): area_px for photo, area_px in plan.photo_px(picture).items()},
            }
            for picture in plan.pictures
        ],
    }


def _layout(adapted: Adapted) -> dict[str, Any]:
    """The photo whose arrangement the layout is, the grant relied on for that, and its facts then."""
    return {
        "photo": str(adapted.photo_id),
        "grant": str(adapted.grant_id),
        "facts": adapted.facts.as_json(),
    }


def arrangement(facts: Mapping[str, Any] | None) -> tuple[UUID, UUID] | None:
    """Of a clearance's facts, that photo and that grant."""
    layout = (facts or {}).get("layout")
    return None if layout is None else (UUID(layout["photo"]), UUID(layout["grant"]))


def photo_facts(offers: Sequence[Offer], asked: Collection[UUID]) -> dict[str, Any]:
    """A photo's profile, and each of its grants in the order of ordinals with what stood beside its facts."""
    facts = [offer.facts for offer in offers]
    return {
        "profile": profile_digest([each for each in facts if isinstance(each, GrantFacts)]),
        "grants": [
            {
                "grant": str(offer.grant_id),
                "asked": offer.grant_id in asked,
                "capped": offer.capped,
                "fee_minor": offer.fee_minor,
                "of_the_day": {
                    name: value
                    for name, value in offer.facts.as_json_but(NO_DAYS).items()
                    if value not in (None, [])
                },
            }
            for offer in offers
            if isinstance(offer.facts, GrantFacts)
        ],
    }


def answer(
    terms: Terms, rights: Rights, pictures: Sequence[Mapping[UUID, int]], *, full: frozenset[UUID]
) -> dict[str, Any]:
    """What comes of the facts: by photo and grant who denies it, the grant relied on, by picture who
    denies its set. In JSON's types, each list sorted.

    Args:
        rights: grants that may be relied on, of the photos of the pictures.
        pictures: canvas area in pixels by photo.
        full: grants with no place left under their cap.
    """
    offers = [
        (photo, offer)
        for photo in sorted(rights.offers, key=str)
        for offer in rights.offers[photo]
        if offer.grant_id not in full
    ]
    facts = [offer.facts for _, offer in offers]
    denied: dict[UUID, dict[UUID, tuple[str, ...]]] = {photo: {} for photo in rights.offers}
    for (photo, offer), decision in zip(
        offers, engine.decide_many(terms.bundle, "synthesize", facts, terms.use), strict=True
    ):
        denied[photo][offer.grant_id] = decision.policies
    answers = clear_photos(terms, "synthesize", rights, without=full)
    preferred = {photo: found.grant_id for photo, found in answers.items() if isinstance(found, Cleared)}
    relied: Mapping[UUID, UUID] = {}
    sets: list[list[str]] = []
    if preferred.keys() == rights.offers.keys():
        stands = stand_together(terms, rights, preferred, pictures, without=full)
        relied = preferred if isinstance(stands, Apart) else stands
        sets = [_denying_set(terms, rights, relied, photo_px) for photo_px in pictures]
    return {
        "v": VERSION,
        "photos": {
            str(photo): {str(grant): list(policies) for grant, policies in of_photo.items()}
            for photo, of_photo in denied.items()
        },
        "relied": {str(photo): str(grant) for photo, grant in relied.items()},
        "sets": sets,
    }


def _denying_set(
    terms: Terms, rights: Rights, relied: Mapping[UUID, UUID], photo_px: Mapping[UUID, int]
) -> list[str]:
    met = clear_set(
        terms,
        [relied_on(rights, photo, relied[photo]) for photo in sorted(photo_px)],
        photos=photo_px.keys(),
    )
    return sorted(met.reasons) if isinstance(met, SetRefused) else []


def answer_of(plan: Plan, terms: Terms) -> dict[str, Any]:
    """The answer that a plan rests on."""
    used = Rights({photo: plan.rights.offers[photo] for photo in plan.relied}, plan.rights.terms)
    return answer(terms, used, [plan.photo_px(picture) for picture in plan.pictures], full=plan.full)


def refused(session: Session, request_id: UUID, looked: Looked, terms: Terms) -> Clearance:
    """The clearance of a request that the bank is short for: on nothing relied, with what was seen."""
    wanted = {profile for kinds in looked.kinds.values() for profile, _, _ in kinds.asked} - {None}
    profiles = session.execute(
        select(RightsProfile.id, RightsProfile.digest).where(RightsProfile.id.in_(wanted))
    ).all()
    facts = {
        "v": VERSION,
        "action": "synthesize",
        "use": terms.use.as_json(),
        "short": [dict(region) for region in looked.regions],
        "kinds": {
            category: {
                "segments": kinds.segments,
                "exact": dict(kinds.exact),
                "asked": [[profile, sorted(own), count] for profile, own, count in kinds.asked],
                "whole": kinds.whole,
            }
            for category, kinds in looked.kinds.items()
        },
        "profiles_sha256": profiles_sha256(dict(profiles)),
    }
    return Clearance(
        request_id=request_id,
        at=terms.at,
        epoch=log.epoch(session),
        bundle_digest=terms.bundle.digest,
        relied={},
        facts=facts,
        answer_sha256=digest(refusal(looked, terms)),
    )


def refusal(looked: Looked, terms: Terms) -> dict[str, Any]:
    """The answer where the bank is short: regions, and what stands against their segments."""
    return {"v": VERSION, "regions": told(looked, terms)}


def profiles_sha256(digests: Mapping[int, str]) -> str:
    """One hash for many profiles, which are named by their numbers."""
    return hashlib.sha256(rfc8785.dumps([[id, digests[id]] for id in sorted(digests)])).hexdigest()


def digest(document: Mapping[str, Any]) -> str:
    """SHA-256 of the RFC 8785 form."""
    return hashlib.sha256(rfc8785.dumps(dict(document))).hexdigest()
