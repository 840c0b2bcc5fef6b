"""Which photos of the bank an agreement means, and giving them its grant.

Photos are named by their file name, by the SHA-256 of their bytes or by
their id. What the bank does not hold yet gets its rights when it is ingested
with the same file.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from bankd.access.permissions import sees
from bankd.audit.actor import Actor
from bankd.catalog import products
from bankd.catalog import service as catalog
from bankd.catalog.errors import PhotoErased
from bankd.catalog.models import Photo
from bankd.licensing.errors import LicensingError, TooManyGrants

SHA256 = "sha256:"
PHOTO = "photo:"
HEX = re.compile(r"[0-9a-f]{64}")


class AmbiguousPhoto(LicensingError):
    def __init__(self, name: str, count: int) -> None:
        super().__init__(f"`{name}` is the name of {count} photos; name the one meant as `sha256:..`")
        self.name = name


@dataclass(frozen=True)
class Found:
    ids: tuple[UUID, ...]
    absent: int


def resolve(session: Session, names: Collection[str], *, by: Actor) -> dict[str, tuple[UUID, ...]]:
    """The living photos under each name. Those of a department that the actor does not see are not there."""
    hashes = {name.removeprefix(SHA256) for name in names if name.startswith(SHA256)}
    ids = {_id(name) for name in names if name.startswith(PHOTO)} - {None}
    plain = {name.rsplit("/", 1)[-1] for name in names}
    if not names:
        return {}
    rows = session.execute(
        select(Photo.id, Photo.name, Photo.sha256, Photo.department_id)
        .where(
            or_(Photo.name.in_(plain), Photo.sha256.in_(hashes), Photo.id.in_(ids)), Photo.state != "erased"
        )
        .order_by(Photo.id)
    ).all()
    found: dict[str, list[UUID]] = {}
    for photo_id, name, sha256, department_id in rows:
        if sees(by, department_id):
            for key in (name, f"{SHA256}{sha256}", f"{PHOTO}{photo_id}"):
                found.setdefault(key, []).append(photo_id)
    return {name: tuple(found.get(_key(name), ())) for name in names}


def photos(meant: dict[str, tuple[UUID, ...]], names: Iterable[str]) -> Found:
    """Raises AmbiguousPhoto: several photos have one of the names."""
    ids: dict[UUID, None] = {}
    absent = 0
    for name in names:
        found = meant.get(name, ())
        if len(found) > 1:
            raise AmbiguousPhoto(name, len(found))
        ids.update(dict.fromkeys(found))
        absent += not found
    return Found(tuple(ids), absent)


def attach(
    session: Session,
    photo_ids: Sequence[UUID],
    grant_ids: Sequence[UUID],
    *,
    product: str | None = None,
    by: Actor,
    at: datetime,
) -> tuple[int, str | None]:
    """Give photos these grants; how many hold them now, and what kept the first of the others from it.

    Args:
        product: that they show; what else they show stays as it was.
    """
    held, says = 0, None
    for photo_id in photo_ids:
        try:
            with session.begin_nested():
                catalog.attach_grants(session, photo_id, grant_ids, by=by, at=at)
                if product is not None:
                    products.record(session, photo_id, product, by=by, at=at)
            held += 1
        except (TooManyGrants, PhotoErased) as error:
            says = says or f"photo `{photo_id}`: {error}"
    return held, says


def _key(name: str) -> str:
    if name.startswith(PHOTO):
        return f"{PHOTO}{_id(name)}"
    return name if name.startswith(SHA256) else name.rsplit("/", 1)[-1]


def _id(name: str) -> UUID | None:
    try:
        return UUID(name.removeprefix(PHOTO))
    except ValueError:
        return None
