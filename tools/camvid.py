"""Run the bank on CamVid's street photos, whole: what is refused, what comes out.

    BANKD_CAMVID=/path/to/camvid python tools/camvid.py [--photos N] [--layouts N]

CamVid's re-release is licensed CC BY-NC 4.0: with purpose `commercial` everything is refused and the
reasons name the license; with `research` composites come out, into out/camvid/. Photos of the split's
`bank` go in, layouts of its `test` are asked for. Nothing of CamVid is kept in the checkout but in
the bank's data folder and out/, which git ignores.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
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
from bankd.ingestion.service import BatchReport, NewPhoto
from bankd.licensing import rights_file
from bankd.licensing.use import Use
from bankd.provenance import manifest
from bankd.provenance.models import Composite
from bankd.runtime import Runtime
from bankd.synthesis import filing, reading
from bankd.synthesis.handouts import HandedOut, hand_out
from bankd.synthesis.layouts import read_layout
from bankd.synthesis.reading import Explanation

RIGHTS = Path(__file__).parent / "camvid.rights.yaml"
FINAL = ("completed", "refused", "failed")
DUSK = "0001TP"  # the sequence filmed at dusk; the others are of a bright day
PATIENCE_S = 1200


@dataclass(frozen=True)
class Picture:
    """A composite, and what counted facts say of its coherence."""

    layout: str
    file: bytes
    photos: int
    largest_share: float  # of the canvas, by the photo that holds most
    dusk_share: float  # of the canvas, by photos taken at dusk


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=303, help="how many photos of the bank to take in")
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
        report, seconds = take_in(rt, source, spread(split["bank"], options.photos))
        print(f"{report.segments} segments, {seconds:.0f} s: taken {report.taken}, known {report.known},"
              f" refused {sum(report.refused.values())}, failed {report.failed}")  # fmt: skip
        stems = spread(split["test"], options.layouts)

        # Research first: the same layouts with another purpose after a refusal would wait for compliance.
        made, seconds = ask(rt, source, stems, purpose="research")
        print(f"research: {told(states(rt, made))}, {seconds:.0f} s")
        refused, seconds = ask(rt, source, stems, purpose="commercial")
        print(f"commercial: {told(states(rt, refused))}, {seconds:.0f} s")
        for line in reasons(explanation(rt, refused[0])):
            print(f"  {line}")

        options.out.mkdir(parents=True, exist_ok=True)
        pictures = handed_out(rt, source, dict(zip(made, stems, strict=True)))
        for picture in pictures:
            (options.out / f"{picture.layout}.png").write_bytes(picture.file)
            print(f"  {picture.layout}: {picture.photos} photos, the largest {picture.largest_share:.0%},"
                  f" dusk {picture.dusk_share:.1%}")  # fmt: skip
        print(f"{len(pictures)} composites in {options.out}")
        as_told = set(states(rt, refused)) == {"refused"} and len(pictures) == len(stems)
        return 0 if as_told else 1
    finally:
        installation.down(rt)


def spread(names: Sequence[str], count: int) -> list[str]:
    """`count` of them, evenly spread."""
    count = min(count, len(names))
    return [names[at * len(names) // count] for at in range(count)]


def take_in(rt: Runtime, source: Path, stems: Sequence[str]) -> tuple[BatchReport, float]:
    """Ingest these photos under CamVid's rights file; what became of them, and seconds."""
    rights = rights_file.load(RIGHTS)
    folder = read_folder(source)
    photos = [
        NewPhoto(p.name, p.photo, p.labels, p.instances, p.depth, rights.record_for(p.name))
        for p in folder.photos
        if Path(p.name).stem in set(stems)
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
        if sys.stdout.isatty():
            print(f"\r{report.photos - report.waiting} of {report.photos} photos ", end="", flush=True)
        if report.finished:
            return report, time.monotonic() - started
        _wait(started)


def ask(rt: Runtime, source: Path, stems: Sequence[str], *, purpose: str) -> tuple[list[UUID], float]:
    """File a request for each layout and wait until all are final; the requests, and seconds."""
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
    started = time.monotonic()
    for stem in stems:
        content = (source / "labels" / f"{stem}.png").read_bytes()
        labels = read_layout(content, classes, taxonomy=taxonomy.house())
        with rt.transaction() as session:
            request = filing.file(
                session, filing.Asked(labels, use, "scene", 1, 7), blobs=rt.blobs,
                taxonomy=taxonomy.house(), idempotency_key=None,
                by=rt.actor, at=rt.now(),
            )  # fmt: skip
            filed.append(request.id)
    while not all(state in FINAL for state in states(rt, filed)):
        _wait(started)
    return filed, time.monotonic() - started


def _wait(started: float) -> None:
    if time.monotonic() - started > PATIENCE_S:
        raise SystemExit("error: the workers did not finish in time: see `log/` in the data folder")
    time.sleep(0.3)


def states(rt: Runtime, requests: Sequence[UUID]) -> list[str]:
    with rt.transaction() as session:
        return [filing.get(session, request).state for request in requests]


def told(found: Sequence[str]) -> str:
    return ", ".join(f"{number} {state}" for state, number in sorted(Counter(found).items()))


def explanation(rt: Runtime, request: UUID) -> Explanation:
    with rt.transaction() as session:
        return reading.explain(session, request, blobs=rt.blobs, taxonomy=taxonomy.house(), by=rt.actor)


def reasons(found: Explanation) -> list[str]:
    """Each reason once, with the categories that it keeps out."""
    categories: dict[str, set[str]] = {}
    for region in found.regions:
        for denial in region.reasons:
            categories.setdefault(f"{denial.says} ({denial.policy})", set()).add(region.category)
    return [f"{says}: {', '.join(sorted(those))}" for says, those in sorted(categories.items())]


def handed_out(rt: Runtime, source: Path, layouts: dict[UUID, str]) -> list[Picture]:
    """The composites of these requests (with the names of their layouts), cleared once more for today."""
    dusk = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (source / "images").glob(f"{DUSK}*")}
    with rt.transaction() as session:
        rows = session.scalars(select(Composite).where(Composite.request_id.in_(layouts))).all()
    pictures = []
    for row in sorted(rows, key=lambda row: list(layouts).index(row.request_id)):
        with rt.transaction() as session:
            given = hand_out(
                session, row.id, recipient="evaluation", channel="web", blobs=rt.blobs,
                by=rt.actor, at=rt.now(),
            )  # fmt: skip
        if not isinstance(given, HandedOut):
            continue
        area_px = row.height * row.width
        placed = manifest.read(row.manifest).placed_photos
        pictures.append(
            Picture(
                layouts[row.request_id],
                given.file,
                len(placed),
                max(photo.canvas_px for photo in placed) / area_px,
                sum(photo.canvas_px for photo in placed if photo.sha256 in dusk) / area_px,
            )
        )
    return pictures


if __name__ == "__main__":
    raise SystemExit(main())
