"""Recording, superseding and withdrawing rights, as the app role on a real Postgres."""

from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError
from sqlalchemy.orm import Session

from bankd.audit import log
from bankd.licensing import service
from bankd.licensing.consents import ReleaseTerms
from bankd.licensing.errors import (
    AlreadyRecorded,
    AlreadySuperseded,
    CircularSuccession,
    DocumentNotFound,
    DocumentTooLarge,
    GrantAlreadyWithdrawn,
    GrantNotFound,
    LicenseAlreadyWithdrawn,
    LicenseNotFound,
    LicensorNotFound,
    ReleaseNotFound,
)
from bankd.licensing.models import Grant, License
from bankd.licensing.terms import MAX_DOCUMENT_BYTES, CoOwner, GrantTerms
from bankd.storage import Blobs

SECOND = timedelta(seconds=1)
Record = Callable[..., Grant]


def kinds(session: Session, flush_log: Callable[[Session], int]) -> list[str]:
    flush_log(session)
    return [entry.kind for entry in log.read(session)]


@pytest.fixture
def who(BY: SimpleNamespace, AT: datetime) -> dict[str, Any]:
    return {"by": BY.librarian, "at": AT}


@pytest.fixture
def a_license(session: Session, who: dict[str, Any]) -> Callable[..., License]:
    def make(ref: str = "L-1", **fields: Any) -> License:
        service.record_licensor(session, "agency", name="Agency", **who)
        facts = {"licensor": "agency", "title": "Agreement", "basis": "licensed"} | fields
        return service.record_license(session, ref, **facts, **who)

    return make


def test_what_is_recorded_is_in_the_log_and_reads_back_the_same(
    session: Session, record: Record, TERMS: GrantTerms, flush_log: Callable[[Session], int]
) -> None:
    grant = record(session, cap=5)
    session.expire_all()

    assert grant.terms == TERMS.model_copy(update={"cap": 5})
    assert kinds(session, flush_log)[-3:] == ["licensor.recorded", "license.recorded", "grant.recorded"]


def test_recording_the_same_again_changes_nothing(
    session: Session, record: Record, flush_log: Callable[[Session], int]
) -> None:
    first = record(session)
    size = flush_log(session)

    assert record(session).id == first.id
    assert flush_log(session) == size


def test_a_ref_never_gets_other_content(
    session: Session,
    record: Record,
    a_license: Callable[..., License],
    who: dict[str, Any],
) -> None:
    record(session)

    with pytest.raises(AlreadyRecorded, match="licensor `agency` is already recorded with other content"):
        service.record_licensor(session, "agency", name="Another", **who)
    with pytest.raises(AlreadyRecorded, match="a new ref with `supersedes: L-1`"):
        a_license(title="Another")
    with pytest.raises(AlreadyRecorded, match="grant of license `L-1` `web` is already recorded"):
        record(session, ends_on="2028-03-31")


def test_a_license_needs_what_it_points_at(
    session: Session, a_license: Callable[..., License], who: dict[str, Any]
) -> None:
    with pytest.raises(LicensorNotFound, match="`nobody`"):
        a_license(licensor="nobody")
    with pytest.raises(DocumentNotFound):
        a_license(document_sha256="0" * 64)


def test_a_grant_counts_only_when_all_co_owners_gave_it(a_license: Callable[..., License]) -> None:
    assert a_license("L-1").co_owners_agreed
    assert a_license("L-2", co_owners=[CoOwner(name="Ada", agreed=True)]).co_owners_agreed
    partly = [CoOwner(name="Ada", agreed=True), CoOwner(name="Bo")]
    assert not a_license("L-3", co_owners=partly).co_owners_agreed


def test_withdrawal_gives_back_every_grant_to_block(
    session: Session, record: Record, NOON: datetime, BY: SimpleNamespace, flush_log: Callable[[Session], int]
) -> None:
    web, print_ = record(session), record(session, ref="print", channels=["print"])
    other = record(session, license="L-2")

    ended = service.withdraw(session, web.license_id, by=BY.compliance, at=NOON, reason="licensor left")

    assert set(ended) == {web.id, print_.id} == set(service.affected_grants(session, web.license_id))
    assert service.standing(session, [web.id, print_.id, other.id]) == {
        web.id: {"withdrawn"},
        print_.id: {"withdrawn"},
        other.id: frozenset(),
    }
    assert kinds(session, flush_log)[-1] == "license.withdrawn"


def test_first_withdrawal_stands(
    session: Session, record: Record, NOON: datetime, BY: SimpleNamespace
) -> None:
    grant = record(session)
    service.withdraw(session, grant.license_id, by=BY.compliance, at=NOON, reason="licensor left")

    with pytest.raises(LicenseAlreadyWithdrawn) as refused:
        service.withdraw(session, grant.license_id, by=BY.compliance, at=NOON + SECOND, reason="again")

    assert refused.value.withdrawn_at == NOON


def test_one_grant_can_be_withdrawn_alone(
    session: Session, record: Record, NOON: datetime, BY: SimpleNamespace
) -> None:
    web, print_ = record(session), record(session, ref="print", channels=["print"])

    assert service.withdraw_grant(session, web.id, by=BY.compliance, at=NOON, reason="rescinded") == (web.id,)

    assert service.standing(session, [web.id, print_.id]) == {web.id: {"withdrawn"}, print_.id: frozenset()}
    with pytest.raises(GrantAlreadyWithdrawn):
        service.withdraw_grant(session, web.id, by=BY.compliance, at=NOON, reason="again")


def test_a_withdrawn_license_grants_nothing_new(
    session: Session, record: Record, NOON: datetime, BY: SimpleNamespace
) -> None:
    grant = record(session)
    service.withdraw(session, grant.license_id, by=BY.compliance, at=NOON, reason="licensor left")

    with pytest.raises(LicenseAlreadyWithdrawn):
        record(session, ref="print", channels=["print"])
    assert record(session).id == grant.id


def test_a_successor_ends_the_grants_of_the_license_before_it(
    session: Session, record: Record, NOON: datetime, BY: SimpleNamespace
) -> None:
    old, new = record(session), record(session, license="L-2")

    ended = service.supersede(session, old.license_id, successor_id=new.license_id, by=BY.librarian, at=NOON)

    assert ended == (old.id,)
    assert service.standing(session, [old.id, new.id]) == {old.id: {"superseded"}, new.id: frozenset()}
    again = service.supersede(session, old.license_id, successor_id=new.license_id, by=BY.librarian, at=NOON)
    assert again == ended


def test_succession_has_one_direction(
    session: Session, record: Record, NOON: datetime, BY: SimpleNamespace
) -> None:
    first, second, third = (record(session, license=f"L-{number}").license_id for number in (1, 2, 3))
    who = {"by": BY.librarian, "at": NOON}
    service.supersede(session, first, successor_id=second, **who)
    service.supersede(session, second, successor_id=third, **who)

    with pytest.raises(CircularSuccession, match="license `L-1` cannot supersede `L-3`"):
        service.supersede(session, third, successor_id=first, **who)
    with pytest.raises(CircularSuccession):
        service.supersede(session, third, successor_id=third, **who)
    with pytest.raises(AlreadySuperseded):
        service.supersede(session, first, successor_id=third, **who)


def test_a_grant_is_superseded_within_its_license_alone(
    session: Session, record: Record, NOON: datetime, BY: SimpleNamespace
) -> None:
    old, new = record(session), record(session, ref="web-2", ends_on="2028-03-31")
    elsewhere = record(session, license="L-2")
    who = {"by": BY.librarian, "at": NOON}

    assert service.supersede_grant(session, old.id, successor_id=new.id, **who) == (old.id,)

    assert service.standing(session, [old.id, new.id]) == {old.id: {"superseded"}, new.id: frozenset()}
    with pytest.raises(CircularSuccession):
        service.supersede_grant(session, new.id, successor_id=old.id, **who)
    with pytest.raises(GrantNotFound):
        service.supersede_grant(session, new.id, successor_id=elsewhere.id, **who)


def test_what_is_not_recorded_is_not_found(session: Session, who: dict[str, Any]) -> None:
    nothing = uuid4()
    with pytest.raises(LicenseNotFound):
        service.withdraw(session, nothing, reason="why", **who)
    with pytest.raises(GrantNotFound):
        service.withdraw_grant(session, nothing, reason="why", **who)
    with pytest.raises(GrantNotFound):
        service.standing(session, [nothing])
    with pytest.raises(GrantNotFound, match="`L-1/web`"):
        service.grants_by_ref(session, ["L-1/web"])
    with pytest.raises(ReleaseNotFound, match="`R-1`"):
        service.releases_by_ref(session, ["R-1"])


def test_grants_and_releases_are_found_by_ref(session: Session, record: Record, who: dict[str, Any]) -> None:
    web, print_ = record(session), record(session, ref="print", channels=["print"])
    terms = ReleaseTerms.model_validate(
        {"kind": "model", "status": "released", "territories": ["JP", "KR"], "ends_on": "2030-12-31"}
    )
    release = service.record_release(session, "R-1", terms=terms, subject="person-17", **who)
    session.expire_all()

    assert service.grants_by_ref(session, ["L-1/web", "L-1/print"]) == {"L-1/web": web, "L-1/print": print_}
    assert service.releases_by_ref(session, ["R-1"]) == {"R-1": release}
    assert release.terms() == terms


def test_a_document_is_kept_by_its_hash_before_its_row(
    session: Session, blobs: Blobs, who: dict[str, Any]
) -> None:
    content = b"Signed by both.\n"

    first = service.record_document(
        session, content, name="a.txt", media_type="text/plain", blobs=blobs, **who
    )
    again = service.record_document(
        session, content, name="b.txt", media_type="text/plain", blobs=blobs, **who
    )

    assert again is first
    assert (first.name, first.size_bytes) == ("a.txt", 16)
    assert blobs.get(service.document_key(first.sha256), limit_bytes=100) == content


def test_a_huge_document_is_refused(session: Session, blobs: Blobs, who: dict[str, Any]) -> None:
    huge = bytes(MAX_DOCUMENT_BYTES + 1)
    with pytest.raises(DocumentTooLarge, match=r"`scan\.pdf`"):
        service.record_document(
            session, huge, name="scan.pdf", media_type="application/pdf", blobs=blobs, **who
        )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE grants SET terms = '{}'",
        "UPDATE grants SET license_id = license_id",
        "UPDATE licenses SET basis = 'owned'",
        "UPDATE licenses SET co_owners = '[]'",
        "UPDATE licensors SET name = 'x'",
        "UPDATE releases SET status = 'released'",
        "UPDATE rights_profiles SET facts = '[]'",
        "UPDATE profile_grants SET generative = true",
        "UPDATE grant_counters SET cap = 1000",
        "UPDATE documents SET name = 'x'",
        "DELETE FROM grants",
        "DELETE FROM licenses",
        "DELETE FROM releases",
        "DELETE FROM grant_counters",
        "TRUNCATE profile_grants",
    ],
)
def test_the_app_cannot_edit_what_is_recorded(session: Session, record: Record, statement: str) -> None:
    record(session, cap=1)

    with pytest.raises(ProgrammingError, match="permission denied"), session.begin_nested():
        session.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE licenses SET withdrawn_at = now()",
        "UPDATE licenses SET superseded_at = now(), superseded_by_id = id",
        "UPDATE grants SET withdrawn_reason = 'x'",
        "UPDATE grant_counters SET used = cap + 1",
        "UPDATE grant_counters SET reserved = -1",
    ],
)
def test_the_database_holds_the_invariants_too(session: Session, record: Record, statement: str) -> None:
    record(session, cap=1)

    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(text(statement))
