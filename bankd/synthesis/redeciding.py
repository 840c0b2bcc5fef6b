"""Past looks at pictures made again: each seal and handout, on its recorded facts, under its own bundle."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.kinds import Kind
from bankd.licensing.models import Grant
from bankd.licensing.terms import GrantFacts
from bankd.licensing.use import UseFacts
from bankd.policy import service as policy
from bankd.policy.clearing import Adapted, Rights, Terms
from bankd.policy.facts import Pictured
from bankd.policy.signoff import Signed
from bankd.provenance import manifest
from bankd.provenance.models import Composite, Handout
from bankd.synthesis import deciding, recording, replayed
from bankd.synthesis.deciding import Arrangement, Look
from bankd.synthesis.models import Decision
from bankd.synthesis.replayed import Of, Outcome, Replay

ENTRIES = {
    "seal": Kind.COMPOSITE_SEALED,
    "handout": Kind.COMPOSITE_HANDED_OUT,
    "handout-refused": Kind.HANDOUT_REFUSED,
}
NEAR = 64  # entries after a decision's epoch, among which is its own


def of_pictures(session: Session, request_id: UUID) -> Iterator[Replay]:
    """Each seal and each handout of a request's pictures, in their order; those that were not kept, too."""
    composites = session.scalars(
        select(Composite)
        .where(Composite.request_id == request_id)
        .order_by(Composite.sealed_at, Composite.id)
    ).all()
    for composite in composites:
        decisions = session.scalars(
            select(Decision)
            .where(Decision.composite_id == composite.id)
            .order_by(Decision.at, Decision.epoch, Decision.id)
        ).all()
        if not any(one.kind == "seal" for one in decisions):
            yield _not_kept(composite, "seal", composite.id, composite.sealed_at, composite.log_index)
        kept = {one.handout_id for one in decisions}
        handouts = session.scalars(
            select(Handout).where(Handout.composite_id == composite.id).order_by(Handout.at, Handout.id)
        )
        for handout in handouts:
            if handout.id not in kept:
                yield _not_kept(composite, "handout", handout.id, handout.at, None, handout.bundle_digest)
        for one in decisions:
            yield _again(session, one)


def _again(session: Session, decision: Decision) -> Replay:
    facts = decision.facts
    photos = [UUID(photo) for photo in facts["relied"]]
    if (layout := facts.get("layout")) is not None:
        photos.append(UUID(layout["photo"]))
    index, words = _logged(session, decision)
    erased = replayed.erased(session, photos)
    if erased:
        on = max(erased.values()).isoformat()
        return _made(decision, index, "erased", f"erased on {on}", erased=tuple(sorted(erased)))
    if words is None:
        return _made(decision, index, "erased", "the log's words about it were erased")
    if (words.get("facts"), words.get("answer")) != (recording.digest(facts), decision.answer_sha256):
        return _made(decision, index, "altered", "its facts or its answer are not those that the log names")
    rights = replayed.rights(session, facts)
    if rights is None:
        return _made(decision, index, "altered", "a rights profile or a grant that it names is another now")
    answer = recording.digest(deciding.answer(_look(session, decision, rights)))
    same = answer == decision.answer_sha256
    return _made(
        decision,
        index,
        "same" if same else "differs",
        "the same answer, bit for bit" if same else "another answer than then",
        answer=answer,
    )


def _look(session: Session, decision: Decision, rights: Rights) -> Look:
    facts = decision.facts
    layout, adapted = None, None
    if (told := facts.get("layout")) is not None:
        of_layout = None if told["facts"] is None else GrantFacts.model_validate(told["facts"])
        layout = Arrangement(UUID(told["photo"]), UUID(told["grant"]), told["action"], of_layout)
        if of_layout is not None:
            grant = session.get_one(Grant, layout.grant_id)
            adapted = Adapted(layout.photo_id, layout.grant_id, of_layout, grant.standing_terms)
    terms = Terms(
        policy.stored(session, decision.bundle_digest),
        UseFacts.model_validate(facts["use"]),
        decision.at,
        Signed.of_json(facts.get("signed", ())),
        adapted=adapted,
        pictured=Pictured.model_validate(facts.get("pictured", {})),
    )
    return Look(
        facts["action"],
        terms,
        rights,
        {UUID(photo): UUID(grant) for photo, grant in facts["relied"].items()},
        layout,
        frozenset(facts["full"]),
    )


def _logged(session: Session, decision: Decision) -> tuple[int | None, Mapping[str, Any] | None]:
    """Where the log commits to it, and what its entry says: None where words were erased, nothing where no
    entry names it."""
    kind, erased = ENTRIES[decision.kind], False
    for entry in log.read(session, start=decision.epoch, stop=decision.epoch + NEAR):
        if entry.kind != kind:
            continue
        if entry.payload is None:
            erased = True
        elif entry.payload["objects"].get("decision") == str(decision.id):
            return entry.index, entry.payload["objects"]
    return None, None if erased else {}


def _made(
    decision: Decision,
    index: int | None,
    outcome: Outcome,
    says: str,
    *,
    answer: str | None = None,
    erased: tuple[UUID, ...] = (),
) -> Replay:
    of: Of = decision.kind  # type: ignore[assignment]  # the column's check
    return Replay(
        clearance_id=decision.id,
        at=decision.at,
        bundle=decision.bundle_digest,
        log_index=index,
        outcome=outcome,
        says=says,
        photos=len(decision.facts["relied"]),
        recorded_sha256=decision.answer_sha256,
        replayed_sha256=answer,
        erased=erased,
        of=of,
        composite_id=decision.composite_id,
    )


def _not_kept(
    composite: Composite, of: Of, id: UUID, at: Any, index: int | None, bundle: str | None = None
) -> Replay:
    sealed = manifest.read(composite.manifest)
    return Replay(
        clearance_id=id,
        at=at,
        bundle=bundle or sealed.policy_bundle,
        log_index=index,
        outcome="not-kept",
        says=f"the {of} was made before facts were kept with it",
        photos=len(sealed.placed_photos),
        recorded_sha256=None,
        replayed_sha256=None,
        of=of,
        composite_id=composite.id,
    )
