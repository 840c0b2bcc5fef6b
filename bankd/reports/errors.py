"""What can go wrong with reports."""

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
