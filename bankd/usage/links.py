"""The links that log entries make: which licensors each use concerns, and what each is shown of it.

What is made follows from the entries and from rows that are never edited, so
it comes out the same whenever and by whomever it is made.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from bankd.audit import log, merkle, usage_map
from bankd.audit.canonical import moment, parse
from bankd.audit.usage_link import (
    USES,
    AnyLink,
    Fed,
    FeeCorrected,
    Handout,
    Publication,
    Replaced,
    Seal,
    Takedown,
)

# A page of each kind at most, by its index, however far apart its entries are.
ENTRIES = text(
    """
    SELECT found.index, found.at, found.kind, found.commitment, p.salt, p.payload
    FROM unnest(CAST(:kinds AS text[])) AS one(kind)
    CROSS JOIN LATERAL (
        SELECT e.index, e.at, e.kind, e.commitment FROM log_entries AS e
        WHERE e.kind = one.kind AND e.index >= :start AND e.index < :stop ORDER BY e.index LIMIT :page
    ) AS found
    LEFT JOIN log_payloads AS p ON p.index = found.index
    ORDER BY found.index LIMIT :page
    """
)
FED = text(
    """
    SELECT u.composite_id, l.licensor_id, u.photo_id, u.grant_id, sum(u.canvas_px) AS canvas_px
    FROM usages AS u JOIN grants AS g ON g.id = u.grant_id JOIN licenses AS l ON l.id = g.license_id
    WHERE u.composite_id = ANY(CAST(:composites AS uuid[]))
    GROUP BY u.composite_id, l.licensor_id, u.photo_id, u.grant_id
    """
)
FRAMES = text(
    "SELECT id, height::bigint * width AS frame_px FROM composites"
    " WHERE id = ANY(CAST(:composites AS uuid[]))"
)


@dataclass(frozen=True)
class Use:
    """A log entry that is a use. `payload` and `salt` are None where it was erased."""

    index: int
    at: datetime
    kind: str
    commitment: bytes
    salt: bytes | None
    payload: str | None

    @property
    def leaf(self) -> bytes:
        return log.leaf(self.index, self.at, self.kind, self.commitment)


@dataclass(frozen=True)
class Made:
    """A link as it is stored: `link` for good, `salt` and `payload` until they are erased."""

    licensor_id: UUID
    entry: int
    link: bytes
    salt: bytes
    payload: str


def uses(session: Session, *, start: int, stop: int, page: int) -> list[Use]:
    """The first entries from `start` up to, not including, `stop` that are uses; no more than a page."""
    kinds = [str(kind) for kind in USES]
    rows = session.execute(ENTRIES, {"kinds": kinds, "start": start, "stop": stop, "page": page})
    return [Use(*row) for row in rows]


def made(session: Session, found: Sequence[Use]) -> Iterator[tuple[Use, list[Made]]]:
    """The links of each use, by licensor id as text; none of one that was erased."""
    told = {use.index: parse(use.payload)["objects"] for use in found if use.payload is not None}
    composites = sorted({str(objects["composite"]) for objects in told.values()})
    fed, frames = _areas(session, composites)
    for use in found:
        links = []
        if use.salt is not None and (objects := told.get(use.index)):
            composite = UUID(objects["composite"])
            for licensor_id, photos in sorted(fed.get(composite, {}).items(), key=lambda one: str(one[0])):
                if "grant" in objects and all(photo.grant != objects["grant"] for photo in photos):
                    continue
                link = _link(use, objects, licensor_id, photos, frames[composite])
                salt, payload = usage_map.link_salt(use.salt, licensor_id), link.payload()
                hashed = usage_map.link_hash(salt, payload)
                links.append(Made(licensor_id, use.index, hashed, salt, payload.decode()))
        yield use, links


def _areas(
    session: Session, composites: Sequence[str]
) -> tuple[Mapping[UUID, Mapping[UUID, list[Fed]]], Mapping[UUID, int]]:
    """By composite: by licensor what its photos fed, and the size of the frame."""
    fed: dict[UUID, dict[UUID, list[Fed]]] = {}
    for composite, licensor, photo, grant, canvas_px in session.execute(FED, {"composites": composites}):
        one = Fed(photo=str(photo), grant=str(grant), canvas_px=int(canvas_px))
        fed.setdefault(composite, {}).setdefault(licensor, []).append(one)
    for by_licensor in fed.values():
        for photos in by_licensor.values():
            photos.sort(key=lambda one: (one.photo, one.grant))
    frames = {row.id: int(row.frame_px) for row in session.execute(FRAMES, {"composites": composites})}
    return fed, frames


def _link(
    use: Use, objects: Mapping[str, Any], licensor_id: UUID, photos: Sequence[Fed], frame_px: int
) -> AnyLink:
    every: dict[str, Any] = {
        "licensor": str(licensor_id),
        "entry": use.index,
        "leaf": merkle.leaf_hash(use.leaf).hex(),
        "at": moment(use.at),
        "composite": objects["composite"],
        "frame_px": frame_px,
        "canvas_px": sum(photo.canvas_px for photo in photos),
        "photos": tuple(photos),
    }
    kind = USES[use.kind]
    if kind is Seal:
        return Seal(**every)
    if kind is Handout:
        return Handout(
            **every, handout=objects["handout"], channel=objects["channel"], comp=objects.get("comp", False)
        )
    if kind is Publication:
        return Publication(**every, **_published(objects))
    if kind is Replaced:
        return Replaced(**every, **_published(objects), replaces=objects["replaces"])
    if kind is Takedown:
        return Takedown(**every, publication=objects["publication"], on=objects["on"])
    return FeeCorrected(
        **every,
        grant=objects["grant"],
        accrual=objects["accrual"],
        of_accrual=objects["corrects"],
        publication=objects["publication"],
        difference_minor=objects["difference_minor"],
        currency=objects["currency"],
    )


def _published(objects: Mapping[str, Any]) -> dict[str, Any]:
    same = ("publication", "handout", "channel", "place", "copies", "starts_on", "ends_on")
    return {name: objects[name] for name in same} | {"territories": tuple(sorted(objects["territories"]))}
