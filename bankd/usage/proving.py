"""The usage proof of a licensor: every recorded use between two checkpoints, to be checked without us."""

import base64
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.audit import checkpoints, log, proofs, signing_keys, usage_map
from bankd.audit.actor import Actor
from bankd.audit.canonical import parse
from bankd.audit.errors import CheckpointMissing, LogEmpty
from bankd.audit.kinds import Kind
from bankd.audit.models import LogCheckpoint, LogEntry, LogPayload
from bankd.audit.proofs import Proof
from bankd.audit.usage_map import EMPTY, Path, SparseMap
from bankd.audit.usage_proof import End, Listed, MapPath, UsageProof
from bankd.licensing.errors import LicensorNotFound
from bankd.licensing.models import Licensor
from bankd.usage import mapping
from bankd.usage.errors import MapMissing, ProofBackwards, TooManyUses
from bankd.usage.mapping import UsageMap
from bankd.usage.models import UsageLink, UsageLinkPayload

MOST_USES = 200_000  # of one proof: some 350 MB


def prove(
    session: Session,
    licensor: str,
    *,
    start: int | None = None,
    to: int | None = None,
    by: Actor,
    at: datetime,
) -> bytes:
    """The proof file; that it was made is logged, with its hash.

    Args:
        licensor: ref.
        start: size of the checkpoint from which on; None from the first entry of the log.
        to: size of the checkpoint up to which; None up to the last one.

    Raises:
        LicensorNotFound.
        CheckpointMissing, LogEmpty: no checkpoint is of that size, or none at all.
        MapMissing: it is from before there was a usage map.
        ProofBackwards: `start` is later than `to`.
        TooManyUses: they do not go into one file.
        LogInconsistent: what is stored is not what was signed.
    """
    found = session.scalar(select(Licensor).where(Licensor.ref == licensor))
    if found is None:
        raise LicensorNotFound(licensor)
    last = _last(session) if to is None else _checkpoint(session, to)
    first = None if start is None else _checkpoint(session, start)
    if first is not None and first.size > last.size:
        raise ProofBackwards(first.size, last.size)
    content = made(session, found.id, first, last).as_json()
    log.append(
        session,
        Kind.REPORT_MADE,
        by=by,
        at=at,
        report="usage",
        licensor=found.id,
        start=start,
        to=last.size,
        form="json",
        sha256=sha256(content).hexdigest(),
    )
    return content


def made(
    session: Session,
    licensor_id: UUID,
    first: LogCheckpoint | None,
    last: LogCheckpoint,
    *,
    maps: UsageMap | None = None,
) -> UsageProof:
    """The proof between two checkpoints that carry a map.

    Args:
        maps: for who makes many proofs between the same checkpoints.
    """
    maps = maps or UsageMap(trusting=True)
    start = None if first is None else _end(session, licensor_id, first, maps)
    to = _end(session, licensor_id, last, maps)
    listed = to.count - (0 if start is None else start.count)
    if listed > MOST_USES:
        raise TooManyUses(listed, MOST_USES)
    extended = [] if first is None else proofs.prove_extension(session, first, last)
    return UsageProof.model_validate(
        {
            "licensor": str(licensor_id),
            "from": start,
            "to": to,
            "consistency": tuple(one.hex() for one in extended),
            "rotations": tuple(_rotations(session, last.size)),
            "links": tuple(_links(session, licensor_id, 0 if first is None else first.size, last)),
        }
    )


def _end(session: Session, licensor_id: UUID, checkpoint: LogCheckpoint, maps: UsageMap) -> End:
    signed = usage_map.root_in(checkpoint.extensions)
    shown: SparseMap = maps.at(session, checkpoint.size)
    if shown.root() != signed:  # by what was kept for speed, perhaps
        shown = UsageMap().at(session, checkpoint.size)
    if shown.root() != signed:
        raise mapping.contradicts(checkpoint.size)
    count, head = mapping.heads(session, checkpoint.size, [licensor_id]).get(licensor_id, (0, EMPTY))
    key = usage_map.key_of(licensor_id)
    path: Path = shown.path(key)
    if usage_map.root_by(key, usage_map.leaf_hash(key, count, head), path) != signed:
        raise mapping.contradicts(checkpoint.size)
    return End(
        note=checkpoints.cosigned(session, checkpoint),
        count=count,
        head=head.hex(),
        map=MapPath(bitmap=path.bitmap.hex(), hashes=tuple(one.hex() for one in path.hashes)),
    )


def _links(session: Session, licensor_id: UUID, start: int, last: LogCheckpoint) -> list[Listed]:
    rows = session.execute(
        select(UsageLink.entry, UsageLink.link, UsageLinkPayload.salt, UsageLinkPayload.payload)
        .outerjoin(
            UsageLinkPayload,
            (UsageLinkPayload.entry == UsageLink.entry)
            & (UsageLinkPayload.licensor_id == UsageLink.licensor_id),
        )
        .where(UsageLink.licensor_id == licensor_id, UsageLink.entry >= start, UsageLink.entry < last.size)
        .order_by(UsageLink.entry)
    ).all()
    opened = [entry for entry, _, salt, _ in rows if salt is not None]
    proven = proofs.prove_all(session, opened, last, with_payload=False)
    return [
        Listed(link=bytes(link).hex(), salt=None, payload=None, leaf=None, hashes=None)
        if salt is None
        else _listed(bytes(link), salt, payload, next(proven))
        for _, link, salt, payload in rows
    ]


def _listed(link: bytes, salt: bytes, payload: str | None, proof: Proof) -> Listed:
    return Listed(
        link=link.hex(),
        salt=bytes(salt).hex(),
        payload=payload,
        leaf=proof.leaf,
        hashes=tuple(base64.b64decode(one).hex() for one in proof.hashes),
    )


def _rotations(session: Session, size: int) -> list[str]:
    """The notes by which the log's key was changed for another, among the first entries."""
    rows = session.scalars(
        select(LogPayload.payload)
        .join(LogEntry, LogEntry.index == LogPayload.index)
        .where(LogEntry.kind == signing_keys.ROTATED["log"], LogEntry.index < size)
        .order_by(LogEntry.index)
    )
    return [parse(payload)["objects"]["note"] for payload in rows]


def _checkpoint(session: Session, size: int) -> LogCheckpoint:
    found = session.get(LogCheckpoint, size)
    if found is None:
        raise CheckpointMissing(size)
    if usage_map.root_in(found.extensions) is None:
        raise MapMissing(size)
    return found


def _last(session: Session) -> LogCheckpoint:
    found = checkpoints.latest(session)
    if found is None:
        raise LogEmpty
    return _checkpoint(session, found.size)
