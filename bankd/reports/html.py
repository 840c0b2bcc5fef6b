"""A report as one HTML file: no script, nothing fetched, pictures inside."""

import base64
import json
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bankd.reports.carried import carried
from bankd.reports.layout import laid_out
from bankd.reports.report import Gathered, Kind
from bankd.reports.strings import Locale
from bankd.reports.writing import Writer

_TEMPLATES = Environment(
    loader=PackageLoader("bankd.reports"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=False,
    auto_reload=False,
)


def render(kind: Kind[Any, Any], gathered: Gathered[Any], *, locale: Locale = "en") -> str:
    writer = Writer(locale)
    page = kind.show(gathered.report, writer)
    content = laid_out(gathered.report, page, writer, pictures=gathered.pictures)
    font = carried(json.dumps(content, ensure_ascii=False))
    return _TEMPLATES.get_template("report.html").render(
        page=content,
        font=None if font is None else f"data:font/otf;base64,{base64.b64encode(font).decode()}",
        pictures={
            name: f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
            for name, jpeg in gathered.pictures.items()
        },
    )
