"""What releases say, and what all those of one photo come to. Arithmetic, and no rule of use. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

from pydantic import Field, field_validator, model_validator

from bankd.licensing.days import end_of, instant, start_of
from bankd.licensing.depicted import Depictions, brand_atom
from bankd.licensing.people import WHOM_UNSAID, Cover, PersonSegment, uncovered
from bankd.licensing.terms import Day, Slug, Territories, Value, known_zone
from bankd.licensing.vocabulary import (
    ANY,
    CHANNELS,
    PURPOSES,
    SUBJECTS,
    WORLD,
    AgeStatus,
    Channel,
    Purpose,
    ReleaseStatus,
    Subject,
)


class ReleaseTerms(Value):
    """What one model or property release covers, where and until when.

    What it says binds every use of the photo, one that the law would allow
    without a release too: the person has agreed to this, and to no more.
    """

    kind: Literal["model", "property"]
    """Whether a person or a property consents."""
    status: ReleaseStatus
    """`released` only where the signed form is at hand."""
    youngest: AgeStatus = "unknown"
    """Age of the youngest person covered, on the day of the photo; `unknown` counts as a minor."""
    synthetic_depiction: bool = False
    """Whether the release covers being shown in a synthesized picture. Unstated: no."""
    territories: Territories = Field(default=frozenset({WORLD}), min_length=1)
    """Where it holds: ISO 3166-1 alpha-2 codes, or `WORLD`."""
    channels: frozenset[Channel] = Field(default_factory=lambda: frozenset(get_args(Channel)), min_length=1)
    """The channels that it covers. Unstated: all."""
    purposes: frozenset[Purpose] = Field(default_factory=lambda: frozenset(get_args(Purpose)), min_length=1)
    """What the picture may be used for. Unstated: everything."""
    sectors: frozenset[Slug] = Field(default=frozenset({ANY}), min_length=1)
    """The sectors of business that it covers; `any` for every sector."""
    subjects_excluded: frozenset[Subject] | None = None
    """Sensitive subjects that what is shown may not appear with. Unstated: all of them for a person, none
    for a property; write `[]` where a person has agreed to any."""
    signed_by: Literal["person", "guardian"] = "person"
    """Who signed: the person (for a property its owner), or a guardian for a minor."""
    majority_on: Day | None = None
    """First day of full age of a minor for whom a guardian signed: in Japan the 18th birthday."""
    reconfirm_by: Day | None = None
    """Last day, inclusive, on which a guardian's signature counts; left out, the day of full age. The person
    confirms by a release of their own that supersedes this one."""
    starts_on: Day | None = None
    """First day, in `zone`; empty for always."""
    ends_on: Day | None = None
    """Last day, inclusive, in `zone`; empty for until withdrawn."""
    zone: str = "UTC"
    """The IANA time zone that the days are meant in."""

    _check_zone = field_validator("zone")(known_zone)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.starts_on and self.ends_on and self.ends_on < self.starts_on:
            raise ValueError(f"term ends on `{self.ends_on}` before it starts on `{self.starts_on}`")
        if self.signed_by == "guardian":
            if self.kind == "property" or self.youngest == "adult":
                raise ValueError("a guardian signs for a minor only: state `kind: model` and `youngest`")
            if self.majority_on is None:
                raise ValueError("a release signed by a guardian needs `majority_on`")
        elif self.majority_on is not None or self.reconfirm_by is not None:
            raise ValueError("`majority_on` and `reconfirm_by` belong to a release signed by a guardian")
        return self

    @property
    def excluded(self) -> frozenset[str]:
        if self.subjects_excluded is not None:
            return frozenset(self.subjects_excluded)
        return SUBJECTS if self.kind == "model" else frozenset()

    @property
    def last_day_of_guardian(self) -> Day | None:
        return self.reconfirm_by or self.majority_on


@dataclass(frozen=True)
class HeldRelease:
    """A release in force that a photo holds, and whom it covers there."""

    ref: str
    terms: ReleaseTerms
    cover: Cover = WHOM_UNSAID


@dataclass(frozen=True)
class Seen:
    """The persons that the label map and the face detector found in a photo."""

    segments: tuple[PersonSegment, ...] = ()
    strays: int = 0  # faces outside of all person segments that nobody has looked at


def facts_of_releases(shown: Depictions, held: Sequence[HeldRelease], seen: Seen) -> dict[str, Any]:
    """The facts that follow from what a photo shows and who has agreed to it, by name.

    All releases in force bind together: each dimension is what all of them
    allow. A status `released` in the rights record counts only with a release
    in force behind it.
    """
    counting = [release for release in held if release.terms.status == "released"]
    models = [release for release in counting if release.terms.kind == "model"]
    for release in held:
        shown = shown.tightened_by(_said_by(release))
    persons = {True: "present", False: "none", None: "unknown"}[shown.persons]
    left = uncovered(seen.segments, strays=seen.strays, covers=[one.cover for one in models])
    terms = [release.terms for release in counting]
    basis = shown.data_basis
    return {
        "persons": persons,
        "model_release": _backed(shown.model_release, "model", counting),
        "youngest": shown.youngest,
        "property_release": _backed(shown.property_release, "property", counting),
        "persons_covered": persons == "none" or left == 0 or not models,
        "guardian_released": _by_guardian([release.terms for release in models]),
        **_scope(terms),
        "release_synthetic": all(each.synthetic_depiction for each in terms),
        "release_starts_at": max(
            (instant(start_of(each.starts_on, each.zone)) for each in terms if each.starts_on), default=None
        ),
        "release_ends_at": min(
            (instant(end_of(each.ends_on, each.zone)) for each in terms if each.ends_on), default=None
        ),
        "reconfirm_before": min(
            (
                instant(end_of(day, each.zone))
                for each in terms
                if each.signed_by == "guardian" and (day := each.last_day_of_guardian) is not None
            ),
            default=None,
        ),
        "data_basis": "none" if basis is None else basis.basis,
        "data_basis_ends_at": None
        if basis is None or basis.until is None
        else instant(end_of(basis.until, basis.zone)),
        **_depicted(shown, {release.ref for release in counting if release.terms.kind == "property"}),
        "subjects_shown": shown.subjects,
    }


def _said_by(release: HeldRelease) -> Depictions:
    """What a release says of the photo: a model release shows a person of the age it states."""
    status = release.terms.status
    if release.terms.kind == "property":
        return Depictions(
            persons=False, model_release="not-needed", youngest="adult", property_release=status
        )
    return Depictions(
        persons=True,
        model_release=status,
        youngest=release.terms.youngest,
        property_release="not-needed",
    )


def _backed(status: str, kind: str, counting: Iterable[HeldRelease]) -> str:
    """A record's word that a release is at hand counts with a release only."""
    if status == "released" and not any(release.terms.kind == kind for release in counting):
        return "none"
    return status


def _by_guardian(models: Sequence[ReleaseTerms]) -> bool:
    minors = [terms for terms in models if terms.youngest != "adult"]
    return bool(minors) and all(terms.signed_by == "guardian" for terms in minors)


def _scope(terms: Sequence[ReleaseTerms]) -> dict[str, Any]:
    territories = _meet(None if WORLD in each.territories else each.territories for each in terms)
    sectors = _meet(None if ANY in each.sectors else each.sectors for each in terms)
    return {
        "release_worldwide": territories is None,
        "release_territories": territories or frozenset(),
        "release_channels": CHANNELS.intersection(*(each.channels for each in terms)),
        "release_purposes": PURPOSES.intersection(*(each.purposes for each in terms)),
        "release_any_sector": sectors is None,
        "release_sectors": sectors or frozenset(),
        "release_subjects_excluded": frozenset[str]().union(*(each.excluded for each in terms)),
    }


def _depicted(shown: Depictions, released: set[str]) -> dict[str, Any]:
    unreleased = {
        right.kind
        for right in shown.rights
        if right.status == "unknown" or (right.status == "released" and right.release not in released)
    }
    excepted = _meet(
        None if WORLD in right.territories else right.territories
        for right in shown.rights
        if right.status == "exception"
    )
    return {
        "depicted_unreleased": frozenset(unreleased),
        "depicted_everywhere": excepted is None,
        "depicted_territories": excepted or frozenset(),
        "brands": frozenset(brand_atom(right.sector, right.brand) for right in shown.rights if right.brand),
    }


def _meet(scopes: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    """What all scopes allow; None is everything."""
    met: frozenset[str] | None = None
    for scope in scopes:
        if scope is not None:
            met = scope if met is None else met & scope
    return met
