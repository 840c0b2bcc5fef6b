"""The certificate of an erasure: what is gone, what remains, where and why; signed, checked without the bank.

It names nobody. Of a person it has the digest of erasure and ref, which who knows the ref can work out.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bankd.audit.canonical import canonical
from bankd.audit.errors import NotCanonical
from bankd.erasure import retaining
from bankd.erasure.errors import CertificateInvalid
from bankd.erasure.models import Erasure, ErasureComposite, ErasurePhoto, ErasureRelease, Retention
from bankd.issued.models import IssuedReport
from bankd.provenance.models import Composite, Handout, Publication, Usage
from bankd.provenance.signing import key_id
from bankd.training.models import NetworkCheckpoint, Snapshot

VERSION = 1
# The key signs nothing else under this prefix, so that no other signed text can pass for a certificate.
_PREFIX = b"bankd erasure 1\n"


def draw_up(session: Session, erasure: Erasure, *, house: str, complete: bool, at: datetime) -> str:
    """The canonical text of a certificate as of `at`: of what is done by then, where not all is.

    Args:
        house: the name of this house's log.
    """
    photos = session.scalars(
        select(ErasurePhoto).where(ErasurePhoto.erasure_id == erasure.id).order_by(ErasurePhoto.photo_id)
    ).all()
    releases = session.scalars(
        select(ErasureRelease)
        .where(ErasureRelease.erasure_id == erasure.id)
        .order_by(ErasureRelease.release_id)
    ).all()
    composites = session.execute(
        select(ErasureComposite, Composite.erased_as)
        .join(Composite, Composite.id == ErasureComposite.composite_id)
        .where(ErasureComposite.erasure_id == erasure.id)
        .order_by(ErasureComposite.composite_id)
    ).all()
    kept_photos = retaining.keeping_photos(
        session, [one.photo_id for one in photos if one.rows_erased_at is None], at=at
    )
    kept_releases = retaining.keeping_releases(
        session, [one.release_id for one in releases if one.rows_erased_at is None], at=at
    )
    document = {
        "v": VERSION,
        "house": house,
        "erasure": erasure.id,
        "as_of": at,
        "complete": complete,
        "subject": erasure.subject,
        "subject_digest": erasure.subject_digest,
        "ground": erasure.ground,
        "decided_at": erasure.decided_at,
        "decided_log_index": erasure.log_index,
        "handling": {
            "composites": erasure.composites,
            "gates": erasure.gates,
            "reports": erasure.reports,
            "backups": erasure.backups,
            "backups_until": erasure.backups_until,
        },
        "tombstones": {"refuse": erasure.scope, "delete_after": erasure.delete_after},
        "photos": [
            {
                "photo": one.photo_id,
                "out_of_use_at": erasure.decided_at,
                "rows_erased_at": one.rows_erased_at,
                "bytes_erased_at": one.bytes_erased_at,
                "segments": one.found.get("segments"),
                "descriptors": one.found.get("descriptors"),
                "objects": one.found.get("objects"),
                "log_payloads": one.payloads,
                "kept_by": _duties(kept_photos.get(one.photo_id, ())),
            }
            for one in photos
        ],
        "releases": [
            {
                "release": one.release_id,
                "erased_at": one.bytes_erased_at,
                "documents": len(one.documents),
                "log_payloads": one.payloads,
                "kept_by": _duties(kept_releases.get(one.release_id, ())),
            }
            for one in releases
        ],
        "composites": [
            {"composite": one.composite_id, "became": became or "kept", "done_at": one.done_at}
            for one, became in composites
        ],
        "gone": _gone(
            session, erasure, photos, releases, [became for one, became in composites if one.done_at]
        ),
        "remains": _remains(session, erasure, photos),
    }
    return canonical(document).decode()


def _duties(retentions: Sequence[Retention]) -> list[dict[str, Any]]:
    return [{"class": one.class_, "until": one.ends_at} for one in retentions]


def _gone(
    session: Session,
    erasure: Erasure,
    photos: Sequence[ErasurePhoto],
    releases: Sequence[ErasureRelease],
    composites: Sequence[str | None],
) -> list[dict[str, Any]]:
    rows = sum(one.rows_erased_at is not None for one in photos)
    stored = [one for one in photos if one.bytes_erased_at is not None]
    lines: list[tuple[str, str, int]] = [
        (
            "original, thumbnail, pack of segments with their masks, label map, depth map",
            "object store, below the photo's id",
            sum(one.found.get("objects", 0) for one in stored),
        ),
        ("segments", "database", sum(one.found.get("segments", 0) for one in photos)),
        ("descriptors", "database", sum(one.found.get("descriptors", 0) for one in photos)),
        (
            "file name, hashes, credit and rights written in the file, faces flagged, what it shows, colors"
            " and layout, links to releases",
            "database",
            rows,
        ),
        ("rows of the resident index, and files of it on the clerk's machine", "workers", rows),
        (
            "payloads of log entries",
            "log",
            sum(len(one.payloads) for one in photos) + sum(len(one.payloads) for one in releases),
        ),
        (
            "refs and subjects of releases, quotes, days of majority, words of withdrawals",
            "database",
            sum(one.rows_erased_at is not None for one in releases),
        ),
        ("release forms and letters", "object store", sum(len(one.documents) for one in releases)),
        ("files of composites", "object store", sum(one == "deleted" for one in composites)),
        ("areas of composites", "object store", sum(one == "blurred" for one in composites)),
        ("gate maps", "object store", len(composites) if erasure.gates == "deleted" else 0),
        (
            "reports that the bank kept and that named them",
            "object store",
            session.scalar(
                select(func.count()).where(
                    IssuedReport.erasure_id == erasure.id, IssuedReport.gone_at.is_not(None)
                )
            )
            or 0,
        ),
    ]
    return [{"what": what, "where": where, "count": count} for what, where, count in lines if count]


def _remains(session: Session, erasure: Erasure, photos: Sequence[ErasurePhoto]) -> list[dict[str, Any]]:
    ids = [one.photo_id for one in photos]
    digests = sorted({digest for one in photos for digest in one.found.get("snapshots", ())})
    touched = select(Usage.composite_id).where(Usage.photo_id.in_(ids)).distinct()

    def count(statement: Any) -> int:
        return session.scalar(statement) or 0

    composites = count(select(func.count()).select_from(touched.subquery()))
    handouts = count(select(func.count()).where(Handout.composite_id.in_(touched)))
    publications = count(
        select(func.count()).where(
            Publication.composite_id.in_(touched), Publication.replaced_by_id.is_(None)
        )
    )
    networks = session.scalars(
        select(NetworkCheckpoint.sha256)
        .join(Snapshot, Snapshot.id == NetworkCheckpoint.snapshot_id)
        .where(Snapshot.digest.in_(digests))
        .order_by(NetworkCheckpoint.sha256)
    ).all()
    waiting = sum(one.rows_erased_at is None for one in photos)
    lines: list[tuple[str, str, str, int, Mapping[str, Any]]] = [
        ("photos out of use that a duty keeps", "database, object store", "see `kept_by`", waiting, {}),
        (
            "a row that says that the photo was, its department, grants, rights profile and moments",
            "database",
            "accounts, and that every past decision can be explained",
            len(photos) - waiting,
            {},
        ),
        (
            "hashes of each photo: of its bytes and pixels, and of what it and its crops look like (PDQ,"
            " pHash, ISCC)",
            "tombstones",
            "refuse the same bytes or pixels, and what looks like them, if they come again",
            len(photos),
            {"until": erasure.delete_after},
        ),
        (
            "log entries, without their payloads where those told of the photo, and entries of requests and"
            " composites that name it by its id",
            "log",
            "proofs of everything else in the log",
            sum(len(one.payloads) for one in photos),
            {},
        ),
        (
            "manifests: the photo's id, hash and ISCC, and which pixels of the canvas it fed; usages, fees",
            "database",
            "accounts of what was used",
            composites,
            {},
        ),
        (
            "files of composites" if erasure.composites == "kept" else "files of composites, covered",
            "object store",
            f"composites are {erasure.composites} by decision",
            0 if erasure.composites == "deleted" else composites,
            {},
        ),
        ("gate maps", "object store", "by decision", composites if erasure.gates == "kept" else 0, {}),
        (
            "copies that were handed out",
            "their recipients",
            "outside of the bank; withdraw the photo to have them asked back",
            handouts,
            {},
        ),
        ("publications", "where they were published", "outside of the bank", publications, {}),
        (
            "hash of the photo and of its label map",
            "snapshots",
            "say what a network learned from",
            len(digests),
            {"snapshots": digests},
        ),
        (
            "networks that learned from it",
            "object store",
            "out of use: what they were trained on does not clear any more",
            len(networks),
            {"networks": list(networks)},
        ),
        (
            "exported folders of snapshots, if any were exported",
            "whoever trained",
            "outside of the bank",
            len(digests),
            {},
        ),
        (
            "reports that were made of these composites",
            "whoever they were given to: the bank keeps their hashes alone",
            f"reports are {erasure.reports} by decision",
            composites,
            {},
        ),
        (
            "backups of the database and of the store from before",
            "the operator",
            f"backups are {erasure.backups} by decision",
            len(photos),
            {"until": erasure.backups_until},
        ),
    ]
    if erasure.subject == "licensor":
        lines.append(
            ("licensor, licenses, grants, their documents", "database", "contract and accounts", 1, {})
        )
    return [
        {"what": what, "where": where, "why": why, "count": number, **more}
        for what, where, why, number, more in lines
        if number
    ]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def sign(text: str, key: Ed25519PrivateKey) -> bytes:
    """64 bytes over the canonical text of a certificate."""
    return key.sign(_PREFIX + text.encode())


def file(text: str, signature: str, key: Ed25519PublicKey) -> dict[str, Any]:
    """A certificate with what it takes to check it, as it is given to people."""
    return {"certificate": json.loads(text), "signature": signature, "key": key_id(key)}


def check(content: bytes, key: Ed25519PublicKey) -> dict[str, Any]:
    """The certificate of such a file, if this key signed it.

    Raises:
        CertificateInvalid: it is none, was changed, or another key signed it.
    """
    try:
        given = json.loads(content)
        certificate: dict[str, Any]
        certificate, signature = given["certificate"], bytes.fromhex(given["signature"])
        text = canonical(certificate)
    except (ValueError, KeyError, TypeError, RecursionError, NotCanonical) as error:
        raise CertificateInvalid("it cannot be read") from error
    if given.get("key") != key_id(key):
        raise CertificateInvalid("another key signed it")
    try:
        key.verify(signature, _PREFIX + text)
    except InvalidSignature as error:
        raise CertificateInvalid("it is not what was signed") from error
    return certificate
