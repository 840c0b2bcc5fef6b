"""A report as one HTML file: no script, nothing fetched, pictures inside."""

import base64
import json
from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined

from bankd.reports.carried import carried
from bankd.reports.layout import laid_out
from bankd.reports.page import Page
from bankd.reports.report import Report
from bankd.reports.writing import Writer

_TEMPLATES = Environment(
    loader=PackageLoader("bankd.reports"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=False,
    auto_reload=False,
)


def render(report: Report, page: Page, writer: Writer, pictures: Mapping[str, bytes]) -> str:
    content = laid_out(report, page, writer, pictures=pictures)
    font = carried(json.dumps(content, ensure_ascii=False))
    return _TEMPLATES.get_template("report.html").render(
        page=content,
        font=None if font is None else f"data:font/otf;base64,{base64.b64encode(font).decode()}",
        pictures={
            name: f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
            for name, jpeg in pictures.items()
        },
    )
