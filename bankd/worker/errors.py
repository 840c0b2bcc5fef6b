"""What can go wrong between us and the broker."""

from bankd.errors import BankError


class BrokerUnavailable(BankError):
    """The broker does not take messages. Nothing is lost: they wait in the outbox."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the broker cannot be reached: {why}")
