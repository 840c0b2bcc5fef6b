"""What happened is recorded, counted and charged; what goes beyond its clearance is marked."""

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.licensing.models import GrantCounter
from bankd.provenance import credential, pixels
from bankd.provenance.models import HandoutHold, Publication
from bankd.royalties.models import Accrual
from bankd.synthesis.handouts import NotHandedOut
from bankd.synthesis.verification import credentials
from bankd.usage import handouts, publications
from bankd.usage.errors import (
    AlreadyReplaced,
    AlreadyTakenDown,
    HandoutNotFound,
    PublicationNotFound,
    PublicationRefused,
    RefTaken,
)

FEES = [
    {"trigger": "seal", "basis": "canvas", "amount_minor": 9000},
    {"trigger": "handout", "amount_minor": 500},
    {"trigger": "publication", "amount_minor": 2000, "tiers": [{"above": 1, "amount_minor": 1000}]},
    {"trigger": "copies", "amount_minor": 3, "tiers": [{"above": 100, "amount_minor": 1}]},
]
CAPS = [{"trigger": "publication", "most": 2}, {"trigger": "copies", "most": 500}]


def counters(session: Any) -> dict[str, tuple[int, int, int]]:
    rows = session.scalars(select(GrantCounter).where(GrantCounter.period == "")).all()
    return {row.trigger: (row.reserved, row.used, row.over) for row in rows}


def owed(session: Any, **where: Any) -> dict[str, int]:
    wanted = [getattr(Accrual, name) == value for name, value in where.items()]
    rows = session.execute(
        select(Accrual.trigger, func.sum(Accrual.amount_minor)).where(*wanted).group_by(Accrual.trigger)
    )
    return {trigger: int(amount) for trigger, amount in rows}


def test_seal_handout_and_publication_each_owe_their_fee_and_count(desk: Any) -> None:
    desk = desk(fees=FEES, caps=CAPS, currency="JPY")
    composite = desk.composite(channels=["print"], copies=120)
    handout = desk.handout(composite.id, channel="print")
    rt = desk.bank.rt
    with rt.transaction() as session:
        frame_px = composite.height * composite.width
        assert counters(session) == {"publication": (1, 0, 0), "copies": (120, 0, 0)}
        sealed = session.scalars(select(Accrual).where(Accrual.trigger == "seal")).all()
        fed_px = sum(one.canvas_px for one in sealed)
        assert 0 < fed_px <= frame_px
        assert sum(one.amount_minor for one in sealed) == (9000 * fed_px * 2 + frame_px) // (2 * frame_px)

    made = desk.publish(handout.id, channel="print", copies=100)
    again = desk.publish(handout.id, channel="print", copies=100)

    assert (made.id, made.outside) == (again.id, [])
    with rt.transaction() as session:
        assert counters(session) == {"publication": (0, 1, 0), "copies": (20, 100, 0)}
        assert owed(session) | {"seal": 0} == {"seal": 0, "handout": 500, "publication": 2000, "copies": 300}
        kinds = [entry.kind for entry in log.read(session)]
    assert kinds.count("publication.recorded") == 1
    assert kinds.count("royalty.accrued") == 3

    more = desk.publish(handout.id, channel="print", copies=450, place="second run")

    assert more.outside == ["more-copies", "over-cap"]
    with rt.transaction() as session:
        assert counters(session) == {"publication": (0, 2, 0), "copies": (0, 500, 50)}
        assert owed(session, publication_id=more.id) == {"publication": 1000, "copies": 450}
    given = desk.give(composite.id, channel="print")
    assert isinstance(given, NotHandedOut)
    assert given.reasons == {
        "publications-used-up": "As many publications as this license allows have been made or are promised",
        "copies-used-up": "The license has not as many copies left as the use declares",
    }
    with rt.transaction() as session:
        assert counters(session) == {"publication": (0, 2, 0), "copies": (0, 500, 50)}
        assert owed(session)["handout"] == 500


def test_what_was_recorded_wrongly_is_replaced_and_owes_what_it_really_was(desk: Any) -> None:
    desk = desk(fees=FEES, caps=CAPS, currency="JPY")
    composite = desk.composite(channels=["print"], copies=200)
    handout = desk.handout(composite.id, channel="print")
    wrong = desk.publish(handout.id, channel="print", copies=200, ref="P-1")
    rt = desk.bank.rt
    told = {"channel": "print", "copies": 90, "territories": ["JP", "TW"]}
    with rt.transaction() as session:
        with pytest.raises(PublicationRefused, match="needs its reason"):
            publications.replace(session, "P-1", desk.published(**told), reason=" ", **desk.who)
        right = publications.replace(session, "P-1", desk.published(**told), reason="miscounted", **desk.who)

    assert right.outside == ["other-territories"]
    with rt.transaction() as session:
        assert counters(session) == {"publication": (0, 1, 0), "copies": (0, 90, 0)}
        assert owed(session, publication_id=wrong.id) == {"publication": 0, "copies": 0}
        assert owed(session, publication_id=right.id) == {"publication": 2000, "copies": 270}
        assert session.scalar(select(func.count()).select_from(Accrual).where(Accrual.entry == 1)) == 4
        assert [one.id for one in publications.publications(session, by=rt.actor)] == [right.id]
        with pytest.raises(AlreadyReplaced, match="`P-1` was replaced by"):
            publications.take_down(session, "P-1", **desk.who)


def test_what_a_handout_held_and_did_not_publish_is_freed_after_its_period(desk: Any, later: Any) -> None:
    desk = desk(caps=[*CAPS, {"trigger": "handout", "most": 2}])
    composite = desk.composite(channels=["print"], copies=300, ends_on="2026-06-30")
    desk.handout(composite.id, channel="print")
    refused = desk.give(composite.id, channel="print")
    assert list(refused.reasons) == ["copies-used-up"]
    later(days=29)
    rt = desk.bank.rt
    with rt.transaction() as session:
        assert handouts.release(session, at=rt.now()) == 0
    later(days=1)
    with rt.transaction() as session:
        assert handouts.release(session, at=rt.now()) == 2
        assert handouts.release(session, at=rt.now()) == 0

    with rt.transaction() as session:
        assert counters(session) == {"publication": (0, 0, 0), "copies": (0, 0, 0), "handout": (0, 1, 0)}
        assert session.scalars(select(HandoutHold)).all() == []


def test_a_comp_bears_its_watermark_costs_nothing_and_may_not_be_published(desk: Any) -> None:
    capped = [{"trigger": "handout", "most": 2}]
    desk = desk(fees=FEES, caps=capped, currency="JPY", audiences=["public", "comp"])
    composite = desk.composite()
    only_comp = desk.composite(audience="comp", seed=8)
    for _ in range(2):
        assert not desk.handout(composite.id).comp
    assert list(desk.give(composite.id).reasons) == ["handouts-used-up"]

    given = desk.give(composite.id, comp=True)

    assert given.handout.comp and given.handout.file_sha256 != composite.file_sha256
    seen = pixels.decode(given.file).astype(int) - pixels.decode(desk.give(composite.id, comp=True).file)
    assert not seen.any()  # the same watermark each time
    anchors_pem = credentials(desk.bank.rt).anchors_pem
    signed = credential.read(given.file, anchors_pem=anchors_pem)
    assert signed is not None and signed.trusted and signed.manifest_text == composite.manifest
    assert signed.rendition is not None and signed.rendition["composite"] == str(composite.id)
    assert desk.publish(given.handout.id).outside == ["comp"]
    assert desk.give(only_comp.id).handout.comp
    with desk.bank.rt.transaction() as session:
        assert owed(session, composite_id=composite.id)["handout"] == 2 * 500
        assert owed(session, composite_id=only_comp.id) == {}
        assert counters(session)["handout"] == (0, 2, 0)


def test_a_publication_found_without_a_handout_is_recorded_and_marked(desk: Any) -> None:
    desk = desk()
    composite = desk.composite()
    found = desk.publish(composite_id=composite.id)
    handout = desk.handout(composite.id)
    covered = desk.publish(composite_id=composite.id, place="https://shop.example/two")

    assert (found.handout_id, found.outside) == (None, ["no-handout"])
    assert (covered.handout_id, covered.outside) == (handout.id, [])
    rt = desk.bank.rt
    with rt.transaction() as session:
        marked = publications.publications(session, by=rt.actor, outside_only=True)
        assert [one.id for one in marked] == [found.id]
        elsewhere = Actor("user", "other", frozenset(), uuid4())
        assert publications.publications(session, by=elsewhere) == []
        with pytest.raises(PublicationNotFound):
            publications.get(session, found.id, by=elsewhere)
        with pytest.raises(HandoutNotFound):
            publications.record(session, desk.published(), handout_id=handout.id, by=elsewhere, at=rt.now())


def test_takedowns_and_what_is_overdue(desk: Any, later: Any) -> None:
    desk = desk()
    composite = desk.composite(ends_on="2026-06-30")
    handout = desk.handout(composite.id)
    made = desk.publish(handout.id, ref="P-1")
    ended = desk.publish(handout.id, ref="P-2", ends_on=date(2026, 6, 2))
    rt = desk.bank.rt

    def state(publication: Publication) -> str:
        with rt.transaction() as session:
            return publications.state(session, publication, at=rt.now())

    assert (state(made), state(ended)) == ("live", "live")
    later(days=30)
    assert (state(made), state(ended)) == ("overdue", "ended")
    with rt.transaction() as session:
        for on, sentence in (
            (date(2026, 5, 31), "so it was not taken down on `2026-05-31`"),
            (rt.now().date() + timedelta(days=1), "is still to come"),
        ):
            with pytest.raises(PublicationRefused, match=sentence):
                publications.take_down(session, "P-1", on=on, **desk.who)
        down = publications.take_down(session, "P-1", on=date(2026, 6, 20), evidence="crawl 7", **desk.who)
    assert state(down) == "taken-down"
    with (
        rt.transaction() as session,
        pytest.raises(AlreadyTakenDown, match="`P-1` was taken down on `2026-06-20` already"),
    ):
        publications.take_down(session, made.id, **desk.who)


def test_what_cannot_have_happened_is_refused_in_a_sentence(desk: Any) -> None:
    desk = desk()
    composite = desk.composite()
    handout = desk.handout(composite.id)
    desk.publish(handout.id, ref="P-1")
    unknown = uuid4()

    for how, error, sentence in (
        ({"handout_id": unknown}, HandoutNotFound, f"no handout has the id `{unknown}`"),
        ({}, PublicationRefused, "needs its handout, or at least its composite"),
        ({"handout_id": handout.id, "composite_id": unknown}, PublicationRefused, "is not of composite"),
        ({"handout_id": handout.id, "starts_on": date(2026, 6, 2)}, PublicationRefused, "still to come"),
        ({"handout_id": handout.id, "ref": "P-1", "place": "other"}, RefTaken, "already recorded with other"),
    ):
        with pytest.raises(error, match=sentence):
            desk.publish(**how)
