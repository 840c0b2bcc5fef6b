"""Which photos and releases a report names: by each text in it that is an id, a hash or a ref of one."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.catalog.models import Photo
from bankd.licensing.models import Release

AT_ONCE = 5000
LONGEST = 400  # references are shorter
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHA256 = re.compile(r"[0-9a-f]{64}")

Subject = tuple[str, UUID]
T = TypeVar("T")


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, keys included."""
    match value:
        case str():
            yield value
        case dict():
            for key, member in value.items():
                yield key
                yield from texts(member)
        case list() | tuple():
            for member in value:
                yield from texts(member)


def named(session: Session, told: Iterable[str]) -> set[Subject]:
    """The photos and releases on record that these texts name; a person by each release that he gave.

    A text that happens to be some release's reference names it too: rather once too often than not.
    """
    words = {text for text in told if len(text) <= LONGEST}
    ids = [UUID(word) for word in sorted(words) if _UUID.fullmatch(word)]
    hashes = [word for word in sorted(words) if _SHA256.fullmatch(word)]
    refs = sorted(words)
    found: set[Subject] = set()
    for some in _parts(ids):
        found |= {("photo", id) for id in session.scalars(select(Photo.id).where(Photo.id.in_(some)))}
        found |= {("release", id) for id in session.scalars(select(Release.id).where(Release.id.in_(some)))}
    for those in _parts(hashes):
        same = select(Photo.id).where(Photo.sha256.in_(those) | Photo.pixel_sha256.in_(those))
        found |= {("photo", id) for id in session.scalars(same)}
    for those in _parts(refs):
        same = select(Release.id).where(Release.ref.in_(those) | Release.subject.in_(those))
        found |= {("release", id) for id in session.scalars(same)}
    return found


def _parts(words: list[T]) -> Iterator[list[T]]:
    for start in range(0, len(words), AT_ONCE):
        yield words[start : start + AT_ONCE]
