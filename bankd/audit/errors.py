"""What can go wrong with the log."""

from bankd.errors import BankError


class AuditError(BankError):
    """The log refused, or does not add up."""


class NotCanonical(AuditError):
    """A value that has no one way to be written down, and so cannot be hashed."""

    def __init__(self, value: object, why: str) -> None:
        super().__init__(f"`{value!r}` cannot be written into the log: {why}")
        self.value = value
        self.why = why


class NotInTransaction(AuditError):
    def __init__(self) -> None:
        super().__init__("an entry is appended in the transaction of what it records, and none is open")


class SettledTooEarly(AuditError):
    def __init__(self) -> None:
        super().__init__("the log's lock is taken last, not inside a savepoint")


class NoteInvalid(AuditError):
    """A checkpoint that cannot be read, or was not signed by this key."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the checkpoint is not valid: {why}")
        self.why = why


class LogInconsistent(AuditError):
    """What is stored contradicts what was signed; nothing further is signed."""

    def __init__(self, size: int, why: str) -> None:
        super().__init__(
            f"the log contradicts its checkpoint of {size} entries ({why}): run `bankd log verify`"
        )
        self.size = size
        self.why = why


class EntryMissing(AuditError):
    def __init__(self, index: int, size: int) -> None:
        super().__init__(f"there is no entry `{index}` among the first {size}")
        self.index = index
        self.size = size


class KeyHistoryBroken(AuditError):
    """An entry that tells of a new signing key does not hold."""

    def __init__(self, index: int, why: str) -> None:
        super().__init__(
            f"entry {index} of the log, by which a signing key was rotated, does not hold: {why}"
        )
        self.index = index
        self.why = why


class KeyNotHeld(AuditError):
    """The log says that a key signs which is not here; nothing is signed by another."""

    def __init__(self, key_id: str) -> None:
        super().__init__(
            f"the log is signed by key `{key_id}`, which this installation does not hold:"
            " bring its key folder up to date"
        )
        self.key_id = key_id


class OriginChanged(AuditError):
    def __init__(self, stored: str, origin: str) -> None:
        super().__init__(
            f"the log is called `{stored}` in its checkpoints and `{origin}` here:"
            " the key folder is not the one that belongs to this log"
        )
        self.stored = stored
        self.origin = origin


class LogEmpty(AuditError):
    def __init__(self) -> None:
        super().__init__("the log has no entry yet: there is nothing to sign")


class CheckpointMissing(AuditError):
    def __init__(self, size: int) -> None:
        super().__init__(f"there is no checkpoint of `{size}` entries")
        self.size = size
