"""Reports of a small bank that made, gave and published: what they say is what is on record."""

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from bankd.access.errors import NotPermitted
from bankd.audit import checkpoints, log
from bankd.catalog import service as catalog
from bankd.catalog.models import Photo
from bankd.licensing.errors import LicenseNotFound
from bankd.licensing.use import Use
from bankd.provenance.models import Composite
from bankd.reports import making
from bankd.reports.kind import Context, Gathered
from bankd.reports.registry import KINDS
from bankd.reports.rendering import read, render
from bankd.royalties import payees, statements
from bankd.royalties.errors import StatementNotFound
from bankd.royalties.figures import PayeeTerms
from bankd.training import service as training
from bankd.training.errors import NetworkNotFound
from bankd.usage import mapping

USE = Use.model_validate(
    {
        "purpose": "commercial",
        "channels": ["web"],
        "targeted": ["WORLD"],
        "accessible": ["WORLD"],
        "starts_on": "2026-06-01",
        "ends_on": "2026-12-31",
        "audience": "public",
    }
)


@pytest.fixture
def report(bank: Any, BY: SimpleNamespace) -> Any:
    """Reports as compliance gets them, or somebody else."""

    def gathered(name: str, *, by: Any = BY.compliance, **asked: Any) -> Any:
        with bank.rt.snapshot() as session:
            context = Context("House of Tests", by, bank.rt.now(), bank.rt.blobs)
            made: Gathered[Any] = making.gather(session, name, asked, context=context)
        assert render(made.report, "csv", "ja")
        assert read(name, made.report.as_text()) == made.report
        return made.report

    return gathered


def test_reports_of_a_bank_in_use_say_what_is_on_record(
    desk: Any,
    report: Any,
    BY: SimpleNamespace,
) -> None:
    fees = [{"trigger": "seal", "amount_minor": 300}, {"trigger": "publication", "amount_minor": 1001}]
    desk = desk(fees=fees, currency="EUR", train=True, ends_on="2027-03-31", publish_by="2026-12-31")
    rt = desk.bank.rt
    composite = desk.composite()
    handout = desk.handout(composite.id)
    desk.publish(handout.id, place="https://shop.example/spring", copies=0)
    with rt.transaction() as session:
        mapping.signer(rt).sign(session, at=rt.now())

    # Exposure: of the license, of its licensor, and of nothing that is not there.
    said = report("exposure", subject="license", ref="L-agency")
    assert (said.composites, said.handouts, said.publications, said.photos) == (1, 1, 1, 2)
    assert (said.title, [one.license for one in said.agreements]) == ("Agreement", ["L-agency"])
    assert [one.composite_id for one in said.touched] == [composite.id]
    assert said.touched[0].canvas_px <= said.touched[0].frame_px == composite.height * composite.width
    assert [(one.recipient, one.comp) for one in said.given] == [("Shop team", False)]
    assert [one.place for one in said.published] == ["https://shop.example/spring"]
    assert report("exposure", subject="licensor", ref="agency").title == "Agency"
    with pytest.raises(LicenseNotFound):
        report("exposure", subject="license", ref="L-nobody")

    # The head is of the moment that was read.
    with rt.transaction() as session:
        last = checkpoints.latest(session)
        assert last is not None
        assert (said.head.log_checkpoint.size, said.head.log_checkpoint.root) == (last.size, last.root.hex())
        assert said.head.data_cut_off == log.epoch(session)
        bundle = session.scalars(select(Composite.manifest)).one()
        assert said.head.policy_bundle in bundle
    assert (said.head.entity, said.head.prepared_by) == ("House of Tests", BY.compliance.name)
    assert said.head.unverified_facts == 1  # nobody verified the agreement

    # What ends: the term and the last day to begin a use, with what relies on it.
    ends = report("expiries", days=365).ends
    assert [(one.what, one.ref, one.photos, one.composites) for one in ends] == [
        ("publish-by", "L-agency/all", 2, 1),
        ("term", "L-agency/all", 2, 1),
    ]
    assert ends[0].licensor == "Agency" and ends[0].verified is False
    assert report("expiries", days=1).ends == ()

    # Inventory: two photos that may do everything, and then one of them may not.
    before = report("inventory")
    assert (before.admitted, before.in_force, before.synthesize, before.train) == (2, 2, 2, 2)
    assert {(one.code, one.photos) for one in before.purposes} == {("commercial", 2), ("research", 2)}
    assert [(one.code, one.photos, one.train) for one in before.territories] == [("WORLD", 2, 2)]
    assert [(one.code, one.photos) for one in before.endings] == [("within-a-year", 2)]
    (held,) = before.licenses
    assert (held.photos, held.ends_on, held.worldwide, held.verified) == (2, date(2027, 3, 31), True, False)
    with rt.transaction() as session:
        photo = session.scalars(select(Photo.id).order_by(Photo.id)).first()
        catalog.dispute(session, photo, reason="a claim", **desk.who)
    after = report("inventory")
    assert (after.admitted, after.blocked, after.in_force) == (2, 1, 1)
    with rt.transaction() as session:
        catalog.lift_dispute(session, photo, reason="settled", **desk.who)

    # What it was trained on.
    with rt.transaction() as session:
        snapshot = training.pin(session, USE, sequences=False, **desk.who).snapshot
        card = {"code_version": "1", "categories": ["wall"], "metrics": {"l1": 0.25}, "recipe": {"steps": 3}}
        training.register(
            session, snapshot, sha256="ab" * 32, size_bytes=9, kind="refinement", card=card, **desk.who
        )
    learned = report("training", network="ab" * 6)
    assert (learned.photos, learned.here, learned.without_license) == (2, 2, 0)
    assert [(one.license, one.photos, one.verified) for one in learned.by_license] == [("L-agency", 2, False)]
    assert (learned.metrics, learned.recipe, learned.clears_today) == ({"l1": "0.25"}, {"steps": "3"}, True)
    assert {(one.code, one.photos) for one in learned.persons} == {("none", 2)}
    assert [one.licenses for one in learned.listed] == [("L-agency",)] * 2
    with pytest.raises(NetworkNotFound):
        report("training", network="cd")

    # What is owed, once the month is over: in another currency, with a rate, and split.
    rt.at += timedelta(days=40)
    with rt.transaction() as session:
        payees.split(
            session, "L-agency", [("agency", 2), ("author", 1)], starts_on=date(2026, 1, 1), **desk.who
        )
        terms = {"name": "Agency Nine", "country": "JP", "currency": "JPY", "consumption_tax_bp": 1000}
        payees.record(session, "agency", PayeeTerms.model_validate(terms), **desk.who)
        payees.record_rate(
            session, "EUR", "JPY", "160", on=date(2026, 6, 30), source="central bank", **desk.who
        )
        (owed,) = statements.compute(session, "2026-06", payee="agency", **desk.who)
    paid = report("statement", statement=str(owed.id))
    assert paid.net_minor == owed.net_minor and paid.figures_sha256 == owed.figures_sha256
    assert (paid.rates[0].rate, paid.rates[0].source) == ("160", "central bank")
    assert [(share.weight, share.of) for share in paid.shares] == [(2, 3)]
    assert paid.lines_in_all == len(paid.lines) > 0
    assert sum(line.amount_minor for line in paid.lines) == sum(one.amount_minor for one in paid.earned)
    assert sum(one.amount_minor for one in paid.by_license) == sum(one.amount_minor for one in paid.earned)
    with pytest.raises(StatementNotFound):
        report("statement", statement=str(UUID(int=1)))

    # And where it came from, on the same framework.
    origin = report("provenance", composite=str(composite.id))
    assert origin.composite_id == composite.id and origin.head.unverified_facts == len(origin.marks())


def test_creatives_librarians_and_operators_get_no_reports_and_nobody_without_a_role(
    bank: Any,
    report: Any,
    BY: SimpleNamespace,
) -> None:
    for name in KINDS:
        for actor in (BY.creative, BY.librarian, BY.operator, BY.system):
            with pytest.raises(NotPermitted):
                report(name, by=actor)


def test_an_empty_bank_has_reports_too(bank: Any, report: Any) -> None:
    assert report("inventory").admitted == 0
    assert report("expiries").ends == ()
