"""Pin photos that clear for training, register what was trained on them, and ask whether it still clears."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.canonical import canonical
from bankd.audit.kinds import Kind
from bankd.catalog import service as catalog
from bankd.catalog.models import Photo, Tombstone
from bankd.licensing import service as licensing
from bankd.licensing import withdrawals
from bankd.licensing.facts import profile_digest
from bankd.licensing.models import RightsProfile
from bankd.licensing.terms import GrantFacts
from bankd.licensing.use import Use
from bankd.policy.clearing import Terms, clear_photos, offered, rights_of, terms_of
from bankd.policy.engine import Cleared, Offer, Refused
from bankd.training.errors import NetworkNotFound, NothingToTrainOn, SnapshotNotFound
from bankd.training.models import NetworkCheckpoint, Snapshot, SnapshotPhoto

PAGE = 2000  # photos asked of the engine at once
FRAME = re.compile(r"(?P<sequence>.*?)(?P<frame>\d{1,9})(\.[A-Za-z]+)?", re.ASCII)

Triple = tuple[str, str, str]  # photo SHA-256, label map SHA-256, rights profile digest


@dataclass(frozen=True)
class Pinned:
    """A snapshot just pinned, and how many photos each policy kept out of it."""

    snapshot: Snapshot
    left_out: Mapping[str, int]


@dataclass(frozen=True)
class Standing:
    """Whether the photos of a snapshot clear for `train` under some use."""

    photos: int
    refused: int
    reasons: frozenset[str]

    @property
    def clears(self) -> bool:
        return self.refused == 0


def digest(photos: Iterable[Triple]) -> str:
    """SHA-256 of the RFC 8785 form of the sorted triples."""
    return hashlib.sha256(canonical(sorted([*triple] for triple in photos))).hexdigest()


def pin(session: Session, use: Use, *, sequences: bool, by: Actor, at: datetime) -> Pinned:
    """Record every photo that clears for `train` with this use, now.

    Args:
        sequences: photos whose names differ in the number at their end alone
            are frames of one sequence, and show the same things.

    Raises:
        NothingToTrainOn: names the policies that kept every photo out.
    """
    terms = terms_of(session, use, at=at)
    epoch = log.epoch(session)
    ids = session.scalars(select(Photo.id).where(Photo.state == "admitted").order_by(Photo.sha256)).all()
    left_out: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    triples: list[Triple] = []
    for start in range(0, len(ids), PAGE):
        rights = rights_of(session, ids[start : start + PAGE], at=at)
        answers = clear_photos(terms, "train", rights)
        cleared = {photo_id for photo_id, answer in answers.items() if isinstance(answer, Cleared)}
        left_out.update(
            r for answer in answers.values() if isinstance(answer, Refused) for r in answer.reasons
        )
        profiles = {photo_id: profile_of(rights.offers[photo_id]) for photo_id in cleared}
        numbers = _profile_ids(session, profiles.values())
        photos = session.scalars(select(Photo).where(Photo.id.in_(cleared)).order_by(Photo.sha256))
        for photo in photos:
            offers = rights.offers[photo.id]
            triples.append((photo.sha256, photo.labels_sha256, profiles[photo.id]))
            rows.append(
                {
                    "photo_sha256": photo.sha256,
                    "label_sha256": photo.labels_sha256,
                    "profile_id": numbers[profiles[photo.id]],
                    "grant_ids": [offer.grant_id for offer in offers],
                    **place(photo.name, sequences=sequences),
                }
            )
    if not rows:
        raise NothingToTrainOn(left_out)
    snapshot = record(
        session,
        rows,
        digest=digest(triples),
        use=use,
        terms=terms,
        epoch=epoch,
        imported=False,
        by=by,
        at=at,
    )
    return Pinned(snapshot, dict(left_out))


def record(
    session: Session,
    rows: Sequence[dict[str, Any]],
    *,
    digest: str,
    use: Use,
    terms: Terms,
    epoch: int,
    imported: bool,
    by: Actor,
    at: datetime,
) -> Snapshot:
    """Write a snapshot of photos that the caller cleared. `rows` as `SnapshotPhoto`, without its keys."""
    snapshot = Snapshot(
        id=uuid4(),
        digest=digest,
        use=use.as_json(),
        photos=len(rows),
        bundle_digest=terms.bundle.digest,
        epoch=epoch,
        pinned_at=at,
        imported=imported,
    )
    session.add(snapshot)
    session.flush()
    session.execute(
        insert(SnapshotPhoto),
        [{"snapshot_id": snapshot.id, "number": number, **row} for number, row in enumerate(rows)],
    )
    log.append(
        session, Kind.SNAPSHOT_PINNED, by=by, at=at,
        snapshot=snapshot.id, digest=digest, photos=len(rows), use=use.as_json(),
        bundle=terms.bundle.digest, epoch=epoch, imported=imported,
    )  # fmt: skip
    return snapshot


def snapshot_of(session: Session, wanted: str) -> Snapshot:
    """The newest snapshot whose digest begins so.

    Raises:
        SnapshotNotFound.
    """
    if not re.fullmatch(r"[0-9a-f]{6,64}", wanted):
        raise SnapshotNotFound(wanted)
    found = session.scalar(
        select(Snapshot)
        .where(Snapshot.digest.startswith(wanted))
        .order_by(Snapshot.pinned_at.desc(), Snapshot.id)
        .limit(1)
    )
    if found is None:
        raise SnapshotNotFound(wanted)
    return found


def standing(session: Session, snapshot_id: UUID, terms: Terms) -> Standing:
    """Whether every photo of a snapshot clears for `train` today, for the use of `terms`.

    A photo that this bank holds is asked with its rights of today; one that
    it never held, with those that came with the snapshot, as they stand now.
    """
    answers = answers_of(session, snapshot_id, terms)
    refused = [answer for answer in answers.values() if isinstance(answer, Refused)]
    return Standing(
        photos=len(answers),
        refused=len(refused),
        reasons=frozenset(reason for answer in refused for reason in answer.reasons),
    )


def answers_of(session: Session, snapshot_id: UUID, terms: Terms) -> dict[str, Cleared | Refused]:
    """What policy says of each photo of a snapshot (action `train`), by the photo's SHA-256."""
    rows = session.execute(
        select(Photo.id, Photo.sha256)
        .join(SnapshotPhoto, SnapshotPhoto.photo_sha256 == Photo.sha256)
        .where(SnapshotPhoto.snapshot_id == snapshot_id)
    ).all()
    held: dict[UUID, str] = dict(rows)
    outlived = outlives(session, snapshot_id)
    offers = catalog.facts_of(session, held, at=terms.at)
    here = clear_photos(terms, "train", offered(session, _outlived(offers, outlived)))
    answers = {held[photo_id]: answer for photo_id, answer in here.items()}
    elsewhere = _facts_elsewhere(session, snapshot_id, known=frozenset(answers))
    keys = {sha256: uuid4() for sha256 in elsewhere}
    there = clear_photos(
        terms,
        "train",
        offered(session, _outlived({keys[sha256]: offers for sha256, offers in elsewhere.items()}, outlived)),
    )
    return answers | {sha256: there[key] for sha256, key in keys.items()}


def outlives(session: Session, snapshot_id: UUID) -> frozenset[UUID]:
    """Grants of a snapshot that are withdrawn and whose terms keep what was trained on them before."""
    snapshot = session.get_one(Snapshot, snapshot_id)
    grants = select(func.unnest(SnapshotPhoto.grant_ids)).where(SnapshotPhoto.snapshot_id == snapshot_id)
    return withdrawals.outlived(session, grants, trained_at=snapshot.pinned_at)


def _outlived(offers: Mapping[UUID, catalog.Offers], grants: frozenset[UUID]) -> dict[UUID, catalog.Offers]:
    return {
        photo: tuple(
            (
                grant_id,
                facts.model_copy(update={"blocks": facts.blocks - {"withdrawn"}})
                if grant_id in grants
                else facts,
            )
            for grant_id, facts in grants_of_photo
        )
        for photo, grants_of_photo in offers.items()
    }


def register(
    session: Session,
    snapshot: Snapshot,
    *,
    sha256: str,
    size_bytes: int,
    kind: str,
    card: Mapping[str, Any],
    by: Actor,
    at: datetime,
) -> NetworkCheckpoint:
    """Record a network whose file is in the store already. The same file again is the known one."""
    known = session.get(NetworkCheckpoint, sha256)
    if known is not None:
        return known
    checkpoint = NetworkCheckpoint(
        sha256=sha256,
        snapshot_id=snapshot.id,
        kind=kind,
        card=dict(card),
        size_bytes=size_bytes,
        registered_at=at,
    )
    session.add(checkpoint)
    session.flush()
    log.append(
        session, Kind.NETWORK_REGISTERED, by=by, at=at,
        checkpoint=sha256, network=kind, snapshot=snapshot.digest,
    )  # fmt: skip
    return checkpoint


def checkpoints(session: Session) -> Sequence[tuple[NetworkCheckpoint, Snapshot]]:
    """Every network that is registered, the newest first."""
    rows = session.execute(
        select(NetworkCheckpoint, Snapshot)
        .join(Snapshot, NetworkCheckpoint.snapshot_id == Snapshot.id)
        .order_by(NetworkCheckpoint.ordinal.desc())
    )
    return [(checkpoint, snapshot) for checkpoint, snapshot in rows]


def checkpoint(session: Session, wanted: str) -> tuple[NetworkCheckpoint, Snapshot]:
    """The network whose SHA-256 begins so.

    Raises:
        NetworkNotFound: none does, or more than one.
    """
    if not re.fullmatch(r"[0-9a-f]{6,64}", wanted):
        raise NetworkNotFound(wanted)
    rows = session.execute(
        select(NetworkCheckpoint, Snapshot)
        .join(Snapshot, NetworkCheckpoint.snapshot_id == Snapshot.id)
        .where(NetworkCheckpoint.sha256.startswith(wanted))
        .limit(2)
    ).all()
    if len(rows) != 1:
        raise NetworkNotFound(wanted)
    found, snapshot = rows[0]
    return found, snapshot


def networks(session: Session, *, refinement: str | None = None) -> dict[str, NetworkCheckpoint]:
    """The networks that a picture is made with, by kind: a refinement network, the newest where none is
    named, and the newest others that were trained on the same snapshot.

    Raises:
        NetworkNotFound: no refinement network is registered, or not this one.
    """
    named = [] if refinement is None else [NetworkCheckpoint.sha256 == refinement]
    first = session.scalar(
        select(NetworkCheckpoint)
        .where(NetworkCheckpoint.kind == "refinement", *named)
        .order_by(NetworkCheckpoint.ordinal.desc())
        .limit(1)
    )
    if first is None:
        raise NetworkNotFound(refinement or "refinement")
    digest_of = select(Snapshot.digest).where(Snapshot.id == first.snapshot_id).scalar_subquery()
    others = session.scalars(
        select(NetworkCheckpoint)
        .join(Snapshot, NetworkCheckpoint.snapshot_id == Snapshot.id)
        .where(Snapshot.digest == digest_of, NetworkCheckpoint.kind != "refinement")
        .order_by(NetworkCheckpoint.ordinal)
    )
    return {other.kind: other for other in others} | {first.kind: first}


def trained_on(session: Session, photo_sha256s: Iterable[str]) -> Sequence[NetworkCheckpoint]:
    """The networks that any of these photos was used to train: their exposure."""
    snapshots = select(SnapshotPhoto.snapshot_id).where(SnapshotPhoto.photo_sha256.in_(set(photo_sha256s)))
    return session.scalars(
        select(NetworkCheckpoint)
        .where(NetworkCheckpoint.snapshot_id.in_(snapshots))
        .order_by(NetworkCheckpoint.ordinal)
    ).all()


def trained_on_grants(session: Session, grant_ids: Iterable[UUID]) -> Sequence[NetworkCheckpoint]:
    """The networks trained on photos that held any of these grants when they were pinned."""
    snapshots = select(SnapshotPhoto.snapshot_id).where(SnapshotPhoto.grant_ids.overlap(list(grant_ids)))
    return session.scalars(
        select(NetworkCheckpoint)
        .where(NetworkCheckpoint.snapshot_id.in_(snapshots))
        .order_by(NetworkCheckpoint.ordinal)
    ).all()


def place(name: str, *, sequences: bool) -> dict[str, Any]:
    """The sequence of a photo and its frame in it, by its name; None where it is a photo of its own."""
    found = FRAME.fullmatch(name) if sequences else None  # numbers start anew in each folder
    return {"sequence": found["sequence"] if found else None, "frame": int(found["frame"]) if found else None}


def profile_of(offers: Sequence[Offer]) -> str:
    """The digest of the rights profile that these offers are of, whatever stands against them today."""
    return profile_digest([GrantFacts.model_validate(offer.facts) for offer in offers])


def _profile_ids(session: Session, digests: Iterable[str]) -> dict[str, int]:
    found = select(RightsProfile.digest, RightsProfile.id).where(RightsProfile.digest.in_(set(digests)))
    return dict(session.execute(found).all())


def _facts_elsewhere(
    session: Session, snapshot_id: UUID, *, known: frozenset[str]
) -> dict[str, catalog.Offers]:
    """Facts of photos that this bank does not hold, with what stands against their grants today."""
    rows = session.execute(
        select(
            SnapshotPhoto.photo_sha256,
            SnapshotPhoto.grant_ids,
            RightsProfile.facts,
            SnapshotPhoto.erased_at.is_not(None),
        )
        .join(RightsProfile, SnapshotPhoto.profile_id == RightsProfile.id)
        .where(SnapshotPhoto.snapshot_id == snapshot_id, SnapshotPhoto.photo_sha256.not_in(known))
    ).all()
    buried = set(
        session.scalars(select(Tombstone.sha256).where(Tombstone.sha256.in_([sha256 for sha256, *_ in rows])))
    )
    against = licensing.standing(session, {grant for _, grants, *_ in rows for grant in grants})
    return {
        sha256: tuple(
            (
                grant_id,
                GrantFacts.model_validate(
                    {
                        **document,
                        "blocks": against[grant_id] | ({"erased"} if erased or sha256 in buried else set()),
                    }
                ),
            )
            for grant_id, document in zip(grants, documents, strict=True)
        )
        for sha256, grants, documents, erased in rows
    }
