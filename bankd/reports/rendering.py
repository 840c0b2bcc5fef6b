"""A report in the form that somebody asked for. Pure: from the report, its pictures, and a language."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from bankd.reports import html, pdf, sheets
from bankd.reports.errors import ReportUnreadable
from bankd.reports.registry import kind_of
from bankd.reports.report import Form, Report
from bankd.reports.strings import Locale
from bankd.reports.writing import Writer

MEDIA_TYPES: Mapping[Form, str] = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
}


def render(
    report: Report, form: Form, locale: Locale = "en", *, pictures: Mapping[str, bytes] | None = None
) -> bytes:
    """The same report, pictures and language give the same bytes.

    Raises:
        ReportUnknown: no kind is called what the report says of itself.
        ReportNotRendered: a mistake of ours.
    """
    writer, shown = Writer(locale), pictures or {}
    page = kind_of(report.report).show(report, writer)
    match form:
        case "html":
            return html.render(report, page, writer, shown).encode()
        case "pdf":
            return pdf.render(report, page, writer, shown)
        case "xlsx":
            return sheets.render_xlsx(report, page, writer)
        case "csv":
            return sheets.render_csv(report, page, writer)
        case "json":
            return report.as_text().encode()


def read(name: str, text: str | bytes) -> Any:
    """A report of the kind, as its JSON has it.

    Raises:
        ReportUnknown: there is no such kind.
        ReportUnreadable: the text is no report of the kind.
    """
    try:
        return kind_of(name).model.model_validate_json(text)
    except ValidationError as error:
        raise ReportUnreadable(name, str(error.errors()[0]["msg"])) from error
