from small_bank import bank, later, served  # noqa: F401  fixtures
