"""What a use costs under the fees of a grant: whole minor units from whole counts. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from uuid import UUID

from bankd import money
from bankd.licensing.terms import Fee, GrantTerms
from bankd.licensing.vocabulary import Trigger


@dataclass(frozen=True)
class Fed:
    """What photos on one grant fed of a canvas, before refinement."""

    photos: Mapping[UUID, int]  # photo -> pixels, all above zero
    frame_px: int

    @property
    def canvas_px(self) -> int:
        return sum(self.photos.values())


@dataclass(frozen=True)
class Charge:
    """What one fee of a grant comes to for one photo of a use.

    `fee` is the fee's place among `all_fees`. What is owed once is of no photo.
    """

    fee: int
    photo_id: UUID | None
    canvas_px: int
    amount_minor: int


def charge(fee: Fee, units: int, *, before: int = 0, part_px: int, whole_px: int) -> int:
    """What so many uses at once come to.

    It never falls as uses or pixels grow, and what two lots of uses come to
    one after the other is what they come to as one, but for `least_minor`,
    which is owed for each lot, and the one rounding of each `canvas` fee.

    Args:
        units: composites, handouts, publications or copies.
        before: how many came before on the grant, for the tiers.
        part_px, whole_px: what its photos fed, and the whole canvas.
    """
    if units <= 0:
        return 0
    whole = fee.amount_minor if fee.basis == "once" else _priced(fee, before, before + units)
    if fee.basis == "canvas":
        whole = money.rounded(Fraction(whole * part_px, whole_px))
    return max(whole, fee.least_minor)


def charges(terms: GrantTerms, trigger: Trigger, units: int, *, before: int = 0, fed: Fed) -> list[Charge]:
    """What a use owes on a grant, by fee and photo, split by the pixels that each photo fed.

    Photos are in the order of their ids, so a split falls out the same each
    time. A fee owed once comes with every use; it is kept once (see `accrual`).
    """
    photos = sorted(fed.photos, key=str)
    weights = [fed.photos[photo] for photo in photos]
    found = []
    for place, fee in enumerate(terms.all_fees):
        if fee.trigger != trigger or units <= 0:
            continue
        if fee.basis == "once":
            found.append(Charge(place, None, 0, charge(fee, units, part_px=0, whole_px=1)))
            continue
        amount = charge(fee, units, before=before, part_px=fed.canvas_px, whole_px=fed.frame_px)
        parts = money.split(amount, weights)
        found += [Charge(place, *row) for row in zip(photos, weights, parts, strict=True)]
    return found


def _priced(fee: Fee, start: int, stop: int) -> int:
    """The prices of the uses from number `start`, counted from 0, up to, not including, `stop`."""
    bounds: Sequence[tuple[int, int]] = [
        (0, fee.amount_minor),
        *((t.above, t.amount_minor) for t in fee.tiers),
    ]
    ends = [above for above, _ in bounds[1:]] + [stop]
    return sum(
        max(0, min(stop, end) - max(start, above)) * price
        for (above, price), end in zip(bounds, ends, strict=True)
    )
