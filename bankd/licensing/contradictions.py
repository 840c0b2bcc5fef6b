"""What one record of rights says twice and differently. Pure.

Each of these would be refused by policy for ever, or would be read by two people
in two ways; so the file is refused, and whoever wrote it says which is meant.
"""

from collections.abc import Iterator, Mapping

from bankd.licensing.rights_entries import GrantEntry, LicenseEntry, RightsFile
from bankd.licensing.rights_yaml import Place
from bankd.licensing.terms import GrantTerms
from bankd.licensing.title import broken


def contradictions(file: RightsFile) -> Iterator[tuple[Place, str]]:
    """Every contradiction with its place, in a sentence."""
    names = {licensor.ref: licensor.name for licensor in file.licensors}
    for index, license in enumerate(file.licenses):
        place = ("licenses", index)
        for sentence in _of_license(license, licensor=names.get(license.licensor, license.licensor)):
            yield place, sentence
        for number, grant in enumerate(license.grants):
            for sentence in _of_grant(license, grant):
                yield (*place, "grants", number), sentence
        yield from _cycle(
            {grant.ref: grant.supersedes for grant in license.grants},
            what="grant",
            places={grant.ref: (*place, "grants", number) for number, grant in enumerate(license.grants)},
        )
    yield from _cycle(
        {license.ref: license.supersedes for license in file.licenses},
        what="license",
        places={license.ref: ("licenses", index) for index, license in enumerate(file.licenses)},
    )
    replaced = {license.supersedes: license.ref for license in file.licenses if license.supersedes}
    for index, entry in enumerate(file.photos):
        if entry.visible_to and entry.embargo_until is None:
            yield ("photos", index), "`visible_to` without `embargo_until` holds nothing back; state the day"
        for number, ref in enumerate(entry.licenses):
            if replaced.get(ref) in entry.licenses:
                yield (
                    ("photos", index, "licenses", number),
                    f"license `{ref}` is superseded by `{replaced[ref]}`, which these photos name; keep one",
                )


def odd(grant: GrantTerms) -> str | None:
    """What makes a grant useless though nothing contradicts it, as the rest of a sentence; None: nothing."""
    lacking = sorted({"crop", "combine"} - grant.alterations)
    if grant.generative and lacking:
        missing = " and ".join(f"`{alteration}`" for alteration in lacking)
        return f"is `generative` without the alterations {missing}, so no picture can be made of it"
    return None


def _of_license(license: LicenseEntry, *, licensor: str) -> Iterator[str]:
    name = f"license `{license.ref}`"
    for basis, value in (("ruling", license.ruling), ("statutory", license.statute)):
        field = {"ruling": "ruling", "statutory": "statute"}[basis]
        if license.basis == basis and value is None:
            yield f"{name} has the basis `{basis}` and needs its `{field}`"
        if license.basis != basis and value is not None:
            yield f"{name} states a `{field}`, so its basis is `{basis}` and not `{license.basis}`"
    if problem := broken(license.title_chain, author=license.author, licensor=licensor):
        yield f"{name}: {problem}"
    currencies = sorted(
        {grant.terms.currency for grant in license.grants if grant.terms.currency is not None}
    )
    if len(currencies) > 1:
        listed = " and ".join(f"`{code}`" for code in currencies)
        yield f"{name} is owed in {listed}; one agreement has one currency, so write two licenses"


def _of_grant(license: LicenseEntry, grant: GrantEntry) -> Iterator[str]:
    name, terms = f"grant `{license.ref}/{grant.ref}`", grant.terms
    if terms.generative and license.basis == "statutory":
        yield f"{name} is `generative`, which no statute allows; remove it"
    if terms.generative and terms.integrity == "reserved":
        yield f"{name} is `generative` though the author may object to alterations; say which is meant"
    if license.basis == "owned" and terms.share_alike is not None:
        yield f"{name} demands `share_alike` of the house's own work; say which is meant"
    yield from _out_of_term(name, terms)
    for row in terms.exclusivity:
        if row.starts_on and row.ends_on and row.ends_on < row.starts_on:
            yield f"{name}: the field of `{row.holder}` ends on `{row.ends_on}` before it starts"


def _out_of_term(name: str, terms: GrantTerms) -> Iterator[str]:
    for field in ("create_by", "publish_by", "available_until"):
        day = getattr(terms, field)
        if day is None:
            continue
        if day < terms.starts_on:
            yield f"{name}: `{field}` is `{day}`, before the term begins on `{terms.starts_on}`"
        if terms.ends_on is not None and terms.renewal is None and day > terms.ends_on:
            yield f"{name}: `{field}` is `{day}`, after the term ends on `{terms.ends_on}`"


def _cycle(
    supersedes: Mapping[str, str | None], *, what: str, places: Mapping[str, Place]
) -> Iterator[tuple[Place, str]]:
    """The first record of each circle of records that supersede each other."""
    done: set[str] = set()
    for first in supersedes:
        path: list[str] = []
        ref: str | None = first
        while ref is not None and ref in supersedes and ref not in done and ref not in path:
            path.append(ref)
            ref = supersedes[ref]
        if ref is not None and ref in path and len(path[path.index(ref) :]) > 1:
            circle = path[path.index(ref) :]
            named = ", which supersedes ".join(f"`{one}`" for one in [*circle, circle[0]])
            yield places[circle[0]], f"{what} {named}: one of them was first"
        done.update(path)
