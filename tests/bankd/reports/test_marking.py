"""Marks found in files that the bank sealed, and in files that lost them."""

import io
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from desk import Desk
from PIL import Image

from bankd.audit.actor import Actor
from bankd.provenance.models import Composite
from bankd.reports.errors import PeriodRefused
from bankd.reports.kind import Context
from bankd.reports.kinds.marking import KIND
from bankd.reports.kinds.marking.gathering import remarks_of
from bankd.reports.kinds.marking.model import MarkingReport, MarkingScope
from bankd.reports.marks import Found, opener
from bankd.reports.rendering import read, render

JUNE = MarkingScope(first_day=date(2026, 6, 1), last_day=date(2026, 6, 30))
AIKO = Actor("user", "aiko", frozenset({"auditor"}))


def gather(rt: Any, *, aside: Path | None = None, by: Actor = AIKO) -> MarkingReport:
    with rt.snapshot() as session:
        context = Context("The house", by, rt.now(), rt.blobs, aside, opener(rt))
        return KIND.gather(session, JUNE, context).report


def test_marks_are_those_that_are_read_and_what_is_not_read_is_listed(served: Any, tmp_path: Path) -> None:
    rt = served.rt
    desk = Desk(served)
    first, second = desk.composite(seed=1), desk.composite(seed=2)
    desk.handout(first.id)
    desk.handout(first.id, comp=True)
    rt.blobs.delete(second.blob_key)

    report = gather(rt, aside=tmp_path)

    totals = report.totals
    assert (totals.composites, totals.composites_read, totals.by_network) == (2, 1, 0)
    assert (totals.handouts, totals.handouts_read, totals.comps) == (2, 1, 1)
    marks = {one.mark: one for one in report.marks}
    for mark in (
        "c2pa",
        "c2pa-valid",
        "c2pa-trusted",
        "c2pa-source-type",
        "xmp-source-type",
        "c2pa-mining",
        "data-mining",
    ):
        assert (marks[mark].composites, marks[mark].handouts) == (1, 1), mark
        assert (marks[mark].composites_looked, marks[mark].handouts_looked) == (1, 1)
    for mark in ("time-stamp", "ai-fields"):
        assert (marks[mark].composites, marks[mark].composites_looked) == (0, 1), mark
    assert marks["watermark"].composites_looked == 0 and not totals.watermark_looked
    assert [(one.term, one.c2pa, one.xmp) for one in report.source_types] == [("composite", 1, 1)]
    assert report.remarked == ()
    assert sorted((one.why, one.recorded) for one in report.not_read) == [
        ("copy-not-kept", ("comp",)), ("lost", ()),
    ]  # fmt: skip
    lines = (tmp_path / "outputs.csv").read_text().splitlines()
    assert len(lines) == 5 and report.annexes[0].rows == 4
    assert read("marking", report.as_text()) == report
    for locale in ("en", "ja"):
        page = render(report, "html", locale).decode()
        assert "compliant" not in page.lower()
    with pytest.raises(PeriodRefused, match="of the whole house"):
        gather(rt, by=replace(AIKO, department_id=served.department_id))


def test_a_file_that_lost_its_marks_is_named_with_what_it_lacks(served: Any, database: Any) -> None:
    rt = served.rt
    composite = Desk(served).composite()
    content = rt.blobs.get(composite.blob_key, limit_bytes=1 << 24)
    plain = io.BytesIO()
    with Image.open(io.BytesIO(content)) as image:
        image.save(plain, "PNG")  # another program's, which keeps nothing of it
    broken = bytearray(content)
    broken[-200] ^= 1
    for file, remarks in (
        (plain.getvalue(), {"no-c2pa", "no-xmp-source-type"}),
        (bytes(broken), {"c2pa-broken"}),
    ):
        key = f"composites/{composite.id}/other-{len(file)}"
        rt.blobs.put(key, file, media_type="image/png")
        with rt.transaction() as session:
            session.connection()
        with database.owner_engine.begin() as owner:
            owner.execute(
                Composite.__table__.update().where(Composite.id == composite.id).values(blob_key=key)
            )
        [one] = gather(rt).remarked
        assert remarks <= set(one.remarks), one.remarks
        assert one.output.composite == composite.id


def test_remarks_say_what_is_missing_and_what_does_not_agree() -> None:
    marks = frozenset({"c2pa", "c2pa-valid", "c2pa-trusted", "c2pa-source-type", "xmp-source-type"})
    types = {"c2pa": "composite", "xmp": "composite"}
    found = Found(marks, types, looked_for_watermark=False)  # type: ignore[arg-type]

    assert remarks_of(found, network=False) == ()
    assert remarks_of(found, network=True) == ("network-not-said",)
    differ = replace(found, source_types={**types, "xmp": "compositeSynthetic"})
    assert remarks_of(differ, network=False) == ("source-types-differ",)
    untrusted = replace(found, marks=marks - {"c2pa-trusted"})
    assert remarks_of(untrusted, network=False) == ("c2pa-untrusted",)
