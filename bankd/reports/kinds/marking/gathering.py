"""Reading the files of a period for their marks, one after the other."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from bankd.audit.canonical import moment
from bankd.policy.clearing import viewable
from bankd.reports.errors import PeriodRefused
from bankd.reports.heading import head
from bankd.reports.kind import Context, Gathered
from bankd.reports.kinds.marking.model import (
    MarkCount,
    MarkingReport,
    MarkingScope,
    NotRead,
    Output,
    Remark,
    Remarked,
    SourceType,
    Totals,
    Unread,
)
from bankd.reports.kinds.period.annexes import written
from bankd.reports.kinds.period.model import Annex, Period
from bankd.reports.marks import MARKS, Found
from bankd.storage import BlobDamaged, BlobMissing, BlobTooLarge
from bankd.synthesis.handouts import MAX_COMPOSITE_BYTES

MOST = 300  # files named in the report; the listing has all
AT_ONCE = 200
TRAINED = "compositeWithTrainedAlgorithmicMedia"
COLUMNS = (
    "composite", "handout", "channel", "file_sha256", "read", "made_by_network", "c2pa_source_type",
    "xmp_source_type", *MARKS, "remarks",
)  # fmt: skip

_OUTPUTS = """
    SELECT c.id, c.blob_key, c.file_sha256, c.erased_at,
        (c.manifest::jsonb #>> '{refiner,checkpoint}') IS NOT NULL AS network,
        c.sealed_at >= :since AND c.sealed_at < :until AS sealed,
        h.id AS handout, h.channel, h.comp, h.file_sha256 AS given
    FROM composites AS c LEFT JOIN handouts AS h
        ON h.composite_id = c.id AND h.at >= :since AND h.at < :until
    WHERE (c.sealed_at >= :since AND c.sealed_at < :until) OR h.id IS NOT NULL
    ORDER BY c.id, h.at, h.id
"""


def gather(session: Session, scope: MarkingScope, context: Context) -> Gathered[MarkingReport]:
    """Read each file that the bank keeps, and say which it does not.

    Raises:
        PeriodRefused: it has not begun, or the actor is of one department and it is of the whole house.
        BlobUnavailable: the store does not answer.
    """
    if context.by.department_id is not None:
        raise PeriodRefused("the marking report is of the whole house: it takes a key of no department")
    if scope.since > context.at:
        raise PeriodRefused(f"the period begins on `{scope.first_day}`, which is not yet")
    tally = _Tally(session, context)
    lines = tally.through(scope)
    annexes: tuple[Annex, ...] = ()
    if context.aside is not None:
        annexes = (_listed(context.aside, lines),)
    else:
        for _ in lines:
            pass
    return Gathered(
        MarkingReport(
            head=head(session, context, unverified=0),
            period=Period(
                first_day=scope.first_day,
                last_day=scope.last_day,
                zone=scope.zone,
                since=moment(scope.since),
                until=moment(scope.until),
            ),
            annexes=annexes,
            **tally.result(),
        )
    )


class _Tally:
    def __init__(self, session: Session, context: Context) -> None:
        assert context.marks is not None, "whoever makes this report opens the bank's anchors"
        self.session, self.context, self.reader = session, context, context.marks()
        self.totals: Counter[str] = Counter()
        self.found = {"composites": Counter[str](), "handouts": Counter[str]()}
        self.looked = {"composites": Counter[str](), "handouts": Counter[str]()}
        self.types: dict[str, Counter[str]] = {"c2pa": Counter(), "xmp": Counter()}
        self.remarked: list[Remarked] = []
        self.not_read: list[NotRead] = []

    def through(self, scope: MarkingScope) -> Iterator[Sequence[Any]]:
        """A line for each file; the tally is whole once they are through."""
        rows = self.session.execute(
            text(_OUTPUTS),
            {"since": scope.since, "until": scope.until},
            execution_options={"stream_results": True, "yield_per": AT_ONCE},
        )
        before: UUID | None = None
        read: Found | Unread = "lost"
        for row in rows:
            if row.id != before:
                before, read = row.id, self._read(row)
                if row.sealed:
                    yield self._line(row, read, handed_out=False)
            if row.handout is not None:
                of = read if row.given == row.file_sha256 else "copy-not-kept"
                yield self._line(row, of, handed_out=True)

    def _read(self, row: Any) -> Found | Unread:
        if row.erased_at is not None:
            return "erased"
        pixels = self.reader.watermark is not None and self._may_be_seen(row.id)
        try:
            file = self.context.blobs.get(row.blob_key, limit_bytes=MAX_COMPOSITE_BYTES)
        except BlobMissing:
            return "lost"
        except BlobDamaged:
            return "damaged"
        except BlobTooLarge:
            return "too-large"
        return self.reader.read(file, pixels=pixels)

    def _may_be_seen(self, composite_id: UUID) -> bool:
        """Whether action `view` clears all of its photos now; only then are pixels decoded."""
        placed = set(
            self.session.scalars(
                text("SELECT DISTINCT photo_id FROM usages WHERE composite_id = :id"), {"id": composite_id}
            )
        )
        return viewable(self.session, sorted(placed), at=self.context.at) >= placed

    def _line(self, row: Any, read: Found | Unread, *, handed_out: bool) -> Sequence[Any]:
        what = "handouts" if handed_out else "composites"
        output = Output(
            composite=row.id,
            handout=row.handout if handed_out else None,
            channel=row.channel if handed_out else None,
            sha256=row.given if handed_out else row.file_sha256,
        )
        self.totals[what] += 1
        self.totals["comps"] += handed_out and row.comp
        self.totals["by_network"] += not handed_out and row.network
        marks: frozenset[str] = frozenset()
        types: Mapping[str, str] = {}
        remarks: tuple[Remark, ...] = ()
        if isinstance(read, str):
            self.totals["not_read"] += 1
            if len(self.not_read) < MOST:
                recorded = ("comp",) if handed_out and row.comp else ()
                if read == "copy-not-kept" and not recorded:
                    recorded = ("rendition",)
                self.not_read.append(NotRead(output=output, why=read, recorded=recorded))
        else:
            self.totals[f"{what}_read"] += 1
            marks, types = read.marks, read.source_types
            remarks = remarks_of(read, network=row.network)
            self.found[what].update(marks)
            self.looked[what].update(MARKS if read.looked_for_watermark else MARKS[:-1])
            self.totals["watermark_looked"] += read.looked_for_watermark
            if not handed_out:
                for where, term in types.items():
                    self.types[where][term] += 1
            if remarks:
                self.totals["remarked"] += 1
                if len(self.remarked) < MOST:
                    self.remarked.append(Remarked(output=output, remarks=remarks))
        return (
            output.composite, output.handout, output.channel, output.sha256,
            read if isinstance(read, str) else "read", "yes" if row.network else "no", types.get("c2pa"),
            types.get("xmp"), *("yes" if mark in marks else "" for mark in MARKS), " ".join(remarks),
        )  # fmt: skip

    def result(self) -> dict[str, Any]:
        totals = self.totals
        terms = self.types["c2pa"] + self.types["xmp"]
        return {
            "totals": Totals(
                composites=totals["composites"],
                composites_read=totals["composites_read"],
                by_network=totals["by_network"],
                handouts=totals["handouts"],
                handouts_read=totals["handouts_read"],
                comps=totals["comps"],
                watermark_looked=totals["watermark_looked"] > 0,
            ),
            "marks": tuple(
                MarkCount(
                    mark=mark,
                    composites=self.found["composites"][mark],
                    composites_looked=self.looked["composites"][mark],
                    handouts=self.found["handouts"][mark],
                    handouts_looked=self.looked["handouts"][mark],
                )
                for mark in MARKS
            ),
            "source_types": tuple(
                SourceType(term=term, c2pa=self.types["c2pa"][term], xmp=self.types["xmp"][term])
                for term in sorted(terms, key=lambda term: (-terms[term], term))
            ),
            "remarked": tuple(self.remarked),
            "remarked_left_off": totals["remarked"] - len(self.remarked),
            "not_read": tuple(self.not_read),
            "not_read_left_off": totals["not_read"] - len(self.not_read),
        }


def remarks_of(found: Found, *, network: bool) -> tuple[Remark, ...]:
    """What is missing in a file that was read, or does not agree with its manifest or with itself."""
    marks, types = found.marks, found.source_types
    said: list[tuple[Remark, bool]] = [
        ("no-c2pa", "c2pa" not in marks),
        ("c2pa-broken", "c2pa" in marks and "c2pa-valid" not in marks),
        ("c2pa-untrusted", "c2pa-valid" in marks and "c2pa-trusted" not in marks),
        ("no-c2pa-source-type", "c2pa" in marks and "c2pa-source-type" not in marks),
        ("no-xmp-source-type", "xmp-source-type" not in marks),
        ("source-types-differ", len(types) == 2 and len(set(types.values())) == 2),
        ("network-not-said", network and bool(types) and TRAINED not in types.values()),
    ]
    return tuple(remark for remark, holds in said if holds)


def _listed(folder: Path, lines: Iterator[Sequence[Any]]) -> Annex:
    count, digest = written(folder / "outputs.csv", COLUMNS, lines)
    return Annex(name="outputs.csv", rows=count, sha256=digest)
