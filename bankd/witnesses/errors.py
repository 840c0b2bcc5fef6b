"""What can go wrong with a witness."""

from bankd.errors import BankError


class WitnessError(BankError):
    """A witness was not told. Nothing of the bank waits for it."""


class WitnessInvalid(WitnessError):
    """A setting, or what it names, cannot be a witness."""


class WitnessSilent(WitnessError):
    """It did not answer, or not now. Worth another try."""

    def __init__(self, witness: str, why: str) -> None:
        super().__init__(f"witness `{witness}` was not told: {why}")
        self.witness = witness
        self.why = why


class WitnessContradicts(WitnessError):
    """It holds a head that this log does not extend. Either of both was changed or set back."""

    def __init__(self, witness: str, why: str) -> None:
        super().__init__(f"witness `{witness}` contradicts the log: {why}")
        self.witness = witness
        self.why = why
