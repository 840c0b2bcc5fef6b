"""What a subject touches, as it is laid out. Pure."""

from collections import Counter
from datetime import date, datetime

from bankd.reports.kinds.exposure.model import ExposureReport
from bankd.reports.marking import verified
from bankd.reports.page import (
    Block,
    Cell,
    Chart,
    Column,
    Fact,
    Page,
    Paragraph,
    Section,
    Series,
    Shown,
    Table,
)
from bankd.reports.writing import Writer, months

ON_PAPER = 400  # rows of a table; a spreadsheet has them all
IN_CHART = 24  # months


def show(report: ExposureReport, writer: Writer) -> Page:
    return _Shown(report, writer).page()


class _Shown:
    def __init__(self, report: ExposureReport, writer: Writer) -> None:
        self.report, self.writer, self.say = report, writer, writer.say

    def page(self) -> Page:
        report, say = self.report, self.say
        sections = [
            Section("", self.summary()),
            Section(say("exposure.counts"), (self.counts(),), together=True),
            *([Section(say("exposure.agreements"), (self.agreements(),))] if report.agreements else []),
            Section(say("exposure.given"), self.given()),
            Section(say("exposure.published"), self.published()),
            *([Section(say("exposure.networks"), self.networks())] if report.networks else []),
            Section(say("exposure.composites"), self.composites()),
        ]
        return Page(
            title=say("exposure.title"),
            subject=f"{say(f'exposure.{report.subject}')} {report.ref}",
            facts=(
                Fact(
                    say(f"exposure.{report.subject}"),
                    report.ref if report.title is None else f"{report.title} ({report.ref})",
                    "mono" if report.subject == "photo" else "text",
                ),
            ),
            sections=tuple(sections),
            note=say("exposure.note"),
        )

    def summary(self) -> tuple[Block, ...]:
        report, say, count = self.report, self.say, self.writer.counted
        if not report.composites:
            return (Paragraph(say("exposure.summary.none")),)
        line = say(
            "exposure.summary",
            composites=count("exposure.n.composites", report.composites),
            handouts=count("exposure.n.handouts", report.handouts),
            publications=count("exposure.n.publications", report.publications),
        )
        blocks: list[Block] = [Paragraph(line)]
        if report.takedowns_open:
            blocks.append(Paragraph(count("exposure.takedowns", report.takedowns_open), "alert"))
        return *blocks, *self.chart()

    def chart(self) -> tuple[Chart, ...]:
        """Composites by the month of their seal, and how far each went; of one month it would say nothing."""
        far: Counter[tuple[date, int]] = Counter()
        for one in self.report.touched:
            day = datetime.fromisoformat(one.sealed_at).date().replace(day=1)
            far[day, 0 if one.publications else 1 if one.handouts else 2] += 1
        shown = months([day for day, _ in far])[-IN_CHART:]
        if len(shown) < 2:
            return ()
        return (
            Chart(
                "columns",
                self.say("exposure.chart"),
                tuple(self.writer.month(day) for day in shown),
                tuple(
                    Series(self.say(f"exposure.{name}"), tuple(far[day, place] for day in shown))
                    for place, name in enumerate(("made_public", "handed_out", "kept"))
                ),
            ),
        )

    def counts(self) -> Table:
        report, say = self.report, self.say
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (say(f"exposure.count.{name}"), number)
            for name, number in (
                ("photos", report.photos),
                ("composites", report.composites),
                ("segments", report.segments),
                ("handouts", report.handouts),
                ("publications", report.publications),
                ("takedowns", report.takedowns_open),
                ("snapshots", report.snapshots),
                ("networks", len(report.networks)),
            )
        )
        return Table(
            (Column(say("exposure.what")), Column(say("exposure.how_many"), "count")), rows, head=False
        )

    def agreements(self) -> Table:
        say = self.say
        return Table(
            (
                Column(say("statement.licensor")),
                Column(say("statement.license"), share=2),
                Column(say("statement.license_ref")),
                Column(say("statement.verified"), mm=26),
                Column(say("exposure.withdrawn"), "moment"),
            ),
            tuple(
                (
                    one.licensor,
                    one.title,
                    one.license,
                    verified(one.verified, self.writer),
                    one.withdrawn_at,
                )
                for one in self.report.agreements
            ),
        )

    def given(self) -> tuple[Block, ...]:
        say, writer = self.say, self.writer
        columns = (
            Column(say("exposure.at"), "moment"),
            Column(say("exposure.recipient"), share=2),
            Column(say("exposure.channel")),
            Column(say("exposure.kind")),
            Column(say("exposure.composite"), "mono"),
        )
        rows = tuple(
            (
                one.at,
                one.recipient,
                writer.term("channel", one.channel),
                say("exposure.comp" if one.comp else "exposure.final"),
                str(one.composite_id),
            )
            for one in self.report.given
        )
        return self.part(columns, rows, "exposure.given.none")

    def published(self) -> tuple[Block, ...]:
        say, writer = self.say, self.writer
        full = (
            Column(say("exposure.starts"), "day"),
            Column(say("exposure.ends"), "day"),
            Column(say("exposure.place"), share=4),
            Column(say("exposure.channel"), mm=22),
            Column(say("exposure.territories"), share=3),
            Column(say("exposure.copies"), "count"),
            Column(say("exposure.taken_down"), "day"),
        )
        columns = (*full, Column(say("exposure.outside")), Column(say("exposure.composite"), "mono"))
        rows = tuple(
            (
                one.starts_on,
                one.ends_on,
                one.place,
                writer.term("channel", one.channel),
                writer.places(one.territories),
                one.copies or None,
                one.taken_down_on,
                say("exposure.outside.yes") if one.outside else None,
                str(one.composite_id),
            )
            for one in self.report.published
        )
        paper = tuple(
            (*row[:2], Shown(one.place, one.place, row[7] or ""), *row[3:7])
            for one, row in zip(self.report.published, rows, strict=True)
        )
        return self.part(full, paper, "exposure.published.none", sheet=Table(columns, rows))

    def networks(self) -> tuple[Block, ...]:
        say = self.say
        table = Table(
            (
                Column(say("exposure.network"), "mono"),
                Column(say("exposure.network.kind")),
                Column(say("exposure.snapshot"), "mono"),
                Column(say("exposure.registered"), "moment"),
            ),
            tuple(
                (one.sha256, say(f"network.{one.kind}"), one.snapshot, one.registered_at)
                for one in self.report.networks
            ),
        )
        return Paragraph(say("exposure.networks.note"), "quiet"), table

    def composites(self) -> tuple[Block, ...]:
        say = self.say
        columns = (
            Column(say("exposure.sealed"), "moment"),
            Column(say("exposure.composite"), "mono"),
            Column(say("exposure.area"), "percent", mm=24),
            Column(say("exposure.handouts"), "count", mm=16),
            Column(say("exposure.publications"), "count", mm=18),
            Column(say("exposure.reached")),
        )
        rows = tuple(
            (
                one.sealed_at,
                str(one.composite_id),
                Shown(
                    say("exposure.arranged")
                    if one.canvas_px == 0
                    else self.writer.percent(
                        one.canvas_px * 10_000 // one.frame_px,
                        some=one.canvas_px > 0,
                        whole=one.canvas_px == one.frame_px,
                    ),
                    one.canvas_px * 10_000 // one.frame_px,
                ),
                one.handouts,
                one.publications,
                None if one.why is None else say(f"exposure.{one.why}"),
            )
            for one in self.report.touched
        )
        return self.part(columns, rows, "exposure.summary.none")

    def part(
        self,
        columns: tuple[Column, ...],
        rows: tuple[tuple[Cell, ...], ...],
        none: str,
        *,
        sheet: Table | None = None,
    ) -> tuple[Block, ...]:
        """As much of a long table as is read on paper; a spreadsheet gets all of it."""
        table = Table(columns, rows[:ON_PAPER], none=self.say(none), sheet=sheet or Table(columns, rows))
        if len(rows) <= ON_PAPER:
            return (table,)
        shown, whole = self.writer.count(ON_PAPER), self.writer.count(len(rows))
        return Paragraph(self.say("rows.more", shown=shown, count=whole), "quiet"), table
