"""What PLUS and IPTC values inside a photo's own bytes mean as facts.

They can only tighten, and a value that is not in the standard's list is read
as the strictest one. Values come as bare ids (`AL-MRG`) or as addresses
(`http://ns.useplus.org/ldf/vocab/AL-MRG`).
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone

from bankd.licensing.depicted import Depictions
from bankd.licensing.terms import EmbeddedRights
from bankd.licensing.vocabulary import AgeStatus, ReleaseStatus

ALTERATION_CONSTRAINTS = frozenset({"AL-CLR", "AL-CRP", "AL-DCL", "AL-FLP", "AL-MRG", "AL-RET"})
DATA_MINING = frozenset(
    {
        "DMI-UNSPECIFIED",
        "DMI-ALLOWED",
        "DMI-PROHIBITED",
        "DMI-PROHIBITED-AIMLTRAINING",
        "DMI-PROHIBITED-GENAIMLTRAINING",
        "DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING",
        "DMI-PROHIBITED-SEECONSTRAINT",
        "DMI-PROHIBITED-SEEEMBEDDEDRIGHTSEXPR",
        "DMI-PROHIBITED-SEELINKEDRIGHTSEXPR",
    }
)
UNSTATED = "unstated"

# "Limited or incomplete" releases leave open who is covered: unknown.
RELEASES: dict[str, ReleaseStatus] = {
    "MR-NON": "none",
    "MR-NAP": "not-needed",
    "MR-UMR": "released",
    "MR-LMR": "unknown",
    "PR-NON": "none",
    "PR-NAP": "not-needed",
    "PR-UPR": "released",
    "PR-LPR": "unknown",
}
AGES: dict[str, AgeStatus] = {
    "AG-UNK": "unknown",
    "AG-U14": "minor",
    **{f"AG-A{age}": "minor" if age < 18 else "adult" for age in range(15, 26)},
}

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
FAR_AHEAD = datetime(2999, 12, 31, tzinfo=UTC)
EASTERNMOST = timezone(timedelta(hours=14))
"""A day or time without a zone ends first here: the narrowest reading."""
WESTERNMOST = timezone(timedelta(hours=-12))
"""And begins last here."""


def bare(value: str) -> str:
    return value.strip().rstrip("/").rsplit("/", 1)[-1].upper()


def alteration_constraints(values: frozenset[str]) -> frozenset[str]:
    """PLUS AL ids; one that nobody knows brings all of them."""
    known = frozenset(bare(value) for value in values)
    return known if known <= ALTERATION_CONSTRAINTS else ALTERATION_CONSTRAINTS


def data_mining(value: str | None) -> str:
    if value is None:
        return UNSTATED
    return bare(value) if bare(value) in DATA_MINING else "DMI-PROHIBITED"


def depictions(embedded: EmbeddedRights) -> Depictions:
    """What the embedded statuses claim; what they leave out claims nothing, the mildest value.

    An incomplete or unreadable model release leaves open whether persons are
    shown, and a disclosed minor shows one.
    """
    persons: bool | None = False
    model_release: ReleaseStatus = "not-needed"
    youngest: AgeStatus = "adult"
    if embedded.model_release is not None:
        model_release = RELEASES.get(_of("MR", embedded.model_release), "unknown")
        persons = None if model_release == "unknown" else False
    if embedded.minor_disclosure is not None:
        youngest = AGES.get(bare(embedded.minor_disclosure), "unknown")
        persons = True if youngest == "minor" else persons
    return Depictions(
        persons=persons,
        model_release=model_release,
        youngest=youngest,
        property_release="not-needed"
        if embedded.property_release is None
        else RELEASES.get(_of("PR", embedded.property_release), "unknown"),
    )


def expiry(text: str) -> datetime:
    """The instant from which an embedded expiry forbids: the end of a day, or long ago if unreadable."""
    return _moment(text, zone=EASTERNMOST, whole_day=True) or LONG_AGO


def beginning(text: str) -> datetime:
    """The instant until which an embedded release date forbids: where its day begins last, or far ahead if
    unreadable."""
    return _moment(text, zone=WESTERNMOST, whole_day=False) or FAR_AHEAD


def _moment(text: str, *, zone: timezone, whole_day: bool) -> datetime | None:
    written = re.sub(r"^(\d{4}):(\d{2}):(\d{2})", r"\1-\2-\3", text.strip())  # as Exif writes days
    try:
        if re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", written):
            day = date.fromisoformat(written) + timedelta(days=whole_day)
            at = datetime(day.year, day.month, day.day, tzinfo=zone)
        elif re.match(r"\d{4}-?\d{2}-?\d{2}[T ]", written):
            at = datetime.fromisoformat(written)
            at = at if at.tzinfo else at.replace(tzinfo=zone)
        else:
            return None
        return at.astimezone(UTC) if 1800 <= at.year <= 2999 else None
    except (ValueError, OverflowError):
        return None


def _of(prefix: str, value: str) -> str:
    """A property release's id does not answer for a model release."""
    return bare(value) if bare(value).startswith(prefix) else ""
