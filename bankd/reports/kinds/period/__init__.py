"""The period audit: what was asked of the bank in a period, what it answered, and what changed meanwhile."""

from bankd.access.permissions import Permission
from bankd.reports.kind import Kind
from bankd.reports.kinds.period.gathering import gather
from bankd.reports.kinds.period.model import PeriodReport, PeriodScope
from bankd.reports.kinds.period.showing import show

KIND = Kind(
    "period",
    PeriodScope,
    PeriodReport,
    gather,
    show,
    frozenset({Permission.REQUESTS_READ, Permission.LOG_READ}),
    lambda report: {"first_day": report.period.first_day, "last_day": report.period.last_day},
)
