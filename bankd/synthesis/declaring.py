"""From what a person asks for to a `Use`, with what follows from it and one sentence for what is wrong."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from pydantic import ValidationError

from bankd.licensing.use import Use
from bankd.licensing.vocabulary import ALTERATIONS, AUDIENCES, CHANNELS, PURPOSES, SUBJECTS, WORLD
from bankd.synthesis.errors import UseRefused

OPEN_CHANNELS = frozenset({"web", "social", "app", "email"})
"""Seen everywhere unless a geo-block keeps the picture where it is aimed at."""

TRAINING_PERIOD = timedelta(days=365)

WORDS = {
    "purpose": ("a purpose", PURPOSES),
    "channels": ("a channel", CHANNELS),
    "audience": ("an audience", AUDIENCES),
    "subjects": ("a subject", SUBJECTS),
    "alterations": ("an alteration", ALTERATIONS),
}


def declare(
    *, channels: Iterable[str], territories: Iterable[str], geo_block: bool = False, **rest: Any
) -> Use:
    """The use, `accessible` worked out: as `territories`; an open channel without a geo-block is the world.

    Args:
        rest: the other fields of `Use`; None and what is left out take their defaults.

    Raises:
        UseRefused: names the first field that is wrong and what to write there.
    """
    given = {name: value for name, value in rest.items() if value is not None}
    aimed_at, on = frozenset(territories), frozenset(channels)
    everywhere = not geo_block and bool(on & OPEN_CHANNELS)
    try:
        return Use.model_validate(
            {
                "channels": on,
                "targeted": aimed_at,
                "accessible": frozenset({WORLD}) if everywhere else aimed_at,
                **given,
            }
        )
    except ValidationError as error:
        raise UseRefused(_sentence(error)) from error


def declare_training(*, today: date, **stated: Any) -> Use:
    """The use that training photos are cleared for: inside the house, from today for a year unless stated.

    Args:
        stated: the purpose, and other fields of `Use`; what is None or empty takes its default.

    Raises:
        UseRefused.
    """
    given = {name: value for name, value in stated.items() if value not in (None, ())}
    return declare(
        channels=["internal"],
        territories=[WORLD],
        audience="internal",
        **{"starts_on": today, "ends_on": today + TRAINING_PERIOD, **given},
    )


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    field = next((str(part) for part in first["loc"] if isinstance(part, str)), "use")
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    shown = first["input"] if isinstance(first["input"], str | int | float) else ""
    if first["type"] == "missing":
        return f"the use lacks its `{field}`"
    if first["type"] == "too_short":
        return f"the use names no `{field}`: name at least one"
    if field in WORDS:
        one, words = WORDS[field]
        return f"`{shown}` is not {one}: use {', '.join(sorted(words))}"
    message = first["msg"].removeprefix("Input ").rstrip(".")
    return f"`{field}` {message[:1].lower()}{message[1:]}, not `{shown}`"
