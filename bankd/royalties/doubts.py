"""Why what was earned is held: what stands against its agreement or its photo. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

PHOTO_DISPUTED = "photo-disputed"
COURT_ORDER = "court-order"
CLAIM = "claim"
VOID = "void-from-start"
HOLD = "deny-hold"
PAYEE_UNKNOWN = "payee-unknown"
REASONS = (PHOTO_DISPUTED, COURT_ORDER, CLAIM, VOID, HOLD, PAYEE_UNKNOWN)
"""Of several the first is told: an amount is held once."""


@dataclass(frozen=True)
class Doubt:
    """One withdrawal or hold that money waits for. `photos` are those that it is about, if it is of any."""

    reason: str
    subject: str
    subject_id: UUID | None
    photos: frozenset[UUID] = frozenset()


@dataclass(frozen=True)
class Doubts:
    """All that money waits for, found by what an entry names."""

    by_agreement: Mapping[UUID, str] = field(default_factory=dict)
    by_photo: Mapping[UUID, str] = field(default_factory=dict)

    def reason(self, *agreements: UUID, photo: UUID | None) -> str | None:
        """The first reason against any of an entry's licensor, license and grant, or its photo; or None.

        What is owed once is of no photo: it waits for its agreement alone.
        """
        found = [self.by_agreement[one] for one in agreements if one in self.by_agreement]
        if photo is not None and photo in self.by_photo:
            found.append(self.by_photo[photo])
        return min(found, key=REASONS.index, default=None)


def gathered(doubts: Iterable[Doubt]) -> Doubts:
    by_agreement: dict[UUID, str] = {}
    by_photo: dict[UUID, str] = {}
    for one in sorted(doubts, key=lambda one: REASONS.index(one.reason)):
        for photo in one.photos:
            by_photo.setdefault(photo, one.reason)
        if not one.photos and one.subject_id is not None:
            by_agreement.setdefault(one.subject_id, one.reason)
    return Doubts(by_agreement, by_photo)


def stands(since: datetime, over: datetime | None, *, at: datetime, until: datetime | None = None) -> bool:
    """Whether a doubt counts at a moment, or did at the end of the period that is stated.

    What was settled after the period is settled in the next one, together with the entries that it made.
    """
    return since <= at and (over is None or over > at or (until is not None and over >= until))
