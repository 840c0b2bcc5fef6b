"""Layouts as they are filed: a PNG with a class id a pixel, and the names of its classes. Pure."""

from uuid import UUID

from bankd.catalog.errors import NumbersUnreadable, UnknownNumbers
from bankd.catalog.labels import Labels, house_ids, read_numbers
from bankd.catalog.taxonomy import VOID, Taxonomy, read_classes
from bankd.synthesis.errors import LayoutRefused
from synth.layout import Layout, count_regions
from synth.pictures import MAX_AREA_PX, MAX_SIDE_PX

OWN, LICENSED, PHOTO = "own", "licensed", "photo:"
"""Where a layout comes from: drawn by the house, licensed from somebody, or a photo's own label map."""

MIN_SIDE_PX = 16
MAX_FILE_BYTES = 64 << 20
MAX_REGIONS = 4096
NUMBERS_SHOWN = 10


def read_layout(content: bytes, classes: bytes | None, *, taxonomy: Taxonomy) -> Labels:
    """(H, W) uint8 house category ids.

    Args:
        content: a PNG with a class id a pixel (indexed, or grey of 8 or 16 bits; colors are not looked at).
        classes: a `classes.json`; None where ids are the house's own already.

    Raises:
        LayoutRefused: no such PNG, too small or too large, an id that the classes do not name,
            nothing but void, or noise instead of a plan.
        ClassesInvalid, UnknownCategories: from the taxonomy.
    """
    if len(content) > MAX_FILE_BYTES:
        raise LayoutRefused(f"the layout's file is over {MAX_FILE_BYTES >> 20} MiB")
    known = (
        {category.id: category.id for category in taxonomy.categories}
        if classes is None
        else taxonomy.map_classes(read_classes(classes))
    )
    try:
        labels = house_ids(read_numbers(content, fits=_fits), known)
    except NumbersUnreadable as error:
        hint = ": each pixel has to hold the id of its class" if error.reason == "no-numbers" else ""
        raise LayoutRefused(f"the layout {error.why}{hint}") from error
    except UnknownNumbers as error:
        shown = ", ".join(f"`{number}`" for number in error.numbers[:NUMBERS_SHOWN])
        more = " and more" if len(error.numbers) > NUMBERS_SHOWN else ""
        whose = "the house taxonomy does" if classes is None else "its classes do"
        raise LayoutRefused(
            f"the layout holds class ids that {whose} not name: {shown}{more}"
            + ("; name them in a `classes.json`" if classes is None else "")
        ) from error
    if not (labels != VOID).any():
        raise LayoutRefused("the layout labels nothing: every pixel is void")
    if (regions := count_regions(Layout(labels))) > MAX_REGIONS:
        raise LayoutRefused(
            f"the layout falls into `{regions}` regions, `{MAX_REGIONS}` are the most: is it a label map?"
        )
    return labels


def photo_of(origin: str) -> UUID | None:
    """The photo whose label map a layout is; None where it is no photo's.

    Raises:
        LayoutRefused: it is none of the origins there are.
    """
    if origin in (OWN, LICENSED):
        return None
    try:
        if not origin.startswith(PHOTO):
            raise ValueError(origin)
        return UUID(origin.removeprefix(PHOTO))
    except ValueError as error:
        raise LayoutRefused(
            f"`{origin}` is no origin of a layout: use own, licensed or photo:<id of the photo>"
        ) from error


def _fits(height: int, width: int) -> None:
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_AREA_PX:
        raise LayoutRefused(
            f"the layout is `{width}x{height}` px: make it at most {MAX_SIDE_PX} px a side"
            f" and {MAX_AREA_PX} px in all"
        )
    if min(width, height) < MIN_SIDE_PX:
        raise LayoutRefused(f"the layout is `{width}x{height}` px: make it at least {MIN_SIDE_PX} px a side")
