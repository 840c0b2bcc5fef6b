"""What past decisions were made on, read back as it was, and how each came out when it was made again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.catalog.models import Photo
from bankd.licensing.models import Grant, RightsProfile
from bankd.licensing.terms import GrantFacts
from bankd.policy.clearing import Rights
from bankd.policy.engine import Offer

Of = Literal["request", "seal", "handout", "handout-refused"]
Outcome = Literal["same", "differs", "altered", "erased", "not-kept"]


@dataclass(frozen=True)
class Replay:
    """What came of making a clearance again, of a request or of one picture.

    `same`: the answer's bytes are those of then. `differs`: they are not. `altered`: the facts are not those
    that the log committed to, and nothing was decided. `erased`: a photo was, or the log's words about it.
    `not-kept`: the facts were not.

    `clearance_id` of a picture is its decision's, else the composite's or handout's own.
    """

    clearance_id: UUID
    at: datetime
    bundle: str | None  # None: it is not known any more
    log_index: int | None
    outcome: Outcome
    says: str
    photos: int
    recorded_sha256: str | None  # of the answer then
    replayed_sha256: str | None  # of the answer now; None where nothing was decided
    erased: tuple[UUID, ...] = ()
    differing: tuple[UUID, ...] = ()  # photos that rely on another grant now, or on none
    of: Of = "request"
    composite_id: UUID | None = None


def rights(session: Session, facts: Mapping[str, Any]) -> Rights | None:
    """What each photo offered then; None if a profile or grant is not there any more."""
    photos: Mapping[str, Any] = facts["photos"]
    profiles = {
        profile.digest: profile.facts
        for profile in session.scalars(
            select(RightsProfile).where(
                RightsProfile.digest.in_({photo["profile"] for photo in photos.values()})
            )
        )
    }
    grant_ids = {UUID(grant["grant"]) for photo in photos.values() for grant in photo["grants"]}
    terms = {grant.id: grant.terms for grant in session.scalars(select(Grant).where(Grant.id.in_(grant_ids)))}
    if terms.keys() != grant_ids or {photo["profile"] for photo in photos.values()} != profiles.keys():
        return None
    offers = {UUID(id): _offers(photo, profiles[photo["profile"]]) for id, photo in photos.items()}
    return Rights(offers, terms)


def _offers(photo: Mapping[str, Any], documents: Sequence[Mapping[str, Any]]) -> list[Offer]:
    offers = []
    for document, grant in zip(documents, photo["grants"], strict=True):
        if not grant["asked"]:
            continue
        facts = GrantFacts.model_validate({**document, **grant["of_the_day"]})
        offers.append(
            Offer(
                grant_id=UUID(grant["grant"]),
                facts=facts,
                basis=facts.basis,
                capped=grant["capped"],
                fee_minor=grant["fee_minor"],
            )
        )
    return offers


def erased(session: Session, photo_ids: Sequence[UUID]) -> dict[UUID, date]:
    """Photos that were erased, with the day. Their rows stay, as what was erased."""
    rows = session.execute(select(Photo.id, Photo.erased_at).where(Photo.id.in_(photo_ids)))
    return {photo_id: erased_at.date() for photo_id, erased_at in rows if erased_at is not None}
