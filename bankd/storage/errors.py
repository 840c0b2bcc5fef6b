"""What can go wrong with stored bytes."""

from bankd.errors import BankError


class StorageError(BankError):
    """The store refused, or does not have what was asked for."""


class BlobKeyInvalid(StorageError):
    def __init__(self, key: str) -> None:
        super().__init__(f"`{key}` cannot name stored bytes: use letters, digits, `.`, `_`, `-` and `/`")
        self.key = key


class BlobMissing(StorageError):
    def __init__(self, key: str) -> None:
        super().__init__(f"nothing is stored as `{key}`")
        self.key = key


class BlobTooLarge(StorageError):
    def __init__(self, key: str, *, limit_bytes: int) -> None:
        super().__init__(f"what is stored as `{key}` is larger than {limit_bytes} bytes")
        self.key = key
        self.limit_bytes = limit_bytes


class BlobDamaged(StorageError):
    """The bytes are not those that the key names by their SHA-256."""

    def __init__(self, key: str) -> None:
        super().__init__(f"what is stored as `{key}` is not what was put there")
        self.key = key


class BlobUnavailable(StorageError):
    """The store did not answer, or answered with a fault of its own. Worth another try."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the object store cannot be used now: {reason}")
        self.reason = reason
