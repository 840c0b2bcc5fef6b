"""What is owed to a payee for a period, as it was computed."""

from bankd.access.permissions import Permission
from bankd.reports.kind import Kind
from bankd.reports.kinds.statement.gathering import gather
from bankd.reports.kinds.statement.model import StatementReport, StatementScope
from bankd.reports.kinds.statement.showing import show

KIND = Kind(
    "statement",
    StatementScope,
    StatementReport,
    gather,
    show,
    frozenset({Permission.ROYALTIES_READ}),
    lambda report: {"statement": report.statement_id},
    whole_house=True,
)
