"""What a network was trained on, as it is laid out. Pure."""

from bankd.reports.kinds.training.model import Counted, TrainingReport
from bankd.reports.marking import verified
from bankd.reports.page import (
    Block,
    Cell,
    Chart,
    Column,
    Fact,
    Facts,
    Page,
    Paragraph,
    Section,
    Series,
    Shown,
    Table,
)
from bankd.reports.writing import Writer

ON_PAPER = 400  # licenses
IN_CHART = 15  # licensors
RESERVED = ("DMI-PROHIBITED",)  # PLUS words by which data mining is reserved, whole or in part, begin so


def show(report: TrainingReport, writer: Writer) -> Page:
    return _Shown(report, writer).page()


class _Shown:
    def __init__(self, report: TrainingReport, writer: Writer) -> None:
        self.report, self.writer, self.say = report, writer, writer.say

    def page(self) -> Page:
        report, say = self.report, self.say
        sections = [
            Section("", self.summary()),
            Section(say("training_data.licensors"), self.licensors()),
            Section(say("training_data.licenses"), self.licenses()),
            Section(say("training_data.facts"), self.facts()),
            Section(say("training_data.use"), (self.use(),)),
            Section(say("training_data.network"), (self.network(),)),
            *([Section(say("training_data.recipe"), (self.pairs(report.recipe),))] if report.recipe else []),
            *(
                [Section(say("training_data.metrics"), (self.pairs(report.metrics),))]
                if report.metrics
                else []
            ),
            Section(say("training_data.photos"), self.photos()),
        ]
        return Page(
            title=say("training_data.title"),
            subject=report.network[:16],
            facts=(
                Fact(say("training_data.network"), report.network, "mono"),
                Fact(say("exposure.snapshot"), report.snapshot, "mono"),
            ),
            sections=tuple(sections),
            note=say("training_data.note"),
        )

    def summary(self) -> tuple[Block, ...]:
        report, say, writer = self.report, self.say, self.writer
        licensors = len({one.licensor for one in report.by_license})
        line = say(
            "training_data.summary",
            kind=say(f"network.{report.kind}"),
            photos=writer.counted("training_data.n", report.photos),
            licensors=writer.counted("training_data.of", licensors),
            licenses=writer.counted("training_data.under", len(report.by_license)),
            moment=writer.moment(report.pinned_at),
        )
        if report.clears_today:
            return Paragraph(line), Paragraph(say("training_data.clears"))
        refused = say(
            "training_data.refused",
            count=writer.count(report.refused_today),
            reasons="; ".join(f"{writer.term('rule', one)} ({one})" for one in report.refused_by),
        )
        return Paragraph(line), Paragraph(refused, "alert")

    def by_licensor(self) -> list[tuple[str, int, int]]:
        """Licensor, licenses, and photos counted under each of its licenses, the most photos first."""
        found: dict[str, list[int]] = {}
        for one in self.report.by_license:
            sums = found.setdefault(one.licensor, [0, 0])
            sums[0] += 1
            sums[1] += one.photos
        rows = [(name, licenses, photos) for name, (licenses, photos) in found.items()]
        return sorted(rows, key=lambda row: (-row[2], row[0]))

    def licensors(self) -> tuple[Block, ...]:
        say, rows = self.say, self.by_licensor()
        blocks: list[Block] = []
        if len(rows) > 1:
            shown = rows[:IN_CHART]
            blocks.append(
                Chart(
                    "bars",
                    say("training_data.chart"),
                    tuple(name for name, _, _ in shown),
                    (Series(say("training_data.n_photos"), tuple(photos for _, _, photos in shown)),),
                )
            )
        columns = (
            Column(say("statement.licensor")),
            Column(say("training_data.n_licenses"), "count"),
            Column(say("training_data.n_photos"), "count"),
        )
        blocks.append(Table(columns, tuple(rows), none=say("training_data.licensors.none")))
        if self.report.without_license:
            count = self.writer.count(self.report.without_license)
            blocks.append(Paragraph(say("training_data.without", count=count), "alert"))
        return tuple(blocks)

    def licenses(self) -> tuple[Block, ...]:
        say, writer = self.say, self.writer
        columns = (
            Column(say("statement.licensor"), share=3),
            Column(say("statement.license"), share=4),
            Column(say("training_data.basis"), share=2),
            Column(say("training_data.document"), mm=18),
            Column(say("statement.verified"), mm=22),
            Column(say("training_data.n_photos"), "count", mm=16),
        )
        rows: tuple[tuple[Cell, ...], ...] = tuple(
            (
                one.licensor,
                Shown(one.title, one.title, one.license),
                writer.term("basis", one.basis) if one.spdx is None else one.spdx,
                say("yes.recorded" if one.document else "none"),
                verified(one.verified, self.writer),
                one.photos,
            )
            for one in self.report.by_license
        )
        sheet = Table(
            (
                columns[0],
                Column(say("statement.license_ref")),
                Column(say("statement.license")),
                *columns[2:],
                Column(say("exposure.withdrawn"), "moment"),
            ),
            tuple(
                (row[0], one.license, one.title, *row[2:], one.withdrawn_at)
                for one, row in zip(self.report.by_license, rows, strict=True)
            ),
        )
        note = Paragraph(say("training_data.licenses.note"), "quiet")
        return note, Table(columns, rows[:ON_PAPER], none=say("training_data.licensors.none"), sheet=sheet)

    def facts(self) -> tuple[Block, ...]:
        """What a public summary of training content asks for, as far as this bank recorded it."""
        report, say = self.report, self.say
        open_to_all = sum(one.photos for one in report.bases if one.code == "public-domain")
        by_license = {one.code: one.photos for one in report.bases}
        reserved = sum(one.photos for one in report.data_mining if one.code.startswith(RESERVED))
        rows = [
            ("modality", say("training_data.modality.value")),
            ("size", say("training_data.size.value", photos=self.n(report.photos))),
            ("owned", self.n(by_license.get("owned", 0))),
            ("licensed", self.n(by_license.get("licensed", 0) + by_license.get("collective", 0))),
            ("public", self.n(open_to_all)),
            ("other", self.n(by_license.get("ruling", 0) + by_license.get("statutory", 0))),
            ("elsewhere", self.n(report.without_license)),
            ("crawled", say(f"training_data.crawled.{'elsewhere' if report.imported else 'value'}")),
            ("reserved", self.n(reserved)),
            ("persons", self.listed(report.persons, "training_data.persons")),
            ("data_basis", self.listed(report.data_bases, "data_basis")),
            ("here", self.n(report.here)),
            ("erased", self.n(report.erased)),
        ]
        facts = Facts(tuple(Fact(say(f"training_data.{name}"), value) for name, value in rows))
        return Paragraph(say("training_data.facts.note"), "quiet"), facts

    def n(self, photos: int) -> str:
        return self.writer.counted("training_data.n", photos)

    def listed(self, counted: tuple[Counted, ...], prefix: str) -> str:
        said = (f"{self.writer.term(prefix, one.code)}: {self.n(one.photos)}" for one in counted)
        return self.writer.joined(said) or self.say("none")

    def use(self) -> Facts:
        use, say, writer = self.report.use, self.say, self.writer
        period = say(
            "use.period.value", starts=writer.day(use.starts_on), ends=writer.day(use.ends_on), zone=use.zone
        )
        return Facts(
            (
                Fact(say("use.purpose"), writer.term("purpose", use.purpose)),
                Fact(say("use.channels"), writer.terms("channel", use.channels)),
                Fact(say("use.targeted"), writer.places(use.targeted)),
                Fact(say("use.accessible"), writer.places(use.accessible)),
                Fact(say("use.period"), period),
                Fact(say("use.audience"), writer.term("audience", use.audience)),
            )
        )

    def network(self) -> Facts:
        report, say, writer = self.report, self.say, self.writer
        return Facts(
            (
                Fact(say("exposure.network.kind"), say(f"network.{report.kind}")),
                Fact(say("training_data.bytes"), report.size_bytes, "count"),
                Fact(say("exposure.registered"), writer.moment(report.registered_at)),
                Fact(say("training_data.code"), report.code_version or say("unknown")),
                Fact(say("training_data.categories"), writer.joined(report.categories) or say("none")),
                Fact(say("training_data.pinned_at"), writer.moment(report.pinned_at)),
                Fact(say("training_data.pinned_under"), report.pinned_under, "mono"),
                Fact(say("training_data.pinned_log"), report.pinned_at_log, "count"),
                Fact(say("training_data.imported"), say("yes.is" if report.imported else "no.is")),
            )
        )

    def pairs(self, values: dict[str, str]) -> Facts:
        return Facts(tuple(Fact(name, value) for name, value in values.items()))

    def photos(self) -> tuple[Block, ...]:
        """The photos by hash, in spreadsheets and JSON; on paper it is said where they are."""
        report, say = self.report, self.say
        count = self.writer.count(len(report.listed))
        whole = Table(
            (Column(say("photo.sha256"), "mono"), Column(say("training_data.n_licenses"), share=2)),
            tuple((one.sha256, self.writer.joined(one.licenses)) for one in report.listed),
        )
        columns = (Column(say("photo.sha256"), "mono"), Column(say("statement.license_ref")))
        first = tuple(
            (Shown(one.sha256, one.sha256), self.writer.joined(one.licenses) or say("unknown"))
            for one in report.listed[:25]
        )
        note = Paragraph(say("training_data.photos.note", count=count), "quiet")
        return note, Table(columns, first, sheet=whole)
