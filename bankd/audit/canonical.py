"""One way to write a value down (RFC 8785), so that its hash can be worked out again by anyone."""

import json
from collections.abc import Mapping, Set
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import rfc8785

from bankd.audit.errors import NotCanonical


def canonical(value: object) -> bytes:
    """RFC 8785 of a value after `plain`.

    Raises:
        NotCanonical: something in it has no one way to be written.
    """
    try:
        return rfc8785.dumps(plain(value))
    except rfc8785.CanonicalizationError as error:
        raise NotCanonical(value, str(error)) from error


def plain(value: object) -> Any:
    """The value in JSON's own types.

    Moments become UTC with six decimals and `Z`, days ISO 8601, UUIDs and
    bytes lower-case hexadecimal text (UUIDs with hyphens), sets lists sorted
    by their members' canonical bytes. Floats are refused: what the bank
    records is counted in whole units, and a float reads back differently.
    """
    match value:
        case None | bool():
            return value
        case str():
            return str.__str__(value)
        case int():
            return int(value)
        case float():
            raise NotCanonical(value, "a float is not exact")
        case datetime():
            return moment(value)
        case date():
            return value.isoformat()
        case UUID():
            return str(value)
        case bytes():
            return value.hex()
        case Mapping():
            for key in value:
                if not isinstance(key, str):
                    raise NotCanonical(key, "keys are text")
            return {str.__str__(key): plain(member) for key, member in value.items()}
        case list() | tuple():
            return [plain(member) for member in value]
        case Set():
            return sorted((plain(member) for member in value), key=canonical)
    raise NotCanonical(value, f"it is a {type(value).__name__}")


def moment(at: datetime) -> str:
    """`2026-01-31T15:00:00.000000Z`."""
    if at.tzinfo is None:
        raise NotCanonical(at, "the moment has no time zone")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse(text: str) -> Any:
    """Read canonical JSON back; moments, days and ids stay text."""
    return json.loads(text)
