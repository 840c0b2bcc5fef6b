"""What a link of a licensor's chain says: one use of photos on its grants; pure.

docs/usage-proof.md specifies it. These models write links and read them: what
is not here cannot stand in a link.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter, model_validator

from bankd.audit.canonical import canonical, parse
from bankd.audit.errors import NotCanonical
from bankd.audit.kinds import Kind

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
Moment = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$")]
Whole = Annotated[int, Field(ge=0, lt=1 << 53)]


class Fed(BaseModel):
    """What one photo of the licensor fed of the canvas, and on which grant."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    photo: Id
    grant: Id
    canvas_px: Whole


class Link(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    v: Literal[1] = 1
    kind: str
    licensor: Id
    entry: Whole
    leaf: Hash
    at: Moment
    composite: Id
    frame_px: Whole
    canvas_px: Whole
    photos: Annotated[tuple[Fed, ...], Field(strict=False)]

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        order = [(one.photo, one.grant) for one in self.photos]
        if order != sorted(set(order)):
            raise ValueError("its photos are not in order")
        if not self.canvas_px == sum(one.canvas_px for one in self.photos) <= self.frame_px:
            raise ValueError("its canvas area is not the sum over its photos")
        return self

    def payload(self) -> bytes:
        """The bytes that are hashed: canonical, since names are ASCII and numbers whole."""
        told = self.model_dump()
        return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Seal(Link):
    kind: Literal["seal"] = "seal"


class Handout(Link):
    kind: Literal["handout"] = "handout"
    handout: Id
    channel: str
    comp: bool


class _Published(Link):
    publication: Id
    handout: Id | None
    channel: str
    place: str
    territories: Annotated[tuple[str, ...], Field(strict=False)]
    copies: Whole
    starts_on: Day
    ends_on: Day | None


class Publication(_Published):
    kind: Literal["publication"] = "publication"


class Replaced(_Published):
    kind: Literal["correction"] = "correction"
    corrects: Literal["publication"] = "publication"
    replaces: Id


class Takedown(Link):
    kind: Literal["correction"] = "correction"
    corrects: Literal["takedown"] = "takedown"
    publication: Id
    on: Day


class FeeCorrected(Link):
    kind: Literal["correction"] = "correction"
    corrects: Literal["fee"] = "fee"
    grant: Id
    accrual: Whole
    of_accrual: Whole
    publication: Id | None
    difference_minor: Annotated[int, Field(gt=-(1 << 53), lt=1 << 53)]
    currency: str


AnyLink = Seal | Handout | Publication | Replaced | Takedown | FeeCorrected

USES: Mapping[str, type[AnyLink]] = {
    Kind.COMPOSITE_SEALED: Seal,
    Kind.COMPOSITE_HANDED_OUT: Handout,
    Kind.PUBLICATION_RECORDED: Publication,
    Kind.PUBLICATION_REPLACED: Replaced,
    Kind.PUBLICATION_TAKEN_DOWN: Takedown,
    Kind.ROYALTY_CORRECTED: FeeCorrected,
}
"""The kinds of log entries that are uses, and the links that they make."""


def _which(value: Any) -> str:
    return f"{value.get('kind')} {value.get('corrects', '')}" if isinstance(value, dict) else ""


_LINKS: TypeAdapter[AnyLink] = TypeAdapter(
    Annotated[
        Annotated[Seal, Tag("seal ")]
        | Annotated[Handout, Tag("handout ")]
        | Annotated[Publication, Tag("publication ")]
        | Annotated[Replaced, Tag("correction publication")]
        | Annotated[Takedown, Tag("correction takedown")]
        | Annotated[FeeCorrected, Tag("correction fee")],
        Discriminator(_which),
    ]
)


def read(payload: str) -> AnyLink:
    """The link that a payload says.

    Raises:
        ValueError: it is not the canonical JSON of one, member for member.
    """
    told = parse(payload)
    try:
        if canonical(told) != payload.encode():
            raise ValueError("it is not in canonical form")
    except NotCanonical as error:
        raise ValueError("it has no canonical form") from error
    return _LINKS.validate_python(told)
