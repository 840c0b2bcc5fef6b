"""Three thousand brochures on a shelf and a page on the web, when the rights to their picture end."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from desk import desk  # noqa: F401  a fixture

from bankd.audit.actor import Actor
from bankd.catalog import service as catalog
from bankd.cli import main
from bankd.exposure import withdrawing
from bankd.licensing import service as licensing
from bankd.provenance.errors import CompositeNotFound
from bankd.synthesis import circulating, outlasting
from bankd.synthesis.circulating import Standing
from bankd.synthesis.errors import UseRefused

COUNSEL = Actor("user", "counsel", frozenset({"compliance"}))
LAST = date(2026, 12, 31)  # of the term, and of the cleared period
SOLD_OFF = date(2027, 3, 31)


@pytest.fixture
def shop(desk: Any) -> Any:  # noqa: F811
    """A desk that published a brochure and a page, on a license that ends with the year."""
    shop = desk(ends_on="2026-12-31", sell_off_days=90)
    shop.made = shop.composite(channels=["web", "print"], copies=3000)
    for ref, channel, copies in (("BROCHURE", "print", 3000), ("PAGE", "web", 0)):
        given = shop.handout(shop.made.id, channel=channel)
        shop.publish(given.id, ref=ref, channel=channel, copies=copies, place=ref)
    return shop


def asked(shop: Any, ref: str, on: date | None = None, until: date | None = None) -> Standing:
    rt = shop.bank.rt
    with rt.transaction() as session:
        return circulating.of_publication(session, ref, on=on, until=until, by=rt.actor, at=rt.at)


def test_after_the_term_stock_is_sold_off_to_the_last_day_and_what_nothing_archives_comes_down(
    shop: Any,
) -> None:
    rt = shop.bank.rt
    brochure, page = asked(shop, "BROCHURE"), asked(shop, "PAGE")
    assert (brochure.verdict, brochure.may_until) == ("stands", SOLD_OFF)
    assert (page.verdict, page.may_until, page.stock) == ("stands", LAST, None)

    after = LAST + timedelta(days=15)
    assert asked(shop, "BROCHURE", after, SOLD_OFF).verdict == "sell-off"
    longer = asked(shop, "BROCHURE", after, SOLD_OFF + timedelta(days=1))
    assert longer.stock is not None and not longer.stock.allowed
    assert (longer.verdict, longer.may_until) == ("sell-off", SOLD_OFF)
    assert longer.stock.reasons == {"sell-off-over": "Stock may no longer be sold off"}
    assert asked(shop, "BROCHURE", SOLD_OFF + timedelta(days=1)).verdict == "take-down"
    page = asked(shop, "PAGE", after)
    assert (page.verdict, page.may_until) == ("take-down", None)
    assert list(page.archive.reasons or {}) == ["archive-not-granted"]
    assert page.archive.photos
    over_year = asked(shop, "PAGE", LAST, after)
    assert (over_year.verdict, over_year.archive.allowed, over_year.may_until) == ("stands", False, LAST)

    with rt.transaction() as session:
        web, print_ = (
            circulating.of_composite(session, shop.made.id, channel=one, on=after, by=rt.actor, at=rt.at)[0]
            for one in ("web", "print")
        )
        assert (web.verdict, print_.verdict) == ("take-down", "sell-off")
        with pytest.raises(UseRefused, match="was made for print, web, not for `broadcast`"):
            circulating.of_composite(session, shop.made.id, channel="broadcast", by=rt.actor, at=rt.at)
        with pytest.raises(UseRefused, match="`2026-05-31` is over"):
            circulating.of_publication(session, "PAGE", on=date(2026, 5, 31), by=rt.actor, at=rt.at)
        with pytest.raises(CompositeNotFound):
            stranger = Actor("user", "x", frozenset(), department_id=shop.bank.department_id)
            circulating.of_composite(session, shop.made.id, by=stranger, at=rt.at)
        ends = outlasting.ending(session, within=timedelta(days=400), by=rt.actor, at=rt.at)
    assert {(one.expiry.what, one.standing.publication.ref, one.standing.verdict) for one in ends} == {
        ("term", "BROCHURE", "sell-off"),
        ("term", "PAGE", "take-down"),
        ("sell-off", "BROCHURE", "take-down"),
    }  # type: ignore[union-attr]

    def run(*words: str) -> Any:
        done = CliRunner().invoke(main, [*words], obj=rt)
        assert done.exit_code == 0, (words, done.output, done.exception)
        return json.loads(done.stdout) if words[-1] == "--json" else done.stdout

    told = run("publications", "standing", "BROCHURE", "--on", "2027-01-15", "--until", "2027-04-01")
    assert "sell-off (what is printed may be sold off)\n  until 2027-03-31" in told
    assert "may not sell off stock after 2027-03-31:\n    sell-off-over: Stock may no" in told
    assert run("composites", "standing", str(shop.made.id), "--json")[0]["verdict"] == "stands"
    assert len(run("expiries", "--within", "400d", "--publications", "--json")) == 3
    assert "BROCHURE" in run("expiries", "--within", "400d", "--publications")


def test_a_withdrawal_leaves_or_recalls_what_was_public_and_never_lets_stock_go_on(shop: Any) -> None:
    rt = shop.bank.rt
    rt.at = datetime(2026, 6, 20, 12, tzinfo=UTC)
    who = {"by": COUNSEL, "at": rt.at}
    with rt.transaction() as session:
        newer = licensing.record_license(
            session, "L-newer", licensor="agency", title="Newer", basis="licensed", **who
        )
        old = licensing.grants_by_ref(session, ["L-agency/all"])["L-agency/all"]
        over = licensing.supersede(session, old.license_id, successor_id=newer.id, **who)
        catalog.block_grants(session, over, **who)
    shop.publish(composite_id=shop.made.id, ref="LATE", starts_on=date(2026, 6, 20), place="late")
    assert [asked(shop, ref).verdict for ref in ("BROCHURE", "PAGE", "LATE")] == ["stands"] * 3

    rt.at += timedelta(days=1)
    with rt.transaction() as session:
        left = withdrawing.withdraw(
            session, "license", "L-agency", reason="they left", since=datetime(2026, 6, 20, tzinfo=UTC),
            by=COUNSEL, at=rt.at,
        ).withdrawal  # fmt: skip
        found = outlasting.touched(session, left.id, by=COUNSEL, at=rt.at)
        first = outlasting.touched(session, left.id, limit=1, by=COUNSEL, at=rt.at)
        rest = outlasting.touched(session, left.id, after=first[0].publication.id, by=COUNSEL, at=rt.at)
    told = {one.publication.ref: one for one in found}
    assert {ref: one.verdict for ref, one in told.items()} == {
        "BROCHURE": "archive",  # what is out stays; nothing more goes out
        "PAGE": "stands",
        "LATE": "take-down",
    }
    assert "license-withdrawn" in told["BROCHURE"].stock.reasons
    assert told["LATE"].recalled_by == (left.id,) and told["PAGE"].recalled_by == ()
    assert "license-withdrawn" in told["LATE"].archive.reasons
    assert {one.publication.ref for one in first + rest} == set(told)

    with rt.transaction() as session:
        hold = withdrawing.hold(session, "licensor", "agency", reason="a rumor", by=COUNSEL, at=rt.at)
    assert asked(shop, "PAGE").verdict == "take-down"
    with rt.transaction() as session:
        withdrawing.lift(session, hold.id, reason="none", by=COUNSEL, at=rt.at)
        ahead = withdrawing.withdraw(
            session, "license", "L-agency", kind="claim", reason="another's", since=rt.at + timedelta(days=9),
            by=COUNSEL, at=rt.at,
        ).withdrawal  # fmt: skip
    assert asked(shop, "PAGE").verdict == "stands"
    page = asked(shop, "PAGE", date(2026, 7, 1))
    assert (page.verdict, page.recalled_by) == ("take-down", (ahead.id,))
