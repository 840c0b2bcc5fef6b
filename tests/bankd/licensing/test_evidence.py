"""What a record rests on: documents, words, and who compared the two."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.orm import Session

from bankd.licensing import evidence, reading, service
from bankd.licensing.errors import (
    AlreadyVerified,
    DocumentNotFound,
    GrantNotFound,
    LicenseNotFound,
    NothingToCompare,
    TitleBroken,
)
from bankd.licensing.models import Document
from bankd.licensing.terms import GrantTerms
from bankd.licensing.title import Ruling, TitleLink

PAPER, OTHER = "a" * 64, "b" * 64


class Desk:
    def __init__(self, session: Session, by: Any, at: datetime, terms: GrantTerms) -> None:
        self.session, self.who, self.terms = session, {"by": by.librarian, "at": at}, terms
        for sha256 in (PAPER, OTHER):
            session.add(
                Document(
                    sha256=sha256, name="paper.pdf", media_type="application/pdf", size_bytes=1,
                    recorded_at=at, recorded_by="test",
                )
            )  # fmt: skip
        service.record_licensor(session, "agency", name="Agency", **self.who)

    def license(self, ref: str = "L", **facts: Any) -> Any:
        stated = {"licensor": "agency", "title": "Agreement", "basis": "licensed", "document_sha256": PAPER}
        return service.record_license(self.session, ref, **stated | facts, **self.who)

    def grant(self, license: Any, ref: str, **facts: Any) -> Any:
        return service.record_grant(self.session, license.id, ref=ref, terms=self.terms, **facts, **self.who)

    def verified(self, ref: str = "L") -> tuple[str | None, dict[str, str | None]]:
        shown = reading.license(self.session, ref)
        return shown.verified_by, {grant.ref: grant.verified_by for grant in shown.grants}


@pytest.fixture
def desk(session: Session, BY: SimpleNamespace, AT: datetime, TERMS: GrantTerms) -> Desk:
    return Desk(session, BY, AT, TERMS)


def test_who_verifies_a_license_speaks_for_grants_that_rest_on_its_document(desk: Desk, BY: Any) -> None:
    license = desk.license()
    desk.grant(
        license, "same", clause="2", quote="日本国内に限る", language="ja", translation="Only in Japan"
    )
    desk.grant(license, "apart", document_sha256=OTHER)
    assert desk.verified() == (None, {"same": None, "apart": None})

    evidence.verify(desk.session, "L", by=BY.compliance, at=desk.who["at"])
    assert desk.verified() == (BY.compliance.name, {"same": BY.compliance.name, "apart": None})

    evidence.verify(desk.session, "L", grant="apart", by=BY.librarian, at=desk.who["at"])
    assert desk.verified()[1]["apart"] == BY.librarian.name
    shown = {grant.ref: grant for grant in reading.license(desk.session, "L").grants}
    assert (shown["same"].language, shown["same"].translation) == ("ja", "Only in Japan")
    assert shown["apart"].document_sha256 == OTHER


def test_the_first_name_stands_and_a_record_without_a_document_has_none(desk: Desk, BY: Any) -> None:
    desk.license()
    desk.license("bare", document_sha256=None)
    who = {"by": BY.compliance, "at": desk.who["at"]}
    evidence.verify(desk.session, "L", **who)
    with pytest.raises(AlreadyVerified, match="`L` was verified by"):
        evidence.verify(desk.session, "L", **who)
    with pytest.raises(NothingToCompare, match="license `bare` has no document"):
        evidence.verify(desk.session, "bare", **who)
    with pytest.raises(LicenseNotFound):
        evidence.verify(desk.session, "none", **who)
    with pytest.raises(GrantNotFound):
        evidence.verify(desk.session, "L", grant="none", **who)


def test_a_license_that_was_verified_since_is_recorded_again_as_the_same(desk: Desk, BY: Any) -> None:
    first = desk.license()
    evidence.verify(desk.session, "L", by=BY.compliance, at=desk.who["at"])
    assert desk.license().id == first.id


def test_a_title_chain_is_kept_with_its_documents(desk: Desk) -> None:
    step = {"from_holder": "Aiko Mori", "to_holder": "Agency", "by": "assignment", "on": "2020-04-01"}
    desk.license(author="Aiko Mori", title_chain=[TitleLink(**step, document_sha256=OTHER)])
    desk.license("told", author="Aiko Mori", title_chain=[TitleLink(**step)])

    shown = reading.license(desk.session, "L")
    assert (shown.title_state, shown.author) == ("complete", "Aiko Mori")
    assert shown.title_chain == (TitleLink(**step, document_sha256=OTHER),)
    assert reading.license(desk.session, "told").title_state == "incomplete"
    with pytest.raises(TitleBroken, match="license `broken`: the title chain breaks between `Agency` and"):
        desk.license("broken", title_chain=[TitleLink(**step), TitleLink(**step | {"from_holder": "X"})])
    with pytest.raises(DocumentNotFound):
        desk.license("lost", title_chain=[TitleLink(**step, document_sha256="c" * 64)])


def test_a_ruling_comes_back_as_it_was_recorded(desk: Desk) -> None:
    ruling = Ruling.model_validate(
        {
            "number": "令和8年第12号",
            "authority": "文化庁長官",
            "country": "JP",
            "until": "2029-03-31",
            "zone": "Asia/Tokyo",
        }
    )
    desk.license(basis="ruling", ruling=ruling)
    desk.session.expire_all()

    assert reading.license(desk.session, "L").ruling == ruling
