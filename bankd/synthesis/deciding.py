"""A look at one picture's rights, at its seal or a handout, written so that it can be made again.

As of a request's clearance, facts and answer are kept apart: whoever has the
facts and the bundle comes to the same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID, uuid4

from bankd.licensing.terms import GrantFacts
from bankd.licensing.vocabulary import Action
from bankd.policy import engine
from bankd.policy.clearing import Rights, Terms, clear_photos
from bankd.policy.engine import Cleared, Offer
from bankd.policy.facts import NOTHING_KNOWN
from bankd.policy.load import NO_GRANT
from bankd.synthesis import recording
from bankd.synthesis.clearing import SetRefused, clear_set, relied_on
from bankd.synthesis.models import Decision


@dataclass(frozen=True)
class Arrangement:
    """The photo whose arrangement a picture has, on the grant that is asked; without facts it has none."""

    photo_id: UUID
    grant_id: UUID
    action: Action
    facts: GrantFacts | None


@dataclass(frozen=True)
class Look:
    """What was asked of one picture: each source on the grant relied on, its arrangement, then the set.

    `full`: reasons of caps that had no place left, which are counted and not decided.
    """

    action: Action
    terms: Terms
    rights: Rights
    relied: Mapping[UUID, UUID]
    layout: Arrangement | None = None
    full: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Decided:
    """A look as it is kept, before it has a row: the log's entry names `words`."""

    id: UUID
    look: Look
    facts: dict[str, Any]
    answer_sha256: str

    @classmethod
    def of(cls, look: Look) -> Self:
        return cls(uuid4(), look, facts(look), recording.digest(answer(look)))

    @property
    def words(self) -> dict[str, Any]:
        return {"decision": self.id, "facts": recording.digest(self.facts), "answer": self.answer_sha256}

    def row(
        self, kind: str, composite_id: UUID, *, handout_id: UUID | None = None, epoch: int, at: datetime
    ) -> Decision:
        return Decision(
            id=self.id,
            kind=kind,
            composite_id=composite_id,
            handout_id=handout_id,
            at=at,
            epoch=epoch,
            bundle_digest=self.look.terms.bundle.digest,
            facts=self.facts,
            answer_sha256=self.answer_sha256,
        )


def facts(look: Look) -> dict[str, Any]:
    """What it is decided on, in JSON's types."""
    terms = look.terms
    offering = {photo: offers for photo, offers in look.rights.offers.items() if offers}
    return {
        "v": recording.VERSION,
        "action": look.action,
        "use": terms.use.as_json(),
        "photos": {
            str(photo): recording.photo_facts(offers, {look.relied[photo]})
            for photo, offers in offering.items()
        },
        "relied": {str(photo): str(grant) for photo, grant in look.relied.items()},
        "full": sorted(look.full),
        **({"signed": signed} if (signed := terms.signed.as_json()) else {}),
        **({"pictured": terms.pictured.as_json()} if terms.pictured != NOTHING_KNOWN else {}),
        **({} if look.layout is None else {"layout": _layout(look.layout)}),
    }


def answer(look: Look) -> dict[str, Any]:
    """What comes of it: who denies each photo, the arrangement and the set; nobody: it cleared."""
    terms = look.terms
    offers = {photo: _only(look, photo) for photo in look.relied}
    asked = Rights(offers, look.rights.terms)
    answers = clear_photos(terms, look.action, asked, only=look.relied)
    photos = {
        str(photo): [] if isinstance(found, Cleared) else sorted(found.reasons)
        for photo, found in answers.items()
    }
    layout = [] if look.layout is None else _denied(look.layout, terms)
    together: list[str] = []
    if not layout and not any(photos.values()):
        relied = [relied_on(asked, photo, grant) for photo, grant in sorted(look.relied.items())]
        met = clear_set(terms, relied, photos=look.relied.keys())
        together = sorted(met.reasons) if isinstance(met, SetRefused) else []
    return {
        "v": recording.VERSION,
        "photos": photos,
        "layout": layout,
        "set": together,
        "full": sorted(look.full),
    }


def _only(look: Look, photo: UUID) -> Sequence[Offer]:
    return [one for one in look.rights.offers.get(photo, ()) if one.grant_id == look.relied[photo]]


def _denied(layout: Arrangement, terms: Terms) -> list[str]:
    if layout.facts is None:
        return [NO_GRANT]
    (decision,) = engine.decide_many(terms.bundle, layout.action, [layout.facts], terms.use)
    return [] if decision.allowed else sorted(decision.policies)


def _layout(layout: Arrangement) -> dict[str, Any]:
    return {
        "photo": str(layout.photo_id),
        "grant": str(layout.grant_id),
        "action": layout.action,
        "facts": None if layout.facts is None else layout.facts.as_json(),
    }
