"""What is wrong with a rights file, in words for a person who never heard of validation. Pure."""

import difflib
from collections.abc import Iterator, Sequence
from functools import cache

from pydantic_core import ErrorDetails

from bankd.licensing.rights_entries import RightsFile
from bankd.licensing.rights_yaml import Place

LOOKS = {
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$": "letters, digits, `.`, `_`, `-` and no space, as in `L-2026.1`",
    r"^[a-z0-9]+(-[a-z0-9]+)*$": "small letters and digits joined by `-`, as in `food-and-drink`",
    r"^[A-Z]{3}$": "three capitals, as in `EUR`",
    r"\S": "more than spaces",
}
HINTS = {"ends_on": "state it, `null` where the term has no end"}


def sentences(errors: Sequence[ErrorDetails]) -> Iterator[tuple[Place, str]]:
    """Each problem with its place; a list that only came out too short of faulty items is none itself."""
    places = [error["loc"] for error in errors]
    for error in errors:
        place = error["loc"]
        inside = any(other[: len(place)] == place and len(other) > len(place) for other in places)
        if error["type"] == "too_short" and inside:
            continue
        yield place, _sentence(error)


def _sentence(error: ErrorDetails) -> str:
    words = [str(part) for part in error["loc"] if isinstance(part, str)]
    if not words and error["type"] != "value_error":
        return f"the file must be fields such as `licensors` and `licenses`, not {_shown(error)}"
    field = words[-1] if words else ""
    bounds = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return f"`{field}` is missing; {HINTS.get(field, 'state it')}"
        case "extra_forbidden":
            return f"unknown field `{field}`; {_remedy(field)}"
        case "literal_error":
            known = bounds["expected"].replace("'", "`")
            return f"{_shown(error)} is no word for `{field}`; use {known if '`' in known else f'`{known}`'}"
        case "string_pattern_mismatch":
            pattern = bounds["pattern"]
            return f"{_shown(error)} is not a valid `{field}`; write {LOOKS.get(pattern, f'`{pattern}`')}"
        case "value_error":
            return str(bounds["error"])
        case "too_short":
            return f"`{field}` is empty; name at least one"
        case _ if error["input"] is None or error["input"] == "":
            return f"`{field}` is empty; write a value, or remove it"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"`{field}` must be fields with values, not {_shown(error)}"
        case "tuple_type" | "frozen_set_type" | "list_type":
            given = error["input"]
            remedy = f"; write `[{given}]`" if isinstance(given, str) else f", not {_shown(error)}"
            return f"`{field}` must be a list{remedy}"
        case "string_type":
            return f"`{field}` must be text, not {_shown(error)}"
        case "int_type" | "int_parsing" | "int_from_float":
            return f"`{field}` must be a whole number, not {_shown(error)}"
        case "bool_type" | "bool_parsing":
            return f"`{field}` must be `true` or `false`, not {_shown(error)}"
        case "greater_than_equal":
            return f"`{field}` must be {bounds['ge']} or more, not {_shown(error)}"
        case "less_than_equal":
            return f"`{field}` must be {bounds['le']} or less, not {_shown(error)}"
        case "string_too_long":
            return f"`{field}` must have {bounds['max_length']} characters or fewer"
    message = error["msg"].removeprefix("Input ").removesuffix(".")
    return f"`{field}` {message[:1].lower()}{message[1:]}, not {_shown(error)}"


def _shown(error: ErrorDetails) -> str:
    match error["input"]:
        case dict():
            return "fields"
        case list() | tuple() | set() | frozenset():
            return "a list"
    return f"`{error['input']}`"


def _remedy(field: str) -> str:
    known = _fields()
    if field in known:
        return "it does not belong here"
    close = difflib.get_close_matches(field, known, n=1, cutoff=0.75)
    return f"is it `{close[0]}`?" if close else "correct its spelling or remove it"


@cache
def _fields() -> frozenset[str]:
    schema = RightsFile.model_json_schema()
    parts = [schema, *schema["$defs"].values()]
    return frozenset(name for part in parts for name in part.get("properties", ()))
