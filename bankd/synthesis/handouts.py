"""Handing a composite out: cleared again by the rights of the day, for the channel it goes to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.audit.kinds import Kind
from bankd.catalog import labels
from bankd.catalog.taxonomy import house
from bankd.identifying import kept
from bankd.identifying.looks import Looks, looks_of
from bankd.identifying.marking import Marks, given_size, unmarked
from bankd.licensing.terms import GrantFacts
from bankd.licensing.use import Use
from bankd.licensing.vocabulary import CHANNELS
from bankd.policy.clearing import Rights, Terms, clear_photos, rights_of
from bankd.policy.engine import Cleared
from bankd.policy.explain import says
from bankd.policy.facts import Pictured
from bankd.provenance import comps, manifest, pixels, renditions
from bankd.provenance import service as provenance
from bankd.provenance.c2pa import NO_CLOCK, Clock
from bankd.provenance.certificates import Credentials
from bankd.provenance.errors import CompositeErased, CompositeNotFound
from bankd.provenance.manifest import Disclosures, Manifest
from bankd.provenance.models import Composite, Handout
from bankd.provenance.renditions import MASTER, Made, Mark, Rendition
from bankd.storage import Blobs
from bankd.synthesis import asking, made_by, origins, products
from bankd.synthesis.clearing import SealRefused, SetRefused, clear_set, relied_on
from bankd.synthesis.deciding import Arrangement, Decided, Look
from bankd.synthesis.errors import UseRefused
from bankd.synthesis.models import Request
from bankd.usage import handouts as counting
from synth.layout import Layout

MAX_COMPOSITE_BYTES = 256 << 20
MAX_LAYOUT_BYTES = 64 << 20


@dataclass(frozen=True)
class Signing:
    """What copies are signed with, and for which house."""

    credentials: Credentials
    clock: Clock = NO_CLOCK
    house: str | None = None


@dataclass(frozen=True)
class HandedOut:
    handout: Handout
    composite: Composite
    file: bytes  # the composite, or a copy: a comp, a rendition
    gate: bytes | None  # the network's gate map, a PNG


@dataclass(frozen=True)
class NotHandedOut:
    """Why not today: policy ids, each with its sentence, and the photos concerned."""

    reasons: dict[str, str]
    photos: frozenset[UUID]


@dataclass(frozen=True)
class Wanted:
    """What is to be given to whom. It was found to be possible; whether it may leave, is not asked yet."""

    handout_id: UUID
    composite_id: UUID
    blob_key: str
    sealed: Manifest
    disclosures: Disclosures
    recipient: str
    channel: str
    comp: bool
    rendition: Rendition
    marks: Sequence[Mark]
    products: Mapping[str, str]  # that regions of its layout are declared to be, as the request keeps them
    layout_key: str

    @property
    def copied(self) -> bool:
        """Whether a copy is given in the composite's place."""
        return self.comp or bool(self.marks) or not self.rendition.is_master


@dataclass(frozen=True)
class Ready:
    """A handout whose file is made and signed. Nothing of it is recorded, and nothing has left."""

    wanted: Wanted
    master: bytes
    copy: Made | None
    looks: Looks | None  # of a comp, which is known by its own
    gate: bytes | None
    layout: Layout | None  # where regions of it are products


def hand_out(
    session: Session,
    composite_id: UUID,
    *,
    recipient: str,
    channel: str,
    comp: bool = False,
    rendition: Rendition = MASTER,
    marks: Marks = unmarked,
    signing: Signing | None = None,
    blobs: Blobs,
    by: Actor,
    at: datetime,
) -> HandedOut | NotHandedOut:
    """`want`, `make` and `give` in one transaction, which is then open while the file is made."""
    wanted = want(
        session,
        composite_id,
        recipient=recipient,
        channel=channel,
        comp=comp,
        rendition=rendition,
        marks=marks,
        by=by,
    )
    return give(session, make(wanted, signing=signing, blobs=blobs), by=by, at=at)


def want(
    session: Session,
    composite_id: UUID,
    *,
    recipient: str,
    channel: str,
    comp: bool = False,
    rendition: Rendition = MASTER,
    marks: Marks = unmarked,
    by: Actor,
) -> Wanted:
    """Say what is to be given: a composite, a comp or rendition of it. Changes nothing.

    Args:
        rendition: the format and size to give it in.
        marks: what is put into the pixels of a copy before it is signed, for this handout.

    Raises:
        CompositeNotFound: there is none, or it is another department's.
        CompositeErased: its file is gone.
        UseRefused: the channel is not one that the composite was made for, or the recipient has no name.
    """
    composite = provenance.get(session, composite_id)
    if by.department_id is not None and composite.department_id != by.department_id:
        raise CompositeNotFound(composite_id)
    if not recipient.strip():
        raise UseRefused("a handout needs its recipient: who gets the picture")
    if channel not in CHANNELS:
        raise UseRefused(f"unknown channel `{channel}`: use one of {', '.join(sorted(CHANNELS))}")
    disclosures = Disclosures.model_validate(composite.disclosures)
    use = disclosures.use()
    if channel not in use.channels:
        raise UseRefused(
            f"composite `{composite_id}` was made for {', '.join(sorted(use.channels))}:"
            f" file a request for `{channel}`"
        )
    if composite.erased_at is not None:
        raise CompositeErased(composite_id, composite.erased_at)
    request = session.get_one(Request, composite.request_id)
    comp, handout_id = comp or use.audience == "comp", uuid4()
    size = given_size(rendition, composite.height, composite.width)
    return Wanted(
        handout_id,
        composite_id,
        composite.blob_key,
        manifest.read(composite.manifest),
        disclosures,
        recipient,
        channel,
        comp,
        rendition,
        marks(handout_id, size, comp or not rendition.is_master),
        request.products,
        request.layout_key,
    )


def make(wanted: Wanted, *, signing: Signing | None, blobs: Blobs) -> Ready:
    """Make the file. No session: encoding is slow, a time-stamp authority slower, and neither holds a lock.

    A rendition is made and signed of the master, which stays as it is.

    Args:
        signing: what copies are signed with.

    Raises:
        RenditionRefused: no such copy can be made of it.
        SigningFailed, TimeStampUnavailable: the copy was not signed.
        GateIsAnother: its gate map is not the one that its manifest names.
        UseRefused: nothing signs copies here.
    """
    master = blobs.get(wanted.blob_key, limit_bytes=MAX_COMPOSITE_BYTES)
    copy = _copy(master, wanted, signing=signing) if wanted.copied else None
    gate = made_by.gate_of(wanted.composite_id, wanted.sealed.refiner, blobs=blobs)
    looks = None
    if copy is not None and wanted.comp:
        looks = looks_of(pixels.decode(copy.file, renditions.MEDIA_TYPES[wanted.rendition.format]))
    layout = None
    if wanted.products:
        layout = Layout(labels.stored(blobs.get(wanted.layout_key, limit_bytes=MAX_LAYOUT_BYTES)))
    return Ready(wanted, master, copy, looks, gate, layout)


def give(session: Session, ready: Ready, *, by: Actor, at: datetime) -> HandedOut | NotHandedOut:
    """Give what was made to its recipient, or say why it may not leave today.

    Each photo must clear on the very grant that the composite was sealed
    on: its cap and fee were counted there. Both answers are logged; the
    log's lock is taken before the last look, so that no withdrawal lies
    between that look and the record.

    A comp is given with a watermark, takes nothing from a cap and costs
    nothing. It clears if it may be seen as a comp, or as what the composite
    was made for. What was made for a comp is only ever given as one.

    Raises:
        CompositeErased: its file is gone since.
    """
    wanted, copy = ready.wanted, ready.copy
    composite_id, comp, sealed = wanted.composite_id, wanted.comp, wanted.sealed
    recipient, channel = wanted.recipient, wanted.channel
    composite = provenance.get(session, composite_id)
    if composite.erased_at is not None:
        raise CompositeErased(composite_id, composite.erased_at)
    use = wanted.disclosures.use()
    use = use.model_copy(update={"channels": frozenset({channel})})
    counted = None if comp else counting.count(session, composite, use, at=at)
    log.locked(session)
    epoch = log.epoch(session)
    relied = {p.photo_id: p.grant_id for p in sealed.placed_photos}
    rights = rights_of(session, relied, at=at)
    request = session.get_one(Request, composite.request_id)
    pictured = products.as_sealed(sealed, wanted.disclosures)
    if ready.layout is not None:  # an article number may have been corrected since
        declared = products.by_region(wanted.products)
        pictured = products.as_recorded(session, sealed, pictured, declared, ready.layout, house().thin)
    made = _Made(
        rights,
        relied,
        pictured,
        None if sealed.layout_photo is None else (sealed.layout_photo.photo_id, sealed.layout_photo.grant_id),
    )
    look, refused, reasons = _ask(session, request, use, made, comp=comp, at=at)
    terms = look.terms
    own: dict[str, str] = {origins.LAYOUT_WITHHELD: origins.SAYS}
    if counted is not None and counted.full:
        own |= {name: sentence for name, sentence in counting.FULL.values() if name in counted.full}
        reasons = reasons | counted.full
        look = replace(look, full=counted.full)
    decided = Decided.of(look)
    if reasons:
        log.append(
            session,
            Kind.HANDOUT_REFUSED,
            by=by,
            at=at,
            composite=composite_id,
            recipient=recipient,
            channel=channel,
            reasons=reasons,
            photos=refused,
            bundle=terms.bundle.digest,
            **decided.words,
        )
        session.add(decided.row("handout-refused", composite_id, epoch=epoch, at=at))
        if counted is not None:
            counting.uncount(session, counted, at=at)
        return NotHandedOut(
            {reason: own.get(reason) or says(terms.bundle, reason) for reason in sorted(reasons)}, refused
        )
    handout = provenance.hand_out(
        session,
        composite,
        id=wanted.handout_id,
        recipient=recipient,
        channel=channel,
        epoch=epoch,
        bundle_digest=terms.bundle.digest,
        clearance={
            "relied": {str(photo): str(grant) for photo, grant in relied.items()},
            "use": terms.use.as_json(),
        },
        decided=decided.words,
        copy=copy,
        comp=comp,
        rendition=wanted.rendition,
        by=by,
        at=at,
    )
    session.add(decided.row("handout", composite_id, handout_id=handout.id, epoch=epoch, at=at))
    if ready.looks is not None:  # it looks different, and is known by its own looks
        kept.record(session, composite.id, ready.looks, handout_id=handout.id)
    if counted is not None:
        counting.charge(session, handout, counted, use, by=by, at=at)
    file = ready.master if copy is None else copy.file
    return HandedOut(handout, composite, file, None if comp else ready.gate)


def _copy(master: bytes, wanted: Wanted, *, signing: Signing | None) -> Made:
    """What is given in the composite's place."""
    if signing is None:
        what = "as a comp only" if wanted.comp else f"as a {wanted.rendition.format} of its own"
        raise UseRefused(f"composite `{wanted.composite_id}` is given {what}, and nothing signs copies here")
    over = (comps.mark(wanted.composite_id), *wanted.marks) if wanted.comp else wanted.marks
    return renditions.make(
        master,
        wanted.sealed,
        rendition=wanted.rendition,
        marks=over,  # over the words, not under them
        title="comp" if wanted.comp else "rendition",
        credits=[credit.text for credit in wanted.disclosures.credits()],
        house=signing.house,
        credentials=signing.credentials,
        clock=signing.clock,
    )


@dataclass(frozen=True)
class _Made:
    """A picture as its records have it, with the rights of today."""

    rights: Rights
    relied: Mapping[UUID, UUID]
    pictured: Pictured
    layout: tuple[UUID, UUID] | None  # the photo that its arrangement is of, and the grant relied on


def _ask(
    session: Session, request: Request, use: Use, made: _Made, *, comp: bool, at: datetime
) -> tuple[Look, frozenset[UUID], frozenset[str]]:
    """Whether the photos, and the set of them, clear: what was asked, who does not, and why."""
    terms = replace(asking.terms_for(session, request, use=use, at=at), pictured=made.pictured)
    answers = clear_photos(terms, "publish", made.rights, only=made.relied)
    dirty = {photo: answer for photo, answer in answers.items() if not isinstance(answer, Cleared)}
    refused = frozenset(dirty)
    reasons = {reason for answer in dirty.values() for reason in answer.reasons}
    layout = None
    if made.layout is not None:
        photo_id, grant_id = made.layout
        arranged = origins.adapted(session, photo_id, terms, action="publish-adapted", on=grant_id)
        layout = _arrangement(session, photo_id, grant_id, arranged, terms)
        if isinstance(arranged, SealRefused):
            refused |= arranged.photos
            reasons |= arranged.reasons
        else:
            terms = arranged
    if not refused:
        together = clear_set(
            terms,
            [relied_on(made.rights, photo, grant) for photo, grant in sorted(made.relied.items())],
            photos=made.relied.keys(),
        )
        if isinstance(together, SetRefused):
            reasons = set(together.reasons)
    if reasons and comp and use.audience != "comp":
        as_comp = use.model_copy(update={"audience": "comp"})
        found = _ask(session, request, as_comp, made, comp=False, at=at)
        if not found[2]:
            return found
    return Look("publish", terms, made.rights, made.relied, layout), refused, frozenset(reasons)


def _arrangement(
    session: Session, photo_id: UUID, grant_id: UUID, arranged: Terms | SealRefused, terms: Terms
) -> Arrangement:
    """What was asked of the photo whose arrangement the picture has."""
    action = origins.asked_of(terms.bundle, "publish-adapted")
    if not isinstance(arranged, SealRefused) and arranged.adapted is not None:
        return Arrangement(photo_id, grant_id, action, arranged.adapted.facts)
    rights = rights_of(session, [photo_id], at=terms.at, reserved=frozenset({grant_id}))
    offers = [one.facts for one in rights.offers.get(photo_id, ()) if one.grant_id == grant_id]
    found = next((one for one in offers if isinstance(one, GrantFacts)), None)
    return Arrangement(photo_id, grant_id, action, found)
