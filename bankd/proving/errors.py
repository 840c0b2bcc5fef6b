"""What can go wrong with audit files."""

from bankd.errors import BankError


class ProvingError(BankError):
    """Root of this part's errors."""


class NothingToAudit(ProvingError):
    def __init__(self) -> None:
        super().__init__("no composite is meant: name composites that you may see, a period or a licensor")


class TooManyComposites(ProvingError):
    def __init__(self, found: int, most: int) -> None:
        super().__init__(f"{found} or more composites are meant, and an audit file holds {most} at most")


class AskedTwice(ProvingError):
    def __init__(self) -> None:
        super().__init__("composites are named, or meant by a period and a licensor, not both")


class AuditFileTooLarge(ProvingError):
    def __init__(self) -> None:
        super().__init__("the audit file would be larger than a ZIP can be: ask for fewer composites")


class NotYetSigned(ProvingError):
    def __init__(self) -> None:
        super().__init__("no checkpoint covers these composites yet: `bankd log checkpoint` signs one")
