"""Photos counted by what their grants allow. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bankd.licensing.vocabulary import WORLD
from bankd.reports.kinds.inventory.model import Ending, Right

ENDINGS: tuple[tuple[Ending, timedelta], ...] = (
    ("within-30-days", timedelta(days=30)),
    ("within-90-days", timedelta(days=90)),
    ("within-a-year", timedelta(days=365)),
)
BY_KIND = ("photos", "synthesize", "train")


@dataclass(frozen=True)
class Allowed:
    """One grant of a profile, as far as it is counted."""

    ordinal: int
    basis: str
    purposes: Sequence[str]
    channels: Sequence[str]
    audiences: Sequence[str]
    worldwide: bool
    territories: Sequence[str]
    synthesize: bool
    train: bool
    starts_at: datetime
    ends_at: datetime | None

    def names(self, what: str) -> Iterable[str]:
        if what == "territories":
            return (WORLD,) if self.worldwide else self.territories
        if what == "bases":
            return (self.basis,)
        found: Sequence[str] = getattr(self, what)
        return found


@dataclass
class Tally:
    """Counts by right, filled group by group: photos of one profile with the same grants blocked."""

    at: datetime
    lapsed: int = 0
    in_force: int = 0
    synthesize: int = 0
    train: int = 0
    counts: dict[str, dict[str, Counter[str]]] = field(default_factory=dict)

    def add(self, grants: Iterable[Allowed], photos: int, *, blocked: int) -> None:
        """`blocked` has a bit for each ordinal that may not be relied on."""
        counting = [
            one
            for one in grants
            if not blocked >> one.ordinal & 1
            and one.starts_at <= self.at
            and (one.ends_at is None or one.ends_at > self.at)
        ]
        if not counting:
            self.lapsed += photos
            return
        self.in_force += photos
        self.synthesize += photos * any(one.synthesize for one in counting)
        self.train += photos * any(one.train for one in counting)
        for kind in BY_KIND:
            able = [one for one in counting if kind == "photos" or getattr(one, kind)]
            for what in ("bases", "purposes", "channels", "audiences", "territories"):
                for code in {code for one in able for code in one.names(what)}:
                    self._count(what, code, kind, photos)
            if able:
                self._count("endings", self._ending(able), kind, photos)

    def _ending(self, grants: Sequence[Allowed]) -> Ending:
        ends = [one.ends_at for one in grants]
        if None in ends:
            return "open"
        last = max(end for end in ends if end is not None)
        return next((name for name, span in ENDINGS if last <= self.at + span), "later")

    def _count(self, what: str, code: str, kind: str, photos: int) -> None:
        self.counts.setdefault(what, {}).setdefault(code, Counter())[kind] += photos

    def rights(self, what: str) -> tuple[Right, ...]:
        """The most photos first."""
        found = [
            Right(code=code, **{kind: counted[kind] for kind in BY_KIND})
            for code, counted in self.counts.get(what, {}).items()
        ]
        return tuple(sorted(found, key=lambda right: (-right.photos, right.code)))
