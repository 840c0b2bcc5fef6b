"""What ends soon, to the moment in its own zone, and that people are told of it once for each step."""

from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select

from bankd.catalog import service as catalog
from bankd.expiries import service
from bankd.exposure import withdrawing
from bankd.licensing import service as licensing
from bankd.licensing.consents import ReleaseTerms
from bankd.notices.models import Notice

DAY = timedelta(days=1)


class Nobody:
    """A channel that this test never sends by."""

    target = "desk@house.example"

    def send(self, message: Any, *, at: Any) -> None:
        raise AssertionError


def found(bank: Any, *, within: timedelta = 90 * DAY) -> list[tuple[str, str, datetime]]:
    with bank.rt.transaction() as session:
        return [
            (one.what, one.ref, one.at) for one in service.expiring(session, at=bank.rt.now(), within=within)
        ]


def tell(bank: Any) -> int:
    with bank.rt.transaction() as session:
        return service.tell(session, to={"smtp": Nobody()}, by=bank.rt.actor, at=bank.rt.now())


def test_every_day_of_a_grant_ends_in_its_own_zone(bank: Any) -> None:
    bank.grant(
        "jp", ends_on="2026-06-30", zone="Asia/Tokyo", create_by="2026-06-10", publish_by="2026-06-20",
        available_until="2026-06-15", sell_off_days=10,
    )  # fmt: skip
    bank.grant("far", ends_on="2026-12-31")
    bank.grant("open")
    bank.grant("renewing", ends_on="2026-07-31", renewal={"months": 12, "notice_days": 30})

    assert found(bank) == [
        ("create-by", "L-jp/all", datetime(2026, 6, 10, 15, tzinfo=UTC)),
        ("available-until", "L-jp/all", datetime(2026, 6, 15, 15, tzinfo=UTC)),
        ("publish-by", "L-jp/all", datetime(2026, 6, 20, 15, tzinfo=UTC)),
        ("term", "L-jp/all", datetime(2026, 6, 30, 15, tzinfo=UTC)),
        ("notice of renewal", "L-renewing/all", datetime(2026, 7, 2, tzinfo=UTC)),
        ("sell-off", "L-jp/all", datetime(2026, 7, 10, 15, tzinfo=UTC)),
    ]
    # The edge of the span: the moment itself is in, a tick before it is not.
    until = datetime(2026, 6, 10, 15, tzinfo=UTC) - bank.rt.now()
    assert [what for what, *_ in found(bank, within=until)] == ["create-by"]
    assert found(bank, within=until - timedelta(microseconds=1)) == []


def test_releases_holds_and_embargoes_end_too_and_what_is_withdrawn_does_not(
    bank: Any,
    BY: SimpleNamespace,
) -> None:
    [photo] = bank.take((bank.grant("ends", ends_on="2026-06-30"),))
    who = {"by": BY.compliance, "at": bank.rt.now()}
    with bank.rt.transaction() as session:
        for ref, ends in (("R-1", date(2026, 6, 5)), ("R-2", date(2026, 6, 6))):
            terms = ReleaseTerms.model_validate(
                {"kind": "property", "status": "released", "ends_on": ends.isoformat()}
            )
            licensing.record_release(session, ref, terms=terms, subject="venue", **who)
        catalog.embargo(session, photo, until=bank.rt.now() + 3 * DAY, **who)
        withdrawing.hold(session, "photo", str(photo), reason="r", ends_at=bank.rt.now() + DAY, **who)
    assert [(what, ref) for what, ref, _ in found(bank, within=30 * DAY)] == [
        ("hold", str(photo)), ("embargo", str(photo)), ("release", "R-1"), ("release", "R-2"),
        ("term", "L-ends/all"),
    ]  # fmt: skip

    with bank.rt.transaction() as session:
        withdrawing.withdraw(session, "release", "R-1", kind="release-revoked", reason="r", **who)
        withdrawing.withdraw(session, "license", "L-ends", reason="r", **who)
    assert [what for what, *_ in found(bank)] == ["hold", "embargo", "release"]


def test_people_are_told_once_for_each_step_however_often_the_sweep_runs(
    bank: Any,
    later: Any,
) -> None:
    bank.grant("first", ends_on="2026-08-15")
    bank.grant("second", ends_on="2026-06-20")
    assert tell(bank) == 2  # one within 90 days, one within 30 already
    assert tell(bank) == 0
    later(days=1)
    assert tell(bank) == 0
    later(days=13)  # the second is within 7 days
    assert tell(bank) == 1
    later(days=45)  # the first within 30; the second is over
    assert tell(bank) == 1
    with bank.rt.transaction() as session:
        notices = session.scalars(select(Notice).order_by(Notice.made_at)).all()
    assert [notice.title for notice in notices] == [
        "2 rights end within 90 days", "1 right ends within 90 days", "1 right ends within 90 days"
    ]  # fmt: skip
    assert "term of grant L-second/all" in notices[0].words
    assert notices[0].facts["ends"][0]["ref"] == "L-second/all"
