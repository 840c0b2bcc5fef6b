"""The provenance report as it is laid out. Pure."""

from collections.abc import Sequence

from bankd.provenance.picture import colors
from bankd.reports.kinds.provenance.model import Area, Mark, ProvenanceReport, ReportedPhoto
from bankd.reports.page import (
    Badge,
    Bar,
    Block,
    Cell,
    Column,
    Fact,
    Facts,
    Page,
    Paragraph,
    Picture,
    Quote,
    Rich,
    Section,
    Shown,
    Table,
    Thumb,
)
from bankd.reports.writing import Writer, ranges

INPAINTED, REFINED = "#b9bcc1", "#6d7178"


def show(report: ProvenanceReport, writer: Writer) -> Page:
    return _Shown(report, writer).page()


class _Shown:
    def __init__(self, report: ProvenanceReport, writer: Writer) -> None:
        self.report, self.writer, self.say = report, writer, writer.say
        self.palette = ["#{:02x}{:02x}{:02x}".format(*color) for color in colors(len(report.photos))]

    def page(self) -> Page:
        report, say = self.report, self.say
        picture = Picture(
            "picture", report.width / report.height, say("picture.caption"), say("picture.withheld")
        )
        sections = [
            Section("", self.summary()),
            Section(say("picture"), (picture,)),
            Section(say("area"), (self.bar(), self.areas()), together=True),
            *([Section(say("made"), self.made())] if report.network_made is not None else []),
            *([Section(say("photos"), (self.photos(),))] if report.photos else []),
            *([Section(say("attention"), (self.attention(),))] if report.marks() else []),
            *([Section(say("layout"), self.layout())] if report.layout_origin else []),
            *([Section(say("products"), self.products())] if report.products else []),
            Section(say("credits"), self.credits()),
            Section(say("training"), self.training()),
            Section(say("use"), (self.use(),)),
            Section(say("license"), (Paragraph(say("license.note"), "quiet"), self.license())),
            Section(say("record"), (self.record(),)),
        ]
        return Page(
            title=say("title"),
            subject=str(report.composite_id),
            facts=(Fact(say("composite"), str(report.composite_id), "mono"),),
            sections=tuple(sections),
            note=say("note"),
        )

    def summary(self) -> tuple[Block, ...]:
        report, say = self.report, self.say
        lines = []
        fed = self.area(report.placed.px, report.placed.basis_points)[1]
        if len(report.photos) == 1:
            lines.append(say("summary.photo", fed=fed))
        elif report.photos:
            licensors = len({photo.licensor for photo in report.photos})
            one = "summary.photos_one_licensor" if licensors == 1 else "summary.photos"
            lines.append(say(one, photos=len(report.photos), licensors=licensors, fed=fed))
        else:
            lines.append(say("summary.none"))
        if report.network_made is not None:
            made = self.area(report.network_made.px, report.network_made.basis_points)[1]
            lines.append(say("summary.made", made=made))
        if report.photos:
            lines.append(say("summary.allowed", sealed=self.writer.moment(report.sealed_at)))
        marks = len(report.marks())
        if marks == 1:
            last = say("summary.unverified_one")
        else:
            last = say("summary.unverified" if marks else "summary.verified", count=marks)
        erased = report.file_erased_at
        gone = [] if erased is None else [say("summary.file_erased", moment=self.writer.moment(erased))]
        return (
            *map(Paragraph, lines),
            Paragraph(last, "alert" if marks else ""),
            *(Paragraph(line, "alert") for line in gone),
        )

    def bar(self) -> Bar:
        report = self.report
        return Bar(
            (
                *zip(self.palette, (photo.area.basis_points for photo in report.photos), strict=True),
                (INPAINTED, report.inpainted.basis_points),
                (REFINED, report.refiner_only.basis_points),
            )
        )

    def areas(self) -> Table:
        report = self.report
        whole = Area(px=report.height * report.width, basis_points=10_000)
        blended: tuple[tuple[str, Area], ...] = (("area.blended", report.placed_blended),)
        if report.placed_seams is not None:
            blended = (("area.alone", report.placed_blended), ("area.seams", report.placed_seams))
        rows = [
            self.row(key, area)
            for key, area in (
                ("area.photos", report.placed),
                ("area.own", report.placed_own),
                ("area.filled", report.placed_filled),
                *blended,
                ("area.inpainted", report.inpainted),
                ("area.refiner", report.refiner_only),
                ("area.whole", whole),
            )
        ]
        return Table(
            self.counted(), tuple(rows), total=True, parts=frozenset(range(1, 3 + len(blended))), head=False
        )

    def made(self) -> tuple[Block, ...]:
        """What the network made, apart from the canvas: a pixel may count here and for a photo there."""
        made = self.report.network_made
        assert made is not None
        table = Table(self.counted(), (self.row("made.most", made),), head=False)
        return table, Paragraph(self.say("made.note"), "note")

    def counted(self) -> tuple[Column, ...]:
        area = self.say("area")
        return (
            Column(area),
            Column(self.say("area.px"), "count"),
            Column(self.say("area.part"), "percent", mm=28),
        )

    def row(self, key: str, area: Area) -> tuple[Cell, ...]:
        px, percent = self.area(area.px, area.basis_points)
        return self.say(key), Shown(px, area.px), Shown(percent, area.basis_points)

    def photos(self) -> Table:
        say = self.say
        part, share = say("photo.area"), say("photo.share")
        return Table(
            (
                Column(say("photo.number"), "badge"),
                Column("", "picture"),
                Column(say("photo.license"), "rich"),
                Column(part, "percent", mm=44),
                Column(share, "percent", mm=28),
            ),
            tuple(self.photo(photo) for photo in self.report.photos),
            sheet=Table(
                (
                    Column(say("photo.number"), "count"),
                    Column(say("photo.id"), "mono"),
                    Column(say("photo.sha256"), "mono"),
                    Column(say("photo.licensor")),
                    Column(say("photo.ref")),
                    Column(say("photo.title")),
                    Column(say("photo.grant_ref")),
                    Column(say("photo.basis")),
                    Column(say("photo.count"), "count"),
                    Column(say("photo.categories")),
                    Column(say("photo.px"), "count"),
                    Column(part, "percent"),
                    Column(share, "percent"),
                    Column(say("attention")),
                ),
                tuple(self.plain(photo) for photo in self.report.photos),
            ),
        )

    def photo(self, photo: ReportedPhoto) -> tuple[Cell, ...]:
        say, writer = self.say, self.writer
        percent, px = self.area(photo.area.px, photo.area.basis_points)[::-1]
        segments = say("photo.segment" if photo.segments == 1 else "photo.segments", count=photo.segments)
        return (
            Badge(photo.number, self.palette[photo.number - 1]),
            Thumb(str(photo.photo_id), say("photo.file", id=photo.photo_id), say("withheld")),
            Rich(
                photo.licensor,
                (
                    f"{photo.license_title} ({photo.license})",
                    f"{say('photo.grant', ref=photo.grant)} · {writer.term('basis', photo.basis)}",
                    segments
                    + writer.joined(photo.categories, prefix=": " if writer.locale == "en" else "："),
                ),
                say("photo.file", id=photo.photo_id),
                tuple(say(f"short.{mark.code}") for mark in photo.marks),
            ),
            Shown(percent, photo.area.basis_points, px),
            Shown(writer.percent(photo.share_ppm // 100, some=photo.share_ppm > 0), photo.share_ppm // 100),
        )

    def plain(self, photo: ReportedPhoto) -> tuple[Cell, ...]:
        return (
            photo.number,
            str(photo.photo_id),
            photo.sha256,
            photo.licensor,
            photo.license,
            photo.license_title,
            photo.grant,
            self.writer.term("basis", photo.basis),
            photo.segments,
            self.writer.joined(photo.categories),
            photo.area.px,
            photo.area.basis_points,
            photo.share_ppm // 100,
            self.writer.joined(dict.fromkeys(self.say(f"short.{mark.code}") for mark in photo.marks)),
        )

    def attention(self) -> Table:
        return Table(
            (Column(self.say("attention.on"), mm=44), Column(self.say("attention"))),
            tuple((self.numbers(on), self.sentence(mark)) for mark, on in self.report.marks().items()),
            head=False,
        )

    def sentence(self, mark: Mark) -> str:
        at = self.writer.moment(mark.at) if mark.at else ""
        return self.say(f"mark.{mark.code}", license=mark.license, grant=mark.grant, moment=at)

    def layout(self) -> tuple[Block, ...]:
        """Whose layout it is, and the photo whose arrangement it took over."""
        report, say, given = self.report, self.say, self.report.layout
        line = Paragraph(say(f"layout.{report.layout_origin}"))
        if given is None:
            return (line,)
        basis = self.writer.term("basis", given.basis)
        table = Table(
            (Column("", "picture"), Column(say("photo.license"), "rich")),
            (
                (
                    Thumb(str(given.photo_id), say("photo.file", id=given.photo_id), say("withheld")),
                    Rich(
                        given.licensor,
                        (
                            f"{given.license_title} ({given.license})",
                            f"{say('photo.grant', ref=given.grant)} · {basis}",
                        ),
                        say("photo.file", id=given.photo_id),
                        tuple(say(f"short.{mark.code}") for mark in given.marks),
                    ),
                ),
            ),
            sheet=Table(
                (
                    Column(say("photo.id"), "mono"),
                    Column(say("photo.sha256"), "mono"),
                    Column(say("photo.licensor")),
                    Column(say("photo.ref")),
                    Column(say("photo.title")),
                    Column(say("photo.grant_ref")),
                    Column(say("photo.basis")),
                    Column(say("attention")),
                ),
                (
                    (
                        str(given.photo_id),
                        given.sha256,
                        given.licensor,
                        given.license,
                        given.license_title,
                        given.grant,
                        basis,
                        self.writer.joined(say(f"short.{mark.code}") for mark in given.marks),
                    ),
                ),
            ),
        )
        return line, table

    def products(self) -> tuple[Block, ...]:
        say = self.say
        columns = (
            Column(say("products.product")),
            Column(say("products.region"), "count", mm=24),
            Column(say("area.px"), "count", mm=30),
            Column(say("products.part"), "percent", mm=34),
            Column(say("products.generated"), "count", mm=38),
        )
        rows = tuple(
            (
                one.product,
                one.region + 1,
                one.area.px,
                Shown(self.area(one.area.px, one.area.basis_points)[1], one.area.basis_points),
                one.generated_px,
            )
            for one in self.report.products
        )
        return Paragraph(say("products.note"), "quiet"), Table(columns, rows)

    def credits(self) -> tuple[Block, ...]:
        owed = self.report.credits_owed
        note = Paragraph(self.say("credits.verbatim" if owed else "credits.none"), "quiet" if owed else "")
        writer = self.writer
        return note, *(
            Quote(
                (credit.text_ja if writer.locale == "ja" else None) or credit.text,
                " · ".join([writer.term("placement", credit.placement), self.numbers(credit.photos)]),
            )
            for credit in owed
        )

    def training(self) -> tuple[Block, ...]:
        refiner, say = self.report.refiner, self.say
        key = "training.none" if refiner.checkpoint is None else "training.some"
        line = Paragraph(say(key, refiner=refiner.name, count=self.writer.count(refiner.training_photos)))
        if refiner.checkpoint is None or refiner.training_snapshot is None:
            return (line,)
        named = [
            ("training.checkpoint", refiner.checkpoint),
            ("training.aligner", refiner.aligner),
            ("training.sorter", refiner.sorter),
            ("training.snapshot", refiner.training_snapshot),
            ("training.gate", refiner.gate_sha256),
        ]
        facts = [Fact(say("training.photos"), refiner.training_photos, "count")]
        facts += [Fact(say(key), value, "mono") for key, value in named if value is not None]
        return line, Facts(tuple(facts))

    def use(self) -> Facts:
        use = self.report.declared_use
        period = self.say(
            "use.period.value",
            starts=self.writer.day(use.starts_on),
            ends=self.writer.day(use.ends_on),
            zone=use.zone,
        )
        return Facts(
            (
                Fact(self.say("use.purpose"), self.writer.term("purpose", use.purpose)),
                Fact(self.say("use.channels"), self.writer.terms("channel", use.channels)),
                Fact(self.say("use.targeted"), self.writer.places(use.targeted)),
                Fact(self.say("use.accessible"), self.writer.places(use.accessible)),
                Fact(self.say("use.period"), period),
                Fact(self.say("use.sector"), self.writer.term("sector", use.sector)),
                Fact(self.say("use.brand"), use.brand or self.say("none")),
                Fact(self.say("use.subjects"), self.writer.terms("subject", use.subjects)),
                Fact(self.say("use.audience"), self.writer.term("audience", use.audience)),
                Fact(
                    self.say("use.copies"),
                    self.writer.count(use.copies) if use.copies else self.say("use.copies.none"),
                ),
                Fact(self.say("use.licensee"), self.writer.term("party", use.licensee)),
                Fact(self.say("use.beneficiaries"), self.writer.terms("party", use.beneficiaries)),
                Fact(self.say("use.alterations"), self.writer.terms("alteration", use.alterations)),
            )
        )

    def license(self) -> Facts:
        license = self.report.effective_license
        starts = self.writer.moment(license.starts_at)
        term = (
            self.say("license.term.from", starts=starts)
            if license.ends_at is None
            else self.say("license.term.both", starts=starts, ends=self.writer.moment(license.ends_at))
        )
        worldwide = license.territories is None
        rows = [
            (
                "territories",
                self.say("worldwide") if worldwide else self.writer.places(license.territories or ()),
            ),
            ("tested", self.say(f"tested.{license.territories_tested}")),
            ("channels", self.writer.terms("channel", license.channels)),
            ("purposes", self.writer.terms("purpose", license.purposes)),
            (
                "sectors",
                self.say("any") if license.sectors is None else self.writer.terms("sector", license.sectors),
            ),
            ("audiences", self.writer.terms("audience", license.audiences)),
            ("alterations", self.writer.terms("alteration", license.alterations)),
            (
                "licensees",
                self.say("any")
                if license.licensees is None
                else self.writer.terms("party", license.licensees),
            ),
            ("subjects", self.writer.terms("subject", license.subjects_excluded)),
            ("term", term),
            ("create_before", self.writer.limit(license.create_before)),
            ("publish_before", self.writer.limit(license.publish_before)),
            (
                "copies",
                self.say("unlimited")
                if license.max_copies is None
                else self.writer.count(license.max_copies),
            ),
            ("sublicense", self.say("yes" if license.sublicense else "no")),
            ("share_alike", self.writer.words(demand.license for demand in license.share_alike)),
        ]
        return Facts(tuple(Fact(self.say(f"license.{key}"), value) for key, value in rows))

    def record(self) -> Facts:
        report, clearance = self.report, self.report.clearance
        sealed = (
            self.say("unknown")
            if report.sealed_log_index is None
            else self.say("record.clearance.value", index=report.sealed_log_index)
        )
        request = self.say("record.request.value", id=report.request_id, variation=report.variation + 1)
        checkpoint = self.say(
            "record.checkpoint.value", size=clearance.log_checkpoint.size, root=clearance.log_checkpoint.root
        )
        recipe = self.say(
            "record.recipe.value",
            recipe=report.recipe,
            frame=self.say(f"frame.{report.frame}"),
            seed=report.seed,
        )
        return Facts(
            (
                Fact(self.say("record.asked_by"), report.asked_by),
                Fact(self.say("record.asked_at"), self.writer.moment(report.asked_at)),
                Fact(self.say("record.request"), request, "mono"),
                Fact(
                    self.say("record.clearance"),
                    self.say("record.clearance.value", index=clearance.log_index),
                ),
                Fact(self.say("record.bundle"), clearance.policy_bundle, "mono"),
                Fact(self.say("record.sealed_at"), self.writer.moment(report.sealed_at)),
                Fact(self.say("record.sealed_entry"), sealed),
                Fact(self.say("record.checkpoint"), checkpoint, "mono"),
                Fact(
                    self.say("record.frame"),
                    self.say("record.frame.value", width=report.width, height=report.height),
                ),
                Fact(self.say("record.refiner"), report.refiner.name),
                Fact(self.say("record.recipe"), recipe),
                Fact(self.say("record.canvas"), self.say(f"canvas.{report.canvas}")),
                Fact(self.say("record.file"), report.file_sha256, "mono"),
                Fact(self.say("record.pixels"), report.pixel_sha256, "mono"),
                Fact(self.say("record.manifest"), report.manifest_sha256, "mono"),
            )
        )

    def numbers(self, numbers: Sequence[int]) -> str:
        placed = [number for number in numbers if number]
        key = "attention.photo" if len(placed) == 1 else "attention.photos"
        said = [self.say(key, numbers=ranges(placed))] if placed else []
        return self.writer.joined([*said, *([self.say("attention.layout")] if 0 in numbers else [])])

    def area(self, px: int, basis_points: int) -> tuple[str, str]:
        whole = px == self.report.height * self.report.width
        percent = self.writer.percent(basis_points, some=px > 0, whole=whole)
        return self.say("px", count=self.writer.count(px)), percent
