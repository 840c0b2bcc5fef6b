"""What networks may be measured with for a use: the photos that clear for pictures, and networks that clear.

Pictures of an evaluation are no composites: they are not sealed, and nobody is handed them. Their
sources clear all the same, as a request's would.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog.models import Photo
from bankd.catalog.taxonomy import Taxonomy
from bankd.licensing import caps
from bankd.licensing.use import Use
from bankd.policy.clearing import clear_photos, rights_of, terms_of
from bankd.policy.engine import Cleared, Refused
from bankd.storage import Blobs
from bankd.synthesis import made_by
from bankd.synthesis.errors import NetworkWithheld, NothingToShow
from bankd.training import exporting, importing
from bankd.training import service as training
from bankd.training.exporting import Export, File
from bankd.training.service import Triple
from synth.cards import MAX_CHECKPOINT_BYTES


@dataclass(frozen=True)
class Subject:
    """What is evaluated: networks by kind (their SHA-256), on a memory of photos.

    `left_out` counts, by policy, the photos that do not clear.
    """

    networks: Mapping[str, str]
    memory: Export
    left_out: Mapping[str, int]


def clear(
    session: Session,
    use: Use,
    *,
    refinement: str | None,
    sequences: bool,
    taxonomy: Taxonomy,
    by: Actor,
    at: datetime,
) -> Subject:
    """Clear networks and photos for a use, as a request would be, and log that they leave the bank.

    Args:
        refinement: the network; None is the newest, which requests use.
        sequences: see `training.service.pin`.

    Raises:
        NetworkNotFound: there is none, or not this one.
        NetworkWithheld: photos that it was trained on do not clear.
        NothingToShow: names the policies that keep every photo out.
    """
    terms = terms_of(session, use, at=at)
    chosen = None if refinement is None else training.checkpoint(session, refinement)[0].sha256
    networks = training.networks(session, refinement=chosen)
    withheld = made_by.withheld(session, networks["refinement"].sha256, terms)
    if withheld is not None:
        raise NetworkWithheld(networks["refinement"].sha256, withheld.reasons)

    full = caps.short(session, places=1, at=at)
    left_out: Counter[str] = Counter()
    listed: list[dict[str, Any]] = []
    files: list[File] = []
    triples: list[Triple] = []
    ids = session.scalars(select(Photo.id).where(Photo.state == "admitted").order_by(Photo.sha256)).all()
    for start in range(0, len(ids), training.PAGE):
        rights = rights_of(session, ids[start : start + training.PAGE], at=at)
        answers = clear_photos(terms, "synthesize", rights, without=full)
        cleared = {photo for photo, answer in answers.items() if isinstance(answer, Cleared)}
        left_out.update(
            reason for answer in answers.values() if isinstance(answer, Refused) for reason in answer.reasons
        )
        for photo in session.scalars(select(Photo).where(Photo.id.in_(cleared)).order_by(Photo.sha256)):
            profile = training.profile_of(rights.offers[photo.id])
            entry, of_photo = exporting.list_photo(
                photo, profile, **training.place(photo.name, sequences=sequences)
            )
            listed.append(entry)
            files += of_photo
            triples.append((photo.sha256, photo.labels_sha256, profile))
    if not listed:
        raise NothingToShow(left_out)
    found = {kind: network.sha256 for kind, network in networks.items()}
    digest = training.digest(triples)
    log.append(
        session, Kind.EVALUATION_STARTED, by=by, at=at,
        networks=found, use=use.as_json(), photos=len(listed), digest=digest, bundle=terms.bundle.digest,
    )  # fmt: skip
    memory = exporting.export_of(listed, files, digest=digest, taxonomy=taxonomy)
    return Subject(found, memory, dict(left_out))


def write_networks(networks: Mapping[str, str], folder: Path, *, blobs: Blobs) -> None:
    """The files of networks, each named after its kind.

    Raises:
        BlobUnavailable, BlobMissing, BlobDamaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for kind, sha256 in networks.items():
        content = blobs.get(importing.key(sha256), limit_bytes=MAX_CHECKPOINT_BYTES)
        (folder / f"{kind}.safetensors").write_bytes(content)
