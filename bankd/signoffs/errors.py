"""What can go wrong with sign-offs."""

from datetime import datetime
from uuid import UUID

from bankd.errors import BankError


class SignoffError(BankError):
    pass


class AwaitedNotFound(SignoffError):
    def __init__(self, awaited_id: UUID) -> None:
        super().__init__(f"no sign-off is or was awaited under the id `{awaited_id}`")
        self.awaited_id = awaited_id


class SignoffNotFound(SignoffError):
    def __init__(self, signoff_id: UUID) -> None:
        super().__init__(f"there is no sign-off `{signoff_id}`")
        self.signoff_id = signoff_id


class AlreadySettled(SignoffError):
    """The first word stands."""

    def __init__(self, awaited_id: UUID, state: str, settled_at: datetime) -> None:
        super().__init__(f"sign-off `{awaited_id}` is awaited no more: {state} at {settled_at.isoformat()}")
        self.awaited_id = awaited_id
        self.state = state


class SignerIsRequester(SignoffError):
    def __init__(self, name: str, request_id: UUID) -> None:
        super().__init__(f"`{name}` filed request `{request_id}`, and nobody signs off what he asked for")
        self.name = name
        self.request_id = request_id


class SignedAlready(SignoffError):
    def __init__(self, name: str, awaited_id: UUID) -> None:
        super().__init__(f"`{name}` has signed `{awaited_id}` already: it waits for somebody else")
        self.name = name
        self.awaited_id = awaited_id


class SignoffUnfit(SignoffError):
    """Such a sign-off cannot be given; the message says what of it."""


class SignoffOver(SignoffError):
    def __init__(self, signoff_id: UUID, how: str, at: datetime) -> None:
        super().__init__(f"sign-off `{signoff_id}` was {how} at {at.isoformat()}")
        self.signoff_id = signoff_id
