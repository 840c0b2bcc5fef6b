"""What erasure refuses."""

from datetime import datetime
from uuid import UUID

from bankd.errors import BankError


class ErasureError(BankError):
    pass


class ErasureUnfit(ErasureError):
    """It was asked for in a way that cannot be; the sentence says how."""


class NothingToErase(ErasureError):
    def __init__(self, subject: str, ref: str) -> None:
        super().__init__(f"the bank holds nothing of {subject} `{ref}` that could be erased")
        self.subject = subject
        self.ref = ref


class AlreadyErased(ErasureError):
    def __init__(self, subject: str, ref: str, erasure_id: UUID) -> None:
        super().__init__(f"all of {subject} `{ref}` is in erasure `{erasure_id}` already")
        self.subject = subject
        self.ref = ref
        self.erasure_id = erasure_id


class ErasureNotFound(ErasureError):
    def __init__(self, erasure_id: UUID) -> None:
        super().__init__(f"no erasure has the id `{erasure_id}`")
        self.erasure_id = erasure_id


class RetentionUnfit(ErasureError):
    """A duty to keep with such a class, subject or end there is none."""


class RetentionNotFound(ErasureError):
    def __init__(self, retention_id: UUID) -> None:
        super().__init__(f"no legal hold or retention has the id `{retention_id}`")
        self.retention_id = retention_id


class RetentionAlreadyOver(ErasureError):
    def __init__(self, retention_id: UUID, at: datetime) -> None:
        super().__init__(f"`{retention_id}` was over at {at.isoformat()} already")
        self.retention_id = retention_id


class CertificateInvalid(ErasureError):
    def __init__(self, why: str) -> None:
        super().__init__(f"the certificate does not hold: {why}")
        self.why = why
