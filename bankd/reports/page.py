"""The provenance report in one language, ready to be laid out: what HTML and PDF both show.

Plain lists and dictionaries of text, so that a template decides nothing.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from bankd.licensing.vocabulary import WORLD
from bankd.provenance.picture import colors
from bankd.reports.provenance import Area, Mark, ProvenanceReport, ReportedPhoto
from bankd.reports.strings import TABLES, Locale

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
MONO = "mono"  # a value that is a hash or an id
Row = tuple[str, str, str]  # label, value, MONO or empty


def page(report: ProvenanceReport, *, locale: Locale) -> dict[str, Any]:
    return _Writer(report, locale).page()


class _Writer:
    def __init__(self, report: ProvenanceReport, locale: Locale) -> None:
        self.report, self.locale = report, locale

    def say(self, key: str, **values: object) -> str:
        return TABLES[self.locale][key].format(**values)

    def page(self) -> dict[str, Any]:
        report = self.report
        palette = ["#{:02x}{:02x}{:02x}".format(*color) for color in colors(len(report.photos))]
        return {
            "lang": self.locale,
            "title": self.say("title"),
            "entity": report.entity,
            "composite": str(report.composite_id),
            "head": [
                [self.say("filed_for"), report.entity, ""],
                [self.say("as_of"), self.moment(report.as_of), ""],
                [self.say("composite"), str(report.composite_id), MONO],
            ],
            "summary": {"title": self.say("summary"), "lines": self.summary(), "alert": bool(report.marks())},
            "picture": {
                "title": self.say("picture"),
                "caption": self.say("picture.caption"),
                "withheld": self.say("picture.withheld"),
                "ratio": report.width / report.height,
            },
            "withheld": self.say("withheld"),
            "area": {
                "title": self.say("area"),
                "bar": [
                    *zip(palette, (photo.area.basis_points for photo in report.photos), strict=True),
                    ("#b9bcc1", report.inpainted.basis_points),
                    ("#6d7178", report.refiner_only.basis_points),
                ],
                "parts": [1, 2, 3],  # rows that are parts of the row before them
                "rows": [
                    [self.say(key), *self.area(area.px, area.basis_points)]
                    for key, area in (
                        ("area.photos", report.placed),
                        ("area.own", report.placed_own),
                        ("area.filled", report.placed_filled),
                        ("area.blended", report.placed_blended),
                        ("area.inpainted", report.inpainted),
                        ("area.refiner", report.refiner_only),
                        ("area.whole", Area(px=report.height * report.width, basis_points=10_000)),
                    )
                ],
            },
            "made": self.made(),
            "photos": {
                "title": self.say("photos"),
                "columns": [
                    self.say(key) for key in ("photo.number", "photo.license", "photo.area", "photo.share")
                ],
                "rows": [self.photo(photo, palette[photo.number - 1]) for photo in report.photos],
            },
            "attention": {"title": self.say("attention"), "rows": self.attention()},
            "credits": {
                "title": self.say("credits"),
                "note": self.say("credits.verbatim" if report.credits_owed else "credits.none"),
                "rows": [
                    {
                        "text": (credit.text_ja if self.locale == "ja" else None) or credit.text,
                        "where": " · ".join(
                            [self.term("placement", credit.placement), self.numbers(credit.photos)]
                        ),
                    }
                    for credit in report.credits_owed
                ],
            },
            "training": {"title": self.say("training"), "lines": self.training(), "rows": self.trained_on()},
            "tables": [
                {"title": self.say("use"), "note": "", "rows": self.use()},
                {"title": self.say("license"), "note": self.say("license.note"), "rows": self.license()},
                {"title": self.say("record"), "note": "", "rows": self.record()},
            ],
            "note": self.say("note"),
            "page": self.say("page", page="{page}", pages="{pages}"),
        }

    def summary(self) -> list[str]:
        report = self.report
        lines = []
        fed = self.area(report.placed.px, report.placed.basis_points)[1]
        if len(report.photos) == 1:
            lines.append(self.say("summary.photo", fed=fed))
        elif report.photos:
            licensors = len({photo.licensor for photo in report.photos})
            one = "summary.photos_one_licensor" if licensors == 1 else "summary.photos"
            lines.append(self.say(one, photos=len(report.photos), licensors=licensors, fed=fed))
        else:
            lines.append(self.say("summary.none"))
        if report.network_made is not None:
            made = self.area(report.network_made.px, report.network_made.basis_points)[1]
            lines.append(self.say("summary.made", made=made))
        if report.photos:
            lines.append(self.say("summary.allowed", sealed=self.moment(report.sealed_at)))
        marks = len(report.marks())
        if marks == 1:
            lines.append(self.say("summary.unverified_one"))
        else:
            lines.append(self.say("summary.unverified" if marks else "summary.verified", count=marks))
        return lines

    def made(self) -> dict[str, Any] | None:
        """What the network made, apart from the canvas: a pixel may count here and for a photo there."""
        made = self.report.network_made
        if made is None:
            return None
        return {
            "title": self.say("made"),
            "note": self.say("made.note"),
            "row": [self.say("made.most"), *self.area(made.px, made.basis_points)],
        }

    def photo(self, photo: ReportedPhoto, color: str) -> dict[str, Any]:
        percent, px = self.area(photo.area.px, photo.area.basis_points)[::-1]
        one = photo.segments == 1
        return {
            "number": photo.number,
            "color": color,
            "dark": _is_bright(color),
            "id": str(photo.photo_id),
            "licensor": photo.licensor,
            "license": f"{photo.license_title} ({photo.license})",
            "grant": f"{self.say('photo.grant', ref=photo.grant)} · {self.term('basis', photo.basis)}",
            "file": self.say("photo.file", id=photo.photo_id),
            "segments": self.say("photo.segment" if one else "photo.segments", count=photo.segments)
            + self.joined(photo.categories, prefix=": " if self.locale == "en" else "："),
            "percent": percent,
            "px": px,
            "share": self.percent(photo.share_ppm // 100, some=photo.share_ppm > 0),
            "marks": list(dict.fromkeys(self.say(f"short.{mark.code}") for mark in photo.marks)),
            "thumbnail": photo.thumbnail,
        }

    def attention(self) -> list[list[str]]:
        return [
            [
                self.say("attention.photo" if len(on) == 1 else "attention.photos", numbers=_ranges(on)),
                self.sentence(mark),
            ]
            for mark, on in self.report.marks().items()
        ]

    def sentence(self, mark: Mark) -> str:
        at = self.moment(mark.at) if mark.at else ""
        return self.say(f"mark.{mark.code}", license=mark.license, grant=mark.grant, moment=at)

    def training(self) -> list[str]:
        refiner = self.report.refiner
        key = "training.none" if refiner.checkpoint is None else "training.some"
        return [self.say(key, refiner=refiner.name, count=self.count(refiner.training_photos))]

    def trained_on(self) -> list[Row]:
        refiner = self.report.refiner
        if refiner.checkpoint is None or refiner.training_snapshot is None:
            return []
        named = [
            ("training.checkpoint", refiner.checkpoint),
            ("training.aligner", refiner.aligner),
            ("training.sorter", refiner.sorter),
            ("training.snapshot", refiner.training_snapshot),
            ("training.gate", refiner.gate_sha256),
        ]
        return [
            (self.say("training.photos"), self.count(refiner.training_photos), ""),
            *((self.say(key), value, MONO) for key, value in named if value is not None),
        ]

    def use(self) -> list[Row]:
        use = self.report.declared_use
        period = self.say(
            "use.period.value", starts=self.day(use.starts_on), ends=self.day(use.ends_on), zone=use.zone
        )
        return [
            (self.say("use.purpose"), self.term("purpose", use.purpose), ""),
            (self.say("use.channels"), self.terms("channel", use.channels), ""),
            (self.say("use.targeted"), self.places(use.targeted), ""),
            (self.say("use.accessible"), self.places(use.accessible), ""),
            (self.say("use.period"), period, ""),
            (self.say("use.sector"), use.sector, ""),
            (self.say("use.brand"), use.brand or self.say("none"), ""),
            (self.say("use.subjects"), self.terms("subject", use.subjects), ""),
            (self.say("use.audience"), self.term("audience", use.audience), ""),
            (
                self.say("use.copies"),
                self.count(use.copies) if use.copies else self.say("use.copies.none"),
                "",
            ),
            (self.say("use.licensee"), use.licensee, ""),
            (self.say("use.beneficiaries"), self.words(use.beneficiaries), ""),
            (self.say("use.alterations"), self.terms("alteration", use.alterations), ""),
        ]

    def license(self) -> list[Row]:
        license = self.report.effective_license
        starts = self.moment(license.starts_at)
        term = (
            self.say("license.term.from", starts=starts)
            if license.ends_at is None
            else self.say("license.term.both", starts=starts, ends=self.moment(license.ends_at))
        )
        worldwide = license.territories is None
        rows = [
            ("territories", self.say("worldwide") if worldwide else self.places(license.territories or ())),
            ("tested", self.say(f"tested.{license.territories_tested}")),
            ("channels", self.terms("channel", license.channels)),
            ("purposes", self.terms("purpose", license.purposes)),
            ("sectors", self.say("any") if license.sectors is None else self.words(license.sectors)),
            ("audiences", self.terms("audience", license.audiences)),
            ("alterations", self.terms("alteration", license.alterations)),
            ("licensees", self.say("any") if license.licensees is None else self.words(license.licensees)),
            ("subjects", self.terms("subject", license.subjects_excluded)),
            ("term", term),
            ("create_before", self.limit(license.create_before)),
            ("publish_before", self.limit(license.publish_before)),
            (
                "copies",
                self.say("unlimited") if license.max_copies is None else self.count(license.max_copies),
            ),
            ("sublicense", self.say("yes" if license.sublicense else "no")),
            ("share_alike", self.words(demand.license for demand in license.share_alike)),
        ]
        return [(self.say(f"license.{key}"), value, "") for key, value in rows]

    def record(self) -> list[Row]:
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
        return [
            (self.say("record.asked_by"), report.asked_by, ""),
            (self.say("record.asked_at"), self.moment(report.asked_at), ""),
            (self.say("record.request"), request, MONO),
            (self.say("record.clearance"), self.say("record.clearance.value", index=clearance.log_index), ""),
            (self.say("record.bundle"), clearance.policy_bundle, MONO),
            (self.say("record.sealed_at"), self.moment(report.sealed_at), ""),
            (self.say("record.sealed_entry"), sealed, ""),
            (self.say("record.checkpoint"), checkpoint, MONO),
            (
                self.say("record.frame"),
                self.say("record.frame.value", width=report.width, height=report.height),
                "",
            ),
            (self.say("record.refiner"), report.refiner.name, ""),
            (self.say("record.recipe"), recipe, ""),
            (self.say("record.canvas"), self.say(f"canvas.{report.canvas}"), ""),
            (self.say("record.file"), report.file_sha256, MONO),
            (self.say("record.pixels"), report.pixel_sha256, MONO),
            (self.say("record.manifest"), report.manifest_sha256, MONO),
        ]

    def term(self, prefix: str, code: str) -> str:
        return TABLES[self.locale].get(f"{prefix}.{code}", code)

    def terms(self, prefix: str, codes: Iterable[str]) -> str:
        return self.joined(self.term(prefix, code) for code in sorted(codes)) or self.say("none")

    def words(self, words: Iterable[str]) -> str:
        return self.joined(sorted(words)) or self.say("none")

    def places(self, codes: Iterable[str]) -> str:
        return self.joined(self.say("worldwide") if code == WORLD else code for code in sorted(codes))

    def joined(self, words: Iterable[str], *, prefix: str = "") -> str:
        text = ("、" if self.locale == "ja" else ", ").join(words)
        return prefix + text if text else ""

    def numbers(self, numbers: Sequence[int]) -> str:
        return self.say(
            "attention.photo" if len(numbers) == 1 else "attention.photos", numbers=_ranges(numbers)
        )

    def limit(self, moment: str | None) -> str:
        return self.say("unlimited") if moment is None else self.moment(moment)

    def area(self, px: int, basis_points: int) -> tuple[str, str]:
        whole = px == self.report.height * self.report.width
        return self.say("px", count=self.count(px)), self.percent(basis_points, some=px > 0, whole=whole)

    def percent(self, basis_points: int, *, some: bool, whole: bool = True) -> str:
        """In hundredths of a percent; what there is, is never said to be nothing, nor a part to be all."""
        shown = min(max(basis_points, int(some)), 10_000 - int(not whole))
        text = f"{shown // 100}.{shown % 100:02d}{self.space()}%"
        if shown == basis_points:
            return text
        return self.say("less" if shown > basis_points else "more", percent=text)

    def space(self) -> str:
        return "\u202f" if self.locale == "en" else ""

    def count(self, number: int) -> str:
        return f"{number:,}"

    def day(self, day: date) -> str:
        if self.locale == "ja":
            return f"{day.year}年{day.month}月{day.day}日"
        return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"

    def moment(self, moment: str) -> str:
        at = datetime.fromisoformat(moment).astimezone(UTC)
        gap = "" if self.locale == "ja" else ", "
        return f"{self.day(at.date())}{gap}{' ' if self.locale == 'ja' else ''}{at:%H:%M} UTC"


def _is_bright(color: str) -> bool:
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return 0.299 * red + 0.587 * green + 0.114 * blue > 150


def _ranges(numbers: Sequence[int]) -> str:
    """`1-3, 7`: runs of three and more are drawn together."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)
