from small_bank import bank, later  # noqa: F401  fixtures
