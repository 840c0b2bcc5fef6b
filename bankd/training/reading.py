"""What training tells people: networks, what they were trained on, and whether that still clears."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from bankd.licensing.use import Use
from bankd.policy.clearing import terms_of
from bankd.training import service
from bankd.training.models import NetworkCheckpoint, Snapshot
from bankd.training.service import Standing


@dataclass(frozen=True)
class SnapshotShown:
    """A pinned set of training photos. `photos` is how many."""

    digest: str
    photos: int
    use: dict[str, Any]
    pinned_at: datetime
    imported: bool


@dataclass(frozen=True)
class NetworkShown:
    """A network, and whether its training photos clear today for the use that they were pinned for.

    `refused` counts those that do not; `reasons` are the ids of the policies that refuse them.
    """

    sha256: str
    kind: str
    size_bytes: int
    registered_at: datetime
    card: dict[str, Any]
    snapshot: SnapshotShown
    clears: bool
    refused: int
    reasons: tuple[str, ...]


def snapshot(row: Snapshot) -> SnapshotShown:
    return SnapshotShown(row.digest, row.photos, row.use, row.pinned_at, row.imported)


def networks(session: Session, *, at: datetime) -> list[NetworkShown]:
    """Every network that is registered, the newest first."""
    return _shown(session, service.checkpoints(session), at=at)


def network(session: Session, wanted: str, *, at: datetime) -> NetworkShown:
    """The network whose SHA-256 begins so.

    Raises:
        NetworkNotFound: none does, or more than one.
    """
    return _shown(session, [service.checkpoint(session, wanted)], at=at)[0]


def _shown(
    session: Session, rows: Iterable[tuple[NetworkCheckpoint, Snapshot]], *, at: datetime
) -> list[NetworkShown]:
    asked: dict[UUID, Standing] = {}  # networks of one snapshot have one answer
    shown = []
    for checkpoint, of in rows:
        if of.id not in asked:
            terms = terms_of(session, Use.model_validate(of.use), at=at)
            asked[of.id] = service.standing(session, of.id, terms)
        found = asked[of.id]
        shown.append(
            NetworkShown(
                sha256=checkpoint.sha256,
                kind=checkpoint.kind,
                size_bytes=checkpoint.size_bytes,
                registered_at=checkpoint.registered_at,
                card=checkpoint.card,
                snapshot=snapshot(of),
                clears=found.clears,
                refused=found.refused,
                reasons=tuple(sorted(found.reasons)),
            )
        )
    return shown
