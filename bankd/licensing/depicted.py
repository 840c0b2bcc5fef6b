"""What a photo shows that is somebody's: persons and their data, protected things, sensitive subjects.

Unknown is not allowed, whatever else is: every default here is the one that denies.
"""

import re
from collections.abc import Collection
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from bankd.licensing.terms import Day, Name, Slug, Territories, Value, known_zone
from bankd.licensing.vocabulary import ANY, AgeStatus, DataBasis, ReleaseStatus, RightKind, Subject


class PersonalData(Value):
    """Why the house may keep and use what a photo says about persons; apart from any release."""

    basis: DataBasis
    """The legal basis (GDPR Art. 6 in its words; under the APPI `consent` or `contract`)."""
    until: Day | None = None
    """Last day, inclusive, on which it holds; empty while nothing ends it."""
    zone: str = "UTC"
    """The IANA time zone of that day."""
    record: Name | None = None
    """Where the house keeps its reasons: an entry of its register, a consent form."""

    _check_zone = field_validator("zone")(known_zone)


class DepictedRight(Value):
    """Something in the photo that is protected: who holds it has agreed, or the law excepts it somewhere."""

    kind: RightKind
    """What kind of right it is."""
    what: Name
    """What is seen, in words that need no name: `logo on the mug`."""
    status: Literal["released", "exception", "unknown"] = "unknown"
    """`released` by a property release; `exception` where the law of some territories needs none;
    `unknown` denies commercial use."""
    release: Name | None = None
    """Ref of the property release, where the status is `released`."""
    territories: Territories = frozenset()
    """Where the exception holds, where the status is `exception`."""
    clause: Name | None = None
    """The statute that excepts it."""
    brand: Name | None = None
    """The brand that it stands for: two brands of one sector are not put into one picture."""
    sector: Slug | None = None
    """The sector of that brand; left out, it competes with every brand."""
    segments: tuple[int, ...] = ()
    """Where it is seen: ordinals of segments, as a note for people. The rule is about the whole photo."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.status == "released") != (self.release is not None):
            raise ValueError("a depicted right names its `release` where its status is `released` only")
        if (self.status == "exception") != bool(self.territories):
            raise ValueError("a depicted right names `territories` where its status is `exception` only")
        if self.status == "exception" and self.clause is None:
            raise ValueError("an exception needs the `clause` that it rests on")
        if self.sector is not None and self.brand is None:
            raise ValueError("a depicted right has a `sector` where it has a `brand`")
        return self


def brand_atom(sector: str | None, brand: str) -> str:
    """`sector/brand`, as facts have it: a brand is compared by its letters and digits alone."""
    letters = "".join(re.findall(r"[^\W_]+", brand.casefold()))
    return f"{sector or ANY}/{letters}"


Sku = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$")]
"""A product by the house's own article number, compared letter by letter."""


class DepictedProduct(Value):
    """Which segments of a photo show a product."""

    product: Sku
    """The product's article number (SKU)."""
    segments: tuple[int, ...] = Field(min_length=1)
    """The segments that show it and nothing else, by their ordinals in the photo."""


class Depictions(Value):
    """What a photo shows that needs a release. Unknown is not allowed, whatever else is."""

    persons: bool | None = None
    """Whether persons can be seen; empty when nobody has looked."""
    model_release: ReleaseStatus = "unknown"
    """Whether the persons' releases are at hand."""
    youngest: AgeStatus = "unknown"
    """Age of the youngest person; `unknown` counts as a minor."""
    property_release: ReleaseStatus = "unknown"
    """Whether releases for protected property (artworks, buildings, trademarks) are at hand."""
    data_basis: PersonalData | None = None
    """Why the persons' data may be used; without it a photo that may show persons is not."""
    rights: tuple[DepictedRight, ...] = ()
    """Protected things that are seen, one by one."""
    subjects: frozenset[Subject] = frozenset()
    """Sensitive subjects that the photo itself shows."""
    product: Sku | None = None
    """The product that the photo was taken of, by its article number (SKU): each of its segments may fill a
    region that is declared as that product, and no other photo's may. Where entries differ, none."""
    products: tuple[DepictedProduct, ...] = ()
    """The same by segments, in place of `product`."""

    @model_validator(mode="after")
    def _one_product_a_segment(self) -> Self:
        if self.product is not None and self.products:
            raise ValueError("a photo states its `product`, or `products` by segments, not both")
        named = [segment for one in self.products for segment in one.segments]
        if (twice := next((one for one in named if named.count(one) > 1), None)) is not None:
            raise ValueError(f"segment `{twice}` is said to show a product twice")
        return self

    def as_json_but(self, left_out: Collection[str]) -> dict[str, Any]:
        """Products that are not stated are left out, as they were before anybody could state them."""
        unstated = {name for name in ("product", "products") if not getattr(self, name)}
        return super().as_json_but({*left_out, *unstated})

    def product_of(self, segment: int) -> str | None:
        """The product that a segment is recorded to show."""
        if self.product is not None:
            return self.product
        return next((one.product for one in self.products if segment in one.segments), None)

    def tightened_by(self, other: "Depictions") -> "Depictions":
        """The stricter value of each field; where both are as strict, this one's. What only one of them
        says of data, rights and subjects stands."""
        stated = [said.data_basis for said in (self, other) if said.data_basis is not None]
        shown = {
            (said.product, said.products)
            for said in (self, other)
            if said.product is not None or said.products
        }
        product, products = shown.pop() if len(shown) == 1 else (None, ())
        return Depictions(
            persons=max(self.persons, other.persons, key=[False, None, True].index),
            model_release=max(self.model_release, other.model_release, key=_STRICTNESS.__getitem__),
            youngest=max(self.youngest, other.youngest, key=_STRICTNESS.__getitem__),
            property_release=max(self.property_release, other.property_release, key=_STRICTNESS.__getitem__),
            data_basis=min(stated, key=lambda basis: basis.until or date.max, default=None),
            rights=tuple(dict.fromkeys((*self.rights, *other.rights))),
            subjects=self.subjects | other.subjects,
            product=product,
            products=products,
        )


_STRICTNESS = {"released": 0, "not-needed": 0, "unknown": 1, "none": 2, "adult": 0, "minor": 2}
