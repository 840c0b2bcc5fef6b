"""The provenance report as PDF/A-3b and PDF/UA-1, with its JSON attached.

The same report gives the same bytes: the creation date is the report's own
moment, fonts come from a package, nothing of this machine goes in.
"""

import json
import tempfile
from datetime import datetime
from importlib.resources import files
from pathlib import Path

import typst

from bankd.provenance import fonts
from bankd.reports.errors import ReportNotRendered
from bankd.reports.page import page
from bankd.reports.provenance import Illustrated
from bankd.reports.strings import Locale

STANDARDS = ["a-3b", "ua-1"]


def render(illustrated: Illustrated, *, locale: Locale = "en") -> bytes:
    """Raises: ReportNotRendered, which is a mistake of ours and never the reader's."""
    report = illustrated.report
    content = page(report, locale=locale)
    created = datetime.fromisoformat(report.as_of).replace(microsecond=0)  # PDF dates have no finer unit
    content["created"] = list(created.timetuple())[:6]
    content["picture"]["file"] = None if illustrated.picture is None else "picture.jpg"
    with tempfile.TemporaryDirectory(prefix="bankd-report-") as folder:
        root = Path(folder)
        if illustrated.picture is not None:
            (root / "picture.jpg").write_bytes(illustrated.picture)
        for photo, row in zip(report.photos, content["photos"]["rows"], strict=True):
            thumbnail = illustrated.thumbnails.get(photo.photo_id)
            row["file-name"] = None if thumbnail is None else f"photo-{photo.number}.jpg"
            if thumbnail is not None:
                (root / row["file-name"]).write_bytes(thumbnail)
        (root / "page.json").write_text(json.dumps(content, ensure_ascii=False))
        (root / "report.json").write_text(report.as_text())
        template = files("bankd.reports").joinpath("templates/provenance.typ").read_bytes()
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
