"""What ends by itself within a time to come."""

from bankd.access.permissions import Permission
from bankd.reports.kind import Kind
from bankd.reports.kinds.expiries.gathering import gather
from bankd.reports.kinds.expiries.model import ExpiriesReport, ExpiriesScope
from bankd.reports.kinds.expiries.showing import show

KIND = Kind(
    "expiries",
    ExpiriesScope,
    ExpiriesReport,
    gather,
    show,
    frozenset({Permission.EXPIRIES_READ}),
    whole_house=True,
)
