"""What can go wrong when it is worked out what is owed, and to whom."""

from datetime import date, datetime
from uuid import UUID

from bankd.errors import BankError


class RoyaltiesError(BankError):
    pass


class AccrualNotFound(RoyaltiesError):
    def __init__(self, accrual: int) -> None:
        super().__init__(f"no accrual has the number `{accrual}`")
        self.accrual = accrual


class PayeeNotFound(RoyaltiesError):
    def __init__(self, ref: str) -> None:
        super().__init__(f"no payee has the ref `{ref}`; record one with `bankd payees record`")
        self.ref = ref


class StatementNotFound(RoyaltiesError):
    def __init__(self, statement: UUID | str) -> None:
        super().__init__(f"no statement `{statement}` was computed")
        self.statement = statement


class PayeeRefused(RoyaltiesError):
    """What is said of a payee, a split or a rate contradicts itself."""


class PeriodRefused(RoyaltiesError):
    """The period is none, is not over, or was passed over."""


class SplitTooLate(RoyaltiesError):
    def __init__(self, license: str, stated_on: date) -> None:
        super().__init__(
            f"fees of license `{license}` up to `{stated_on}` were stated already;"
            " begin the split on a later day"
        )
        self.license = license
        self.stated_on = stated_on


class RateMissing(RoyaltiesError):
    def __init__(self, base: str, quote: str, on: date) -> None:
        super().__init__(
            f"no rate from `{base}` to `{quote}` is recorded for `{on}` or a day before;"
            f" record one with `bankd statements rate {base} {quote} RATE --on DAY --source SOURCE`"
        )
        self.base = base
        self.quote = quote


class RateKnown(RoyaltiesError):
    def __init__(self, base: str, quote: str, on: date, rate: str) -> None:
        super().__init__(f"the rate from `{base}` to `{quote}` of `{on}` is recorded already, as `{rate}`")
        self.rate = rate


class NothingToSettle(RoyaltiesError):
    def __init__(self, withdrawal: UUID, kind: str) -> None:
        super().__init__(f"withdrawal `{withdrawal}` holds no money in escrow: it is of the kind `{kind}`")
        self.withdrawal = withdrawal


class EscrowAlreadySettled(RoyaltiesError):
    def __init__(self, withdrawal: UUID, outcome: str, at: datetime) -> None:
        super().__init__(f"withdrawal `{withdrawal}` was settled at {at.isoformat()} as `{outcome}`")
        self.withdrawal = withdrawal
        self.outcome = outcome
