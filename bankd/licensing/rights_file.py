"""Read the rights file: who gave which rights to which photos, as a librarian writes it down (YAML).

`rights.schema.json` beside this module is its published JSON Schema. A file
is read whole and checked whole before anything of it is used.
"""

import mimetypes
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ValidationError

from bankd.licensing import creative_commons, rights_words, rights_yaml
from bankd.licensing.contradictions import contradictions
from bankd.licensing.depicted import Depictions
from bankd.licensing.errors import RightsFileRefused
from bankd.licensing.rights_entries import (
    WILDCARDS,
    DocumentEntry,
    GrantEntry,
    LicenseEntry,
    LicensorEntry,
    PhotoRights,
    PhotosEntry,
    RightsFile,
)
from bankd.licensing.rights_yaml import Place
from bankd.licensing.templates import TEMPLATES
from bankd.licensing.terms import MAX_DOCUMENT_BYTES, GrantTerms

__all__ = ["PhotoRights", "RightsFile", "load", "media_type", "put_together", "schema", "with_grants"]


def load(path: Path) -> RightsFile:
    """Read and check a rights file; licenses of Creative Commons or of a template come back with their
    grant written out.

    Raises:
        RightsFileRefused: something in it is wrong; every problem with its line.
    """
    document, lines = rights_yaml.read(path)
    try:
        file = RightsFile.model_validate(document)
    except ValidationError as error:
        raise _refused(path, lines, rights_words.sentences(error.errors())) from error
    file._path, file._lines = path, lines
    problems = [*_broken_references(file), *_broken_documents(file)]
    licenses = []
    for index, license in enumerate(file.licenses):
        try:
            licenses.append(with_grants(license))
        except ValidationError as error:  # of a template's blanks
            place = ("licenses", index, "fill")
            problems += [((*place, *inside), text) for inside, text in rights_words.sentences(error.errors())]
        except ValueError as error:
            problems.append((("licenses", index), str(error)))
    if problems:
        raise _refused(path, lines, problems)
    whole = file.model_copy(update={"licenses": tuple(licenses)})
    whole._path, whole._lines = path, lines
    if problems := [*_broken_photos(whole), *contradictions(whole)]:
        raise _refused(path, lines, problems)
    return whole


def put_together(
    path: Path,
    lines: dict[Place, int],
    *,
    licensors: tuple[LicensorEntry, ...],
    documents: tuple[DocumentEntry, ...],
    licenses: tuple[LicenseEntry, ...],
    photos: tuple[PhotosEntry, ...],
) -> RightsFile:
    """What a file of another kind says, as if a rights file said it; its licenses come with their grants.

    Raises:
        RightsFileRefused: something in it is wrong; every problem with its line.
    """
    try:
        file = RightsFile(
            version=1, licensors=licensors, documents=documents, licenses=licenses, photos=photos
        )
    except ValidationError as error:
        raise _refused(path, lines, rights_words.sentences(error.errors())) from error
    file._path, file._lines = path, lines
    if problems := [
        *_broken_references(file),
        *_broken_documents(file),
        *_broken_photos(file),
        *contradictions(file),
    ]:
        raise _refused(path, lines, problems)
    return file


def schema() -> dict[str, Any]:
    """The JSON Schema that is published."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "bankd rights file, version 1",
        **_untitled(RightsFile.model_json_schema()),
    }


def media_type(document: DocumentEntry) -> str | None:
    if document.media_type is not None:
        return document.media_type
    if PurePosixPath(document.path).suffix == ".md":
        return "text/markdown"
    return mimetypes.guess_type(document.path, strict=True)[0]


def _untitled(schema: Any) -> Any:
    """A schema without the titles that only say the fields' names again."""
    if isinstance(schema, list):
        return [_untitled(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _untitled(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str))
    }


def with_grants(license: LicenseEntry) -> LicenseEntry:
    """The license with its grants: those written, or the one that its Creative Commons id stands for."""
    known = creative_commons.LICENSES.get(license.spdx or "")
    if known is None or license.grants:
        if known is not None:
            raise ValueError(
                f"license `{license.ref}` is `{known.spdx}`, whose grant follows from its words; "
                "remove `grants`, or `spdx`"
            )
        if license.credit or license.starts_on:
            raise ValueError(
                f"license `{license.ref}` states `credit` or `starts_on` without a Creative Commons "
                "`spdx`; write them into the terms of its grants"
            )
        if license.template is not None:
            return license.model_copy(update={"grants": (_of_template(license), *license.grants)})
        if license.fill:
            raise ValueError(f"license `{license.ref}` fills in a template and names none; state `template`")
        if not license.grants:
            raise ValueError(
                f"license `{license.ref}` grants nothing; write its `grants`, a `template`, or as `spdx` "
                "one of " + ", ".join(f"`{spdx}`" for spdx in creative_commons.LICENSES)
            )
        return license
    if license.template is not None or license.fill:
        raise ValueError(
            f"license `{license.ref}` is `{known.spdx}`, which leaves no blank; remove `template`"
        )
    if license.basis != "licensed":
        raise ValueError(f"license `{license.ref}` is `{known.spdx}`, so its basis is `licensed`")
    if license.starts_on is None:
        raise ValueError(f"license `{license.ref}` is `{known.spdx}` and needs `starts_on`")
    if known.credit_owed and license.credit is None:
        raise ValueError(f"license `{license.ref}` is `{known.spdx}` and needs the `credit` that it demands")
    grant = GrantEntry(
        ref=creative_commons.GRANT_REF,
        terms=known.terms(starts_on=license.starts_on, zone=license.zone, credit=license.credit),
        clause=known.clause,
        quote=known.quote,
    )
    return license.model_copy(update={"grants": (grant,)})


def _of_template(license: LicenseEntry) -> GrantEntry:
    """Raises: ValueError, ValidationError: of a blank that cannot be filled so."""
    assert license.template is not None
    template = TEMPLATES[license.template]
    if license.basis != template.basis:
        raise ValueError(
            f"license `{license.ref}` has the basis `{license.basis}`, and template `{template.name}` is for "
            f"`{template.basis}`"
        )
    terms = GrantTerms.model_validate(template.filled(license.fill))
    return GrantEntry(ref=template.name, terms=terms)


def _broken_references(file: RightsFile) -> Iterator[tuple[Place, str]]:
    for kind in ("licensors", "documents", "licenses", "releases"):
        yield from _twice((entry.ref for entry in getattr(file, kind)), place=(kind,))
    licensors = {licensor.ref for licensor in file.licensors}
    documents = {document.ref for document in file.documents}
    for kind in ("licenses", "releases"):
        for index, entry in enumerate(getattr(file, kind)):
            if entry.licensor is not None and entry.licensor not in licensors:
                yield (kind, index, "licensor"), f"unknown licensor `{entry.licensor}`; add it to `licensors`"
            if entry.document is not None and entry.document not in documents:
                yield (kind, index, "document"), f"unknown document `{entry.document}`; add it to `documents`"
    for index, release in enumerate(file.releases):
        if release.supersedes == release.ref:
            yield ("releases", index, "supersedes"), f"release `{release.ref}` cannot supersede itself"
    for index, license in enumerate(file.licenses):
        for field in ("grants", "title_chain"):
            for number, entry in enumerate(getattr(license, field)):
                if entry.document is not None and entry.document not in documents:
                    yield (
                        ("licenses", index, field, number, "document"),
                        f"unknown document `{entry.document}`; add it to `documents`",
                    )
        place = ("licenses", index, "grants")
        yield from _twice((grant.ref for grant in license.grants), place=place)
        if license.supersedes == license.ref:
            yield ("licenses", index, "supersedes"), f"license `{license.ref}` cannot supersede itself"
        refs = {grant.ref for grant in license.grants}
        for number, grant in enumerate(license.grants):
            if grant.supersedes is not None and grant.supersedes not in refs - {grant.ref}:
                yield (
                    (*place, number, "supersedes"),
                    f"unknown grant `{grant.supersedes}` of license `{license.ref}`; keep what is superseded",
                )


def _broken_documents(file: RightsFile) -> Iterator[tuple[Place, str]]:
    for index, document in enumerate(file.documents):
        place = ("documents", index, "path")
        try:
            path = file.document_file(document)
        except (ValueError, OSError) as error:
            yield place, str(error)
            continue
        if not path.is_file():
            yield place, f"document `{document.path}` is not there; put it beside the rights file"
        elif path.stat().st_size > MAX_DOCUMENT_BYTES:
            yield place, f"document `{document.path}` is larger than {MAX_DOCUMENT_BYTES // 2**20} MiB"
        if media_type(document) is None:
            yield place, f"the media type of `{document.path}` is not known; state its `media_type`"


def _broken_photos(file: RightsFile) -> Iterator[tuple[Place, str]]:
    grants = {ref for refs in file.grants_of_license.values() for ref in refs}
    releases = {release.ref: release for release in file.releases}
    for index, entry in enumerate(file.photos):
        for number, ref in enumerate(entry.licenses):
            if ref not in file.grants_of_license:
                yield ("photos", index, "licenses", number), f"unknown license `{ref}`; add it to `licenses`"
        for number, ref in enumerate(entry.grants):
            if ref not in grants:
                yield ("photos", index, "grants", number), f"unknown grant `{ref}`; add it to its license"
        for number, ref in enumerate(entry.releases):
            if ref not in releases:
                yield ("photos", index, "releases", number), f"unknown release `{ref}`; add it to `releases`"
        for number, person in enumerate(entry.people):
            found = releases.get(person.release)
            if found is None or found.kind != "model":
                sentence = f"unknown model release `{person.release}`; add it to `releases`"
                yield ("photos", index, "people", number, "release"), sentence
            if not person.whole and (len(entry.files) > 1 or WILDCARDS & set(entry.files[0])):
                sentence = "`segments` and `instances` are one photo's; name that one file alone"
                yield ("photos", index, "people", number), sentence
        shown = entry.depictions or Depictions()
        attached = {*entry.releases, *(person.release for person in entry.people)}
        for number, right in enumerate(shown.rights):
            found = releases.get(right.release or "")
            if right.release is not None and (
                right.release not in attached or found is None or found.kind != "property"
            ):
                sentence = f"`{right.release}` is no property release of these photos; add it to `releases`"
                yield ("photos", index, "depictions", "rights", number), sentence
        for kind, status in (("model", shown.model_release), ("property", shown.property_release)):
            held = any(
                releases[ref].kind == kind and releases[ref].status == "released"
                for ref in attached
                if ref in releases
            )
            if status == "released" and not held and releases.keys() >= attached:
                yield (
                    ("photos", index, "depictions", f"{kind}_release"),
                    f"`{kind}_release: released` names no {kind} release; add its ref to `releases`",
                )


def _twice(refs: Iterable[str], *, place: Place) -> Iterator[tuple[Place, str]]:
    seen: set[str] = set()
    for index, ref in enumerate(refs):
        if ref in seen:
            yield (*place, index, "ref"), f"ref `{ref}` is used twice; give each its own"
        seen.add(ref)


def _refused(
    path: Path, lines: dict[Place, int], problems: Iterable[tuple[tuple[int | str, ...], str]]
) -> RightsFileRefused:
    found: list[tuple[int | None, str]] = []
    for place, sentence in problems:
        while place not in lines and place:
            place = place[:-1]
        found.append((lines.get(place), sentence))
    return RightsFileRefused(path, sorted(found, key=lambda problem: problem[0] or 0))
