"""Past clearances made again, bit for bit, whatever rights and policies have become since."""

from datetime import UTC, datetime
from typing import Any

import desk
import pytest
from small_bank import ROOT, Bank
from sqlalchemy import select, text, update

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.catalog import service as catalog
from bankd.policy import load
from bankd.policy import service as policy
from bankd.policy.load import Bundle
from bankd.provenance.models import Composite
from bankd.synthesis import recording, redeciding
from bankd.synthesis.errors import RequestNotFound
from bankd.synthesis.handouts import NotHandedOut
from bankd.synthesis.models import Clearance, Decision
from bankd.synthesis.replaying import Replay, replay


def all_replayed(bank: Bank, request_id: Any) -> list[Replay]:
    with bank.rt.transaction() as session:
        return replay(session, request_id, by=bank.rt.actor)


def replayed(bank: Bank, request_id: Any) -> list[Replay]:
    """Of the request itself."""
    return [one for one in all_replayed(bank, request_id) if one.of == "request"]


def stricter() -> Bundle:
    """No purpose is covered by anything any more."""
    texts = dict(load.read(ROOT / "policies").texts)
    texts["strict.cedar"] = (
        '@id("nothing-commercial")\n@says("Nothing is made for commerce")\n'
        'forbid (principal, action in [Action::"synthesize", Action::"publish"], resource)\n'
        'unless { context.purpose != "commercial" };\n'
    )
    return Bundle.of(texts.items())


def test_a_clearance_comes_out_the_same_bit_for_bit_after_rights_and_policies_moved(
    served: Bank, later: Any
) -> None:
    nc = served.grant("nc", purposes=["research"])
    owned = served.grant("capped", caps=[{"trigger": "seal", "most": 50}])
    served.take((nc, owned), (owned,), first=10)
    request = served.make(served.ask(variations=2))
    assert request.state == "completed"
    (then,) = replayed(served, request.id)
    assert (then.outcome, then.recorded_sha256) == ("same", then.replayed_sha256)

    later(days=400)
    served.withdraw("L-open/all")
    with served.rt.transaction() as session:
        policy.activate(session, stricter(), by=served.rt.actor, at=served.rt.at)
    (now,) = replayed(served, request.id)

    assert now == then
    assert now.bundle == load.read(ROOT / "policies").digest
    assert now.photos > 0 and now.differing == ()


def test_the_facts_of_a_clearance_are_those_that_the_log_committed_to(served: Bank) -> None:
    request = served.make(served.ask())
    with served.rt.transaction() as session:
        clearance = session.scalars(select(Clearance).where(Clearance.request_id == request.id)).one()
        assert clearance.facts is not None
        forged = {**clearance.facts, "use": {**clearance.facts["use"], "purpose": "research"}}
        assert recording.digest(forged) != recording.digest(clearance.facts)
        session.execute(update(Clearance).where(Clearance.id == clearance.id).values(facts=forged))

    (found,) = replayed(served, request.id)

    assert found.outcome == "altered" and found.replayed_sha256 is None


def test_an_erased_photo_answers_erased_on_its_day(served: Bank, later: Any) -> None:
    request = served.make(served.ask())
    with served.rt.transaction() as session:
        clearance = session.scalars(select(Clearance).where(Clearance.request_id == request.id)).one()
        photo = next(iter(clearance.relied))
    served.rt.at = datetime(2026, 9, 4, 9, tzinfo=UTC)
    with served.rt.transaction() as session:
        catalog.tombstone(session, photo, reason="the sitter asked", by=served.rt.actor, at=served.rt.at)

    (found,) = replayed(served, request.id)

    assert (found.outcome, found.says) == ("erased", "erased on 2026-09-04")
    assert [str(one) for one in found.erased] == [photo]


def test_a_clearance_from_before_facts_were_kept_says_so(served: Bank) -> None:
    request = served.make(served.ask())
    with served.rt.transaction() as session:
        session.execute(text("UPDATE clearances SET facts = NULL, answer_sha256 = NULL"))

    (found,) = replayed(served, request.id)

    assert found.outcome == "not-kept"


def test_a_refusal_comes_out_the_same_bit_for_bit_from_engine_as_from_sql(bank: Bank, later: Any) -> None:
    refs = [bank.grant("nc", purposes=["research"]), bank.grant("over", ends_on="2026-06-30")]
    bank.take((refs[0],), (refs[0],), (refs[1],), (*refs,))
    gone = bank.grant("gone")
    bank.take((gone,), first=20)
    bank.withdraw(gone)
    request = bank.make(bank.ask())
    assert request.state == "refused"

    later(days=100)
    bank.take((bank.grant("open"),), first=40)
    (found,) = replayed(bank, request.id)

    assert (found.outcome, found.photos) == ("same", 0)
    assert found.recorded_sha256 == found.replayed_sha256
    assert {reason["policy"] for region in request.outcome["regions"] for reason in region["reasons"]} == {
        "purpose-not-covered",
        "period-outside-term",
        "held-back",
    }


def test_seals_and_handouts_come_out_the_same_bit_for_bit_and_so_do_refused_ones(
    served: Bank, later: Any
) -> None:
    request = served.make(served.ask())
    with served.rt.transaction() as session:
        composite = session.scalars(select(Composite).where(Composite.request_id == request.id)).one()
    given = desk.Desk(served)
    given.handout(composite.id)
    later(days=3)
    served.withdraw("L-open/all")
    assert isinstance(given.give(composite.id), NotHandedOut)

    then = all_replayed(served, request.id)

    assert [(one.of, one.outcome) for one in then] == [
        ("request", "same"), ("seal", "same"), ("handout", "same"), ("handout-refused", "same"),
    ]  # fmt: skip
    assert {one.composite_id for one in then[1:]} == {composite.id}
    assert all(one.photos > 0 and one.recorded_sha256 == one.replayed_sha256 for one in then)
    with served.rt.transaction() as session:
        entries = {entry.index: entry for entry in log.read(session)}
        kinds = [entries[one.log_index].kind for one in then[1:]]
        refused = session.scalars(select(Decision).where(Decision.kind == "handout-refused")).one()
    assert kinds == ["composite.sealed", "composite.handed-out", "handout.refused"]
    assert next(iter(refused.facts["photos"].values()))["grants"][0]["of_the_day"]["blocks"] == ["withdrawn"]

    later(days=400)
    with served.rt.transaction() as session:
        policy.activate(session, stricter(), by=served.rt.actor, at=served.rt.at)
    assert all_replayed(served, request.id) == then


def test_pictures_whose_facts_were_changed_erased_or_never_kept_say_so(served: Bank) -> None:
    request = served.make(served.ask())
    with served.rt.transaction() as session:
        decision = session.scalars(select(Decision)).one()
        with session.no_autoflush:
            decision.facts = {**decision.facts, "use": {**decision.facts["use"], "purpose": "research"}}
            (forged,) = redeciding.of_pictures(session, request.id)
        session.expunge(decision)
        elsewhere = Decision(
            **{c.name: getattr(decision, c.name) for c in Decision.__table__.columns if c.name != "id"}
        )
        session.add(elsewhere)
        session.flush()
        _, unnamed = sorted(
            redeciding.of_pictures(session, request.id), key=lambda one: one.outcome, reverse=True
        )
        session.rollback()
    assert (forged.outcome, unnamed.outcome) == ("altered", "altered")

    served.rt.at = datetime(2026, 9, 4, 9, tzinfo=UTC)
    with served.rt.transaction() as session:
        photo = next(iter(decision.facts["relied"]))
        catalog.tombstone(session, photo, reason="the sitter asked", by=served.rt.actor, at=served.rt.at)
    erased = all_replayed(served, request.id)[-1]
    assert (erased.of, erased.outcome, erased.says) == ("seal", "erased", "erased on 2026-09-04")


def test_only_the_department_that_asked_and_the_house_may_replay(served: Bank) -> None:
    request = served.make(served.ask())
    stranger = Actor("user", "stranger", frozenset({"creative"}), served.department_id)
    with served.rt.transaction() as session, pytest.raises(RequestNotFound):
        replay(session, request.id, by=stranger)
