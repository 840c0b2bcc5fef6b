"""The marking report as it is laid out. Pure."""

from bankd.reports.kinds.marking.model import MarkingReport, Output
from bankd.reports.page import Block, Column, Fact, Page, Paragraph, Rich, Section, Shown, Table
from bankd.reports.writing import Writer


def show(report: MarkingReport, writer: Writer) -> Page:
    return _Shown(report, writer).page()


class _Shown:
    def __init__(self, report: MarkingReport, writer: Writer) -> None:
        self.report, self.writer, self.say = report, writer, writer.say

    def page(self) -> Page:
        say, period, report = self.say, self.report.period, self.report
        days = say(
            "period.days",
            first=self.writer.day(period.first_day),
            last=self.writer.day(period.last_day),
            zone=period.zone,
        )
        return Page(
            title=say("marking.title"),
            subject=days,
            facts=(Fact(say("period.period"), days),),
            sections=(
                Section("", self.summary()),
                Section(say("marking.marks"), self.marks()),
                Section(say("marking.types"), self.types()),
                Section(say("marking.remarked"), self.remarked()),
                Section(say("marking.not_read"), self.not_read()),
                *([Section(say("period.annexes"), self.annexes())] if report.annexes else []),
            ),
            note=say("marking.note"),
        )

    def summary(self) -> tuple[Block, ...]:
        report, count, say = self.report, self.writer.count, self.say
        blocks: list[Block] = []
        if report.head.as_of < report.period.until:
            blocks.append(Paragraph(say("period.not_over"), "alert"))
        totals = report.totals
        blocks.append(
            Paragraph(
                say(
                    "marking.summary",
                    composites=count(totals.composites),
                    read=count(totals.composites_read),
                    network=count(totals.by_network),
                    handouts=count(totals.handouts),
                    handed=count(totals.handouts_read),
                    comps=count(totals.comps),
                )
            )
        )
        return tuple(blocks)

    def marks(self) -> tuple[Block, ...]:
        say = self.say
        columns = (
            Column(say("marking.mark"), share=3),
            Column(say("marking.composites"), "count"),
            Column(say("marking.without"), "count"),
            Column(say("marking.handouts"), "count"),
            Column(say("marking.without"), "count"),
        )
        rows = []
        for one in self.report.marks:
            looked = one.composites_looked + one.handouts_looked > 0
            missing = Shown(say("marking.not_looked")) if one.mark == "watermark" and not looked else None
            rows.append(
                (
                    say(f"marking.mark.{one.mark}"),
                    missing or one.composites,
                    missing or one.composites_looked - one.composites,
                    missing or one.handouts,
                    missing or one.handouts_looked - one.handouts,
                )
            )
        return (Paragraph(say("marking.marks.note"), "quiet"), Table(columns, tuple(rows)))

    def types(self) -> tuple[Block, ...]:
        say = self.say
        return (
            Paragraph(say("marking.types.note"), "quiet"),
            Table(
                (
                    Column(say("marking.term"), "rich"),
                    Column(say("marking.in_c2pa"), "count"),
                    Column(say("marking.in_xmp"), "count"),
                ),
                tuple(
                    (Rich(self.writer.term("marking.type", one.term), mono=one.term), one.c2pa, one.xmp)
                    for one in self.report.source_types
                ),
                none=say("marking.types.none"),
                sheet=Table(
                    (
                        Column(say("marking.term")),
                        Column(say("marking.in_c2pa"), "count"),
                        Column(say("marking.in_xmp"), "count"),
                    ),
                    tuple((one.term, one.c2pa, one.xmp) for one in self.report.source_types),
                ),
            ),
        )

    def remarked(self) -> tuple[Block, ...]:
        say, found = self.say, self.report.remarked
        said = [self.writer.joined(say(f"marking.remark.{one}") for one in row.remarks) for row in found]
        return (
            Table(
                (Column(say("marking.output"), "rich", share=3), Column(say("marking.found"), share=4)),
                tuple((self.named(row.output), words) for row, words in zip(found, said, strict=True)),
                none=say("marking.remarked.none"),
                sheet=self.listed(
                    say("marking.found"), [(r.output, w) for r, w in zip(found, said, strict=True)]
                ),
            ),
            *self.left_off(self.report.remarked_left_off),
        )

    def not_read(self) -> tuple[Block, ...]:
        say, found = self.say, self.report.not_read
        said = [
            self.writer.joined(
                [say(f"marking.why.{row.why}"), *(say(f"marking.recorded.{one}") for one in row.recorded)]
            )
            for row in found
        ]
        return (
            Table(
                (Column(say("marking.output"), "rich", share=3), Column(say("marking.why"), share=4)),
                tuple((self.named(row.output), words) for row, words in zip(found, said, strict=True)),
                none=say("marking.not_read.none"),
                sheet=self.listed(
                    say("marking.why"), [(r.output, w) for r, w in zip(found, said, strict=True)]
                ),
            ),
            *self.left_off(self.report.not_read_left_off),
        )

    def listed(self, label: str, rows: list[tuple[Output, str]]) -> Table:
        say = self.say
        return Table(
            (
                Column(say("marking.composite")),
                Column(say("marking.handout")),
                Column(say("marking.channel")),
                Column("SHA-256"),
                Column(label),
            ),
            tuple(
                (
                    str(one.composite),
                    str(one.handout) if one.handout else None,
                    self.writer.term("channel", one.channel) if one.channel else None,
                    one.sha256,
                    words,
                )
                for one, words in rows
            ),
        )

    def named(self, output: Output) -> Rich:
        if output.handout is None or output.channel is None:
            return Rich(self.say("marking.composite"), mono=str(output.composite))
        channel = self.writer.term("channel", output.channel)
        return Rich(
            self.say("marking.handed_out", channel=channel),
            mono=f"{output.composite}",
        )

    def left_off(self, count: int) -> tuple[Block, ...]:
        if not count:
            return ()
        return (Paragraph(self.say("marking.left_off", count=self.writer.count(count)), "note"),)

    def annexes(self) -> tuple[Block, ...]:
        say, found = self.say, self.report.annexes
        return (
            Paragraph(say("period.annexes.note"), "quiet"),
            Table(
                (Column(say("period.file"), "rich"), Column(say("period.rows"), "count")),
                tuple((Rich(one.name, mono=one.sha256), one.rows) for one in found),
            ),
        )
