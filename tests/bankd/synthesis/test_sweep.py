"""What is hinted at again, when, and what is left alone."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, select

from bankd.storage import BlobUnavailable
from bankd.synthesis import service, steps, sweep
from bankd.synthesis.models import Order
from bankd.synthesis.orders import ORDER_LIFE
from bankd.synthesis.sweep import Published
from bankd.worker.models import Outgoing

NOWHERE = Published(waiting=frozenset(), taken=frozenset())


class Unreachable:
    def exists(self, key: str) -> bool:
        raise BlobUnavailable("down")


def hints(bank: Any) -> list[str]:
    """The tasks hinted at since the last look."""
    with bank.rt.transaction() as session:
        found = session.scalars(select(Outgoing.task).order_by(Outgoing.id)).all()
        session.execute(delete(Outgoing))
    return list(found)


def sweep_requests(bank: Any, *, drained: bool) -> list[str]:
    with bank.rt.transaction() as session:
        made = sweep.sweep_requests(session, drained=drained, at=bank.rt.at)
    found = hints(bank)
    assert len(found) == made
    return found


def sweep_orders(bank: Any, published: Published | None = None, *, drained: bool = True) -> list[str]:
    with bank.rt.transaction() as session:
        made = sweep.sweep_orders(
            session, published=published, drained=drained, blobs=bank.rt.blobs, at=bank.rt.at
        )
    found = hints(bank)
    assert len(found) == made
    return found


@pytest.fixture
def order(served: Any) -> Order:
    """An order that is out, with nothing left to send."""
    made = served.order(served.ask())
    hints(served)
    return made


@pytest.mark.parametrize(("drained", "seconds"), [(True, 10), (False, 60)])
def test_a_request_whose_hint_was_lost_is_hinted_at_again(
    served: Any, later: Any, drained: bool, seconds: int
) -> None:
    served.ask()
    hints(served)

    later(seconds=seconds - 1)
    assert sweep_requests(served, drained=drained) == []
    later(seconds=1)
    assert sweep_requests(served, drained=drained) == ["synthesis.advance"]
    assert sweep_requests(served, drained=drained) == []


def test_a_hint_in_a_long_queue_is_doubled_ever_more_seldom(served: Any, later: Any) -> None:
    served.ask()
    hints(served)

    minutes = []
    for minute in range(1, 121):
        later(minutes=1)
        if sweep_requests(served, drained=False):
            minutes.append(minute)

    assert minutes == [1, 2, 4, 8, 16, 32, 62, 92]


def test_a_request_that_somebody_works_on_is_left_alone_until_the_lease_ends(served: Any, later: Any) -> None:
    request_id = served.ask()
    hints(served)
    with served.rt.transaction() as session:
        service.claim(session, request_id, at=served.rt.at)

    later(seconds=119)
    assert sweep_requests(served, drained=True) == []
    later(seconds=1)
    assert sweep_requests(served, drained=True) == ["synthesis.advance"]


def test_an_answer_that_nobody_told_of_is_sealed(served: Any, order: Order) -> None:
    served.render(order)

    assert sweep_orders(served, NOWHERE) == ["synthesis.seal"]


def test_an_answer_is_not_hinted_at_over_and_over_while_nobody_takes_hints(
    served: Any, order: Order, later: Any
) -> None:
    served.render(order)

    later(seconds=59)
    assert sweep_orders(served, NOWHERE, drained=False) == []
    later(seconds=1)
    assert sweep_orders(served, NOWHERE, drained=False) == ["synthesis.seal"]
    assert sweep_orders(served, NOWHERE, drained=False) == []
    later(seconds=60)
    assert sweep_orders(served, NOWHERE, drained=False) == ["synthesis.seal"]


def test_an_order_that_the_broker_lost_is_published_again_soon_then_ever_later(
    served: Any, order: Order, later: Any
) -> None:
    seconds = []
    for second in range(1, 80):
        later(seconds=1)
        if sweep_orders(served, NOWHERE):
            seconds.append(second)

    assert seconds == [10, 30, 70]


@pytest.mark.parametrize("said", [True, False])
def test_an_order_in_a_workers_hands_is_published_again_after_a_minute(
    served: Any, order: Order, later: Any, said: bool
) -> None:
    published = Published(waiting=frozenset(), taken=frozenset({order.id})) if said else None

    later(seconds=59)
    assert sweep_orders(served, published) == []
    later(seconds=1)
    assert sweep_orders(served, published) == ["synth.render"]
    later(seconds=119)
    assert sweep_orders(served, published) == []
    later(seconds=1)
    assert sweep_orders(served, published) == ["synth.render"]


def test_an_order_that_waits_in_the_queue_is_left_there(served: Any, order: Order, later: Any) -> None:
    waiting = Published(waiting=frozenset({order.id}), taken=frozenset())

    for _ in range(14):
        later(minutes=1)
        assert sweep_orders(served, waiting, drained=False) == []


def test_an_expired_order_makes_room_for_another_attempt(served: Any, order: Order, later: Any) -> None:
    later(seconds=ORDER_LIFE.total_seconds())

    assert sweep_orders(served, Published(frozenset({order.id}), frozenset())) == ["synthesis.seal"]
    steps.seal(served.rt, order.id)

    request = served.request(order.request_id)
    assert (request.state, hints(served)) == ("filed", ["synthesis.advance"])
    assert served.make(order.request_id).state == "completed"


def test_without_the_store_nothing_is_hinted_and_nothing_counted(
    served: Any, order: Order, later: Any
) -> None:
    later(minutes=1)

    with pytest.raises(BlobUnavailable), served.rt.transaction() as session:
        sweep.sweep_orders(session, published=None, drained=True, blobs=Unreachable(), at=served.rt.at)  # type: ignore[arg-type]

    assert hints(served) == []
    assert sweep_orders(served) == ["synth.render"]


def test_orders_are_over_once_answered_replaced_or_expired(served: Any, later: Any) -> None:
    def over(*orders: UUID) -> set[UUID]:
        with served.rt.transaction() as session:
            return sweep.over(session, set(orders), at=served.rt.at)

    stranger = uuid4()
    done, out = (served.order(served.ask(seed=seed)) for seed in (1, 2))
    served.render(done)
    steps.seal(served.rt, done.id)

    assert over(done.id, out.id, stranger) == {done.id, stranger}
    later(seconds=ORDER_LIFE.total_seconds())
    assert over(out.id) == {out.id}
