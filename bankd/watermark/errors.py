"""What can go wrong with watermarks."""

from bankd.errors import BankError


class WatermarkUnusable(BankError):
    """A watermark that the settings ask for does not work; nothing is given out unmarked because of it."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"the watermark `{name}` does not work: {why}")
        self.name = name
