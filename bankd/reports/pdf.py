"""A report as PDF/A-3b and PDF/UA-1, with its JSON attached.

The same report gives the same bytes: the creation date is the report's own
moment, fonts come from a package, nothing of this machine goes in.
"""

import json
import tempfile
from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import typst

from bankd.provenance import fonts
from bankd.reports.errors import ReportNotRendered
from bankd.reports.layout import laid_out
from bankd.reports.page import Page
from bankd.reports.report import Report
from bankd.reports.writing import Writer

STANDARDS = ["a-3b", "ua-1"]


def render(report: Report, page: Page, writer: Writer, pictures: Mapping[str, bytes]) -> bytes:
    """Raises: ReportNotRendered, which is a mistake of ours and never the reader's."""
    content = laid_out(report, page, writer, pictures=pictures)
    created = datetime.fromisoformat(report.head.as_of).replace(microsecond=0)  # PDF has no finer unit
    content["created"] = list(created.timetuple())[:6]
    with tempfile.TemporaryDirectory(prefix="bankd-report-") as folder:
        root = Path(folder)
        _illustrate(root, content, pictures)
        (root / "page.json").write_text(json.dumps(content, ensure_ascii=False))
        (root / "report.json").write_text(report.as_text())
        template = files("bankd.reports").joinpath("templates/report.typ").read_bytes()
        (root / "report.typ").write_bytes(template)
        try:
            pdf: bytes = typst.compile(  # type: ignore[call-overload]
                root / "report.typ",
                root=root,
                font_paths=[fonts.path().parent],
                ignore_system_fonts=True,
                pdf_standards=STANDARDS,
                timestamp=created,
                format="pdf",
            )
        except typst.TypstError as error:
            raise ReportNotRendered(str(error).splitlines()[0]) from error
    return pdf


def _illustrate(root: Path, content: dict[str, Any], pictures: Mapping[str, bytes]) -> None:
    """Write pictures and charts beside the page, and name their files in it."""
    named = {name: f"picture-{number}.jpg" for number, name in enumerate(pictures)}
    for name, jpeg in pictures.items():
        (root / named[name]).write_bytes(jpeg)
    drawn = 0
    for section in content["sections"]:
        for block in section["blocks"]:
            if block["type"] == "chart":
                drawn += 1
                block["file"] = f"chart-{drawn}.svg"
                (root / block["file"]).write_text(block.pop("svg"))
            elif block["type"] == "picture" and block["file"] is not None:
                block["file"] = named[block["file"]]
            elif block["type"] == "table":
                for cell in (cell for row in block["rows"] for cell in row if cell["kind"] == "picture"):
                    cell["file"] = cell["file"] and named[cell["file"]]
