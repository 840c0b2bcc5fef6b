"""What a rights file says: licensors, documents, licenses, releases, and the photos they are about."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date, datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PrivateAttr,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from bankd.licensing.consents import ReleaseTerms
from bankd.licensing.days import start_of
from bankd.licensing.depicted import Depictions
from bankd.licensing.people import majority_on
from bankd.licensing.rights_yaml import Place
from bankd.licensing.templates import TemplateName
from bankd.licensing.terms import CoOwner, Credit, Day, GrantTerms, Name, Value, Words, known_zone
from bankd.licensing.title import Ruling, Statute, TitleStep
from bankd.licensing.vocabulary import Basis

WILDCARDS = frozenset("*?[")

Ref = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
GrantRef = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}/[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]


class _OneOrMore:
    """Lets one item stand without its list, in the file and in its schema."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            lambda value: [value] if isinstance(value, str) else value, handler(source)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        many = handler(schema)
        return {"anyOf": [many["items"], many]}


OneOrMore = _OneOrMore()


class LicensorEntry(Value):
    """Someone who grants rights; the house itself for what it owns."""

    ref: Ref
    """Short name that the rest of the file uses. Once imported it stands for this licensor for good."""
    name: Name
    """The full name, as reports print it."""


class DocumentEntry(Value):
    """A signed agreement or form that is kept with the facts that rest on it."""

    ref: Ref
    """Short name that licenses and releases of this file use."""
    path: Name
    """Where the file is, relative to this rights file and below its folder."""
    media_type: Name | None = None
    """Its media type, such as `application/pdf`; left out, it follows from the file's name."""


class Evidence(Value):
    """The document behind a fact, and who compared the two."""

    document: Ref | None = None
    """Ref of the document behind it."""
    clause: Name | None = None
    """Where in the document it says so."""
    quote: Words | None = None
    """The words themselves, in their original language. They prevail."""
    language: Language | None = None
    """The language of the quote, such as `ja`."""
    translation: Words | None = None
    """The quote in a language that the house reads. It explains and never prevails."""
    verified_by: Name | None = None
    """Who compared this record with the document; left out, the facts are marked as unverified."""


class TitleLinkEntry(TitleStep):
    """How rights passed from one holder to the next, and the document that shows it."""

    document: Ref | None = None
    """Ref of the document; without it the link is only told, and the title incomplete."""


class GrantEntry(Evidence):
    """Uses that are allowed together. One grant alone must cover the whole of a use."""

    ref: Ref
    """Short name, unique within the license."""
    terms: GrantTerms
    """What is allowed. Whatever is not stated is not."""
    supersedes: Ref | None = None
    """Ref of the grant of this license that it replaces."""


class LicenseEntry(Evidence):
    """One agreement with one licensor, or what stands in its place. Once imported it is never edited: new
    terms need a new ref."""

    ref: Ref
    """Name of the agreement, unique in the bank."""
    licensor: Ref
    """Ref of the licensor."""
    title: Name
    """What a person calls it."""
    basis: Basis
    """`owned` by the house, `licensed` from someone, `collective` (a society's license), `public-domain`, or
    without a license by a `ruling` or `statutory`."""
    ruling: Ruling | None = None
    """Only with the basis `ruling`: the office's leave to use the work."""
    statute: Statute | None = None
    """Only with the basis `statutory`: the limit of copyright that is relied on."""
    author: Name | None = None
    """Who made the photos; the licensor, or where the title chain begins."""
    title_chain: tuple[TitleLinkEntry, ...] = ()
    """How the rights came from the author to the licensor, link by link."""
    template: TemplateName | None = None
    """The kind of license; it stands for a grant of that name, with blanks to `fill`."""
    fill: dict[str, Any] = Field(default_factory=dict)
    """Only with a template: fields of terms, to fill its blanks and to say what it leaves unsaid."""
    spdx: Name | None = None
    """SPDX id. A Creative Commons id (`CC-BY-4.0`, `CC0-1.0`, ..) stands for its grant, and no `grants` are
    written: they follow from the license's own words."""
    credit: Credit | None = None
    """Only with a Creative Commons id: the credit that it demands."""
    starts_on: Day | None = None
    """Only with a Creative Commons id: first day on which the photos were offered under it."""
    zone: str = "UTC"
    """Only with a Creative Commons id: the time zone of that day."""
    co_owners: tuple[CoOwner, ...] = ()
    """Owners beside the licensor. As long as one has not agreed, no grant of the license counts."""
    supersedes: Ref | None = None
    """Ref of the license that it replaces, from the moment of import on."""
    grants: tuple[GrantEntry, ...] = ()
    """What it allows, in parts that stand alone."""

    _check_zone = field_validator("zone")(known_zone)


class ReleaseEntry(ReleaseTerms):
    """The consent of a person, or for a property, to be shown. Once imported it is never edited: what is
    signed anew, a minor's own confirmation too, needs a new ref."""

    ref: Ref
    """Name of the release, unique in the bank."""
    born_on: Day | None = None
    """Instead of `majority_on`, with `majority_in`: the minor's birthday, from which that day follows. It is
    not kept."""
    majority_in: str | None = Field(default=None, pattern="^[A-Z]{2}$")
    """The country whose law says when the minor is of full age (`JP`: 18); where bankd does not know, 21."""
    supersedes: Ref | None = None
    """Ref of the release that it replaces, from the moment of import on. It takes that one's place on every
    photo, with whom it covers there."""
    subject: Name
    """Opaque reference to the person or property; never a name."""
    licensor: Ref | None = None
    """Ref of the licensor who holds the form."""
    document: Ref | None = None
    """Ref of the signed form."""
    clause: Name | None = None
    """Where in the form it says so."""
    quote: Words | None = None
    """The words themselves, in their original language."""
    verified_by: Name | None = None
    """Who compared this record with the form."""

    @model_validator(mode="before")
    @classmethod
    def _comes_of_age(cls, said: Any) -> Any:
        if not isinstance(said, dict) or not {"born_on", "majority_in"} & said.keys():
            return said
        if "majority_on" in said:
            raise ValueError("state `majority_on`, or `born_on` with `majority_in`, not both")
        born_on, country = said.get("born_on"), said.get("majority_in")
        if isinstance(born_on, str):
            with suppress(ValueError):
                born_on = date.fromisoformat(born_on)
        if not isinstance(born_on, date) or not isinstance(country, str):
            raise ValueError("`born_on` and `majority_in` go together: a day and a country")
        return {**said, "majority_on": majority_on(born_on, country)}


class PersonEntry(Value):
    """Whom of those that a photo shows a release covers, where it shows more than one person."""

    release: Ref
    """Ref of the model release."""
    whole: bool = False
    """It covers every person in the photo."""
    segments: tuple[int, ...] = ()
    """The person's segments, by their ordinals in the photo."""
    instances: tuple[int, ...] = ()
    """The person's numbers in the photo's instance map."""

    @model_validator(mode="after")
    def _either(self) -> Self:
        if self.whole == bool(self.segments or self.instances):
            raise ValueError("a person is `whole: true`, or named by `segments` or `instances`")
        return self


class PhotosEntry(Value):
    """Photos that share rights. A photo that several entries match gets the grants of all of them."""

    files: Annotated[tuple[Name, ...], OneOrMore] = Field(min_length=1)
    """Names of files or patterns (`desk-*.jpg`), matched from the end of the path."""
    licenses: Annotated[tuple[Ref, ...], OneOrMore] = ()
    """Refs of licenses, each with all its grants."""
    grants: Annotated[tuple[GrantRef, ...], OneOrMore] = ()
    """Single grants, as `<license ref>/<grant ref>`."""
    depictions: Depictions | None = None
    """What the photos show that needs a release; left out, it is unknown, which is not allowed. Where
    entries differ on a photo the stricter value counts."""
    releases: Annotated[tuple[Ref, ...], OneOrMore] = ()
    """Refs of the releases that cover what they show. One that nothing more is said of covers the one person
    of a photo that shows one."""
    people: tuple[PersonEntry, ...] = ()
    """Whom each model release covers, where a photo shows several persons."""
    disputed: Name | None = None
    """Why the rights are in dispute; the photos are blocked until the dispute is lifted."""
    embargo_until: Day | None = None
    """First day on which the photos may be published. Until then they are there for nobody else than
    `visible_to`."""
    visible_to: Annotated[tuple[Name, ...], OneOrMore] = ()
    """Only with `embargo_until`: departments, by name, that may prepare pictures published from that day on;
    `house` for people of no department."""
    zone: str = "UTC"
    """The time zone of that day."""

    _check_zone = field_validator("zone")(known_zone)


class PhotoRights(Value):
    """What a rights file says of one photo: the rights record that ingestion keeps."""

    grants: tuple[GrantRef, ...]
    """`<license ref>/<grant ref>`, each once."""
    depictions: Depictions
    releases: tuple[Ref, ...]
    people: tuple[PersonEntry, ...] = ()
    disputed: str | None
    embargo_until: datetime | None
    """The instant in UTC at which the embargo ends."""
    visible_to: tuple[str, ...] = ()
    """Departments that may prepare for it. Where entries differ on a photo, those that all of them name."""

    @property
    def attached(self) -> tuple[Ref, ...]:
        """Refs of all releases, those that `people` name too."""
        return tuple(dict.fromkeys((*self.releases, *(person.release for person in self.people))))


class RightsFile(Value):
    """A file of rights: licensors, their documents, licenses and releases, and the photos they are about."""

    version: Annotated[Literal[1], BeforeValidator(lambda value: 1 if value == "1" else value)]
    """Version of this format."""
    licensors: tuple[LicensorEntry, ...] = ()
    """Who grants the rights."""
    documents: tuple[DocumentEntry, ...] = ()
    """The agreements and forms behind them; the bank keeps their bytes."""
    licenses: tuple[LicenseEntry, ...] = ()
    """The agreements, and what each allows. A file without any says what photos show."""
    releases: tuple[ReleaseEntry, ...] = ()
    """The consents of persons and for property."""
    photos: tuple[PhotosEntry, ...] = ()
    """Which photos the rights are about. A photo that no entry names is quarantined."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.licensors or self.documents or self.licenses or self.releases or self.photos):
            raise ValueError("the file says nothing: it has no `licenses`, no `releases` and no `photos`")
        return self

    _path: Path = PrivateAttr(default=Path("rights.yaml"))
    _lines: dict[Place, int] = PrivateAttr(default_factory=dict)

    @property
    def path(self) -> Path:
        return self._path

    def line(self, *place: str | int) -> int | None:
        """The line of a place in the file, or of what encloses it."""
        while place not in self._lines and place:
            place = place[:-1]
        return self._lines.get(place)

    def record_for(self, filename: str) -> PhotoRights | None:
        """The rights record of a photo by its file name or path; None if no entry is about it."""
        entries = [self.photos[index] for index in self._matching(filename)]
        if not entries:
            return None
        grants = [ref for entry in entries for ref in self._grants_of(entry)]
        shown = [entry.depictions for entry in entries if entry.depictions is not None]
        depictions = shown[0] if shown else Depictions()
        for other in shown[1:]:
            depictions = depictions.tightened_by(other)
        if len({(one.product, one.products) for one in shown if one.product or one.products}) > 1:
            depictions = depictions.model_copy(update={"product": None, "products": ()})
        disputes = [entry.disputed for entry in entries if entry.disputed]
        embargoes = [start_of(entry.embargo_until, entry.zone) for entry in entries if entry.embargo_until]
        seers = [frozenset(entry.visible_to) for entry in entries if entry.embargo_until]
        return PhotoRights(
            grants=tuple(dict.fromkeys(grants)),
            depictions=depictions,
            releases=tuple(dict.fromkeys(ref for entry in entries for ref in entry.releases)),
            people=tuple(dict.fromkeys(person for entry in entries for person in entry.people)),
            disputed="; ".join(disputes) or None,
            embargo_until=max(embargoes, default=None),
            visible_to=tuple(sorted(frozenset.intersection(*seers))) if seers else (),
        )

    def document_file(self, document: DocumentEntry) -> Path:
        """Where a document's bytes are. Raises ValueError: outside the rights file's folder."""
        folder = self._path.parent.resolve()
        file = (folder / document.path).resolve()
        if not file.is_relative_to(folder):
            raise ValueError(f"document `{document.path}` is outside the rights file's folder; move it below")
        return file

    def unmatched(self, filenames: Iterable[str]) -> list[str]:
        """The names and patterns of `photos` that none of these files has."""
        paths = [PurePosixPath(filename) for filename in filenames]
        tails = {tail for path in paths for tail in _tails(path)}
        named, patterns = self._files
        return [file for file in named if file not in tails] + [
            pattern for pattern, _ in patterns if not any(path.match(pattern) for path in paths)
        ]

    def _matching(self, filename: str) -> list[int]:
        """Indexes of the entries about a file, in their order: by name at once, then by pattern."""
        path = PurePosixPath(filename)
        named, patterns = self._files
        found = {index for tail in _tails(path) for index in named.get(tail, ())}
        found.update(index for pattern, index in patterns if path.match(pattern))
        return sorted(found)

    @cached_property
    def _files(self) -> tuple[dict[str, list[int]], list[tuple[str, int]]]:
        named: dict[str, list[int]] = {}
        patterns: list[tuple[str, int]] = []
        for index, entry in enumerate(self.photos):
            for file in entry.files:
                if WILDCARDS & set(file):
                    patterns.append((file, index))
                else:
                    named.setdefault(file, []).append(index)
        return named, patterns

    @cached_property
    def grants_of_license(self) -> dict[str, list[str]]:
        """`<license ref>/<grant ref>` of every grant, by the license's ref."""
        return {
            license.ref: [f"{license.ref}/{grant.ref}" for grant in license.grants]
            for license in self.licenses
        }

    def _grants_of(self, entry: PhotosEntry) -> Iterator[str]:
        for license in entry.licenses:
            yield from self.grants_of_license[license]
        yield from entry.grants


def _tails(path: PurePosixPath) -> Iterator[str]:
    for count in range(1, len(path.parts) + 1):
        yield "/".join(path.parts[-count:])
