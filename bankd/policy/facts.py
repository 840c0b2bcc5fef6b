"""Facts as Cedar reads them, and the facts of a set of grants. Plain values only."""

import json
import re
from collections.abc import Collection, Mapping, Sequence, Set
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, computed_field

from bankd.licensing.depicted import brand_atom
from bankd.licensing.terms import LATER_FACTS, GrantFacts, Value
from bankd.licensing.use import UseFacts
from bankd.licensing.vocabulary import ANY, SUBJECTS, Subject

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
USE_MOMENTS = frozenset({"now", "starts_at", "ends_at"})
WHOLE_NUMBERS = range(-(2**63), 2**63)
NUL = r"\u0000"  # as JSON has it

Facts = BaseModel | Mapping[str, object]
"""`GrantFacts`, `SetFacts` or `UseFacts`, or the same as read from JSON and not yet trusted."""


class Pictured(Value):
    """What is known of a picture beside the grants that it relies on.

    Areas are in hundredths of a percent, rounded up: what is there is never nothing. Before
    a picture is made they are 0.
    """

    products: frozenset[str] = frozenset()  # that its layout declares regions to be
    products_foreign: frozenset[str] = frozenset()  # in whose regions something else is
    generated_bp: int = 0  # of the picture: what a network made
    product_generated_bp: int = 0  # of the region of a product: what no photo fed, the largest of them


NOTHING_KNOWN = Pictured()


class SetFacts(Value):
    """All the grants that one composite relies on: what policy sees as the resource of `compose`.

    Share-alike grants count neither as non-commercial nor as rights-managed:
    what they demand of the whole is their own license.
    """

    sources: int
    share_alike: frozenset[str]  # SPDX ids
    has_noncommercial: bool  # a grant without share-alike excludes commercial purposes
    has_rights_managed: bool  # a licensed grant without share-alike is for named licensees only
    credits_owed: int
    meet_empty: bool  # no use is allowed by all of them
    share_alike_noncommercial: bool = False  # each share-alike license keeps the whole from commerce too
    subjects_shown: frozenset[Subject] = frozenset()  # sensitive ones, in any of the photos
    subjects_unreleased: frozenset[Subject] = frozenset()  # that some person shown may not stand beside
    competing_brands: frozenset[str] = frozenset()  # `sector/brand`, the use's own brand among them
    subjects_beside_persons: frozenset[Subject] = frozenset()  # those shown, where a person is or may be
    products: frozenset[str] = frozenset()  # these four as in `Pictured`
    products_foreign: frozenset[str] = frozenset()
    generated_bp: int = 0
    product_generated_bp: int = 0

    @computed_field  # type: ignore[prop-decorator]
    @property
    def share_alike_licenses(self) -> int:
        """Cedar cannot count."""
        return len(self.share_alike)


def set_facts(
    grants: Sequence[GrantFacts], *, meet_empty: bool, use: Facts, pictured: Pictured = NOTHING_KNOWN
) -> SetFacts:
    """The facts of a set; whether its meet is empty is worked out with the effective license."""
    alike = [grant for grant in grants if grant.share_alike is not None]
    free = [grant for grant in grants if grant.share_alike is None]
    shown = frozenset[Subject]().union(*(grant.subjects_shown for grant in grants))
    return SetFacts(
        sources=len(grants),
        share_alike=frozenset(grant.share_alike for grant in alike if grant.share_alike is not None),
        has_noncommercial=any("commercial" not in grant.purposes for grant in free),
        has_rights_managed=any(grant.basis != "owned" and not grant.any_licensee for grant in free),
        credits_owed=sum(grant.credit_owed for grant in grants),
        meet_empty=meet_empty,
        share_alike_noncommercial=bool(alike) and all("commercial" not in one.purposes for one in alike),
        subjects_shown=shown,
        subjects_unreleased=frozenset[Any]().union(*map(_subjects_unreleased, grants)),
        competing_brands=_competing(
            frozenset[str]().union(*(grant.brands for grant in grants)) | _brand_of(use)
        ),
        subjects_beside_persons=shown if any(grant.persons != "none" for grant in grants) else frozenset(),
        products=pictured.products,
        products_foreign=pictured.products_foreign,
        generated_bp=pictured.generated_bp,
        product_generated_bp=pictured.product_generated_bp,
    )


def _subjects_unreleased(grant: GrantFacts) -> frozenset[str]:
    """What the persons of a photo may not stand beside: without a release, any sensitive subject."""
    if grant.persons == "none":
        return frozenset()
    return frozenset(grant.release_subjects_excluded) if grant.model_release == "released" else SUBJECTS


def _brand_of(use: Facts) -> frozenset[str]:
    values = use.model_dump(warnings=False) if isinstance(use, BaseModel) else use
    brand = values.get("brand")
    if not isinstance(brand, str) or not brand:
        return frozenset()
    return frozenset({brand_atom(str(values.get("sector")), brand)})


def _competing(brands: Set[str]) -> frozenset[str]:
    """Those of which another brand is in the same sector; one of no sector (`any`) is in all of them."""
    split = [(sector, brand, atom) for atom in brands for sector, _, brand in [atom.partition("/")]]
    return frozenset(
        atom
        for sector, brand, atom in split
        if any(
            brand != other and (sector == elsewhere or ANY in (sector, elsewhere))
            for elsewhere, other, _ in split
        )
    )


LATER: Mapping[str, Mapping[str, Any]] = {
    "Grant": {
        name: GrantFacts.model_fields[name].default
        for name in (*LATER_FACTS, "embargo_visible_to", "embargo_ends_at")
    },
    "GrantSet": {
        name: field.default for name, field in SetFacts.model_fields.items() if not field.is_required()
    },
    "Use": {name: UseFacts.model_fields[name].default for name in ("circulation", "department", "brand")},
}
"""Facts that a bundle may be older than, by their type, and what says nothing of each."""


OBSERVED = frozenset({"generated_bp"})
"""Facts that pictures had before any bundle asked; one without a rule about them decides by its others."""


def attributes(facts: Facts) -> dict[str, Any]:
    """Facts as JSON has them, sets as sorted lists; None is left out, as Cedar's optional wants it."""
    values = facts.model_dump(warnings=False) if isinstance(facts, BaseModel) else facts
    return {name: _plain(value) for name, value in values.items() if value is not None}


def heard(values: dict[str, Any], lacking: Collection[str]) -> dict[str, Any]:
    """What a bundle hears of a use: it has no rule about what is younger, and decides by those it has."""
    return {name: value for name, value in values.items() if name not in lacking}


def known(values: dict[str, Any], lacking: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes without those that a bundle does not know, where they say nothing.

    What says something to a bundle that cannot hear it stays, and is refused as unreadable.
    """
    silent = {
        name for name, default in lacking.items() if name in OBSERVED or values.get(name) == _plain(default)
    }
    return {name: value for name, value in values.items() if name not in silent} if silent else values


def document(facts: Facts, *, lacking: Mapping[str, Any] = MappingProxyType({})) -> str | None:
    """The attributes as canonical JSON; None if they cannot be written so.

    Args:
        lacking: later facts that the bundle does not know.
    """
    try:
        values = known(attributes(facts), lacking)
        text = json.dumps(values, sort_keys=True, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError):  # a stray object, a lone surrogate
        return None
    return None if NUL in text and any(_holds_nul(value) for value in values.values()) else text


def use_attributes(use: UseFacts | Mapping[str, object]) -> dict[str, Any] | None:
    """The attributes of a use, each of the type that `UseFacts` gives it; None if that fails.

    Engine and SQL both ask here, so that what one of them could read and the
    other not is refused by both.
    """
    try:
        read = UseFacts.model_validate(use if isinstance(use, Mapping) else use.model_dump(warnings=False))
    except ValueError:
        return None
    known = _use_attributes(read)
    return None if known is None else {**known}


@lru_cache(maxsize=64)
def _use_attributes(read: UseFacts) -> dict[str, Any] | None:
    """Of one use many things are asked."""
    values = attributes(read)
    for name in USE_MOMENTS:
        if moment(values[name]) is None:
            return None
    return values if document(read) is not None and values["copies"] in WHOLE_NUMBERS else None


def moment(text: str) -> datetime | None:
    """`2026-01-31T15:00:00.000Z` as an instant; None if it is anything else."""
    if not MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _holds_nul(value: object) -> bool:
    """Postgres cannot hold the character, so no answer may turn on it."""
    return any(
        isinstance(part, str) and "\0" in part for part in (value if isinstance(value, list) else [value])
    )


def _plain(value: object) -> object:
    if isinstance(value, (frozenset, list, tuple, Set)):
        return sorted({*value}, key=str) if value else []
    return value
