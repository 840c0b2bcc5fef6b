"""Why the house may use a photo: who had the rights before its licensor, or what stands for a license."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator

from bankd.licensing.terms import Day, Name, Value, Words, known_zone
from bankd.licensing.vocabulary import TERRITORIES

Transfer = Literal["assignment", "employment", "inheritance", "exclusive-license", "agency"]
TitleState = Literal["complete", "incomplete", "unstated"]


def known_country(code: str) -> str:
    if code not in TERRITORIES:
        raise ValueError(f"unknown country `{code}` (an ISO 3166-1 alpha-2 code)")
    return code


Country = Annotated[str, AfterValidator(known_country)]


class TitleStep(Value):
    """How rights passed from one holder to the next."""

    from_holder: Name
    """Who had the rights; the author in the first link."""
    to_holder: Name
    """Who has had them since; the licensor in the last link."""
    by: Transfer
    """What passed them on."""
    on: Day | None = None
    """The day from which on; empty where the evidence does not say."""
    clause: Name | None = None
    """Where in the document it says so."""
    quote: Words | None = None
    """The words themselves, in their original language."""


class TitleLink(TitleStep):
    """A step with the document that shows it; None: only told, and the title is incomplete."""

    document_sha256: str | None = None


class Ruling(Value):
    """A public office's leave to use a work whose owner cannot be found or asked."""

    number: Name
    """The number under which it was given."""
    authority: Name
    """Who gave it."""
    country: Country
    """Where it holds: ISO 3166-1 alpha-2. It says nothing of any other country."""
    until: Day
    """Last day on which it holds, inclusive, in `zone`."""
    zone: str = "UTC"
    """The IANA time zone of that day."""

    _check_zone = field_validator("zone")(known_zone)


class Statute(Value):
    """A limit of copyright that is relied on in a license's place. It never allows a picture."""

    country: Country
    """Whose law: ISO 3166-1 alpha-2."""
    article: Name
    """The article, such as `30-4`."""
    memo: Words = Field(min_length=40)
    """Why the article covers what is done, in the words of whoever answers for it."""


def title_state(links: Sequence[TitleLink], *, author: str | None, licensor: str) -> TitleState:
    """Whether the chain leads from the author to the licensor, each step by a document.

    An author who licenses himself needs no link.
    """
    if not links and author is None:
        return "unstated"
    if broken(links, author=author, licensor=licensor) is not None:
        return "incomplete"
    return "complete" if all(link.document_sha256 for link in links) else "incomplete"


def broken(links: Sequence[TitleStep], *, author: str | None, licensor: str) -> str | None:
    """Where a chain of title does not hold together, in a sentence; None if it does."""
    if not links:
        if author is None or author == licensor:
            return None
        return (
            f"no link leads from the author `{author}` to the licensor `{licensor}`; write the `title_chain`"
        )
    holders = [link.from_holder for link in links]
    if author is not None and author != holders[0]:
        return f"the title chain begins with `{holders[0]}` and not with the author `{author}`"
    last: date | None = None
    for number, link in enumerate(links):
        if link.to_holder in holders[: number + 1]:
            return f"the title chain comes back to `{link.to_holder}`"
        following = holders[number + 1] if number + 1 < len(links) else licensor
        if link.to_holder != following:
            return f"the title chain breaks between `{link.to_holder}` and `{following}`"
        if link.on is not None:
            if last is not None and link.on < last:
                return (
                    f"the title chain goes back in time: `{link.from_holder}` passed rights on at `{link.on}`"
                )
            last = link.on
    return None


def chain(stored: Sequence[dict[str, Any]]) -> tuple[TitleLink, ...]:
    """The links as a license's row keeps them."""
    return tuple(TitleLink.model_validate(link) for link in stored)
