"""Which outputs of a period carry which marks, found by reading the files."""

from bankd.access.permissions import Permission
from bankd.reports.kind import Kind
from bankd.reports.kinds.marking.gathering import gather
from bankd.reports.kinds.marking.model import MarkingReport, MarkingScope
from bankd.reports.kinds.marking.showing import show

KIND = Kind(
    "marking",
    MarkingScope,
    MarkingReport,
    gather,
    show,
    frozenset({Permission.COMPOSITES_READ}),
    lambda report: {"first_day": report.period.first_day, "last_day": report.period.last_day},
)
