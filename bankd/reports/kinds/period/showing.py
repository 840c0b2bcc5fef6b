"""The period audit as it is laid out. Pure."""

from collections.abc import Sequence

from bankd.reports.kinds.period.model import Counted, PeriodReport, Row, Span
from bankd.reports.page import (
    Block,
    Cell,
    Chart,
    Column,
    Fact,
    Facts,
    Page,
    Paragraph,
    Rich,
    Section,
    Series,
    Shown,
    Table,
)
from bankd.reports.writing import Writer

ENDS = ("completed", "refused", "failed")  # of requests; the others are in hand
IN_CHART = 12  # reasons


def show(report: PeriodReport, writer: Writer) -> Page:
    return _Shown(report, writer).page()


class _Shown:
    def __init__(self, report: PeriodReport, writer: Writer) -> None:
        self.report, self.writer, self.say = report, writer, writer.say

    def page(self) -> Page:
        say, period = self.say, self.report.period
        days = say(
            "period.days",
            first=self.writer.day(period.first_day),
            last=self.writer.day(period.last_day),
            zone=period.zone,
        )
        sections = [
            Section("", self.summary()),
            Section(say("period.requests"), self.requests()),
            Section(say("period.refusals"), self.refusals()),
            *([Section(say("period.failures"), (self.failures(),))] if self.report.failures else []),
            Section(say("period.signoffs"), (self.signoffs(),)),
            Section(say("period.uses"), self.uses()),
            Section(say("period.withdrawals"), self.withdrawals()),
            Section(say("period.holds"), (self.holds(),)),
            Section(say("period.erasures"), self.erasures()),
            Section(say("period.policies"), self.policies()),
            Section(say("period.access"), (self.access(),)),
            Section(say("period.log"), self.log()),
            Section(say("period.agreement"), self.agreement()),
            Section(say("period.unverified"), self.unverified()),
            *([Section(say("period.annexes"), self.annexes())] if self.report.annexes else []),
        ]
        return Page(
            title=say("period.title"),
            subject=days,
            facts=(Fact(say("period.period"), days),),
            sections=tuple(sections),
            note=say("period.note"),
        )

    def summary(self) -> tuple[Block, ...]:
        report, count = self.report, self.writer.count
        blocks: list[Block] = []
        if report.head.as_of < report.period.until:
            blocks.append(Paragraph(self.say("period.not_over"), "alert"))
        if not all(one.agree for one in report.agreement):
            blocks.append(Paragraph(self.say("period.disagree"), "alert"))
        blocks.append(
            Paragraph(
                self.say(
                    "period.summary",
                    filed=count(report.requests.filed),
                    refused=count(report.refusals.requests),
                    sealed=count(report.uses.sealed),
                    handouts=count(sum(row.composites + row.comps for row in report.uses.handouts)),
                    publications=count(sum(row.recorded for row in report.uses.publications)),
                )
            )
        )
        return tuple(blocks)

    def requests(self) -> tuple[Block, ...]:
        found, say = self.report.requests, self.say
        if not found.filed:
            return (Paragraph(say("period.requests.none"), "quiet"), *self.chart())
        return (
            *self.chart(),
            self.by_state(say("period.department"), found.departments, ""),
            self.by_state(say("period.purpose"), found.purposes, "purpose"),
            Paragraph(say("period.requests.note", pictures=self.writer.count(found.pictures)), "note"),
        )

    def chart(self) -> tuple[Block, ...]:
        found, say = self.report.requests, self.say
        if not any(span.filed for span in found.spans):
            return ()
        series = tuple(
            Series(say(f"period.state.{state}"), tuple(_in_state(span.states, state) for span in found.spans))
            for state in (*ENDS, "open")
        )
        return (
            Chart(
                "columns",
                say(f"period.chart.{found.by}"),
                tuple(self.span(span, found.by) for span in found.spans),
                tuple(one for one in series if any(one.values)),
            ),
        )

    def span(self, span: Span, by: str) -> str:
        day = span.starts_on
        return self.writer.month(day) if by == "month" else self.writer.day_of_month(day)

    def by_state(self, label: str, rows: Sequence[Row], prefix: str) -> Table:
        say = self.say
        total = _totals(rows)
        cells: list[tuple[Cell, ...]] = [
            (
                self.named(row.name, prefix),
                row.filed,
                *(_in_state(row.states, state) for state in (*ENDS, "open")),
            )
            for row in rows
        ]
        return Table(
            (
                Column(label, share=2),
                Column(say("period.filed"), "count"),
                *(Column(say(f"period.state.{state}"), "count") for state in (*ENDS, "open")),
            ),
            (*cells, (say("period.total"), *total)),
            total=True,
        )

    def named(self, name: str, prefix: str) -> str:
        if prefix:
            return self.writer.term(prefix, name)
        return name or self.say("period.house")

    def refusals(self) -> tuple[Block, ...]:
        found, say = self.report.refusals, self.say
        if not found.reasons:
            return (Paragraph(say("period.refusals.none"), "quiet"),)
        top = found.reasons[:IN_CHART]
        parts = ("requests", "pictures", "handouts")
        series = tuple(
            Series(say(f"period.refused.{part}"), tuple(getattr(one, part) for one in top)) for part in parts
        )
        counts = tuple(Column(say(f"period.refused.{part}"), "count") for part in parts)
        return (
            Chart(
                "bars",
                say("period.chart.reasons"),
                tuple(self.writer.rule(one.policy, one.says) for one in top),
                tuple(one for one in series if any(one.values)),
            ),
            Table(
                (Column(say("period.reason"), "rich"), *counts),
                tuple(
                    (
                        Rich(self.writer.rule(one.policy, one.says), mono=one.policy),
                        one.requests,
                        one.pictures,
                        one.handouts,
                    )
                    for one in found.reasons
                ),
                sheet=Table(
                    (Column(say("period.policy")), Column(say("period.says")), *counts),
                    tuple(
                        (
                            one.policy,
                            self.writer.rule(one.policy, one.says),
                            one.requests,
                            one.pictures,
                            one.handouts,
                        )
                        for one in found.reasons
                    ),
                ),
            ),
            Paragraph(
                say(
                    "period.refusals.note",
                    requests=self.writer.count(found.requests),
                    pictures=self.writer.count(found.pictures),
                    handouts=self.writer.count(found.handouts),
                ),
                "note",
            ),
            *(
                [Paragraph(say("period.refusals.erased", count=self.writer.count(found.erased)), "note")]
                if found.erased
                else []
            ),
        )

    def failures(self) -> Table:
        return Table(
            (Column(self.say("period.why"), share=4), Column(self.say("period.refused.requests"), "count")),
            tuple((one.word, one.count) for one in self.report.failures),
        )

    def signoffs(self) -> Table:
        say = self.say
        words = ("awaited", "given", "declined", "lapsed", "withdrawn", "superseded")
        counts = tuple(Column(say(f"period.signoff.{word}"), "count") for word in words)
        return Table(
            (Column(say("period.rule"), "rich"), *counts),
            tuple(
                (
                    Rich(self.writer.rule(row.policy, row.says), mono=row.policy),
                    *(getattr(row, word) for word in words),
                )
                for row in self.report.signoffs
            ),
            none=say("period.signoffs.none"),
            sheet=Table(
                (Column(say("period.policy")), Column(say("period.says")), *counts),
                tuple(
                    (
                        row.policy,
                        self.writer.rule(row.policy, row.says),
                        *(getattr(row, word) for word in words),
                    )
                    for row in self.report.signoffs
                ),
            ),
        )

    def uses(self) -> tuple[Block, ...]:
        uses, say = self.report.uses, self.say
        return (
            self.numbers(sealed=uses.sealed, replaced=uses.replaced, taken_down=uses.taken_down),
            Table(
                (
                    Column(say("period.handouts"), share=2),
                    Column(say("period.composites"), "count"),
                    Column(say("period.comps"), "count"),
                ),
                tuple(
                    (self.writer.term("channel", row.channel), row.composites, row.comps)
                    for row in uses.handouts
                ),
                none=say("period.handouts.none"),
            ),
            Table(
                (
                    Column(say("period.publications"), share=2),
                    Column(say("period.recorded"), "count"),
                    Column(say("period.outside"), "count"),
                ),
                tuple(
                    (self.writer.term("channel", row.channel), row.recorded, row.outside)
                    for row in uses.publications
                ),
                none=say("period.publications.none"),
            ),
        )

    def withdrawals(self) -> tuple[Block, ...]:
        found, say = self.report.withdrawals, self.say
        return (
            Table(
                (
                    Column(say("period.withdrawal"), share=2),
                    Column(say("period.of"), share=2),
                    Column(say("period.recorded"), "count"),
                ),
                tuple(
                    (
                        self.writer.term("period.withdrawal", row.kind),
                        self.writer.term("period.of", row.subject),
                        row.recorded,
                    )
                    for row in found.recorded
                ),
                none=say("period.withdrawals.none"),
            ),
            self.numbers(
                took_effect=found.took_effect,
                touched=found.composites,
                takedowns_asked=found.takedowns_asked,
                takedowns_done=found.takedowns_done,
                takedowns_open=found.takedowns_open,
            ),
        )

    def holds(self) -> Table:
        holds = self.report.holds
        return self.numbers(
            hold_set=holds.set,
            hold_began=holds.began,
            hold_ended=holds.ended,
            hold_lifted=holds.lifted,
            hold_standing=holds.standing,
        )

    def erasures(self) -> tuple[Block, ...]:
        found, say = self.report.erasures, self.say
        return (
            Table(
                (
                    Column(say("period.erased"), share=2),
                    Column(say("period.ground"), share=2),
                    Column(say("period.decided"), "count"),
                ),
                tuple(
                    (
                        self.writer.term("period.of", row.subject),
                        self.writer.term("period.ground", row.ground),
                        row.decided,
                    )
                    for row in found.decided
                ),
                none=say("period.erasures.none"),
            ),
            self.numbers(
                erasures_finished=found.finished,
                photos_erased=found.photos,
                duties_set=found.duties_set,
                duties_lifted=found.duties_lifted,
            ),
        )

    def policies(self) -> tuple[Block, ...]:
        found, say = self.report.policies, self.say
        before = found.before
        return (
            Facts(
                (Fact(say("period.policies.before"), before or say("none"), "mono" if before else "text"),)
            ),
            Table(
                (
                    Column(say("period.activated"), "moment"),
                    Column(say("period.bundle"), "mono"),
                    Column(say("period.by"), share=1),
                    Column(say("period.entry"), "count"),
                ),
                tuple(
                    (one.at, Shown(one.bundle, one.bundle), one.by, one.log_index)
                    for one in found.activations
                ),
                none=say("period.policies.none"),
                sheet=Table(
                    (
                        Column(say("period.activated"), "moment"),
                        Column(say("period.bundle")),
                        Column(say("period.by")),
                        Column(say("period.entry"), "count"),
                    ),
                    tuple((one.at, one.bundle, one.by, one.log_index) for one in found.activations),
                ),
            ),
        )

    def access(self) -> Table:
        access = self.report.access
        return self.numbers(
            keys_created=access.keys_created,
            keys_revoked=access.keys_revoked,
            departments=access.departments,
        )

    def log(self) -> tuple[Block, ...]:
        log, say, count = self.report.log, self.say, self.writer.count
        heads = log.checkpoints
        reach = say("none")
        if log.first_index is not None and log.last_index is not None:
            reach = say("period.reach", first=count(log.first_index), last=count(log.last_index))
        signed = say("none")
        if heads.first_size is not None and heads.last_size is not None:
            signed = say("period.sizes", first=count(heads.first_size), last=count(heads.last_size))
        gap = (
            say("none")
            if heads.longest_gap_s is None
            else say("period.seconds", count=count(heads.longest_gap_s))
        )
        return (
            Facts(
                (
                    Fact(say("period.n.entries"), log.entries, "count"),
                    Fact(say("period.indexes"), reach),
                    Fact(say("period.n.signed"), heads.signed, "count"),
                    Fact(say("period.signed_sizes"), signed),
                    Fact(say("period.gap"), gap),
                    *(
                        Fact(
                            say("period.witness", name=one.witness),
                            say(
                                "period.witness.value",
                                count=count(one.checkpoints),
                                size=count(one.last_size),
                            ),
                        )
                        for one in log.witnesses
                    ),
                    *([] if log.witnesses else [Fact(say("period.witnesses"), say("none"))]),
                )
            ),
            Table(
                (
                    Column(say("period.rotated"), "moment"),
                    Column(say("period.key"), share=2),
                    Column(say("period.entry"), "count"),
                ),
                tuple((one.at, self.writer.term("period.key", one.kind), one.log_index) for one in log.keys),
                none=say("period.rotated.none"),
            ),
            Table(
                (
                    Column(say("period.kind")),
                    Column(say("period.code"), "mono"),
                    Column(say("period.n.entries"), "count"),
                ),
                tuple((self.writer.term("entry", one.word), one.word, one.count) for one in log.kinds),
                none=say("none"),
            ),
        )

    def agreement(self) -> tuple[Block, ...]:
        say, found = self.say, self.report.agreement
        wrong = [one for one in found if not one.agree]
        return (
            Paragraph(
                say("period.agreement.note" if not wrong else "period.disagree"), "alert" if wrong else ""
            ),
            Table(
                (
                    Column(say("period.what"), share=2),
                    Column(say("period.n.entries"), "count"),
                    Column(say("period.without_record"), "count"),
                    Column(say("period.records"), "count"),
                    Column(say("period.without_entry"), "count"),
                    Column(say("period.words_erased"), "count"),
                ),
                tuple(
                    (
                        say(f"period.what.{one.what}"),
                        one.entries,
                        one.without_record,
                        one.records,
                        one.without_entry,
                        one.erased,
                    )
                    for one in found
                ),
            ),
        )

    def unverified(self) -> tuple[Block, ...]:
        found, say, count = self.report.unverified, self.say, self.writer.count
        return (
            Paragraph(
                say(
                    "period.unverified.note",
                    relied_on=count(found.relied_on),
                    no_document=count(found.no_document),
                    unverified=count(found.unverified),
                )
            ),
            Table(
                (
                    Column(say("period.license"), share=2),
                    Column(say("period.grant"), share=2),
                    Column(say("period.weak"), share=3),
                ),
                tuple(
                    (one.license, one.grant, self.writer.joined(say(f"period.weak.{why}") for why in one.why))
                    for one in found.grants
                ),
                none=say("period.unverified.none"),
            ),
            *(
                [Paragraph(say("period.left_off", count=count(found.left_off)), "note")]
                if found.left_off
                else []
            ),
        )

    def annexes(self) -> tuple[Block, ...]:
        say, found = self.say, self.report.annexes
        rows = Column(say("period.rows"), "count")
        return (
            Paragraph(say("period.annexes.note"), "quiet"),
            Table(
                (Column(say("period.file"), "rich"), rows),
                tuple((Rich(one.name, mono=one.sha256), one.rows) for one in found),
                sheet=Table(
                    (Column(say("period.file")), Column("SHA-256"), rows),
                    tuple((one.name, one.sha256, one.rows) for one in found),
                ),
            ),
        )

    def numbers(self, **counts: int) -> Table:
        say = self.say
        return Table(
            (Column(say("period.event"), share=2), Column(say("period.count"), "count")),
            tuple((say(f"period.n.{name}"), number) for name, number in counts.items()),
        )


def _totals(rows: Sequence[Row]) -> tuple[int, ...]:
    return (
        sum(row.filed for row in rows),
        *(sum(_in_state(row.states, state) for row in rows) for state in (*ENDS, "open")),
    )


def _in_state(states: Sequence[Counted], state: str) -> int:
    """How many are in a final state, or `open` in none of them."""
    if state == "open":
        return sum(one.count for one in states if one.word not in ENDS)
    return sum(one.count for one in states if one.word == state)
