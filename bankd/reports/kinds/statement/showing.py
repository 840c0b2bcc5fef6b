"""A payee's statement as it is laid out. Pure."""

from collections import Counter

from bankd.reports.kinds.statement.model import Line, StatementReport
from bankd.reports.marking import verified
from bankd.reports.page import (
    Block,
    Cell,
    Chart,
    Column,
    Fact,
    Facts,
    Money,
    Page,
    Paragraph,
    Section,
    Series,
    Shown,
    Table,
)
from bankd.reports.writing import Writer

ON_PAPER = 300  # lines; a spreadsheet has them all
IN_CHART = 12  # licenses


def show(report: StatementReport, writer: Writer) -> Page:
    return _Shown(report, writer).page()


class _Shown:
    def __init__(self, report: StatementReport, writer: Writer) -> None:
        self.report, self.writer, self.say = report, writer, writer.say

    def page(self) -> Page:
        report, say, writer = self.report, self.say, self.writer
        payee = report.payee
        number = payee.registration_number or say("statement.registration.none")
        period = say(
            "statement.period.value", starts=writer.day(report.starts_on), ends=writer.day(report.ends_on)
        )
        sections = [
            Section("", self.summary()),
            Section(say("statement.reckoning"), (self.reckoning(),), together=True),
            *([Section(say("statement.tax"), self.tax())] if payee.country == "JP" else []),
            Section(say("statement.earned"), self.earned()),
            Section(say("statement.licenses"), self.licenses()),
            *([Section(say("statement.shares"), self.shares())] if report.shares else []),
            Section(say("statement.held"), self.held()),
            *([Section(say("statement.corrections"), (self.corrected(),))] if report.corrections else []),
            Section(say("statement.lines"), self.lines()),
            Section(say("statement.record"), (self.record(),)),
        ]
        return Page(
            title=say("statement.title"),
            subject=f"{payee.name} · {report.period}",
            facts=(
                Fact(say("statement.payee"), payee.name),
                Fact(say("statement.registration"), number),
                Fact(say("statement.period"), f"{period} ({payee.zone})"),
            ),
            sections=tuple(sections),
            note=say("statement.note"),
        )

    def money(self, minor: int, currency: str | None = None) -> Money:
        return Money(minor, currency or self.report.currency)

    def told(self, minor: int, currency: str | None = None) -> str:
        return self.writer.money(self.money(minor, currency))

    def summary(self) -> tuple[Block, ...]:
        report, say = self.report, self.say
        if report.net_minor:
            first = say("statement.summary.paid", net=self.told(report.net_minor), name=report.payee.name)
        else:
            carried = self.told(report.carried_forward_minor)
            first = say("statement.summary.carried", carried=carried, name=report.payee.name)
        return Paragraph(first), *([self.chart()] if self.charted() else [])

    def by_license(self) -> Counter[str]:
        sums: Counter[str] = Counter()
        for one in self.report.by_license:
            sums[one.license] += one.amount_minor
        return sums

    def charted(self) -> bool:
        """Where amounts can stand beside each other: of one currency, and none taken back."""
        one_currency = len({one.currency for one in self.report.by_license}) == 1
        return one_currency and len(self.by_license()) > 1 and min(self.by_license().values()) >= 0

    def chart(self) -> Chart:
        most = self.by_license().most_common(IN_CHART)
        titles = {one.license: one.title for one in self.report.by_license}
        return Chart(
            "bars",
            self.say("statement.chart"),
            tuple(f"{titles[ref]} ({ref})" for ref, _ in most),
            (Series(self.say("statement.amount"), tuple(amount for _, amount in most)),),
            currency=self.report.by_license[0].currency,
        )

    def reckoning(self) -> Table:
        """From what was earned to what is paid, line by line."""
        report, say, payee, rate = self.report, self.say, self.report.payee, self.writer.rate
        before = report.brought_forward_from
        brought = say("statement.brought", period=before) if before else say("statement.brought.none")
        withheld = say("statement.withholding", rate=rate(payee.withholding_bp))
        if payee.withholding_above_bp is not None and payee.withholding_above_minor is not None:
            withheld = say(
                "statement.withholding.above",
                rate=rate(payee.withholding_bp),
                amount=self.told(payee.withholding_above_minor),
                above=rate(payee.withholding_above_bp),
            )
        rows: list[tuple[Cell, ...]] = [
            (say("statement.gross"), self.money(report.gross_minor)),
            (brought, self.money(report.brought_forward_minor)),
            (say("statement.payable"), self.money(report.payable_minor)),
        ]
        if report.carried_forward_minor:
            carried = say("statement.carried", least=self.told(payee.least_payout_minor))
            rows.append((carried, self.money(-report.carried_forward_minor)))
        else:
            tax = say("statement.consumption", rate=rate(payee.consumption_tax_bp))
            rows.append((tax, self.money(report.consumption_tax_minor)))
            rows.append((withheld, self.money(-report.withholding_minor)))
        rows.append((say("statement.net"), self.money(report.net_minor)))
        columns = (Column(say("statement.item")), Column(say("statement.amount"), "money"))
        return Table(columns, tuple(rows), total=True)

    def tax(self) -> tuple[Block, ...]:
        """What a purchase statement under Japan's qualified invoice system names, and whether this does."""
        report, say, payee = self.report, self.say, self.report.payee
        rate = payee.consumption_tax_bp
        starts, ends = self.writer.day(report.starts_on), self.writer.day(report.ends_on)
        facts = (
            Fact(say("statement.tax.from"), report.head.entity),
            Fact(say("statement.tax.to"), payee.name),
            Fact(
                say("statement.registration"),
                payee.registration_number or say("statement.registration.none"),
            ),
            Fact(say("statement.tax.days"), say("statement.period.value", starts=starts, ends=ends)),
            Fact(say("statement.tax.what"), say("statement.tax.what.value")),
            Fact(
                say("statement.tax.base", rate=self.writer.rate(rate)),
                self.money(0 if report.carried_forward_minor else report.payable_minor),
                "money",
            ),
            Fact(
                say("statement.tax.amount", rate=self.writer.rate(rate)),
                self.money(report.consumption_tax_minor),
                "money",
            ),
        )
        if rate and payee.registration_number is None:
            told = Paragraph(say("statement.tax.missing"), "alert")
        elif not rate:
            told = Paragraph(say("statement.tax.none"), "quiet")
        else:
            told = Paragraph(say("statement.tax.held"), "quiet")
        return told, Facts(facts)

    def earned(self) -> tuple[Block, ...]:
        report, say = self.report, self.say
        rates = {one.base: one for one in report.rates}
        rows: list[tuple[Cell, ...]] = []
        for one in report.earned:
            rate = rates.get(one.currency)
            told = (
                ""
                if rate is None
                else say("statement.rate", base=rate.base, rate=rate.rate, currency=report.currency)
            )
            source = "" if rate is None else f"{self.writer.day(rate.on)} · {rate.source}"
            rows.append(
                (
                    Shown(one.currency, one.currency),
                    one.entries,
                    self.money(one.period_minor, one.currency),
                    self.money(one.earlier_minor, one.currency),
                    self.money(one.corrections_minor, one.currency),
                    Shown(told, told, source) if told else None,
                    self.money(one.converted_minor),
                )
            )
        columns = (
            Column(say("statement.currency"), mm=13),
            Column(say("statement.entries"), "count", mm=16),
            Column(say("statement.in_period"), "money"),
            Column(say("statement.earlier"), "money"),
            Column(say("statement.corrected"), "money"),
            Column(say("statement.rate.label")),
            Column(say("statement.converted"), "money"),
        )
        sheet = Table(
            (
                *columns[:-2],
                Column(say("statement.rate.label")),
                Column(say("statement.rate.on"), "day"),
                Column(say("statement.rate.source")),
                columns[-1],
            ),
            tuple(
                (
                    *row[:5],
                    rates[one.currency].rate if one.currency in rates else None,
                    rates[one.currency].on if one.currency in rates else None,
                    rates[one.currency].source if one.currency in rates else None,
                    row[-1],
                )
                for one, row in zip(report.earned, rows, strict=True)
            ),
        )
        return (Table(columns, tuple(rows), none=say("statement.earned.none"), sheet=sheet),)

    def licenses(self) -> tuple[Block, ...]:
        say, writer = self.say, self.writer
        rows = tuple(
            (
                one.licensor,
                Shown(one.title, one.title, one.license),
                writer.term("trigger", one.trigger),
                verified(one.verified, self.writer),
                self.money(one.amount_minor, one.currency),
            )
            for one in self.report.by_license
        )
        columns = (
            Column(say("statement.licensor")),
            Column(say("statement.license"), share=2),
            Column(say("statement.trigger")),
            Column(say("statement.verified"), mm=20),
            Column(say("statement.amount"), "money"),
        )
        sheet = Table(
            (
                columns[0],
                Column(say("statement.license_ref")),
                Column(say("statement.license")),
                *columns[2:],
            ),
            tuple(
                (row[0], one.license, one.title, *row[2:])
                for one, row in zip(self.report.by_license, rows, strict=True)
            ),
        )
        return (Table(columns, rows, none=say("statement.earned.none"), sheet=sheet),)

    def shares(self) -> tuple[Block, ...]:
        say = self.say
        rows = tuple(
            (
                one.license,
                one.starts_on,
                say("statement.share.value", weight=one.weight, of=one.of),
                (one.weight * 20_000 + one.of) // (2 * one.of),
            )
            for one in self.report.shares
        )
        columns = (
            Column(say("statement.license_ref")),
            Column(say("statement.share.from"), "day"),
            Column(say("statement.share")),
            Column(say("statement.share.part"), "percent"),
        )
        return Paragraph(say("statement.shares.note"), "quiet"), Table(columns, rows)

    def held(self) -> tuple[Block, ...]:
        say = self.say
        columns = (Column(say("statement.held.reason")), Column(say("statement.amount"), "money"))
        rows = tuple(
            (say(f"statement.held.{one.reason}"), self.money(one.amount_minor, one.currency))
            for one in self.report.held
        )
        reasons = Table(columns, rows, none=say("statement.held.none"))
        return (reasons, self.moved()) if self.report.escrow else (reasons,)

    def moved(self) -> Table:
        """What was held before, and what became of it."""
        say = self.say
        reassigned = any(one.reassigned_minor for one in self.report.escrow)
        names = ("brought", "newly", "released", *(["reassigned"] if reassigned else []), "closing")
        return Table(
            (
                Column(say("statement.currency"), mm=13),
                *(Column(say(f"statement.escrow.{name}"), "money") for name in names),
            ),
            tuple(
                (
                    Shown(one.currency, one.currency),
                    self.money(one.brought_minor, one.currency),
                    self.money(one.held_minor, one.currency),
                    self.money(-one.released_minor, one.currency),
                    *([self.money(one.reassigned_minor, one.currency)] if reassigned else []),
                    self.money(one.closing_minor, one.currency),
                )
                for one in self.report.escrow
            ),
        )

    def corrected(self) -> Table:
        say = self.say
        return Table(
            (
                Column(say("statement.entry"), "count"),
                Column(say("statement.at"), "moment"),
                Column(say("statement.trigger")),
                Column(say("statement.reason"), share=2),
                Column(say("statement.amount"), "money"),
            ),
            tuple(
                (
                    Shown(str(one.accrual), one.accrual),
                    one.at,
                    self.writer.term("trigger", one.trigger),
                    one.reason,
                    self.money(one.amount_minor, one.currency),
                )
                for one in self.report.corrections
            ),
        )

    def lines(self) -> tuple[Block, ...]:
        report, say = self.report, self.say
        told = (
            [
                Paragraph(
                    say(
                        "statement.lines.more",
                        shown=self.writer.count(ON_PAPER),
                        count=self.writer.count(report.lines_in_all),
                    ),
                    "quiet",
                )
            ]
            if report.lines_in_all > ON_PAPER
            else []
        )
        columns = (
            Column(say("statement.entry"), "count"),
            Column(say("statement.at"), "moment"),
            Column(say("statement.trigger"), share=2),
            Column(say("statement.grant"), share=2),
            Column(say("statement.composite"), "mono"),
            Column(say("statement.amount"), "money"),
        )
        sheet = Table(
            (
                Column(say("statement.entry"), "count"),
                Column(say("statement.at"), "moment"),
                Column(say("statement.trigger")),
                Column(say("statement.grant")),
                Column(say("statement.composite"), "mono"),
                Column(say("statement.photo"), "mono"),
                Column(say("statement.handout"), "mono"),
                Column(say("statement.publication"), "mono"),
                Column(say("statement.units"), "count"),
                Column(say("statement.canvas"), "count"),
                Column(say("statement.frame"), "count"),
                Column(say("statement.of"), "money"),
                Column(say("statement.amount"), "money"),
                Column(say("statement.reason")),
            ),
            tuple(self.plain(one) for one in report.lines),
        )
        rows = tuple(
            (
                Shown(str(one.accrual), one.accrual),
                one.at,
                self.writer.term("trigger", one.trigger),
                one.grant,
                Shown(str(one.composite_id)[:8], str(one.composite_id)),
                self.money(one.amount_minor, one.currency),
            )
            for one in report.lines[:ON_PAPER]
        )
        return *told, Table(columns, rows, none=say("statement.earned.none"), sheet=sheet)

    def plain(self, one: Line) -> tuple[Cell, ...]:
        return (
            one.accrual,
            one.at,
            self.writer.term("trigger", one.trigger),
            one.grant,
            str(one.composite_id),
            *(None if id is None else str(id) for id in (one.photo_id, one.handout_id, one.publication_id)),
            one.units,
            one.canvas_px,
            one.frame_px,
            self.money(one.of_minor, one.currency),
            self.money(one.amount_minor, one.currency),
            one.reason,
        )

    def uses(self) -> str:
        """What a usage proof lists, so that a licensor can ask for it by these checkpoints."""
        say, found = self.say, self.report.recorded_uses
        assert found is not None
        count = self.writer.count
        since = say("statement.uses.first")
        if found.start is not None:
            since = say("statement.uses.since", size=count(found.start))
        return say("statement.uses.value", count=count(found.count), since=since, to=count(found.to))

    def record(self) -> Facts:
        report, say = self.report, self.say
        return Facts(
            (
                Fact(say("statement.id"), str(report.statement_id), "mono"),
                Fact(say("statement.computed_at"), self.writer.moment(report.computed_at)),
                Fact(say("statement.computed_by"), report.computed_by),
                Fact(say("statement.figures"), report.figures_sha256, "mono"),
                *([Fact(say("statement.uses"), self.uses())] if report.recorded_uses else []),
            )
        )
