"""Run the bank on CamVid's street photos, whole: what is refused, what comes out.

    BANKD_CAMVID=/path/to/camvid python tools/camvid.py [--every N] [--layouts N]

CamVid's re-release is licensed CC BY-NC 4.0: with purpose `commercial` everything is refused and the
reasons name the license; with `research` composites come out, into out/camvid/. Photos of the split's
`bank` go in, layouts of its `test` are asked for. Nothing of CamVid is kept in the checkout but in
the bank's data folder and out/, which git ignores.
"""

import argparse
import json
import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from bankd import config, installation
from bankd.access import service as access
from bankd.access.errors import DepartmentNotFound
from bankd.audit.actor import Actor
from bankd.catalog import taxonomy
from bankd.catalog.importing import import_rights
from bankd.ingestion import service as ingestion
from bankd.ingestion.folder import read_folder
from bankd.ingestion.service import NewPhoto
from bankd.licensing import rights_file
from bankd.licensing.use import Use
from bankd.provenance.models import Composite
from bankd.runtime import Runtime
from bankd.synthesis import filing
from bankd.synthesis.handouts import HandedOut, hand_out
from bankd.synthesis.layouts import read_layout

RIGHTS = Path(__file__).parent / "camvid.rights.yaml"
FINAL = ("completed", "refused", "failed")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--every", type=int, default=1, help="take in every Nth photo of the bank")
    parser.add_argument("--layouts", type=int, default=9, help="how many layouts of `test` to ask for")
    parser.add_argument("--home", type=Path, default=Path(".bankd/camvid"))
    parser.add_argument("--out", type=Path, default=Path("out/camvid"))
    options = parser.parse_args()
    source = Path(os.environ.get("BANKD_CAMVID", "camvid"))
    if not (source / "split.json").is_file():
        print(f"error: `{source}` holds no CamVid with its split.json: set BANKD_CAMVID", file=sys.stderr)
        return 2
    rt = Runtime(config.Settings(home=options.home.resolve(), house="CamVid trial"), Actor("user", "camvid"))
    try:
        installation.up(rt)
        split = json.loads((source / "split.json").read_text())
        take_in(rt, source, set(split["bank"][:: options.every]))
        step = max(1, len(split["test"]) // options.layouts)
        wanted = [Path(name).stem for name in split["test"][::step][: options.layouts]]
        refused = ask(rt, source, wanted, purpose="commercial")
        made = ask(rt, source, wanted, purpose="research")
        tell(rt, refused, made, out=options.out)
        return 0 if made and not any(state == "completed" for state in states(rt, refused)) else 1
    finally:
        installation.down(rt)


def take_in(rt: Runtime, source: Path, names: set[str]) -> None:
    rights = rights_file.load(RIGHTS)
    folder = read_folder(source)
    stems = {Path(name).stem for name in names}
    photos = [
        NewPhoto(p.name, p.photo, p.labels, p.instances, p.depth, rights.record_for(p.name))
        for p in folder.photos
        if Path(p.name).stem in stems
    ]
    started = time.monotonic()
    with rt.transaction() as session:
        import_rights(session, rights, blobs=rt.blobs, by=rt.actor, at=rt.now())
        try:
            department = access.department(session, "house")
        except DepartmentNotFound:
            department = access.record_department(session, "house", by=rt.actor, at=rt.now())
        batch = ingestion.open_batch(
            session, photos, classes=folder.classes, name="camvid", department_id=department.id,
            blobs=rt.blobs, by=rt.actor, at=rt.now(),
        )  # fmt: skip
    while True:
        with rt.transaction() as session:
            report = ingestion.report(session, batch.id)
        print(f"\r{report.photos - report.waiting} of {report.photos} photos", end="", flush=True)
        if report.finished:
            break
        time.sleep(0.5)
    seconds = time.monotonic() - started
    print(f", {report.segments} segments, {seconds:.0f} s: taken {report.taken}, known {report.known},"
          f" refused {sum(report.refused.values())}, failed {report.failed}")  # fmt: skip


def ask(rt: Runtime, source: Path, stems: list[str], *, purpose: str) -> list[UUID]:
    today = rt.now().date()
    use = Use.model_validate(
        {
            "purpose": purpose,
            "channels": ["web"],
            "targeted": ["JP"],
            "accessible": ["WORLD"],
            "starts_on": today,
            "ends_on": today + timedelta(days=90),
            "audience": "public",
        }
    )
    classes = (source / "classes.json").read_bytes()
    filed = []
    for stem in stems:
        labels = read_layout(
            (source / "labels" / f"{stem}.png").read_bytes(), classes, taxonomy=taxonomy.house()
        )
        with rt.transaction() as session:
            request = filing.file(
                session, filing.Asked(labels, use, "scene", 1, 7), blobs=rt.blobs,
                taxonomy=taxonomy.house(), idempotency_key=f"{stem}-{purpose}-{today}",
                by=rt.actor, at=rt.now(),
            )  # fmt: skip
            filed.append(request.id)
    started = time.monotonic()
    while not all(state in FINAL for state in states(rt, filed)):
        time.sleep(0.3)
    print(f"{purpose}: {', '.join(states(rt, filed))}, {time.monotonic() - started:.0f} s")
    return filed


def states(rt: Runtime, requests: list[UUID]) -> list[str]:
    with rt.transaction() as session:
        return [filing.get(session, request).state for request in requests]


def tell(rt: Runtime, refused: list[UUID], made: list[UUID], *, out: Path) -> None:
    with rt.transaction() as session:
        for region in filing.get(session, refused[0]).outcome.get("regions", [])[:3]:
            reasons = "; ".join(f"{r['policy']} ({r['segments']})" for r in region["reasons"])
            print(f"  {region['category']}: {region['segments']} segments, refused by {reasons}")
        rows = session.scalars(select(Composite).where(Composite.request_id.in_(made))).all()
        composites = [row.id for row in sorted(rows, key=lambda row: made.index(row.request_id))]
    out.mkdir(parents=True, exist_ok=True)
    for number, composite in enumerate(composites):
        with rt.transaction() as session:
            given = hand_out(
                session, composite, recipient="evaluation", channel="web", blobs=rt.blobs,
                by=rt.actor, at=rt.now(),
            )  # fmt: skip
        if isinstance(given, HandedOut):
            (out / f"{number:02d}.png").write_bytes(given.file)
    print(f"{len(composites)} composites in {out}")


if __name__ == "__main__":
    raise SystemExit(main())
