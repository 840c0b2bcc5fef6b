"""The bank's inventory by right, as it is laid out. Pure."""

from typing import get_args

from bankd.licensing.vocabulary import WORLD
from bankd.reports.kinds.inventory.model import Ending, InventoryReport, LicenseHeld, Right
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
from bankd.reports.writing import Writer

ON_PAPER = 500  # licenses
COUNTRIES = 25


def show(report: InventoryReport, writer: Writer) -> Page:
    return _Shown(report, writer).page()


class _Shown:
    def __init__(self, report: InventoryReport, writer: Writer) -> None:
        self.report, self.writer, self.say = report, writer, writer.say

    def page(self) -> Page:
        report, say = self.report, self.say
        owner = report.department or say("inventory.house")
        sections = [
            Section("", self.summary()),
            Section(say("inventory.states"), (self.states(),), together=True),
            Section(
                say("inventory.endings"),
                (self.ending_chart(), self.rights("endings", self.endings())),
                together=True,
            ),
            *(
                Section(say(f"inventory.{name}"), (self.rights(name, rights),), together=True)
                for name, rights in (
                    ("bases", report.bases),
                    ("purposes", report.purposes),
                    ("channels", report.channels),
                    ("audiences", report.audiences),
                )
            ),
            Section(say("inventory.territories"), self.territories()),
            Section(say("inventory.licenses"), self.licenses()),
        ]
        return Page(
            title=say("inventory.title"),
            subject=owner,
            facts=(Fact(say("inventory.of"), owner),),
            sections=tuple(sections),
            note=say("inventory.note"),
        )

    def summary(self) -> tuple[Block, ...]:
        report, say, count = self.report, self.say, self.writer.count
        line = say(
            "inventory.summary",
            admitted=count(report.admitted),
            in_force=count(report.in_force),
            synthesize=count(report.synthesize),
            train=count(report.train),
        )
        names = ("admitted", "in_force", "synthesize", "train")
        chart = Chart(
            "bars",
            say("inventory.chart"),
            tuple(say(f"inventory.{name}") for name in names),
            (Series(say("training_data.n_photos"), tuple(getattr(report, name) for name in names)),),
        )
        return Paragraph(line), chart

    def states(self) -> Table:
        report, say = self.report, self.say
        names = ("admitted", "in_force", "blocked", "lapsed", "quarantined", "erased")
        rows = tuple((say(f"inventory.{name}"), getattr(report, name)) for name in names)
        return Table(
            (Column(say("inventory.state")), Column(say("training_data.n_photos"), "count")),
            rows,
            parts=frozenset({1, 2, 3}),
            head=False,
        )

    def endings(self) -> tuple[Right, ...]:
        """In the order of time, those that no photo has too."""
        known = {right.code: right for right in self.report.endings}
        none = {code: Right(code=code, photos=0, synthesize=0, train=0) for code in get_args(Ending)}
        return tuple((none | known).values())

    def ending_chart(self) -> Chart:
        endings = self.endings()
        return Chart(
            "columns",
            self.say("inventory.ending_chart"),
            tuple(self.say(f"inventory.ending.{right.code}") for right in endings),
            (Series(self.say("training_data.n_photos"), tuple(right.photos for right in endings)),),
        )

    def named(self, name: str, code: str) -> str:
        prefix = {
            "bases": "basis",
            "purposes": "purpose",
            "channels": "channel",
            "audiences": "audience",
            "endings": "inventory.ending",
        }.get(name)
        if prefix is None:
            return self.writer.place(code)
        return self.writer.term(prefix, code)

    def rights(self, name: str, rights: tuple[Right, ...]) -> Table:
        say = self.say
        columns = (
            Column(say("inventory.right")),
            Column(say("training_data.n_photos"), "count", mm=30),
            Column(say("inventory.synthesize"), "count", mm=38),
            Column(say("inventory.train"), "count", mm=38),
        )
        rows = tuple(
            (self.named(name, right.code), right.photos, right.synthesize, right.train) for right in rights
        )
        return Table(columns, rows, none=say("inventory.none"))

    def territories(self) -> tuple[Block, ...]:
        """Everywhere first, then the countries with the most photos."""
        rights = sorted(self.report.territories, key=lambda right: right.code != WORLD)
        note = Paragraph(self.say("inventory.territories.note"), "quiet")
        whole = self.rights("territories", tuple(rights))
        if len(rights) <= COUNTRIES:
            return note, whole
        more = self.say("rows.more", shown=self.writer.count(COUNTRIES), count=self.writer.count(len(rights)))
        shown = Table(whole.columns, whole.rows[:COUNTRIES], sheet=whole)
        return note, shown, Paragraph(more, "note")

    def licenses(self) -> tuple[Block, ...]:
        say = self.say
        columns = (
            Column(say("statement.licensor"), share=3),
            Column(say("statement.license"), share=4),
            Column(say("inventory.kind"), mm=25),
            Column(say("inventory.ends"), mm=26),
            Column(say("inventory.allows"), share=3),
            Column(say("statement.verified"), mm=23),
            Column(say("training_data.n_photos"), "count"),
        )
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (
                one.licensor,
                Shown(one.title, one.title, one.license),
                self.kind(one),
                self.ends(one),
                self.allows(one),
                verified(one.verified, self.writer),
                one.photos,
            )
            for one in self.report.licenses
        )
        sheet = Table(
            (
                columns[0],
                Column(say("statement.license_ref")),
                Column(say("statement.license")),
                Column(say("training_data.basis")),
                Column(say("inventory.kind")),
                Column(say("inventory.grants"), "count"),
                Column(say("inventory.ends"), "day"),
                Column(say("inventory.synthesize")),
                Column(say("inventory.train")),
                Column(say("worldwide")),
                Column(say("statement.verified")),
                Column(say("training_data.n_photos"), "count"),
            ),
            tuple(self.plain(one) for one in self.report.licenses),
        )
        table = Table(columns, rows[:ON_PAPER], none=say("inventory.none"), sheet=sheet)
        if len(rows) <= ON_PAPER:
            return (table,)
        more = say("rows.more", shown=self.writer.count(ON_PAPER), count=self.writer.count(len(rows)))
        return Paragraph(more, "quiet"), table

    def kind(self, one: LicenseHeld) -> str:
        if one.template is not None:
            return self.writer.term("template", one.template)
        return self.writer.term("basis", one.basis)

    def ends(self, one: LicenseHeld) -> Cell:
        if not one.grants_in_force:
            return self.say("inventory.not_in_force")
        if one.ends_on is None:
            return self.say("inventory.ending.open")
        return Shown(self.writer.short_day(one.ends_on), one.ends_on)

    def allows(self, one: LicenseHeld) -> str:
        names = ("synthesize", "train", "worldwide")
        said = [self.say(f"inventory.allows.{name}") for name in names if getattr(one, name)]
        return self.writer.joined(said) or "–"

    def plain(self, one: LicenseHeld) -> tuple[Cell, ...]:
        def told(value: bool) -> str:
            return self.say("yes.is" if value else "no.is")

        return (
            one.licensor,
            one.license,
            one.title,
            self.writer.term("basis", one.basis),
            None if one.template is None else self.writer.term("template", one.template),
            one.grants_in_force,
            one.ends_on,
            told(one.synthesize),
            told(one.train),
            told(one.worldwide),
            verified(one.verified, self.writer),
            one.photos,
        )
