"""What holds money back, by what an entry names, and until when."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from bankd.royalties.doubts import Doubt, Doubts, gathered, stands
from bankd.royalties.figures import InEscrow

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
JULY_OVER = datetime(2026, 7, 31, 15, tzinfo=UTC)  # in Tokyo
COMPUTED = datetime(2026, 8, 5, tzinfo=UTC)


def test_an_amount_is_held_once_for_the_gravest_reason_against_agreement_or_photo() -> None:
    licensor, license, grant, photo, other = (uuid4() for _ in range(5))
    found = gathered(
        [
            Doubt("deny-hold", "licensor", licensor),
            Doubt("claim", "photo", photo, frozenset({photo})),
            Doubt("court-order", "person", None, frozenset({photo, other})),
            Doubt("claim", "grant", grant),
        ]
    )
    assert found.reason(licensor, license, grant, photo=photo) == "court-order"
    assert found.reason(licensor, license, grant, photo=uuid4()) == "claim"
    assert found.reason(licensor, license, grant, photo=None) == "claim"
    assert found.reason(licensor, license, uuid4(), photo=None) == "deny-hold"
    assert found.reason(uuid4(), license, uuid4(), photo=uuid4()) is None
    assert Doubts().reason(licensor, photo=photo) is None


def test_what_is_settled_after_a_period_still_waits_in_the_statement_of_that_period() -> None:
    def held(since: datetime, over: datetime | None) -> bool:
        return stands(since, over, at=COMPUTED, until=JULY_OVER)

    assert held(JULY_OVER - DAY, None)
    assert held(JULY_OVER + DAY, None), "what came up since the period's end is held too"
    assert not held(COMPUTED + SECOND, None)
    assert held(JULY_OVER - DAY, JULY_OVER)
    assert not held(JULY_OVER - DAY, JULY_OVER - SECOND)
    assert not stands(JULY_OVER, COMPUTED, at=COMPUTED), "now, what is over is over"
    assert stands(JULY_OVER, COMPUTED + SECOND, at=COMPUTED)


def test_what_was_held_before_and_what_moved_since_add_up_to_what_is_held_now() -> None:
    moves = [
        InEscrow.moved(700, held=True, waited=True),
        InEscrow.moved(300, held=False, waited=True),
        InEscrow.moved(50, held=True, waited=False),
        InEscrow.moved(999, held=False, waited=False),
    ]
    total = sum(moves, InEscrow(brought_minor=1000))
    assert (total.held_minor, total.released_minor, total.closing_minor) == (50, 300, 750)
    assert total.reassigned_minor == 0
    lost = sum(moves[1:], InEscrow(brought_minor=1000))  # a split gave 700 of it to others
    assert lost.reassigned_minor == -700
    assert lost.as_json()["closing_minor"] == 1000 + 50 - 300 - 700
