"""Who is seen in a photo, who of them is covered by a release, and when somebody comes of age. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

MAJORITY = {
    **dict.fromkeys(("AU", "CN", "DE", "ES", "FR", "GB", "IT", "JP", "TW"), 18),
    "KR": 19,
}
LATEST_MAJORITY = 21
"""Where the law of majority is not listed: the latest that is common."""


@dataclass(frozen=True)
class PersonSegment:
    """A segment that the label map says is a person. Without an instance map it stands for itself."""

    ordinal: int
    instance: int | None


@dataclass(frozen=True)
class Cover:
    """What of a photo one release covers.

    `whole`: every person in it. Named segments or instances: those. Nothing
    named: the one person, where the photo shows no more than one.
    """

    whole: bool = False
    segments: frozenset[int] = frozenset()
    instances: frozenset[int] = frozenset()

    @property
    def names(self) -> bool:
        return bool(self.segments or self.instances)

    def as_json(self) -> dict[str, object]:
        return {
            "whole": self.whole,
            "segments": sorted(self.segments),
            "instances": sorted(self.instances),
        }


WHOM_UNSAID = Cover()


def majority_on(born_on: date, territory: str) -> date:
    """The first day of full age. Who was born on a leap day comes of age on 1 March in other years."""
    years = MAJORITY.get(territory, LATEST_MAJORITY)
    try:
        return born_on.replace(year=born_on.year + years)
    except ValueError:
        return date(born_on.year + years, 3, 1)


def uncovered(segments: Sequence[PersonSegment], *, strays: int, covers: Iterable[Cover]) -> int:
    """How many persons of a photo that shows some are covered by no release.

    Segments with one instance are one person; each other segment is one; so is
    each face that was flagged outside of all of them (`strays`), which no release can name. A
    photo that is said to show persons shows one at least.
    """
    covers = list(covers)
    if any(cover.whole for cover in covers):
        return 0
    persons: dict[tuple[str, int], set[int]] = {}
    for segment in segments:
        key = ("segment", segment.ordinal) if segment.instance is None else ("instance", segment.instance)
        persons.setdefault(key, set()).add(segment.ordinal)
    count = max(len(persons) + strays, 1)
    if count == 1 and any(not cover.names for cover in covers):
        return 0
    named = frozenset[int]().union(*(cover.segments for cover in covers))
    instances = frozenset[int]().union(*(cover.instances for cover in covers))
    covered = sum(
        ordinals <= named or (kind == "instance" and number in instances)
        for (kind, number), ordinals in persons.items()
    )
    return count - covered
