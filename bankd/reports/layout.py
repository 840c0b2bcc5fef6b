"""A page as plain text, lists and dictionaries, ready for a template, which then decides nothing. Pure.

What HTML and PDF both show is this.
"""

from collections.abc import Container
from datetime import UTC, date, datetime
from typing import Any

from bankd.reports import charts
from bankd.reports.page import (
    NUMBERS,
    Badge,
    Bar,
    Block,
    Cell,
    CellKind,
    Chart,
    Fact,
    Facts,
    Flag,
    Money,
    Page,
    Paragraph,
    Picture,
    Quote,
    Rich,
    Shown,
    Table,
    Thumb,
)
from bankd.reports.report import Head, Report
from bankd.reports.writing import Writer

HASH_SHOWN = 12  # hexadecimal digits of a hash in a table


def laid_out(report: Report, page: Page, writer: Writer, *, pictures: Container[str]) -> dict[str, Any]:
    """Everything a template shows. `pictures` are the names of those that there are."""
    head = [*page.facts, *head_facts(report.head, writer)]
    blocks = _Blocks(writer, pictures)
    return {
        "lang": writer.locale,
        "title": page.title,
        "subject": page.subject,
        "entity": report.head.entity,
        "landscape": page.landscape,
        "head": [blocks.fact(fact) for fact in head],
        "sections": [
            {
                "title": section.title,
                "together": section.together,
                "blocks": [blocks.block(block) for block in section.blocks],
            }
            for section in page.sections
        ],
        "sign": {
            "title": writer.say("sign"),
            "prepared": writer.say(
                "sign.prepared", name=report.head.prepared_by, moment=writer.moment(report.head.as_of)
            ),
            "approved": writer.say("sign.approved"),
            "lines": [writer.say("sign.name"), writer.say("sign.signature"), writer.say("sign.date")],
            "given": [report.head.approved_by or "", "", approved_on(report.head, writer)],
        },
        "note": page.note,
        "page": writer.say("page", page="{page}", pages="{pages}"),
    }


def head_facts(head: Head, writer: Writer) -> list[Fact]:
    """The head of every report, in one language."""
    say = writer.say
    bundle, checkpoint = head.policy_bundle, head.log_checkpoint
    unverified = (
        writer.counted("head.unverified", head.unverified_facts)
        if head.unverified_facts
        else say("head.unverified.none")
    )
    signed = (
        say("head.checkpoint.none")
        if checkpoint is None
        else say(
            "head.checkpoint.value", size=writer.count(checkpoint.size), moment=writer.moment(checkpoint.at)
        )
    )
    approved = head.approved_by or say("head.approved_by.none")
    if head.approved_by and head.approved_at:
        approved = say(
            "head.approved_by.value", name=head.approved_by, moment=writer.moment(head.approved_at)
        )
    return [
        Fact(say("filed_for"), head.entity),
        Fact(say("as_of"), writer.moment(head.as_of)),
        *([Fact(say("head.redacted"), head.redacted_on, "day")] if head.redacted_on else []),
        *([Fact(say("head.replaces"), head.replaces, "mono")] if head.replaces else []),
        Fact(say("head.cut_off"), say("head.cut_off.value", count=writer.count(head.data_cut_off))),
        Fact(say("head.bundle"), bundle or say("none"), "mono" if bundle else "text"),
        Fact(say("head.checkpoint"), signed),
        *([Fact(say("head.checkpoint.root"), checkpoint.root, "mono")] if checkpoint else []),
        Fact(say("head.unverified"), unverified),
        Fact(say("head.prepared_by"), head.prepared_by),
        Fact(say("head.approved_by"), approved),
    ]


def approved_on(head: Head, writer: Writer) -> str:
    if head.approved_at is None:
        return ""
    return writer.day(datetime.fromisoformat(head.approved_at).astimezone(UTC).date())


class _Blocks:
    def __init__(self, writer: Writer, pictures: Container[str]) -> None:
        self.writer, self.pictures = writer, pictures

    def block(self, block: Block) -> dict[str, Any]:
        match block:
            case Paragraph(text, tone):
                return {"type": "paragraph", "text": text, "tone": tone}
            case Quote(text, where):
                return {"type": "quote", "text": text, "where": where}
            case Facts(rows):
                return {"type": "facts", "rows": [self.fact(fact) for fact in rows]}
            case Picture(name, ratio, caption, withheld):
                return {
                    "type": "picture",
                    "file": name if name in self.pictures else None,
                    "ratio": ratio,
                    "caption": caption,
                    "withheld": withheld,
                }
            case Bar(parts):
                return {"type": "bar", "parts": [[color, size] for color, size in parts if size > 0]}
            case Chart():
                return {
                    "type": "chart",
                    "title": block.title,
                    "svg": charts.svg(block, self.writer),
                    "ratio": charts.ratio(block),
                }
            case Table():
                return self.table(block)

    def table(self, table: Table) -> dict[str, Any]:
        if not table.rows:
            return {"type": "paragraph", "text": table.none or self.writer.say("none"), "tone": "quiet"}
        return {
            "type": "table",
            "columns": [
                {
                    "label": self.writer.label(column),
                    "kind": column.kind,
                    "number": column.kind in NUMBERS,
                    "share": column.share,
                    "mm": column.mm,
                }
                for column in table.columns
            ],
            "rows": [
                [
                    self.cell(cell, column.kind, short=True)
                    for cell, column in zip(row, table.columns, strict=True)
                ]
                for row in table.rows
            ],
            "head": table.head,
            "total": table.total,
            "parts": sorted(table.parts),
            "groups": {str(row): label for row, label in table.groups},
        }

    def fact(self, fact: Fact) -> list[Any]:
        return [fact.label, self.cell(fact.value, fact.kind, short=False)]

    def cell(self, cell: Cell, kind: CellKind, *, short: bool) -> dict[str, Any]:
        match cell:
            case Badge(number, color):
                return {"kind": "badge", "text": str(number), "color": color, "dark": is_bright(color)}
            case Flag(text):
                return {"kind": "flag", "text": text}
            case Thumb(name, alt, withheld):
                file = name if name in self.pictures else None
                return {"kind": "picture", "file": file, "alt": alt, "text": withheld}
            case Rich(text, small, mono, marks):
                return {
                    "kind": "rich",
                    "text": text,
                    "small": [*small],
                    "mono": mono,
                    "marks": list(dict.fromkeys(marks)),
                }
        return {
            "kind": kind,
            "text": written(cell, kind, self.writer, short=short),
            "small": cell.small if isinstance(cell, Shown) else "",
        }


def written(cell: Cell, kind: CellKind, writer: Writer, *, short: bool) -> str:
    """One value as people read it; `short` in a table, where values stand under each other."""
    match cell:
        case None:
            return "–"
        case Shown() | Flag():
            return cell.text
        case Money():
            return writer.money(cell)
        case Rich() | Thumb():
            return cell.text if isinstance(cell, Rich) else cell.alt
        case Badge():
            return str(cell.number)
        case date():
            return writer.short_day(cell) if short else writer.day(cell)
        case int():
            return writer.percent(cell) if kind == "percent" else writer.count(cell)
    if kind == "moment":
        return writer.short_moment(cell) if short else writer.moment(cell)
    if kind == "mono" and short and len(cell) == 64:
        return cell[:HASH_SHOWN] + "…"
    return cell


def is_bright(color: str) -> bool:
    red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return 0.299 * red + 0.587 * green + 0.114 * blue > 150
