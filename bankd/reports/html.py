"""The provenance report as one HTML file: no script, nothing fetched, pictures inside."""

import base64
import json

from jinja2 import Environment, PackageLoader, StrictUndefined

from bankd.reports.carried import carried
from bankd.reports.page import page
from bankd.reports.provenance import Illustrated
from bankd.reports.strings import Locale

_TEMPLATES = Environment(
    loader=PackageLoader("bankd.reports"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=False,
    auto_reload=False,
)


def render(illustrated: Illustrated, *, locale: Locale = "en") -> str:
    content = page(illustrated.report, locale=locale)
    font = carried(json.dumps(content, ensure_ascii=False))
    return _TEMPLATES.get_template("provenance.html").render(
        page=content,
        font=None if font is None else f"data:font/otf;base64,{base64.b64encode(font).decode()}",
        picture=_inside(illustrated.picture),
        thumbnails={
            str(photo.photo_id): _inside(illustrated.thumbnails.get(photo.photo_id))
            for photo in illustrated.report.photos
        },
    )


def _inside(jpeg: bytes | None) -> str | None:
    return None if jpeg is None else "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
