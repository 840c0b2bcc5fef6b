"""The expiry calendar as it is laid out. Pure."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from bankd.reports.kinds.expiries.model import End, ExpiriesReport
from bankd.reports.marking import verified
from bankd.reports.page import (
    Block,
    Cell,
    Chart,
    Column,
    Fact,
    Page,
    Paragraph,
    Rich,
    Section,
    Series,
    Shown,
    Table,
)
from bankd.reports.writing import Writer, months

IN_CHART = 36  # months
RIGHTS, DEADLINES, RELEASES, HOLDS = "rights", "deadlines", "releases", "holds"
GROUPS = (RIGHTS, DEADLINES, RELEASES, HOLDS)


def group(end: End) -> str:
    """What kind of end it is, for the chart."""
    if end.subject == "release":
        return RELEASES
    if end.subject == "grant":
        return RIGHTS if end.what == "term" else DEADLINES
    return HOLDS


def show(report: ExpiriesReport, writer: Writer) -> Page:
    return _Shown(report, writer).page()


class _Shown:
    def __init__(self, report: ExpiriesReport, writer: Writer) -> None:
        self.report, self.writer, self.say = report, writer, writer.say

    def page(self) -> Page:
        report, say, writer = self.report, self.say, self.writer
        period = say(
            "expiries.period.value", starts=writer.moment(report.head.as_of), ends=writer.moment(report.until)
        )
        sections = [
            Section("", self.summary()),
            *([Section(say("expiries.ends"), (self.table(),))] if report.ends else []),
        ]
        return Page(
            title=say("expiries.title"),
            subject=writer.counted("expiries.days", report.days),
            facts=(Fact(say("expiries.period"), period),),
            sections=tuple(sections),
            note=say("expiries.note"),
            landscape=True,
        )

    def last_day(self, end: End) -> date:
        """Terms end at a midnight of their zone: the day before it is the last one."""
        zone = UTC if end.zone is None else ZoneInfo(end.zone)
        return (datetime.fromisoformat(end.at).astimezone(zone) - timedelta(microseconds=1)).date()

    def month(self, end: End) -> date:
        return self.last_day(end).replace(day=1)

    def summary(self) -> tuple[Block, ...]:
        report, say = self.report, self.say
        if not report.ends:
            return (Paragraph(say("expiries.summary.none")),)
        next_one = report.ends[0]
        line = say(
            "expiries.summary",
            ends=self.writer.counted("expiries.n", len(report.ends)),
            what=self.what(next_one),
            ref=next_one.ref,
            day=self.writer.day(self.last_day(next_one)),
        )
        return Paragraph(line), *self.chart()

    def chart(self) -> tuple[Chart, ...]:
        """Of one month it would say nothing."""
        counted: Counter[tuple[date, str]] = Counter(
            (self.month(end), group(end)) for end in self.report.ends
        )
        shown = months(self.month(end) for end in self.report.ends)[:IN_CHART]
        if len(shown) < 2:
            return ()
        return (
            Chart(
                "columns",
                self.say("expiries.chart"),
                tuple(self.writer.month(day) for day in shown),
                tuple(
                    Series(self.say(f"expiries.group.{name}"), tuple(counted[day, name] for day in shown))
                    for name in GROUPS
                    if any(counted[day, name] for day in shown)
                ),
            ),
        )

    def what(self, end: End) -> str:
        return self.writer.term("expiries.what", end.what.replace(" ", "-"))

    def table(self) -> Table:
        say = self.say
        columns = (
            Column(say("expiries.last_day"), "day"),
            Column(say("expiries.what"), share=3),
            Column(say("expiries.subject"), share=5),
            Column(say("statement.license"), share=4),
            Column(say("statement.licensor"), share=3),
            Column(say("expiries.photos"), "count", mm=18),
            Column(say("expiries.composites"), "count", mm=28),
            Column(say("statement.verified"), mm=26),
        )
        ends = self.report.ends
        firsts = [at for at, end in enumerate(ends) if not at or self.month(end) != self.month(ends[at - 1])]
        groups = tuple((at, self.writer.long_month(self.month(ends[at]))) for at in firsts)
        rows = tuple(self.row(end) for end in ends)
        sheet = Table(
            (columns[0], Column(say("expiries.zone")), Column(say("expiries.at"), "moment"), *columns[1:]),
            tuple(
                (self.last_day(end), end.zone, end.at, row[1], end.ref, *row[3:])
                for end, row in zip(ends, rows, strict=True)
            ),
        )
        return Table(columns, rows, groups=groups, sheet=sheet)

    def day(self, end: End) -> Shown:
        day, at = self.last_day(end), datetime.fromisoformat(end.at).astimezone(UTC)
        return Shown(
            self.writer.short_day(day), day, end.zone or self.say("expiries.until", time=f"{at:%H:%M}")
        )

    def row(self, end: End) -> tuple[Cell, ...]:
        subject = self.writer.term("exposure", end.subject)
        return (
            self.day(end),
            self.what(end),
            Rich(subject, mono=end.ref) if end.subject == "photo" else Shown(end.ref, end.ref, subject),
            end.title,
            end.licensor,
            end.photos,
            end.composites,
            verified(end.verified, self.writer),
        )
