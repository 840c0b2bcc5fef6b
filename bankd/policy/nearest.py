"""The nearest use that clears: less of what was asked for, never another story about it.

A closed set of honest changes: fewer territories, a geo-block, fewer channels, a later first day or
an earlier last one, fewer copies, no flip. What a person declares about himself and his picture
(purpose, audience, subjects, sector, brand, licensee, beneficiaries) is never changed: that would be to coach
a false declaration. Nor are the alterations that the pipeline does in every picture. What is found was
asked of whoever decides (`clears`); nothing here knows a rule.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from typing import Literal

from bankd.licensing.use import Use
from bankd.licensing.vocabulary import WORLD

Clears = Callable[[Use], bool]
Dimension = Literal["territories", "geo-block", "channels", "from", "until", "copies", "flip"]

TRIED_ATOMS = 12  # territories that are tried one by one
SINGLE_USES = 64  # smallest uses that are tried where no change alone clears
ONLY_BY_CHOICE = "flip"
"""The one alteration that no picture needs: it is made only where the use says so."""


@dataclass(frozen=True)
class Change:
    """One way in which a use is less than the one declared. `values`: what is left out, or the new bound."""

    dimension: Dimension
    values: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        match self.dimension:
            case "territories" | "channels":
                return f"without {_listed(self.values)}"
            case "geo-block":
                return "seen only where it is aimed at (a geo-block)"
            case "copies":
                return f"with at most {self.values[0]} copies" if self.values else "with fewer copies"
            case "flip":
                return "without flipping"
            case bound:
                return f"{bound} {self.values[0]}"


@dataclass(frozen=True)
class Nearest:
    """A use that clears, and how it differs from the one declared."""

    use: Use
    changes: tuple[Change, ...]

    @property
    def says(self) -> str:
        return ", ".join(change.says for change in self.changes)


def nearest(use: Use, clears: Clears) -> list[Nearest]:
    """Uses that clear: each by one change alone; where none does, one use by several, of which nothing
    can be added back. Empty where no honest change clears."""
    kept = _Asked(clears)
    alone = [changed for grow in DIMENSIONS if (changed := grow(use, use, kept)) is not None]
    found = [changed for changed in alone if changed != use]
    if found:
        return [Nearest(one, changes(use, one)) for one in found]
    smallest = next((one for one in _smallest(use) if kept(one)), None)
    if smallest is None:
        return []
    grown = smallest
    for grow in DIMENSIONS:
        grown = grow(use, grown, kept) or grown
    return [Nearest(grown, changes(use, grown))]


def changes(declared: Use, changed: Use) -> tuple[Change, ...]:
    """How the second is less than the first, in words."""
    found: list[Change] = []
    if left_out := declared.targeted - changed.targeted:
        found.append(Change("territories", tuple(sorted(left_out))))
    if declared.accessible - changed.accessible - left_out:
        found.append(Change("geo-block"))
    if off := declared.channels - changed.channels:
        found.append(Change("channels", tuple(sorted(off))))
    if changed.starts_on != declared.starts_on:
        found.append(Change("from", (changed.starts_on.isoformat(),)))
    if changed.ends_on != declared.ends_on:
        found.append(Change("until", (changed.ends_on.isoformat(),)))
    if changed.copies != declared.copies:
        found.append(Change("copies", (str(changed.copies),)))
    if changed.alterations != declared.alterations:
        found.append(Change("flip"))
    return tuple(found)


class _Asked:
    """`clears`, asked once of each use."""

    def __init__(self, clears: Clears) -> None:
        self._clears = clears
        self._known: dict[Use, bool] = {}

    def __call__(self, use: Use) -> bool:
        if use not in self._known:
            self._known[use] = self._clears(use)
        return self._known[use]


# Each takes the use as declared and one that is less, and gives back the most of its own dimension with
# which that one clears; None where it clears with nothing of it. What clears for more is taken to clear for
# less when looking, and what is found has been asked about in any case.


def _territories(declared: Use, other: Use, clears: Clears) -> Use | None:
    if len(declared.targeted) > TRIED_ATOMS:
        return other if clears(other) else None
    return _most(sorted(declared.targeted), lambda kept: _aimed(declared, other, kept), clears)


def _geo_block(declared: Use, other: Use, clears: Clears) -> Use | None:
    wide = declared.accessible - (declared.targeted - other.targeted)
    for accessible in (wide or other.targeted, other.targeted):
        if clears(one := other.model_copy(update={"accessible": accessible})):
            return one
    return None


def _channels(declared: Use, other: Use, clears: Clears) -> Use | None:
    return _most(
        sorted(declared.channels),
        lambda kept: other.model_copy(update={"channels": frozenset(kept)}),
        clears,
    )


def _until(declared: Use, other: Use, clears: Clears) -> Use | None:
    def with_days(days: int) -> Use:
        return other.model_copy(update={"ends_on": other.starts_on + timedelta(days=days)})

    return _longest(with_days, (declared.ends_on - other.starts_on).days, clears)


def _from(declared: Use, other: Use, clears: Clears) -> Use | None:
    def with_days(days: int) -> Use:
        return other.model_copy(update={"starts_on": other.ends_on - timedelta(days=days)})

    return _longest(with_days, (other.ends_on - declared.starts_on).days, clears)


def _copies(declared: Use, other: Use, clears: Clears) -> Use | None:
    if declared.copies <= 1:
        return other if clears(other) else None

    def with_copies(more: int) -> Use:
        return other.model_copy(update={"copies": 1 + more})

    return _longest(with_copies, declared.copies - 1, clears)


def _flip(declared: Use, other: Use, clears: Clears) -> Use | None:
    for alterations in (declared.alterations, declared.alterations - {ONLY_BY_CHOICE}):
        if clears(one := other.model_copy(update={"alterations": alterations})):
            return one
    return None


DIMENSIONS = (_flip, _until, _from, _geo_block, _territories, _channels, _copies)


def _most(atoms: Sequence[str], with_kept: Callable[[Iterable[str]], Use], clears: Clears) -> Use | None:
    """As many of the atoms as clear together: all, or all but one, or those that clear alone one by one."""
    without = [[other for other in atoms if other != atom] for atom in atoms] if len(atoms) > 1 else []
    for kept in ([*atoms], *without):
        if clears(one := with_kept(kept)):
            return one
    found: list[str] = []
    for atom in atoms:
        if clears(with_kept([atom])) and clears(with_kept([*found, atom])):
            found.append(atom)
    return with_kept(found) if found else None


def _longest(with_length: Callable[[int], Use], most: int, clears: Clears) -> Use | None:
    """The greatest length, from 0, that clears, taking it that a shorter one clears where a longer does."""
    if clears(whole := with_length(most)):
        return whole
    if most == 0 or not clears(with_length(0)):
        return None
    low, high = 0, most  # clears, does not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if clears(with_length(middle)) else (low, middle)
    return with_length(low)


def _aimed(declared: Use, other: Use, kept: Iterable[str]) -> Use:
    """Aimed at some of the territories. Where it could be seen shrinks with it, unless that is the world."""
    targeted = frozenset(kept)
    left_out = declared.targeted - targeted
    if WORLD in declared.accessible and WORLD in other.accessible:
        accessible = other.accessible
    else:
        accessible = (other.accessible | targeted) - left_out if other.accessible else targeted
    return other.model_copy(update={"targeted": targeted, "accessible": accessible})


def _smallest(use: Use) -> list[Use]:
    """Uses in one territory, on one channel, on one day: the first or the last."""
    places = sorted(use.targeted)[:TRIED_ATOMS]
    days: list[date] = sorted({use.starts_on, use.ends_on})
    return [
        use.model_copy(
            update={
                "targeted": frozenset({place}),
                "accessible": frozenset({place}),
                "channels": frozenset({channel}),
                "starts_on": day,
                "ends_on": day,
                "copies": min(use.copies, 1),
                "alterations": use.alterations - {ONLY_BY_CHOICE},
            }
        )
        for place, channel, day in product(places, sorted(use.channels), days)
    ][:SINGLE_USES]


def _listed(values: Sequence[str]) -> str:
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} and {values[-1]}"
