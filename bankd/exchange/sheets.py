"""A rights sheet row by row: each row is a grant, with the license that it is of. Pure but for the file read.

A row that is wrong is refused alone, by its line; what is wrong with the
file refuses the file.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bankd.exchange import columns, tables
from bankd.exchange.columns import NOTHING, STATED, CellRefused, Column
from bankd.exchange.tables import Row, Table
from bankd.licensing import creative_commons, rights_file, rights_words
from bankd.licensing.contradictions import contradictions
from bankd.licensing.depicted import Depictions
from bankd.licensing.errors import RightsFileRefused
from bankd.licensing.rights_entries import (
    DocumentEntry,
    GrantEntry,
    LicenseEntry,
    LicensorEntry,
    PhotosEntry,
    RightsFile,
)
from bankd.licensing.rights_yaml import Place
from bankd.licensing.terms import GrantTerms

SAME_TERMS = 4096  # equal terms are checked once, as long as no more different ones come between


@dataclass(frozen=True)
class SheetRow:
    """What one line says. The license comes without its grants; each row brings one."""

    line: int
    licensor: LicensorEntry | None  # None: it has to be known already
    license: LicenseEntry
    grant: GrantEntry
    document: str | None
    files: tuple[str, ...]
    product: str | None = None  # that the photos show

    @property
    def ref(self) -> str:
        return f"{self.license.ref}/{self.grant.ref}"


@dataclass(frozen=True)
class RowRefused:
    line: int
    sentence: str


@dataclass(frozen=True)
class Sheet:
    encoding: str  # "UTF-8", "CP932" or "XLSX"
    rows: Iterator[SheetRow | RowRefused]


@contextmanager
def opened(path: Path) -> Iterator[Sheet]:
    """The rows of a sheet, each checked by itself and against the rows before it.

    Raises:
        RightsFileRefused: it is no rights sheet; also while its rows are read, where they are broken.
    """
    with tables.opened(path) as table:
        found = _columns(path, table.head)
        yield Sheet(table.encoding, _Reader(table, found).rows())


def whole(path: Path) -> RightsFile:
    """A sheet as a rights file says the same, for photos that are ingested with it.

    Raises:
        RightsFileRefused: any row of it is wrong: photos are not ingested under half of their rights.
    """
    problems: list[tuple[int | None, str]] = []
    licensors: dict[str, LicensorEntry] = {}
    documents: dict[str, DocumentEntry] = {}
    licenses: dict[str, LicenseEntry] = {}
    photos: list[PhotosEntry] = []
    lines: dict[Place, int] = {}
    with opened(path) as sheet:
        for row in sheet.rows:
            if isinstance(row, RowRefused):
                problems.append((row.line, row.sentence))
                continue
            ref = row.license.ref
            if row.licensor is not None:
                held_by = licensors.setdefault(row.licensor.ref, row.licensor)
                if held_by != row.licensor:
                    problems.append(
                        (row.line, f"the licensor `{held_by.ref}` is called `{held_by.name}` above")
                    )
            if row.document is not None and row.document not in documents:
                entry = DocumentEntry(ref=f"document-{len(documents) + 1}", path=row.document)
                documents[row.document] = entry
            if ref not in licenses:
                lines["licenses", len(licenses)] = row.line
                named = None if row.document is None else documents[row.document].ref
                licenses[ref] = row.license.model_copy(update={"document": named})
            held = licenses[ref]
            licenses[ref] = held.model_copy(update={"grants": (*held.grants, row.grant)})
            names = tuple(name for name in row.files if ":" not in name)
            if names:
                lines["photos", len(photos)] = row.line
                shows = None if row.product is None else Depictions(product=row.product)
                photos.append(PhotosEntry(files=names, grants=(row.ref,), depictions=shows))
    if not problems and not licenses:
        problems.append((None, "holds no row"))
    if problems:
        raise RightsFileRefused(path, problems)
    return rights_file.put_together(
        path,
        lines,
        licensors=tuple(licensors.values()),
        documents=tuple(documents.values()),
        licenses=tuple(licenses.values()),
        photos=tuple(photos),
    )


def _columns(path: Path, head: Row) -> list[Column]:
    cells = list(head.cells)
    while cells and (cells[-1] is None or cells[-1] == ""):
        cells.pop()
    if len(cells) == 1 and isinstance(cells[0], str) and ";" in cells[0]:
        raise RightsFileRefused(
            path, [(head.line, "the columns are apart by `;`; save it with commas or tabs")]
        )
    problems: list[tuple[int | None, str]] = []
    found: list[Column] = []
    for cell in cells:
        try:
            column = columns.named(cell)
        except CellRefused as error:
            problems.append((head.line, str(error)))
            continue
        if column in found:
            problems.append((head.line, f"`{column.name}` is two columns; keep one"))
        found.append(column)
    missing = [name for name in sorted(STATED) if name not in {column.name for column in found}]
    problems += [(head.line, f"the column `{name}` is missing; add it") for name in missing]
    if problems:
        raise RightsFileRefused(path, problems)
    return found


class _Reader:
    def __init__(self, table: Table, found: list[Column]) -> None:
        self.table, self.columns = table, found
        self.licenses: dict[str, tuple[int, int]] = {}  # ref: the line that stated it first, and a hash of it
        self.grants: dict[str, int] = {}
        self.currencies: dict[str, str] = {}
        self.terms: dict[Any, GrantTerms] = {}

    def rows(self) -> Iterator[SheetRow | RowRefused]:
        for row in self.table.rows:
            try:
                yield self._row(row)
            except CellRefused as error:
                yield RowRefused(row.line, str(error))

    def _row(self, row: Row) -> SheetRow:
        if row.merged:
            raise CellRefused("cells of this row are merged; unmerge them and fill in each")
        parts = self._parts(row)
        own, license, grant, terms = (parts[name] for name in ("row", "license", "grant", "terms"))
        stated = {**terms, "license": license.get("ref"), **license}
        if empty := [name for name in sorted(STATED) if stated.get(name) is None]:
            raise CellRefused("; ".join(f"`{name}` is empty; state it" for name in empty))
        license.setdefault("basis", "licensed")
        if license.get("spdx") in creative_commons.LICENSES:
            read_license, read_grant = self._public(license, grant, terms)
        else:
            read_license = _checked(LicenseEntry, license)
            read_grant = _checked(GrantEntry, {"ref": "all", **grant, "terms": self._terms(terms)})
        licensor = own.get("licensor_name")
        found = SheetRow(
            row.line,
            None
            if licensor is None
            else _checked(LicensorEntry, {"ref": read_license.licensor, "name": licensor}),
            read_license,
            read_grant,
            own.get("document"),
            tuple(own.get("files") or ()),
            _checked(Depictions, {"product": own.get("product")}).product,
        )
        if found.product is not None and not found.files:
            raise CellRefused("`product` is said of photos; name them in `files`")
        whole = RightsFile.model_construct(
            version=1,
            licensors=() if found.licensor is None else (found.licensor,),
            licenses=(read_license.model_copy(update={"grants": (read_grant,)}),),
            photos=(),
        )
        if problems := [sentence for _, sentence in contradictions(whole)]:
            raise CellRefused("; ".join(problems))
        self._agrees(found)
        return found

    def _parts(self, row: Row) -> dict[str, dict[str, Any]]:
        parts: dict[str, dict[str, Any]] = {"row": {}, "license": {}, "grant": {}, "terms": {}}
        problems: list[str] = []
        if any(cell is not None and cell != "" for cell in row.cells[len(self.columns) :]):
            problems.append("has cells beyond the last column; remove them")
        for column, cell in zip(self.columns, row.cells, strict=False):
            try:
                value = columns.value(column, cell, from_1904=self.table.from_1904)
            except CellRefused as error:
                problems.append(str(error))
                continue
            if value is None:
                continue
            into = parts[column.part]
            for outer in column.path[:-1]:
                into = into.setdefault(outer, {})
            into[column.path[-1]] = None if column.nullable and value == NOTHING else value
        if problems:
            raise CellRefused("; ".join(problems))
        return parts

    def _terms(self, terms: dict[str, Any]) -> GrantTerms:
        key = repr(terms)
        if key not in self.terms:
            if len(self.terms) >= SAME_TERMS:
                self.terms.clear()
            self.terms[key] = _checked(GrantTerms, terms)
        return self.terms[key]

    def _public(
        self, license: dict[str, Any], grant: dict[str, Any], terms: dict[str, Any]
    ) -> tuple[LicenseEntry, GrantEntry]:
        """A license whose grant follows from its words; only its first day and credit are stated."""
        stated: dict[str, Any] = {
            name: terms.pop(name) for name in ("credit", "starts_on", "zone") if name in terms
        }
        if terms:
            others = ", ".join(f"`{name}`" for name in sorted(terms))
            raise CellRefused(f"`spdx` stands for the whole grant; leave {others} empty")
        if grant:
            raise CellRefused(f"`spdx` stands for the grant; leave `{min(grant)}` empty")
        whole = _checked(LicenseEntry, {**license, **stated})
        try:
            made = rights_file.with_grants(whole).grants[0]
        except ValueError as error:
            raise CellRefused(str(error)) from error
        return whole, made

    def _agrees(self, row: SheetRow) -> None:
        """Against the rows before it. What a refused row said counts for nothing."""
        ref, said = row.license.ref, hash(repr((row.license, row.document)))
        line, before = self.licenses.get(ref, (row.line, said))
        if before != said:
            raise CellRefused(
                f"says other things of the license `{ref}` than line {line}; make them the same"
            )
        if row.ref in self.grants:
            above = self.grants[row.ref]
            raise CellRefused(
                f"the grant `{row.ref}` is on line {above} already; give it a `grant` of its own"
            )
        currency = row.grant.terms.currency
        if currency is not None and self.currencies.setdefault(ref, currency) != currency:
            other = self.currencies[ref]
            raise CellRefused(
                f"license `{ref}` is owed in `{other}` above; write another license for `{currency}`"
            )
        if row.license.supersedes == ref:
            raise CellRefused(f"license `{ref}` cannot supersede itself")
        self.licenses[ref] = (line, said)
        self.grants[row.ref] = row.line


def _checked(model: Any, values: dict[str, Any]) -> Any:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        # Placed in the row, so that what is wrong between two fields is said too.
        found: list[Any] = [{**one, "loc": ("row", *one["loc"])} for one in error.errors()]
        raise CellRefused("; ".join(sentence for _, sentence in rights_words.sentences(found))) from error
