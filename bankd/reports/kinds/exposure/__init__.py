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
    lambda report: {"subject": report.subject, "ref": report.ref},
)
