"""How reports mark what nobody vouches for. Pure."""

from bankd.reports.page import Cell, Flag
from bankd.reports.writing import Writer


def verified(by_somebody: bool | None, writer: Writer) -> Cell:
    """Whether somebody compared a record with its document; nothing where that is no question."""
    if by_somebody is None:
        return None
    return writer.say("yes.stated") if by_somebody else Flag(writer.say("unverified"))
