"""Importing a rights file: new, known or refused as a whole, on a real Postgres and store."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from bankd.audit import log
from bankd.licensing import caps, rights_file, service
from bankd.licensing.errors import RightsFileRefused
from bankd.licensing.models import Document, Grant, License, Licensor, Release
from bankd.licensing.rights_import import ImportReport, import_rights
from bankd.storage import Blobs

FILE = """\
version: 1
licensors:
  - {ref: agency, name: Agency}
documents:
  - {ref: contract, path: contract.md}
licenses:
  - ref: L-1
    licensor: agency
    title: Web in Japan
    basis: licensed
    document: contract
    quote: 日本国内での利用を許諾する。
    co_owners: [{name: Bo, agreed: true}]
    grants:
      - ref: web
        terms: &web
          territories: JP
          channels: [web]
          purposes: [commercial]
          sectors: [any]
          audiences: [public]
          starts_on: 2026-04-01
          ends_on: 2027-03-31
          zone: Asia/Tokyo
          cap: 3
          fee_minor: 8000
          currency: JPY
releases:
  - {ref: R-1, kind: property, status: released, subject: object-4, document: contract}
photos:
  - {files: "*.jpg", licenses: [L-1], releases: [R-1]}
"""
RENEWAL = """\
  - ref: L-2
    licensor: agency
    title: Web in Japan, second year
    basis: licensed
    supersedes: L-1
    grants:
      - {ref: web, terms: *web }
"""
AMENDMENT = """\
      - {ref: web-2, supersedes: web, terms: *web }
"""

Import = Callable[..., ImportReport]


@pytest.fixture
def imported(tmp_path: Path, blobs: Blobs, BY: SimpleNamespace, AT: datetime) -> Import:
    (tmp_path / "contract.md").write_text("Signed by both.\n")

    def imported(session: Session, text: str = FILE) -> ImportReport:
        path = tmp_path / "rights.yaml"
        path.write_text(text)
        return import_rights(session, rights_file.load(path), blobs=blobs, by=BY.librarian, at=AT)

    return imported


def after(mark: str, more: str) -> str:
    return FILE.replace(mark, more + mark)


def test_everything_in_the_file_is_recorded(session: Session, imported: Import, blobs: Blobs) -> None:
    report = imported(session)

    assert report.new == {"licensors": 1, "documents": 1, "licenses": 1, "grants": 1, "releases": 1}
    assert (report.known, report.ended) == ({}, ())
    license = session.scalars(select(License)).one()
    assert license.document_sha256 is not None
    kept = blobs.get(service.document_key(license.document_sha256), limit_bytes=100)
    assert kept == b"Signed by both.\n"
    grant = service.grants_by_ref(session, ["L-1/web"])["L-1/web"]
    assert grant.terms.fee_minor == 8000
    assert caps.remaining(session, [grant.id]) == {grant.id: 3}


def test_the_same_file_again_is_known_and_leaves_no_entry(
    session: Session, imported: Import, flush_log: Callable[[Session], int]
) -> None:
    first = imported(session)
    size = flush_log(session)

    again = imported(session)

    assert (again.new, again.known) == ({}, first.new)
    assert flush_log(session) == size


def test_a_known_license_can_get_a_further_grant(session: Session, imported: Import) -> None:
    imported(session)

    report = imported(session, after("releases:\n", AMENDMENT.replace("supersedes: web, ", "")))

    assert report.new == {"grants": 1}
    assert report.ended == ()


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("fee_minor: 8000", "fee_minor: 1", "line 15: grant of license `L-1` `web` is already recorded"),
        ("quote: 日本国内", "quote: 全世界", "line 7: license `L-1` is already recorded"),
        ("agreed: true", "agreed: false", "line 7: license `L-1` is already recorded"),
        ("name: Agency", "name: Agents", "line 3: licensor `agency` is already recorded"),
        ("subject: object-4", "subject: object-5", "line 29: release `R-1` is already recorded"),
    ],
)
def test_other_content_under_a_recorded_ref_is_refused(
    session: Session, imported: Import, old: str, new: str, sentence: str
) -> None:
    imported(session)

    with pytest.raises(RightsFileRefused) as refusal:
        imported(session, FILE.replace(old, new))

    assert sentence in str(refusal.value)


def test_new_terms_come_as_a_license_that_supersedes(session: Session, imported: Import) -> None:
    imported(session)
    old = service.grants_by_ref(session, ["L-1/web"])["L-1/web"]

    report = imported(session, after("releases:\n", RENEWAL))

    assert report.new == {"licenses": 1, "grants": 1}
    assert report.ended == (old.id,)
    assert service.standing(session, [old.id]) == {old.id: {"superseded"}}
    assert imported(session, after("releases:\n", RENEWAL)).ended == ()


def test_a_grant_can_be_superseded_within_its_license(session: Session, imported: Import) -> None:
    imported(session)
    old = service.grants_by_ref(session, ["L-1/web"])["L-1/web"]

    assert imported(session, after("releases:\n", AMENDMENT)).ended == (old.id,)


def test_a_file_can_bring_a_license_and_its_successor_at_once(session: Session, imported: Import) -> None:
    report = imported(session, after("releases:\n", RENEWAL))

    assert report.ended == (service.grants_by_ref(session, ["L-1/web"])["L-1/web"].id,)


def test_what_was_never_there_cannot_be_superseded(session: Session, imported: Import) -> None:
    with pytest.raises(RightsFileRefused, match="line 32: no license `L-0` is recorded"):
        imported(session, after("releases:\n", RENEWAL.replace("supersedes: L-1", "supersedes: L-0")))


def test_nothing_of_a_refused_file_stays(sessions: sessionmaker[Session], imported: Import) -> None:
    text = after("releases:\n", RENEWAL.replace("supersedes: L-1", "supersedes: L-0"))
    with pytest.raises(RightsFileRefused), sessions.begin() as session:
        imported(session, text)

    with sessions.begin() as session:
        for table in (Licensor, Document, License, Grant, Release):
            assert session.scalar(select(func.count()).select_from(table)) == 0
        assert log.epoch(session) == 0


def test_a_withdrawn_license_stays_withdrawn_when_its_file_comes_again(
    session: Session, imported: Import, BY: SimpleNamespace, NOON: datetime
) -> None:
    imported(session)
    grant = service.grants_by_ref(session, ["L-1/web"])["L-1/web"]
    service.withdraw(session, grant.license_id, reason="licensor left", by=BY.compliance, at=NOON)

    assert imported(session).new == {}
    assert service.standing(session, [grant.id]) == {grant.id: {"withdrawn"}}
