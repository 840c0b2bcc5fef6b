"""Past decisions made again: each clearance of a request, on its recorded facts, under its own bundle."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.licensing.models import Grant, RightsProfile
from bankd.licensing.terms import GrantFacts
from bankd.licensing.use import UseFacts
from bankd.policy import service as policy
from bankd.policy.clearing import Adapted, Terms
from bankd.policy.engine import decide_many
from bankd.policy.facts import Pictured
from bankd.policy.signoff import Signed
from bankd.synthesis import filing, recording, redeciding, replayed
from bankd.synthesis.models import Clearance
from bankd.synthesis.replayed import Outcome, Replay
from bankd.synthesis.shortfall import Kinds, Looked


def replay(session: Session, request_id: UUID, *, by: Actor) -> list[Replay]:
    """Each clearance of a request decided again, the oldest first, then those of its pictures; none where it
    never came to one.

    Raises:
        RequestNotFound: there is none, or it is another department's.
        BundleNotFound, BundleAltered: the bundle of then is not what it was.
    """
    filing.get(session, request_id, by=by)
    found = session.scalars(
        select(Clearance).where(Clearance.request_id == request_id).order_by(Clearance.at, Clearance.id)
    )
    return [
        *(_replayed(session, clearance) for clearance in found),
        *redeciding.of_pictures(session, request_id),
    ]


def _replayed(session: Session, clearance: Clearance) -> Replay:
    arranged = recording.arrangement(clearance.facts)
    photos = [UUID(photo) for photo in clearance.relied] + ([] if arranged is None else [arranged[0]])
    erased = replayed.erased(session, photos)
    if erased:
        on = max(erased.values())
        return _undecided(clearance, "erased", f"erased on {on.isoformat()}", erased=tuple(sorted(erased)))
    if clearance.facts is None or clearance.answer_sha256 is None:
        return _undecided(clearance, "not-kept", "it was made before facts were kept with clearances")
    logged = _logged(session, clearance)
    if logged is None:
        return _undecided(clearance, "erased", "the log's words about it were erased")
    if logged != (recording.digest(clearance.facts), clearance.answer_sha256):
        return _undecided(clearance, "altered", "its facts or its answer are not those that the log names")
    use = UseFacts.model_validate(clearance.facts["use"])
    signed = Signed.of_json(clearance.facts.get("signed", ()))
    terms = Terms(
        policy.stored(session, clearance.bundle_digest),
        use,
        clearance.at,
        signed,
        adapted=None if arranged is None else _adapted(session, clearance.facts["layout"], *arranged),
        pictured=Pictured.model_validate(clearance.facts.get("pictured", {})),
    )
    answer = (_refused_again if "short" in clearance.facts else _again)(session, clearance.facts, terms)
    if answer is None:
        return _undecided(clearance, "altered", "a rights profile or a grant that it names is another now")
    sha256 = recording.digest(answer)
    same = sha256 == clearance.answer_sha256
    return Replay(
        clearance_id=clearance.id,
        at=clearance.at,
        bundle=clearance.bundle_digest,
        log_index=clearance.log_index,
        outcome="same" if same else "differs",
        says="the same answer, bit for bit" if same else "another answer than then",
        photos=len(clearance.relied),
        recorded_sha256=clearance.answer_sha256,
        replayed_sha256=sha256,
        differing=tuple(
            UUID(photo)
            for photo, grant in sorted(clearance.relied.items())
            if answer["relied"].get(photo) != grant
        ),
    )


def _undecided(clearance: Clearance, outcome: Outcome, says: str, *, erased: tuple[UUID, ...] = ()) -> Replay:
    return Replay(
        clearance_id=clearance.id,
        at=clearance.at,
        bundle=clearance.bundle_digest,
        log_index=clearance.log_index,
        outcome=outcome,
        says=says,
        photos=len(clearance.relied),
        recorded_sha256=clearance.answer_sha256,
        replayed_sha256=None,
        erased=erased,
    )


def _adapted(session: Session, layout: Mapping[str, Any], photo_id: UUID, grant_id: UUID) -> Adapted:
    grant = session.get_one(Grant, grant_id)
    return Adapted(photo_id, grant_id, GrantFacts.model_validate(layout["facts"]), grant.standing_terms)


def _refused_again(session: Session, facts: Mapping[str, Any], terms: Terms) -> dict[str, Any] | None:
    """What stands against the kinds of segments that were seen, asked of the engine; SQL was asked then."""
    seen: Mapping[str, Any] = facts["kinds"]
    wanted = {kind[0] for kinds in seen.values() for kind in kinds["asked"]} - {None}
    profiles = session.scalars(
        select(RightsProfile).where(RightsProfile.id.in_(wanted)).order_by(RightsProfile.id)
    ).all()
    if recording.profiles_sha256({one.id: one.digest for one in profiles}) != facts["profiles_sha256"]:
        return None
    asked = [(one.id, GrantFacts.model_validate(each)) for one in profiles for each in one.facts]
    decisions = decide_many(terms.bundle, "synthesize", [each for _, each in asked], terms.use)
    denied: dict[int | None, frozenset[str]] = {}
    for (id, _), decision in zip(asked, decisions, strict=True):
        if not decision.allowed:
            denied[id] = denied.get(id, frozenset()) | frozenset(decision.policies)
    kinds = {
        category: Kinds(
            segments=one["segments"],
            exact=one["exact"],
            asked=[(profile, frozenset(own), count) for profile, own, count in one["asked"]],
            whole=one["whole"],
            denied=denied,
        )
        for category, one in seen.items()
    }
    return recording.refusal(Looked(facts["short"], kinds), terms)


def _again(session: Session, facts: Mapping[str, Any], terms: Terms) -> dict[str, Any] | None:
    rights = replayed.rights(session, facts)
    if rights is None:
        return None
    pictures = [
        {UUID(photo): area_px for photo, area_px in picture["photos"].items()}
        for picture in facts["pictures"]
    ]
    return recording.answer(terms, rights, pictures, full=frozenset(map(UUID, facts["full"])))


def _logged(session: Session, clearance: Clearance) -> tuple[str | None, str | None] | None:
    """The digests of facts and answer that the log's entry names; None if its words were erased."""
    if clearance.log_index is None:
        return None, None
    entries = log.read(session, start=clearance.log_index, stop=clearance.log_index + 1)
    payload = next((entry.payload for entry in entries), None)
    if payload is None:
        return None
    objects = payload["objects"]
    return objects.get("facts"), objects.get("answer")
