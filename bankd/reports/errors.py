"""What can go wrong with reports."""

from collections.abc import Iterable
from uuid import UUID

from bankd.errors import BankError


class ReportNotRendered(BankError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"the report could not be laid out: {reason}")
        self.reason = reason


class PictureIsAnother(BankError):
    def __init__(self, composite_id: UUID) -> None:
        super().__init__(f"the file does not hold the pixels of composite `{composite_id}`")
        self.composite_id = composite_id


class ReportUnknown(BankError):
    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"there is no report `{name}` (there are {', '.join(sorted(known))})")
        self.name = name


class ReportUnreadable(BankError):
    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"the file is no {name} report: {reason}")
        self.name = name
        self.reason = reason


class ScopeUnreadable(BankError):
    def __init__(self, name: str, field: str, reason: str) -> None:
        super().__init__(f"`{field}` of the {name} report cannot be read: {reason}")
        self.name = name
        self.field = field


class PeriodRefused(BankError):
    """A period that cannot be reported on; the message says why."""
