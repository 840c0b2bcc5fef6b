"""Columns of a rights sheet: their names in English and Japanese, and how a cell becomes a value. Pure.

Columns follow from the fields of `LicenseEntry`, `GrantEntry` and
`GrantTerms`, so that a sheet can say what a rights file can, but for values
nested more than once, which have no place in a cell.
"""

import types
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from bankd.exchange import days
from bankd.exchange.tables import MAX_CELL, Cell, Formula
from bankd.licensing.rights_entries import GrantEntry, LicenseEntry
from bankd.licensing.terms import GrantTerms, Value
from bankd.licensing.vocabulary import CHANNELS

Kind = Literal["text", "words", "yes-no", "number", "day", "items"]

HEADERS = {
    "許諾番号": "license", "契約番号": "license", "許諾区分": "grant", "許諾者コード": "licensor",
    "許諾者": "licensor_name", "許諾者名": "licensor_name", "件名": "title", "契約名": "title",
    "根拠": "basis", "地域": "territories", "許諾地域": "territories", "除外地域": "territories_excepted",
    "媒体": "channels", "目的": "purposes", "利用目的": "purposes", "業種": "sectors",
    "公開範囲": "audiences", "改変": "alterations", "生成利用": "generative", "学習利用": "train",
    "被許諾者": "licensees", "除外テーマ": "subjects_excluded", "部数上限": "max_copies",
    "開始日": "starts_on", "許諾開始日": "starts_on", "終了日": "ends_on", "許諾終了日": "ends_on",
    "タイムゾーン": "zone", "制作期限": "create_by", "公開期限": "publish_by",
    "提供期限": "available_until", "上限件数": "cap", "料金": "fee_minor", "通貨": "currency",
    "クレジット": "credit_text", "クレジット位置": "credit_placement", "再許諾": "sublicense",
    "独占": "exclusivity", "共有者": "co_owners", "契約書": "document", "条項": "clause",
    "原文": "quote", "確認者": "verified_by", "差替元": "supersedes", "画像": "files",
    "画像ファイル": "files", "品番": "product", "商品番号": "product", "credit": "credit_text",
}  # fmt: skip

WORDS = {
    "basis": {"自社": "owned", "許諾": "licensed"},
    "territories": {"日本": "JP", "国内": "JP", "全世界": "WORLD", "世界": "WORLD"},
    "channels": {
        "ウェブ": "web", "SNS": "social", "メール": "email", "アプリ": "app", "印刷": "print",
        "印刷物": "print", "パッケージ": "packaging", "屋外広告": "out-of-home", "放送": "broadcast",
        "社内": "internal",
    },
    "purposes": {
        "商用": "commercial", "広告": "commercial", "報道": "editorial", "教育": "education",
        "研究": "research", "社内": "internal",
    },
    "sectors": {"全業種": "any"},
    "audiences": {"カンプ": "comp", "社内": "internal", "一般": "public", "一般公開": "public"},
    "alterations": {
        "トリミング": "crop", "反転": "flip", "色調補正": "recolor", "修整": "retouch", "合成": "combine",
    },
    "licensees": {"当社": "house", "自社": "house"},
    "subjects_excluded": {
        "成人": "adult", "酒類": "alcohol", "金融": "finance", "ギャンブル": "gambling", "医療": "health",
        "政治": "politics", "宗教": "religion", "たばこ": "tobacco", "武器": "weapons",
    },
    "ends_on": {"無期限": "none", "open": "none"},
}  # fmt: skip
WORDS["territories_excepted"] = WORDS["territories"]

YES_NO = {
    "yes": True, "true": True, "1": True, "可": True, "有": True, "はい": True, "○": True, "〇": True,
    "no": False, "false": False, "0": False, "不可": False, "無": False, "いいえ": False, "×": False,
}  # fmt: skip
NOTHING = "none"
ALL_CHANNELS = frozenset({"all", "全媒体"})
UPPER = frozenset({"territories", "territories_excepted", "currency"})
NOT_LOWER = frozenset({"licensees", "files"})

STATED = frozenset({"license", "licensor", "title", "zone"})
"""Columns that no row leaves empty. A day without its zone is not a day."""

NO_COLUMN = frozenset(
    {"ref", "document", "grants", "credit", "starts_on", "zone", "template", "fill", "title_chain", "ruling",
     "statute"}
)  # fmt: skip
"""Fields of a license that a row states otherwise, or that only a rights file can."""

OF_LICENSE = frozenset({"supersedes", "verified_by"})
"""What a license and its grant both have, and a desk means of the license."""

SAMPLE = {
    "license": "AOI-2026-017", "grant": "web", "licensor": "aoi", "licensor_name": "Aoi Photo",
    "title": "Web campaign 2026", "basis": "licensed", "territories": "JP; KR", "channels": "web; social",
    "purposes": "commercial", "sectors": "any", "audiences": "public; internal; comp",
    "alterations": "crop; recolor; retouch; combine", "generative": "yes", "train": "no",
    "starts_on": "2026-04-01", "ends_on": "令和9年3月31日", "zone": "Asia/Tokyo", "fee_minor": "8000",
    "currency": "JPY", "credit_text": "Aoi Photo", "files": "desk-001.jpg; desk-002.jpg",
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """`part` says whose field it is: of the row itself, the license, the grant or its terms."""

    name: str
    part: Literal["row", "license", "grant", "terms"]
    path: tuple[str, ...]
    kind: Kind
    says: str
    model: type[Value] | None = None  # of items
    nullable: bool = False  # a field that has to be stated, and may be stated as nothing


class CellRefused(ValueError):
    """What is wrong with a cell, in words."""


@cache
def columns() -> Mapping[str, Column]:
    """Every column by its name, in the order of the template."""
    row = [
        Column("licensor_name", "row", ("licensor_name",), "text", "The licensor's full name; needed once."),
        Column(
            "document",
            "row",
            ("document",),
            "text",
            "The agreement: a file beside the sheet, or its SHA-256.",
        ),
        Column(
            "files",
            "row",
            ("files",),
            "words",
            "Photos that hold the grant: file names, patterns, or `sha256:..`.",
        ),
        Column(
            "product", "row", ("product",), "text", "The product that they were taken of: its article number."
        ),
    ]
    license = [Column("license", "license", ("ref",), "text", "Name of the agreement, unique in the bank.")]
    license += _of(LicenseEntry, "license", without=NO_COLUMN)
    grant = [Column("grant", "grant", ("ref",), "text", "Name of the grant within the license.")]
    grant += _of(GrantEntry, "grant", without={"ref", "terms", "document"})
    terms = list(_of(GrantTerms, "terms", without=set()))
    # Of a name that both have, the agreement's is called `license_..`.
    taken = {column.name for column in (*grant, *terms)} - OF_LICENSE
    found: dict[str, Column] = {}
    for column in (*license, *grant, *terms, *row):
        name = column.name
        if column.part == "license" and name in taken and name != "license":
            name = f"license_{name}"
        elif column.part == "grant" and name in OF_LICENSE:
            name = f"grant_{name}"
        found[name] = Column(
            name, column.part, column.path, column.kind, column.says, column.model, column.nullable
        )
    first = [name for name in (*SAMPLE, *found) if name in found]
    return {name: found[name] for name in dict.fromkeys(first)}


def named(header: Cell | Formula) -> Column:
    """The column that a header stands for. Raises CellRefused: none."""
    if not isinstance(header, str) or not header.strip():
        raise CellRefused("a column has no name; name it, or remove it with its cells")
    text = unicodedata.normalize("NFKC", header).strip().strip("*＊")
    name = HEADERS.get(text) or HEADERS.get(text.lower()) or text.lower().replace(" ", "_").replace("-", "_")
    column = columns().get(name)
    if column is None:
        raise CellRefused(f"`{header[:60]}` is no column of a rights sheet; correct its name or remove it")
    return column


def value(column: Column, cell: Cell | Formula, *, from_1904: bool) -> Any:
    """What a cell says, for the model that checks it; None: it is empty.

    Raises:
        CellRefused: it says nothing that the column can hold.
    """
    if isinstance(cell, Formula):
        raise CellRefused(f"`{column.name}` holds a formula or an error; paste its value instead")
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    if column.kind == "day":
        return _day(column, cell, from_1904=from_1904)
    if column.kind == "yes-no":
        return _yes_no(column, cell)
    if isinstance(cell, date):
        raise CellRefused(f"`{column.name}` holds a date; write text into it")
    text = _text(column, cell)
    match column.kind:
        case "number":
            return _number(column, text)
        case "words":
            return _words(column, text)
        case "items":
            return list(_items(column, text))
    return WORDS.get(column.name, {}).get(text, text.upper() if column.name in UPPER else text)


def _of(
    model: type[Value], part: Literal["license", "grant", "terms"], *, without: Collection[str]
) -> list[Column]:
    found = []
    for name, field in model.model_fields.items():
        if name in without:
            continue
        kind, inner = _kind(field.annotation)
        says = (field.description or "").replace("\n", " ")
        if kind == "nested" and inner is not None:
            for sub, deeper in inner.model_fields.items():
                sub_kind, _ = _kind(deeper.annotation)
                if sub_kind in ("text", "words", "yes-no", "number", "day"):
                    found.append(
                        Column(
                            f"{name}_{sub}",
                            part,
                            (name, sub),
                            sub_kind,
                            (deeper.description or "").replace("\n", " "),
                            nullable=deeper.is_required() and _optional(deeper.annotation),
                        )
                    )
        elif kind != "nested":
            required = field.is_required() and _optional(field.annotation)
            found.append(Column(name, part, (name,), kind, says, inner, required))
    return found


def _kind(annotation: Any) -> tuple[Any, type[Value] | None]:
    if get_origin(annotation) is Annotated:
        return _kind(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return _kind(next(one for one in get_args(annotation) if one is not type(None)))
    if get_origin(annotation) is frozenset:
        return "words", None
    if get_origin(annotation) is tuple:
        inner = _kind(get_args(annotation)[0])
        return ("items", inner[1]) if inner[0] == "nested" else ("words", None)
    if isinstance(annotation, type):
        if issubclass(annotation, Value):
            return "nested", annotation
        for kind, of in (("yes-no", bool), ("number", int), ("day", date)):
            if issubclass(annotation, of):
                return kind, None
    return "text", None


def _optional(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType) and type(None) in get_args(annotation)


def _day(column: Column, cell: str | int | float | bool | date, *, from_1904: bool) -> Any:
    try:
        if isinstance(cell, date):
            return days.of_cell(cell)
        if isinstance(cell, bool):
            raise ValueError(f"`{cell}` is not a day; {days.LOOKS}")
        if isinstance(cell, int | float):
            if cell != int(cell):
                raise ValueError(f"`{cell}` has a time of day; write the day alone")
            # A number of eight digits was typed as a day: 20270331.
            return days.day(str(int(cell)), from_1904=from_1904)
        text = unicodedata.normalize("NFKC", cell).strip()
        if column.nullable and WORDS.get(column.name, {}).get(text, text.lower()) == NOTHING:
            return NOTHING
        return days.day(text, from_1904=from_1904)
    except (ValueError, OverflowError) as error:
        raise CellRefused(f"`{column.name}`: {error}") from error


def _yes_no(column: Column, cell: str | int | float | bool | date) -> bool:
    if isinstance(cell, bool):
        return cell
    text = unicodedata.normalize("NFKC", str(cell)).strip().lower()
    if text not in YES_NO:
        raise CellRefused(f"`{column.name}`: `{text[:60]}` is neither `yes` nor `no`")
    return YES_NO[text]


def _text(column: Column, cell: str | int | float | bool) -> str:
    if isinstance(cell, float) and cell == int(cell):
        cell = int(cell)
    text = str(cell).strip()
    if len(text) > MAX_CELL:
        raise CellRefused(f"`{column.name}` has more than {MAX_CELL} characters")
    if any(unicodedata.category(mark) in ("Cc", "Cs") and mark not in "\n\r\t" for mark in text):
        raise CellRefused(f"`{column.name}` holds a control character; type it anew")
    if text[0] in "=@" or (text[0] in "+-" and column.kind != "number"):
        raise CellRefused(
            f"`{column.name}` begins with `{text[0]}`, which spreadsheets run as a formula; begin with a word"
        )
    return text


def _number(column: Column, text: str) -> Any:
    plain = unicodedata.normalize("NFKC", text).replace(",", "").replace(" ", "")
    if column.nullable and plain.lower() == NOTHING:
        return NOTHING
    if not plain.removeprefix("-").isdecimal() or len(plain) > 20:
        raise CellRefused(f"`{column.name}`: `{text[:60]}` is no whole number")
    return int(plain)


def _words(column: Column, text: str) -> list[str]:
    """Words apart by `;`, or by commas and lines where none of the words can hold one."""
    marks = ";；、\n" if column.name in NOT_LOWER else ";；、,，\n"
    for mark in marks[1:]:
        text = text.replace(mark, ";")
    known = WORDS.get(column.name, {})
    found = [word for word in (each.strip() for each in text.split(";")) if word]
    if column.name == "channels" and len(found) == 1 and found[0].lower() in ALL_CHANNELS:
        return sorted(CHANNELS)
    if column.name in NOT_LOWER:
        return [known.get(word, word) for word in found]
    shape: Callable[[str], str] = str.upper if column.name in UPPER else str.lower
    return [known.get(each, shape(each)) for each in (unicodedata.normalize("NFKC", w) for w in found)]


def _items(column: Column, text: str) -> Iterator[dict[str, Any]]:
    """`holder=Rival K.K. | sectors=cosmetics, food | territories=JP`, several apart by `;`."""
    assert column.model is not None
    fields = column.model.model_fields
    for item in text.replace("；", ";").replace("\n", ";").split(";"):
        if not item.strip():
            continue
        found: dict[str, Any] = {}
        for pair in item.split("|"):
            name, equals, given = (part.strip() for part in pair.partition("="))
            if not equals or name not in fields or name in found:
                raise CellRefused(
                    f"`{column.name}`: `{pair.strip()[:60]}` is not one of "
                    + ", ".join(f"`{field}=..`" for field in fields)
                )
            kind, _ = _kind(fields[name].annotation)
            if kind in ("items", "nested"):
                raise CellRefused(f"`{column.name}`: `{name}` has no place in a cell; use a rights file")
            inner = Column(name, column.part, (name,), kind, "")
            found[name] = value(inner, given, from_1904=False)
        yield found
