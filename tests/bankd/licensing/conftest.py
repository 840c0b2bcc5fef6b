"""Recorded rights to start from."""

from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.orm import Session

from bankd.licensing import service
from bankd.licensing.models import Grant, License
from bankd.licensing.terms import GrantTerms


@pytest.fixture(scope="session")
def TERMS() -> GrantTerms:
    """Commercial web use in Japan for a year."""
    return GrantTerms.model_validate(
        {
            "territories": "JP",
            "channels": ["web"],
            "purposes": ["commercial"],
            "sectors": ["any"],
            "audiences": ["public", "internal", "comp"],
            "alterations": ["crop", "combine"],
            "generative": True,
            "starts_on": "2026-04-01",
            "ends_on": "2027-03-31",
            "zone": "Asia/Tokyo",
        }
    )


@pytest.fixture
def record(TERMS: GrantTerms, BY: SimpleNamespace, AT: datetime) -> Callable[..., Grant]:
    """A recorded grant of a recorded license; keywords change its terms."""

    def record(session: Session, license: str = "L-1", ref: str = "web", **terms: Any) -> Grant:
        who = {"by": BY.librarian, "at": AT}
        service.record_licensor(session, "agency", name="Agency", **who)
        recorded: License = service.record_license(
            session, license, licensor="agency", title="Agreement", basis="licensed", **who
        )
        changed = GrantTerms.model_validate({**TERMS.as_json(), **terms})
        return service.record_grant(session, recorded.id, ref=ref, terms=changed, **who)

    return record
