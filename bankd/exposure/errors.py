"""What can go wrong when somebody asks what a withdrawal touches."""

from datetime import datetime
from uuid import UUID

from bankd.errors import BankError


class ExposureError(BankError):
    pass


class RefUnreadable(ExposureError):
    def __init__(self, subject: str, ref: str, wanted: str) -> None:
        super().__init__(f"`{ref}` names no {subject}: give {wanted}")
        self.subject = subject
        self.ref = ref


class TakedownNotFound(ExposureError):
    def __init__(self, takedown_id: UUID) -> None:
        super().__init__(f"no takedown `{takedown_id}` was asked for")
        self.takedown_id = takedown_id


class TakedownAlreadyDone(ExposureError):
    def __init__(self, takedown_id: UUID, done_at: datetime) -> None:
        super().__init__(f"takedown `{takedown_id}` was done at {done_at.isoformat()} already")
        self.takedown_id = takedown_id
        self.done_at = done_at
