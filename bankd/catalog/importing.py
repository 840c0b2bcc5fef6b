"""A rights file brought in whole: what it records, and the photos that what it ends takes out of use."""

from datetime import datetime

from sqlalchemy.orm import Session

from bankd.audit.actor import Actor
from bankd.catalog import renewing, service
from bankd.licensing import rights_import
from bankd.licensing.rights_entries import RightsFile
from bankd.licensing.rights_import import ImportReport
from bankd.storage import Blobs


def import_rights(
    session: Session, file: RightsFile, *, blobs: Blobs, by: Actor, at: datetime
) -> ImportReport:
    """Record what the file says, block on every photo the grants that it supersedes, and renew the releases.

    Raises:
        RightsFileRefused: roll back then: nothing of the file may stay.
    """
    report = rights_import.import_rights(session, file, blobs=blobs, by=by, at=at)
    service.block_grants(session, report.ended, by=by, at=at)
    renewing.renew(session, report.renewed, by=by, at=at)
    return report
