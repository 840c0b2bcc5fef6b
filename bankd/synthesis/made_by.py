"""Which networks a picture is made with, whether they may be used for its use, and what they made of it."""

import io
from collections.abc import Sequence
from uuid import UUID

import numpy as np
import numpy.typing as npt
from PIL import Image
from sqlalchemy.orm import Session

from bankd.policy.clearing import Terms
from bankd.provenance import manifest
from bankd.storage import Blobs
from bankd.synthesis.clearing import SealRefused
from bankd.synthesis.errors import GateIsAnother
from bankd.synthesis.models import Order, Request
from bankd.training import service as training
from bankd.training.errors import NetworkNotFound
from bankd.training.models import NetworkCheckpoint
from synth.pictures import Ledger
from synth.refinement import Refined, within_gate

MADE = 230  # of 255: from this gate on the network made the pixel
WHOLE = 255
MAX_GATE_BYTES = 64 << 20

BLEND = manifest.Refiner(name="blend", checkpoint=None, training_snapshot=None, training_photos=0)


def networks(session: Session, request: Request, terms: Terms) -> list[NetworkCheckpoint] | SealRefused:
    """The networks for a request, none where it asks for `blend`."""
    if request.refiner == "blend":
        return []
    try:
        found = training.networks(session)
    except NetworkNotFound:
        return SealRefused(frozenset({"network-unknown"}))
    refused = withheld(session, found["refinement"].sha256, terms)
    return [found[kind] for kind in sorted(found)] if refused is None else refused


def withheld(session: Session, checkpoint: str, terms: Terms) -> SealRefused | None:
    """Why a network may not be used for the use of `terms`: photos it was trained on do not clear for it."""
    _, snapshot = training.checkpoint(session, checkpoint)
    found = training.standing(session, snapshot.id, terms)
    return None if found.clears else SealRefused(found.reasons | {"network-withheld"})


def refinement(order: Order) -> str | None:
    """The refinement network of an order, by its SHA-256; None where it is blended."""
    return _of(order, "refinement")


def admitted(order: Order, made: Refined, ledger: Ledger) -> bool:
    """Whether a network's claim is whole: it changed each pixel by no more than its gate says, and says
    that it made all of what nobody owns."""
    if refinement(order) is None:
        return made.gate is None
    return (
        made.gate is not None
        and made.base is not None
        and within_gate(made.rgb, made.base, made.gate)
        and bool((made.gate[ledger.owner < 0] == WHOLE).all())
    )


def stated(session: Session, order: Order, gate: npt.NDArray[np.uint8] | None) -> manifest.Refiner:
    """What the manifest says of the refiner."""
    checkpoint = refinement(order)
    if checkpoint is None or gate is None:
        return BLEND
    _, snapshot = training.checkpoint(session, checkpoint)
    return manifest.Refiner(
        name="network",
        checkpoint=checkpoint,
        aligner=_of(order, "transformation"),
        sorter=_of(order, "ordering"),
        training_snapshot=snapshot.digest,
        training_photos=snapshot.photos,
        gate_sha256=manifest.gate_sha256(gate),
        made_px=int(np.count_nonzero(gate >= MADE)),
    )


def png(gate: npt.NDArray[np.uint8]) -> bytes:
    """A gate map as it is kept: an 8-bit grey PNG."""
    out = io.BytesIO()
    Image.fromarray(gate).save(out, "PNG")
    return out.getvalue()


def gate_key(composite_id: UUID) -> str:
    """Where the gate map of a composite is kept; its manifest says which map it is."""
    return f"composites/{composite_id}/gate"


def gate_of(composite_id: UUID, refiner: manifest.Refiner, *, blobs: Blobs) -> bytes | None:
    """A composite's gate map as PNG, None where no network had a part.

    Raises:
        GateIsAnother: what is stored is not the map that the manifest names.
        BlobMissing, BlobUnavailable.
    """
    if refiner.gate_sha256 is None:
        return None
    content = blobs.get(gate_key(composite_id), limit_bytes=MAX_GATE_BYTES)
    with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
        gate = np.asarray(image.convert("L"))
    if manifest.gate_sha256(gate) != refiner.gate_sha256:
        raise GateIsAnother(composite_id)
    return content


def _of(order: Order, kind: str) -> str | None:
    listed: Sequence[dict[str, str]] = order.spec["networks"]
    return next((one["sha256"] for one in listed if one["kind"] == kind), None)
