"""The provenance report as one HTML file: no script, nothing fetched, pictures inside."""

import base64

from jinja2 import Environment, PackageLoader, StrictUndefined

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
    return _TEMPLATES.get_template("provenance.html").render(
        page=page(illustrated.report, locale=locale),
        picture=_inside(illustrated.picture),
        thumbnails={
            str(photo.photo_id): _inside(illustrated.thumbnails.get(photo.photo_id))
            for photo in illustrated.report.photos
        },
    )


def _inside(jpeg: bytes | None) -> str | None:
    return None if jpeg is None else "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
