"""What can go wrong with issued reports and their schedules."""

from datetime import datetime
from uuid import UUID

from bankd.errors import BankError


class IssuedReportNotFound(BankError):
    def __init__(self, report_id: UUID) -> None:
        super().__init__(f"no report `{report_id}` was issued: `bankd reports issued` lists them")
        self.report_id = report_id


class IssuedFileNotFound(BankError):
    def __init__(self, report_id: UUID, name: str, names: list[str]) -> None:
        super().__init__(f"report `{report_id}` has no file `{name}`: it has {', '.join(names) or 'none'}")
        self.report_id = report_id


class ReportDropped(BankError):
    """It named what was erased since. Its digest stays in the log."""

    def __init__(self, report_id: UUID, at: datetime, again: UUID | None) -> None:
        instead = f"; it was issued again as `{again}`" if again else ""
        super().__init__(f"report `{report_id}` was redacted on {at.date().isoformat()}{instead}")
        self.report_id, self.again = report_id, again


class ReportDamaged(BankError):
    def __init__(self, report_id: UUID, name: str, why: str) -> None:
        super().__init__(f"file `{name}` of report `{report_id}` is not what was issued: {why}")
        self.report_id = report_id


class ApprovalRefused(BankError):
    """The message says why."""

    def __init__(self, report_id: UUID, why: str) -> None:
        super().__init__(f"report `{report_id}` cannot be approved: {why}")
        self.report_id = report_id


class ScheduleNotFound(BankError):
    def __init__(self, schedule_id: UUID) -> None:
        super().__init__(f"there is no schedule `{schedule_id}`: `bankd reports schedule list` shows them")
        self.schedule_id = schedule_id


class ScheduleRefused(BankError):
    """A schedule that cannot be kept; the message says why."""
