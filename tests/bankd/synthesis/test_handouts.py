"""A composite leaves the house only by the rights of the day."""

import pytest
from sqlalchemy import select

from bankd.audit import log
from bankd.provenance.models import Composite, Handout
from bankd.synthesis.errors import UseRefused
from bankd.synthesis.handouts import HandedOut, NotHandedOut, hand_out


def give(bank, composite_id, *, channel: str = "web", recipient: str = "Shop team"):
    with bank.rt.transaction() as session:
        return hand_out(
            session,
            composite_id,
            recipient=recipient,
            channel=channel,
            blobs=bank.rt.blobs,
            by=bank.rt.actor,
            at=bank.rt.now(),
        )


@pytest.fixture
def composite(served) -> Composite:
    request = served.make(served.ask())
    with served.rt.transaction() as session:
        return session.scalars(select(Composite).where(Composite.request_id == request.id)).one()


def test_what_clears_today_is_handed_out_and_recorded(served, composite) -> None:
    given = give(served, composite.id)

    assert isinstance(given, HandedOut)
    assert given.file[:8] == b"\x89PNG\r\n\x1a\n"
    with served.rt.transaction() as session:
        handout = session.scalars(select(Handout)).one()
        assert (handout.recipient, handout.channel) == ("Shop team", "web")
        assert [entry.kind for entry in log.read(session)][-1] == "composite.handed-out"


def test_after_a_withdrawal_nothing_leaves_and_the_refusal_is_logged(served, composite) -> None:
    served.withdraw("L-open/all")

    given = give(served, composite.id)

    assert isinstance(given, NotHandedOut)
    assert list(given.reasons) == ["license-withdrawn"]
    with served.rt.transaction() as session:
        assert session.scalars(select(Handout)).all() == []
        assert [entry.kind for entry in log.read(session)][-1] == "handout.refused"


def test_after_the_period_of_the_use_nothing_leaves(served, composite, later) -> None:
    later(days=400)

    given = give(served, composite.id)

    assert isinstance(given, NotHandedOut)
    assert "period-over" in given.reasons


def test_a_channel_that_was_not_asked_for_needs_its_own_request(served, composite) -> None:
    with pytest.raises(UseRefused, match="was made for web: file a request for `print`"):
        give(served, composite.id, channel="print")
    with pytest.raises(UseRefused, match="unknown channel `carrier-pigeon`"):
        give(served, composite.id, channel="carrier-pigeon")
    with pytest.raises(UseRefused, match="needs its recipient"):
        give(served, composite.id, recipient=" ")


def test_a_cap_that_is_full_does_not_hold_back_what_was_made_under_it(bank) -> None:
    bank.take((bank.grant("capped", cap=1),))
    request = bank.make(bank.ask())
    with bank.rt.transaction() as session:
        composite = session.scalars(select(Composite).where(Composite.request_id == request.id)).one()

    assert isinstance(give(bank, composite.id), HandedOut)
