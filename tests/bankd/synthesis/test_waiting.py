"""Requests that wait for people: asked once, resumed by the last signature, refused by a no or by time."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import ProgrammingError

from bankd.access import service as access
from bankd.access.errors import NotPermitted
from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.catalog.taxonomy import house
from bankd.licensing import service as licensing
from bankd.licensing.models import Grant
from bankd.licensing.terms import GrantFacts
from bankd.licensing.use import Use
from bankd.notices.models import Notice
from bankd.policy import service as policy
from bankd.policy.clearing import Terms, rights_of, terms_of
from bankd.policy.load import Bundle
from bankd.policy.signoff import Given, Signed
from bankd.provenance.effective import EffectiveLicense, Relied
from bankd.provenance.models import Composite
from bankd.signoffs import reading as records
from bankd.signoffs import service as signoffs
from bankd.signoffs.errors import (
    AlreadySettled,
    AwaitedNotFound,
    SignedAlready,
    SignerIsRequester,
    SignoffNotFound,
    SignoffOver,
    SignoffUnfit,
)
from bankd.signoffs.models import AwaitedSignoff, Signoff
from bankd.synthesis import reading, resuming, steps, waiting
from bankd.synthesis.clearing import SetRefused, awaited_by_set, clear_set
from bankd.synthesis.handouts import HandedOut, NotHandedOut, hand_out
from bankd.synthesis.models import Clearance, Order, Request, Variation
from bankd.worker.models import Outgoing

RULE = "title-unshown-for-large-run"
HANA, KEN, MIO = (Actor("user", name, frozenset({"compliance"})) for name in ("Hana", "Ken", "Mio"))
LARGE: dict[str, Any] = {"channels": ["print"], "copies": 200_000}


@pytest.fixture
def waits(bank: Any) -> tuple[Any, UUID]:
    """A bank whose only photos have a title that nobody has shown, and a request for very many copies."""
    ref = bank.grant("unshown")
    bank.take((ref,), (ref,))
    request_id = bank.ask(**LARGE)
    steps.advance(bank.rt, request_id)
    return bank, request_id


def awaited(bank: Any, request_id: UUID) -> AwaitedSignoff:
    with bank.rt.transaction() as session:
        [one] = records.queue(session, request_id=request_id)
        return one


def sign(bank: Any, awaited_id: UUID, *people: Actor, **stated: Any) -> Signoff:
    for person in people:
        with bank.rt.transaction() as session:
            made = waiting.give(
                session,
                awaited_id,
                by=person,
                at=bank.rt.at,
                **{
                    "scope": "request",
                    "reason": "the agency's chain was read to us",
                    "expires_at": bank.rt.at + timedelta(days=90),
                    **stated,
                },
            )
    return made


def sweep(bank: Any) -> int:
    with bank.rt.transaction() as session:
        return waiting.sweep(session, by=bank.rt.actor, at=bank.rt.at)


def kinds(bank: Any) -> list[str]:
    with bank.rt.transaction() as session:
        return [entry.kind for entry in log.read(session)]


def document(bank: Any) -> str:
    with bank.rt.transaction() as session:
        return licensing.record_document(
            session,
            b"the opinion of counsel",
            name="opinion.txt",
            media_type="text/plain",
            blobs=bank.rt.blobs,
            by=HANA,
            at=bank.rt.at,
        ).sha256


def give_out(bank: Any, request_id: UUID) -> HandedOut | NotHandedOut:
    with bank.rt.transaction() as session:
        [composite] = session.scalars(select(Composite.id).where(Composite.request_id == request_id)).all()
        return hand_out(
            session,
            composite,
            recipient="Printer",
            channel="print",
            blobs=bank.rt.blobs,
            by=bank.rt.actor,
            at=bank.rt.at,
        )


def test_a_request_waits_for_those_whom_policy_asks_and_nothing_is_ordered(waits: Any) -> None:
    bank, request_id = waits

    request, asked = bank.request(request_id), awaited(bank, request_id)
    assert (request.state, request.lease_until, request.finished_at) == ("awaiting", None, None)
    assert (asked.policy, asked.role, asked.signers, asked.requester) == (RULE, "compliance", 2, "tests")
    assert asked.due_at - asked.made_at == signoffs.DUE and len(asked.photos) >= 1
    with bank.rt.transaction() as session:
        assert session.scalars(select(Order)).all() == []
        shown = reading.request(session, request_id, by=bank.rt.actor)
        # What the requester sees: the rule and who is asked; no photo, license, name or reason.
        assert [(one.policy, one.role, one.signed, one.signers) for one in shown.waits] == [
            (RULE, "compliance", 0, 2)
        ]
        assert not shown.finished
    assert kinds(bank)[-2:] == ["signoff.awaited", "request.awaits"]


def test_the_last_signature_sends_it_on_and_the_order_names_the_signatures(waits: Any) -> None:
    bank, request_id = waits
    asked = awaited(bank, request_id)
    first = sign(bank, asked.id, HANA)
    assert bank.request(request_id).state == "awaiting"
    second = sign(bank, asked.id, KEN)

    assert bank.request(request_id).state == "filed"
    with bank.rt.transaction() as session:
        hints = session.scalars(select(Outgoing).where(Outgoing.task == "synthesis.advance")).all()
    assert [hint.arguments["request_id"] for hint in hints] == [str(request_id)] * 2
    made = bank.make(request_id)
    assert made.state == "completed"
    with bank.rt.transaction() as session:
        [cleared] = [entry for entry in log.read(session) if entry.kind == "request.cleared"]
    assert cleared.payload is not None
    assert {*cleared.payload["objects"]["signoffs"]} == {str(first.id), str(second.id)}
    assert isinstance(give_out(bank, request_id), HandedOut)


def test_what_clears_without_a_signature_is_not_held_up(bank: Any) -> None:
    unshown = bank.grant("unshown")
    who = {"by": bank.rt.actor, "at": bank.rt.at}
    with bank.rt.transaction() as session:
        terms = session.get_one(Grant, licensing.grants_by_ref(session, [unshown])[unshown].id).terms
        own = licensing.record_license(
            session, "L-own", licensor="agency", title="Ours", basis="owned", **who
        )
        owned = licensing.record_grant(session, own.id, ref="all", terms=terms, **who).id
    photos = bank.take((unshown,), ("L-own/all",), (unshown,))

    request = bank.make(bank.ask(**LARGE))

    assert request.state == "completed"
    with bank.rt.transaction() as session:
        relied = session.scalars(select(Clearance.relied)).one()
        assert relied == {str(photos[1]): str(owned)}
        assert session.scalars(select(AwaitedSignoff)).all() == []


def test_a_rule_that_nobody_may_lift_refuses_at_once(bank: Any) -> None:
    bank.take((bank.grant("web", channels=["web"]),))

    assert bank.make(bank.ask(**LARGE)).state == "refused"
    assert "signoff.awaited" not in kinds(bank)


def test_nobody_signs_for_himself_nor_twice_nor_without_the_role(waits: Any) -> None:
    bank, request_id = waits
    asked = awaited(bank, request_id)
    requester = Actor("user", "tests", frozenset({"compliance", "creative"}))

    with pytest.raises(SignerIsRequester, match="nobody signs off what he asked for"):
        sign(bank, asked.id, requester)
    with pytest.raises(NotPermitted):
        sign(bank, asked.id, Actor("user", "Rei", frozenset({"creative", "librarian", "operator"})))
    sign(bank, asked.id, HANA)
    with pytest.raises(SignedAlready, match="waits for somebody else"):
        sign(bank, asked.id, HANA)
    with pytest.raises(AwaitedNotFound):
        sign(bank, UUID(int=5), HANA)
    assert bank.request(request_id).state == "awaiting"


def test_one_no_refuses_and_its_reason_is_not_the_requesters_to_read(waits: Any) -> None:
    bank, request_id = waits
    asked = awaited(bank, request_id)
    sign(bank, asked.id, HANA)
    with bank.rt.transaction() as session:
        waiting.decline(session, asked.id, reason="the agency is being sued", by=KEN, at=bank.rt.at)

    assert bank.request(request_id).state == "refused"
    with bank.rt.transaction() as session:
        [variation] = session.scalars(select(Variation)).all()
        said = reading.explain(session, request_id, blobs=bank.rt.blobs, taxonomy=house(), by=bank.rt.actor)
    assert variation.reasons["reasons"] == sorted([RULE, "signoff-declined"])
    assert "sued" not in str(said)
    with pytest.raises(AlreadySettled):
        sign(bank, asked.id, MIO)


def test_what_nobody_signs_in_time_is_refused_by_the_sweep_once(waits: Any, later: Any) -> None:
    bank, request_id = waits
    later(days=2, hours=23)
    assert sweep(bank) == 0 and bank.request(request_id).state == "awaiting"
    later(hours=1)

    assert (sweep(bank), sweep(bank)) == (1, 0)
    assert bank.request(request_id).state == "refused"
    assert kinds(bank)[-2:] == ["signoff.lapsed", "request.refused"]


def test_a_request_that_waits_looks_again_once_rights_move_and_goes_on_where_it_needs_nobody(
    waits: Any, later: Any
) -> None:
    bank, request_id = waits

    def look() -> int:
        with bank.rt.transaction() as session:
            hinted = resuming.sweep(session, at=bank.rt.at)
        for _ in range(hinted):
            resuming.look_again(bank.rt, request_id)
        return hinted

    later(minutes=2)
    assert look() == 0  # nothing moved
    bank.take((bank.grant("nc", purposes=["research"]),), first=10)
    assert (look(), bank.request(request_id).state) == (1, "awaiting")
    asked = awaited(bank, request_id)  # the same one, and due as before
    assert asked.due_at < bank.rt.at + timedelta(days=3)
    later(minutes=2)
    assert look() == 0  # once is enough

    who = {"by": bank.rt.actor, "at": bank.rt.at}
    with bank.rt.transaction() as session:
        unshown = licensing.grants_by_ref(session, ["L-unshown/all"])["L-unshown/all"]
        own = licensing.record_license(
            session, "L-own", licensor="agency", title="Ours", basis="owned", **who
        )
        licensing.record_grant(session, own.id, ref="all", terms=unshown.terms, **who)
    bank.take(("L-own/all",), first=20)
    later(minutes=2)
    assert look() == 1

    assert bank.request(request_id).state == "filed"
    assert kinds(bank).count("request.resumed") == 1
    with bank.rt.transaction() as session:
        assert records.queue(session, request_id=request_id) == []
        assert session.scalars(select(Outgoing).where(Outgoing.task == resuming.LOOK_AGAIN_TASK)).all()
    assert bank.make(request_id).state == "completed"
    resuming.look_again(bank.rt, request_id)  # a hint that comes late changes nothing
    assert bank.request(request_id).state == "completed"


def test_a_hint_that_was_lost_is_made_again_by_the_sweep(waits: Any) -> None:
    bank, request_id = waits
    asked = awaited(bank, request_id)
    sign(bank, asked.id, HANA)
    with bank.rt.transaction() as session:  # signed, and the process died before it sent the request on
        signoffs.give(
            session,
            asked.id,
            scope="request",
            reason="read",
            expires_at=bank.rt.at + timedelta(days=1),
            by=KEN,
            at=bank.rt.at,
        )

    assert (sweep(bank), sweep(bank)) == (1, 0)
    assert bank.request(request_id).state == "filed"


@pytest.mark.parametrize("how", ["expired", "withdrawn"])
def test_a_sign_off_that_is_over_seals_and_hands_out_nothing(waits: Any, later: Any, how: str) -> None:
    bank, request_id = waits
    asked = awaited(bank, request_id)
    sign(bank, asked.id, HANA)
    made = sign(bank, asked.id, KEN)
    assert bank.make(request_id).state == "completed"
    assert isinstance(give_out(bank, request_id), HandedOut)

    if how == "expired":
        later(days=91)
    else:
        with bank.rt.transaction() as session:
            signoffs.withdraw(session, made.id, reason="the chain has a gap", by=MIO, at=bank.rt.at)

    refused = give_out(bank, request_id)
    assert isinstance(refused, NotHandedOut) and RULE in refused.reasons


def test_a_sign_off_withdrawn_between_order_and_seal_refuses_the_seal(waits: Any) -> None:
    bank, request_id = waits
    asked = awaited(bank, request_id)
    made = sign(bank, asked.id, HANA, KEN)
    order = bank.order(request_id)
    assert order is not None
    bank.render(order)
    with bank.rt.transaction() as session:
        signoffs.withdraw(session, made.id, reason="the chain has a gap", by=MIO, at=bank.rt.at)

    steps.seal(bank.rt, order.id)

    with bank.rt.transaction() as session:
        assert session.scalars(select(Composite)).all() == []
    assert "composite.refused" in kinds(bank)
    assert bank.make(request_id).state == "refused"


def test_a_license_withdrawn_meanwhile_is_withdrawn_whoever_has_signed(waits: Any) -> None:
    bank, request_id = waits
    bank.withdraw("L-unshown/all")
    sign(bank, awaited(bank, request_id).id, HANA, KEN)

    assert bank.make(request_id).state == "refused"


@pytest.mark.parametrize("scope", ["photo", "license", "use"])
def test_a_wider_scope_needs_its_document_and_serves_the_next_request(waits: Any, scope: str) -> None:
    bank, request_id = waits
    asked = awaited(bank, request_id)
    with pytest.raises(SignoffUnfit, match="needs the document behind it"):
        sign(bank, asked.id, HANA, scope=scope)
    sign(bank, asked.id, HANA, KEN, scope=scope, document_sha256=document(bank))

    assert bank.make(request_id).state == "completed"
    assert bank.make(bank.ask(seed=8, **LARGE)).state == "completed"


def test_a_sign_off_for_one_request_serves_no_other(waits: Any) -> None:
    bank, request_id = waits
    sign(bank, awaited(bank, request_id).id, HANA, KEN)
    assert bank.make(request_id).state == "completed"

    assert bank.make(bank.ask(seed=8, **LARGE)).state == "awaiting"


def test_a_sign_off_for_a_use_is_for_all_of_it_but_its_period(waits: Any) -> None:
    bank, request_id = waits
    sign(bank, awaited(bank, request_id).id, HANA, KEN, scope="use", document_sha256=document(bank))

    assert bank.make(bank.ask(**LARGE, seed=8, starts_on="2026-07-01")).state == "completed"
    assert bank.make(bank.ask(**LARGE | {"copies": 200_001}, seed=8)).state == "awaiting"


def test_a_signers_own_request_does_not_rest_on_his_signature(waits: Any) -> None:
    bank, request_id = waits
    sign(bank, awaited(bank, request_id).id, HANA, KEN, scope="use", document_sha256=document(bank))
    bank.rt.actor = KEN

    assert bank.make(bank.ask(seed=8, **LARGE)).state == "awaiting"


def test_a_sign_off_is_for_the_rule_as_it_read(waits: Any) -> None:
    bank, request_id = waits
    sign(bank, awaited(bank, request_id).id, HANA, KEN)
    with bank.rt.transaction() as session:
        now = policy.active(session)
        stricter = [
            (name, text.replace("context.copies <= 100000", "context.copies <= 1000"))
            for name, text in now.texts
        ]
        policy.activate(session, Bundle.of(stricter), by=HANA, at=bank.rt.at)

    assert bank.make(request_id).state == "awaiting"


def test_a_later_sign_off_takes_the_place_of_an_earlier_one(waits: Any, later: Any) -> None:
    bank, request_id = waits
    asked = awaited(bank, request_id)
    hers = sign(bank, asked.id, HANA, expires_at=bank.rt.at + timedelta(days=2))
    sign(bank, asked.id, KEN)
    assert bank.make(request_id).state == "completed"
    later(days=3)
    assert isinstance(give_out(bank, request_id), NotHandedOut)
    until = bank.rt.at + timedelta(days=30)
    with bank.rt.transaction() as session:
        made = signoffs.supersede(
            session, hers.id, reason="still true", expires_at=until, by=MIO, at=bank.rt.at
        )

    assert isinstance(give_out(bank, request_id), HandedOut)
    with bank.rt.transaction() as session:
        before = session.get_one(Signoff, hers.id)
        assert (before.superseded_by, before.state(at=bank.rt.at)) == (made.id, "superseded")
        with pytest.raises(SignoffOver, match="was superseded"):
            signoffs.withdraw(session, hers.id, reason="too late", by=MIO, at=bank.rt.at)


@pytest.mark.parametrize(
    ("stated", "why"),
    [
        ({"expires_at": datetime.fromisoformat("2026-06-01T12:00Z")}, "ends after it is given"),
        ({"expires_at": datetime.fromisoformat("2046-06-01T12:00Z")}, "within ten years"),
        ({"reason": "  "}, "needs a reason"),
        ({"scope": "house"}, "`house` is no scope"),
        ({"document_sha256": "0" * 64}, "is not recorded"),
    ],
)
def test_a_sign_off_that_says_too_little_or_too_much_is_refused(waits: Any, stated: Any, why: str) -> None:
    bank, request_id = waits

    with pytest.raises(SignoffUnfit, match=why):
        sign(bank, awaited(bank, request_id).id, HANA, **stated)


class Desk:
    target = "rights@example.test"


def test_people_are_told_when_it_comes_and_once_more_before_it_is_due(waits: Any, later: Any) -> None:
    bank, _ = waits

    def told() -> list[str]:
        with bank.rt.transaction() as session:
            waiting.tell(session, to={"smtp": Desk()}, at=bank.rt.at)  # type: ignore[dict-item]
        with bank.rt.transaction() as session:
            return list(session.scalars(select(Notice.title).order_by(Notice.made_at)))

    assert told() == told() == [f"a sign-off is awaited: {RULE}"]
    later(days=2)
    assert told() == told() == [f"a sign-off is awaited: {RULE}", f"a sign-off is nearly due: {RULE}"]


def test_the_queue_is_compliances_and_the_auditors(waits: Any) -> None:
    bank, request_id = waits
    asked = awaited(bank, request_id)
    with bank.rt.transaction() as session:
        for person in (HANA, Actor("user", "Audit", frozenset({"auditor"}))):
            [line] = waiting.listed(session, state="awaiting", limit=10, by=person, at=bank.rt.at)
            assert (line["awaited"], line["signed"], line["signoffs"]) == (asked.id, 0, [])
            assert set(waiting.shown(session, asked.id, by=person, at=bank.rt.at)["refs"]) == {
                "L-unshown/all"
            }
        with pytest.raises(NotPermitted):
            waiting.listed(
                session, state=None, limit=10, by=Actor("user", "C", frozenset({"creative"})), at=bank.rt.at
            )


def test_another_departments_requests_are_not_there(waits: Any) -> None:
    bank, request_id = waits
    with bank.rt.transaction() as session:
        session.get_one(Request, request_id).department_id = bank.department_id
    asked = awaited(bank, request_id)
    own = replace(HANA, department_id=bank.department_id)
    with bank.rt.transaction() as session:
        other = access.record_department(session, "elsewhere", by=HANA, at=bank.rt.at).id
        foreign = replace(KEN, department_id=other)
        assert waiting.listed(session, state=None, limit=9, by=foreign, at=bank.rt.at) == []
        assert len(waiting.listed(session, state=None, limit=9, by=own, at=bank.rt.at)) == 1
        with pytest.raises(AwaitedNotFound):
            waiting.shown(session, asked.id, by=foreign, at=bank.rt.at)
    with pytest.raises(AwaitedNotFound):
        sign(bank, asked.id, foreign)
    made = sign(bank, asked.id, own)
    with bank.rt.transaction() as session, pytest.raises(SignoffNotFound):
        waiting.withdraw(session, made.id, reason="not mine", by=foreign, at=bank.rt.at)


def test_the_app_may_not_rewrite_what_was_signed(waits: Any) -> None:
    bank, request_id = waits
    sign(bank, awaited(bank, request_id).id, HANA)

    for column in ("signed_by", "expires_at", "photos"):
        with pytest.raises(ProgrammingError, match="permission denied"), bank.rt.transaction() as session:
            session.execute(update(Signoff).values({column: getattr(Signoff, column)}))


def a_set(bank: Any, *, excluded: list[str]) -> tuple[Terms, list[Relied], list[UUID]]:
    """A released person in one photo and a bottle in another, for a public use."""
    ref = bank.grant("pair")
    photos = bank.take((ref,), (ref,))
    use = Use.model_validate(
        {
            "purpose": "commercial",
            "channels": ["web"],
            "targeted": ["JP"],
            "accessible": ["JP"],
            "starts_on": "2026-06-01",
            "ends_on": "2026-12-31",
            "audience": "public",
        }
    )
    with bank.rt.transaction() as session:
        terms = terms_of(session, use, at=bank.rt.at)
        facts = next(
            GrantFacts.model_validate(offer.facts)
            for offers in rights_of(session, photos, at=bank.rt.at).offers.values()
            for offer in offers
        )
        grant = licensing.grants_by_ref(session, [ref])[ref].id
    person = facts.model_copy(
        update={
            "persons": "present",
            "model_release": "released",
            "release_subjects_excluded": frozenset(excluded),
        }
    )
    bottle = facts.model_copy(update={"subjects_shown": frozenset({"alcohol"})})
    return terms, [Relied(grant, person), Relied(grant, bottle)], photos


def test_a_released_person_beside_a_bottle_is_one_question_about_the_pair(bank: Any) -> None:
    terms, relied, photos = a_set(bank, excluded=["adult"])

    assert awaited_by_set(terms, relied, photos=photos) == ("person-beside-released-subject",)
    assert isinstance(clear_set(terms, relied, photos=photos), SetRefused)
    given = Given(UUID(int=1), "person-beside-released-subject", "Hana", "request", frozenset(photos))
    signed = Terms(terms.bundle, terms.use, terms.at, Signed((given,)))
    assert isinstance(clear_set(signed, relied, photos=photos), EffectiveLicense)
    assert isinstance(clear_set(signed, relied, photos=[*photos, UUID(int=9)]), SetRefused)
    assert isinstance(clear_set(signed, relied), SetRefused)


def test_an_unreleased_person_beside_a_bottle_is_no_question(bank: Any) -> None:
    terms, relied, photos = a_set(bank, excluded=["alcohol"])

    assert awaited_by_set(terms, relied, photos=photos) == ()
