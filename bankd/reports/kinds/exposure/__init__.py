"""Everything that was made from a photo, a license, a licensor, a release or a person."""

from bankd.access.permissions import Permission
from bankd.reports.kind import Kind
from bankd.reports.kinds.exposure.gathering import gather
from bankd.reports.kinds.exposure.model import ExposureReport, ExposureScope
from bankd.reports.kinds.exposure.showing import show

KIND = Kind(
    "exposure",
    ExposureScope,
    ExposureReport,
    gather,
    show,
    frozenset({Permission.EXPOSURE_READ}),
    # The log outlives an erasure: of people it keeps no ref.
    lambda report: (
        {"subject": report.subject} | ({} if report.subject in ("person", "release") else {"ref": report.ref})
    ),
)
