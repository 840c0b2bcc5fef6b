"""Who gave a photo under Creative Commons cannot end that; what was never valid, or a court, still does."""

from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.orm import Session

from bankd.licensing import service, withdrawals
from bankd.licensing.errors import LicenseIrrevocable, LicensorIrrevocable
from bankd.licensing.models import Grant, License
from bankd.licensing.terms import GrantTerms

DAY = timedelta(days=1)


@pytest.fixture
def given(session: Session, TERMS: GrantTerms, BY: SimpleNamespace, AT: datetime) -> Callable[..., Grant]:
    def give(ref: str, spdx: str | None) -> Grant:
        who = {"by": BY.librarian, "at": AT}
        service.record_licensor(session, "agency", name="Agency", **who)
        license = service.record_license(
            session, ref, licensor="agency", title=ref, basis="licensed", spdx=spdx, **who
        )
        return service.record_grant(session, license.id, ref="all", terms=TERMS, **who)

    return give


@pytest.fixture
def end(session: Session, BY: SimpleNamespace, AT: datetime) -> Callable[..., Any]:
    def end(subject: Any, subject_id: Any, ref: str, kind: Any = "terminated", **how: Any) -> Any:
        who = {"by": BY.compliance, "at": AT}
        said = {"since": None, "reason": "they left", **how}
        return withdrawals.record(
            session, kind=kind, subject=subject, subject_id=subject_id, ref=ref, **said, **who
        )

    return end


def test_it_is_not_terminated_by_license_grant_or_licensor_and_a_court_or_nullity_ends_it(
    session: Session, given: Any, end: Any, BY: SimpleNamespace, AT: datetime
) -> None:
    free, sold = given("L-free", "CC-BY-SA-3.0-DE"), given("L-sold", None)
    license = session.get_one(License, free.license_id)
    for subject, subject_id in (("license", license.id), ("grant", free.id)):
        with pytest.raises(LicenseIrrevocable, match=r"license `L-free` is `CC-BY-SA-3.0-DE`, which nobody"):
            end(subject, subject_id, "L-free")
    with pytest.raises(LicensorIrrevocable, match=r"licensor `agency` gave license `L-free` as .* its other"):
        end("licensor", license.licensor_id, "agency")

    left = end("license", sold.license_id, "L-sold")
    assert withdrawals.take_effect(session, left, by=BY.compliance, at=AT) == (sold.id,)
    ordered = end("license", license.id, "L-free", "court-order")
    assert withdrawals.take_effect(session, ordered, by=BY.compliance, at=AT) == (free.id,)
    assert license.withdrawn_at == AT
    void = end("grant", free.id, "L-free/all", "void-from-start")
    assert void.effective_from == free.recorded_at


def test_what_is_given_after_a_licensor_announced_to_leave_is_not_ended_by_that(
    session: Session, given: Any, end: Any, BY: SimpleNamespace, AT: datetime
) -> None:
    sold = given("L-sold", None)
    licensor = session.get_one(License, sold.license_id).licensor_id
    ahead = end("licensor", licensor, "agency", since=AT + DAY)
    free = given("L-free", "CC-BY-4.0")

    assert withdrawals.due(session, at=AT + DAY).withdrawn == {sold.id}
    withdrawals.take_effect(session, ahead, by=BY.compliance, at=AT + DAY)
    assert session.get_one(License, sold.license_id).withdrawn_at == AT + DAY
    assert session.get_one(License, free.license_id).withdrawn_at is None
    assert set(service.standing(session, [sold.id, free.id])[free.id]) == set()
