from desk import desk  # noqa: F401  fixtures
from small_bank import bank, later  # noqa: F401
