"""How commands let a person declare a use and name layouts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bankd.catalog.labels import Labels
from bankd.catalog.taxonomy import house
from bankd.cli.files import read_bytes
from bankd.licensing.vocabulary import ALTERATIONS, AUDIENCES, CHANNELS, PURPOSES, SUBJECTS
from bankd.synthesis import layouts


def one_of(words: frozenset[str]) -> str:
    return f"One of {', '.join(sorted(words))}."


_OPTIONS = (
    click.option("--purpose", required=True, help=one_of(PURPOSES)),
    click.option(
        "--channel", "channels", multiple=True, required=True, help=f"Repeatable. {one_of(CHANNELS)}"
    ),
    click.option(
        "--territory",
        "territories",
        multiple=True,
        required=True,
        help="Repeatable: where it is aimed at, JP or WORLD.",
    ),
    click.option("--from", "starts_on", required=True, metavar="YYYY-MM-DD", help="First day of the use."),
    click.option("--to", "ends_on", required=True, metavar="YYYY-MM-DD", help="Last day of the use."),
    click.option("--audience", required=True, help=one_of(AUDIENCES)),
    click.option("--geo-block", is_flag=True, help="Seen where it is aimed at alone, on the web too."),
    click.option("--zone", help="Time zone of the days.  [default: UTC]"),
    click.option("--sector", help="Sector of business.  [default: general]"),
    click.option(
        "--subject", "subjects", multiple=True, help=f"Repeatable. {one_of(SUBJECTS)}  [default: none]"
    ),
    click.option("--licensee", help="Who uses the picture.  [default: house]"),
    click.option(
        "--beneficiary", "beneficiaries", multiple=True, help="Repeatable: for whom it is used besides."
    ),
    click.option("--brand", help="The brand it is used for.  [default: none]"),
    click.option("--copies", type=int, help="Print run.  [default: 0]"),
    click.option(
        "--alteration",
        "alterations",
        multiple=True,
        help=f"Repeatable. {one_of(ALTERATIONS)}  [default: all but flip]",
    ),
)


def use_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options from which `declare` makes a use, in this order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def classes_near(layout: Path) -> Path | None:
    """The list of classes beside the layout, or in its folder's parent."""
    places = (layout.absolute().parent, layout.absolute().parent.parent)
    return next((path for place in places if (path := place / "classes.json").is_file()), None)


def read_layout(layout: Path, classes: Path | None) -> Labels:
    """Raises: FileUnusable, LayoutRefused, ClassesInvalid, UnknownCategories."""
    return layouts.read_layout(
        read_bytes(layout, what="layout"),
        None if classes is None else read_bytes(classes, what="list of classes"),
        taxonomy=house(),
    )
