"""What a report takes: of a composite of forty photos, in each form, from the database to the bytes."""

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import get_args
from unittest import mock
from uuid import UUID

from sqlalchemy import select

from bankd.access.permissions import Role
from bankd.audit.actor import Actor
from bankd.provenance import manifest
from bankd.provenance.models import Composite
from bankd.reports import making
from bankd.reports.kind import Context, Gathered
from bankd.reports.rendering import render as rendered
from bankd.reports.report import Form
from bankd.runtime import Runtime
from bankd.synthesis import steps
from bankd.synthesis.models import Order
from synth.links import Links
from synth.worker import render
from tools.bench import governance
from tools.bench.rows import Row
from tools.bench.timing import p50, seconds

ACROSS, DOWN = 8, 5
PLACED = ACROSS * DOWN
MOST_S = 2
ROUNDS = 5


def options(parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def rows(chosen: argparse.Namespace, scratch: Path) -> Iterator[Row]:
    forty = mock.patch.multiple(governance, ACROSS=ACROSS, DOWN=DOWN, PLACED=PLACED, SHOTS=1)
    with forty, governance._bank(scratch) as rt:
        print(f"  filed in {seconds(partial(governance._fill, rt, chosen.seed)):.0f} s", flush=True)
        composite, placed = _composite(rt)
        said = f"{governance.WIDTH}x{governance.HEIGHT} of {placed} photos"
        gathered = _gathered(rt, composite)
        gathering = [seconds(partial(_gathered, rt, composite)) for _ in range(ROUNDS)]
        forms: tuple[Form, ...] = get_args(Form)
        for form in forms:
            for locale in ("en", "ja"):
                make = partial(rendered, gathered.report, form, locale, pictures=gathered.pictures)
                make()
                taken = [seconds(make) for _ in range(ROUNDS)]
                whole = p50(gathering) + p50(taken)
                name = f"provenance report, {said}, {form}, {locale}"
                yield Row.at_most(name, whole, "s", MOST_S) if form == "pdf" else Row(name, whole, "s")
        yield Row("of which gathered, with its pictures", p50(gathering), "s")


def _gathered(rt: Runtime, composite: UUID) -> Gathered[object]:
    by = Actor("user", "bench", frozenset(Role))
    with rt.snapshot() as session:
        context = Context("The house", by, rt.now(), rt.blobs)
        return making.gather(session, "provenance", {"composite": composite}, context=context)


def _composite(rt: Runtime) -> tuple[UUID, int]:
    request = governance._file(rt, seed=1)
    steps.advance(rt, request)
    with rt.transaction() as session:
        order = session.scalars(select(Order).where(Order.request_id == request)).one()
        published = steps.publish(rt, session, order.id)
    assert published is not None
    render(
        *published, key=rt.order_key.public_key(), store=rt.addresses.s3_url,
        now=rt.now().timestamp(), links=Links(),
    )  # fmt: skip
    steps.seal(rt, order.id)
    with rt.transaction() as session:
        composite = session.scalars(select(Composite).where(Composite.request_id == request)).one()
        return composite.id, len(manifest.read(composite.manifest).placed_photos)
