"""Rights that move while pictures are made, and places under a cap that many want: threads on one Postgres.

Each thread works on connections of its own. Chance makes every one of them
late where order matters: around the log's lock.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from bankd.audit import log
from bankd.audit.verify import verify
from bankd.catalog import service as catalog
from bankd.catalog.models import Photo
from bankd.licensing import caps
from bankd.licensing import service as licensing
from bankd.licensing.models import GrantCounter
from bankd.provenance.models import Composite, Usage
from bankd.synthesis import filing, steps
from bankd.synthesis.models import Order, Request, Reservation

FINAL = ("completed", "refused", "failed")


@pytest.fixture
def delays(monkeypatch: pytest.MonkeyPatch) -> Iterator[random.Random]:
    """Everyone is up to 30 ms late to the log's lock, and up to 30 ms slow with it."""
    chance = random.Random(20261123)
    locked = log.locked

    def late(session: Any) -> None:
        time.sleep(chance.random() * 0.03)
        locked(session)
        time.sleep(chance.random() * 0.03)

    monkeypatch.setattr(log, "locked", late)
    yield chance


def together(*works: Callable[[], object]) -> None:
    """Run all at once, each in a thread of its own, and raise what any of them raised."""
    start = threading.Barrier(len(works))
    raised: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        start.wait()
        try:
            work()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
        assert not thread.is_alive()
    if raised:
        raise raised[0]


def after(seconds: float, work: Callable[[], object]) -> Callable[[], object]:
    def later() -> object:
        time.sleep(seconds)
        return work()

    return later


class Moves:
    """What can happen to the rights of one photo, each in a transaction of its own."""

    def __init__(self, bank: Any, ref: str, photo: UUID) -> None:
        self.bank, self.ref, self.photo = bank, ref, photo

    def _change(self, change: Callable[[Any, Any, dict[str, Any]], Any]) -> None:
        who = {"by": self.bank.rt.actor, "at": self.bank.rt.now()}
        with self.bank.rt.transaction() as session:
            grant = licensing.grants_by_ref(session, [self.ref])[self.ref]
            over = change(session, grant, who)
            if isinstance(over, tuple):
                catalog.block_grants(session, over, **who)

    def withdraw_the_license(self) -> None:
        self._change(lambda s, g, who: licensing.withdraw(s, g.license_id, reason="left", **who))

    def withdraw_the_grant(self) -> None:
        self._change(lambda s, g, who: licensing.withdraw_grant(s, g.id, reason="left", **who))

    def dispute_the_photo(self) -> None:
        self._change(lambda s, _, who: catalog.dispute(s, self.photo, reason="mine", **who))

    def erase_the_photo(self) -> None:
        self._change(lambda s, _, who: catalog.tombstone(s, self.photo, reason="asked", **who))


MOVES = (
    Moves.withdraw_the_license,
    Moves.withdraw_the_grant,
    Moves.dispute_the_photo,
    Moves.erase_the_photo,
)


def entries(bank: Any) -> list[Any]:
    with bank.rt.transaction() as session:
        return list(log.read(session))


def moved_at(bank: Any) -> dict[str, int]:
    """Log index at which a license, grant or photo, by its id, stopped being usable."""
    kinds = {
        "license.withdrawn": "license",
        "grant.withdrawn": "grant",
        "photo.disputed": "photo",
        "photo.erased": "photo",
    }
    return {
        entry.payload["objects"][kinds[entry.kind]]: entry.index
        for entry in entries(bank)
        if entry.kind in kinds
    }


def nothing_was_used_after_it_was_gone(bank: Any) -> None:
    """No composite and no clearance stands in the log after the entry that took away what it relies on."""
    moved = moved_at(bank)
    with bank.rt.transaction() as session:
        licenses = {
            str(grant.id): str(grant.license_id) for grant in session.scalars(select(licensing.Grant)).all()
        }
        for composite, usage in session.execute(
            select(Composite, Usage).join(Usage, Usage.composite_id == Composite.id)
        ):
            grant = str(usage.grant_id)
            for what in (grant, licenses[grant], str(usage.photo_id)):
                assert composite.log_index < moved.get(what, 1 << 62), f"sealed after {what} was gone"
        assert verify(session, bank.rt.log_key.public_key()).holds
    for entry in entries(bank):
        if entry.kind == "request.cleared":
            for photo, grant in entry.payload["objects"]["relied"].items():
                for what in (grant, licenses[grant], photo):
                    assert entry.index < moved.get(what, 1 << 62), f"cleared after {what} was gone"


@pytest.mark.parametrize("move", MOVES)
def test_a_picture_is_sealed_before_its_rights_end_or_not_at_all(
    bank: Any, delays: random.Random, move: Callable[[Moves], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is drawn for tests looks alike, and what is erased here would keep the next one out.
    monkeypatch.setattr("bankd.catalog.fingerprints.alike", lambda *_: [])
    outcomes = []
    longest_s = 0.3
    for number in range(8):
        ref = bank.grant(f"g{number}")
        (photo,) = bank.take((ref,), first=number)
        order = bank.order(bank.ask(seed=number))
        bank.render(order)
        change = Moves(bank, ref, photo)
        begun = time.monotonic()
        if number == 0:  # one after the other, to know how long a seal takes
            steps.seal(bank.rt, order.id)
            longest_s = time.monotonic() - begun
            move(change)
        elif number == 1:
            move(change)
            steps.seal(bank.rt, order.id)
        else:
            together(
                lambda order=order: steps.seal(bank.rt, order.id),
                after(delays.random() * longest_s, lambda change=change: move(change)),
            )
        outcomes.append(bank.make(order.request_id).state)

    assert set(outcomes) == {"completed", "refused"}
    nothing_was_used_after_it_was_gone(bank)


def test_an_order_relies_on_nothing_that_was_gone_when_it_was_made(bank: Any, delays: random.Random) -> None:
    longest_s = 0.3
    for number in range(12):
        ref = bank.grant(f"g{number}")
        (photo,) = bank.take((ref,), first=number)
        request_id = bank.ask(seed=number)
        begun = time.monotonic()
        if number == 0:
            steps.advance(bank.rt, request_id)
            longest_s = time.monotonic() - begun
            Moves(bank, ref, photo).withdraw_the_license()
        else:
            together(
                lambda request_id=request_id: steps.advance(bank.rt, request_id),
                after(delays.random() * longest_s, Moves(bank, ref, photo).withdraw_the_license),
            )

    nothing_was_used_after_it_was_gone(bank)


def to_the_end(bank: Any, request_id: UUID) -> None:
    bank.make(request_id)


@pytest.mark.parametrize("cap", [1, 3])
def test_requests_that_race_for_a_capped_grant_never_use_more_than_it_allows(
    bank: Any, delays: random.Random, cap: int
) -> None:
    capped = bank.grant("capped", cap=cap)
    bank.take((capped,), (capped,))
    requests = [bank.ask(seed=number, variations=1 + number % 2) for number in range(6)]
    taken: list[int] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            with bank.rt.transaction() as session:
                counter = session.scalars(select(GrantCounter)).one()
                held = session.scalar(select(func.count()).select_from(Reservation))
                taken.append(max(counter.used + counter.reserved, held))
            time.sleep(0.002)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        together(*(lambda request_id=request_id: to_the_end(bank, request_id) for request_id in requests))
    finally:
        stop.set()
        watching.join()

    with bank.rt.transaction() as session:
        counter = session.scalars(select(GrantCounter)).one()
        made = session.scalar(select(func.count()).select_from(Composite))
        assert session.scalars(select(Reservation)).all() == []
        assert session.scalars(select(Order.state).where(Order.state == "made")).all() == []
    assert max(taken) <= cap
    assert (counter.used, counter.reserved) == (made, 0)
    assert 1 <= made <= cap
    assert {bank.request(request_id).state for request_id in requests} <= {*FINAL}
    for request_id in requests:
        request = bank.request(request_id)
        if request.state == "refused":
            assert [
                region["category"] for region in request.outcome["regions"] if not region["reasons"]
            ] == []
    nothing_was_used_after_it_was_gone(bank)


def test_pictures_of_two_capped_grants_are_sealed_side_by_side(bank: Any, delays: random.Random) -> None:
    """Seals that spend grants of the same photos wait for each other, and never for ever."""
    one, other = bank.grant("one", cap=4, fee_minor=1, currency="EUR"), bank.grant("other", cap=4)
    bank.take((one, other), (one,), (other,), (other, one))
    requests = [bank.ask(seed=number, variations=2) for number in range(6)]

    together(*(lambda request_id=request_id: to_the_end(bank, request_id) for request_id in requests))

    with bank.rt.transaction() as session:
        for counter in session.scalars(select(GrantCounter)):
            used = session.scalar(
                select(func.count(Usage.composite_id.distinct())).where(Usage.grant_id == counter.grant_id)
            )
            assert (counter.used, counter.reserved) == (used, 0)
            assert used <= 4
        assert session.scalars(select(Reservation)).all() == []
    assert {bank.request(request_id).state for request_id in requests} <= {*FINAL}


def test_a_seal_that_spends_a_cap_and_a_withdrawal_on_the_same_photos_do_not_deadlock(
    bank: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = [(bank.grant(f"capped{n}", cap=1), bank.grant(f"other{n}", purposes=["research"])) for n in (0, 1)]
    photos = bank.take(*[(*refs[0], *refs[1])] * 10)
    placed, withdrawing = threading.Event(), threading.Event()
    consume = caps.consume

    def slowly(session: Any, grant_id: UUID, **more: Any) -> bool:
        # The picture's rows are written: its photos are held. Let the withdrawal come as far as it can.
        session.flush()
        placed.set()
        assert withdrawing.wait(timeout=300)
        time.sleep(0.5)
        return consume(session, grant_id, **more)

    def withdraw(ref: str) -> None:
        assert placed.wait(timeout=300)
        withdrawing.set()
        Moves(bank, ref, photos[0]).withdraw_the_license()

    for number, (_, other) in enumerate(refs):
        order = bank.order(bank.ask(seed=number))
        bank.render(order)
        with monkeypatch.context() as patched:
            patched.setattr(caps, "consume", slowly)
            together(lambda order=order: steps.seal(bank.rt, order.id), lambda other=other: withdraw(other))
        placed.clear()
        withdrawing.clear()
        assert bank.request(order.request_id).state == "completed"

    with bank.rt.transaction() as session:
        assert set(session.scalars(select(Photo.grant_blocks))) == {15}


def test_a_seal_that_spends_a_cap_and_a_photo_that_is_given_grants_do_not_deadlock(
    bank: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    capped, more = bank.grant("capped", cap=3), bank.grant("more", purposes=["research"])
    (photo,) = bank.take((capped,))
    order = bank.order(bank.ask())
    bank.render(order)
    placed = threading.Event()
    consume = caps.consume

    def slowly(session: Any, grant_id: UUID, **more: Any) -> bool:
        session.flush()
        placed.set()
        time.sleep(0.5)  # the attaching comes as far as it can
        return consume(session, grant_id, **more)

    def attach() -> None:
        assert placed.wait(timeout=300)
        who = {"by": bank.rt.actor, "at": bank.rt.now()}
        with bank.rt.transaction() as session:
            catalog.attach_grants(session, photo, [licensing.grants_by_ref(session, [more])[more].id], **who)

    monkeypatch.setattr(caps, "consume", slowly)
    together(lambda: steps.seal(bank.rt, order.id), attach)

    assert bank.request(order.request_id).state == "completed"
    with bank.rt.transaction() as session:
        assert len(catalog.facts_of(session, [photo], at=bank.rt.now())[photo]) == 2


def test_the_same_key_sent_twice_at_once_is_one_request(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    both, known = threading.Barrier(2), filing._by_key

    def looked(*asked: Any, **by: Any) -> Any:
        found = known(*asked, **by)
        if found is None:  # neither is there yet
            both.wait(timeout=300)
        return found

    monkeypatch.setattr(filing, "_by_key", looked)
    filed: list[UUID] = []
    together(*[lambda: filed.append(served.ask(key="order-17"))] * 2)

    assert len(filed) == 2 and len(set(filed)) == 1
    with served.rt.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Request)) == 1
