"""What is wrong with a call before any service hears of it, and what one answers instead of a file."""

from collections.abc import Mapping
from uuid import UUID

from bankd.access.errors import AccessError
from bankd.errors import BankError


class ApiError(BankError):
    """The call itself cannot be understood."""


class KeyMissing(AccessError):
    def __init__(self) -> None:
        super().__init__("this needs an API key: send it as `Authorization: Bearer <key>`")


class BodyTooLarge(ApiError):
    def __init__(self, most_bytes: int) -> None:
        super().__init__(f"what was sent is larger than the {most_bytes} bytes allowed here")
        self.most_bytes = most_bytes


class UploadInvalid(ApiError):
    """Files or fields of a form do not fit together."""


class DepartmentForeign(AccessError):
    def __init__(self, department: str) -> None:
        super().__init__(f"this key is not of department `{department}`: leave the department out")
        self.department = department


class HandoutRefused(BankError):
    """The composite may not leave today; `reasons` are policies with their sentences."""

    def __init__(self, composite_id: UUID, reasons: Mapping[str, str], photos: frozenset[UUID]) -> None:
        super().__init__(
            f"composite `{composite_id}` may not be handed out today: {'; '.join(reasons.values())}"
        )
        self.composite_id = composite_id
        self.reasons = dict(reasons)
        self.photos = photos
