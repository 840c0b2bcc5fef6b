"""Real street photos under a license that forbids commercial use, through the whole running stack."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import func, select

from bankd import config, installation
from bankd.audit.actor import Actor
from bankd.provenance.models import Composite
from bankd.runtime import Runtime
from bankd.synthesis import verification

ROOT = Path(__file__).parents[2]
CAMVID = Path(os.environ.get("BANKD_CAMVID", ROOT.parent / "shared" / "data" / "camvid"))

pytestmark = pytest.mark.skipif(not CAMVID.is_dir(), reason="the CamVid photos are not there")


@pytest.fixture(scope="module")
def camvid(tool: Callable[[str], ModuleType]) -> ModuleType:
    return tool("camvid")


@pytest.fixture(scope="module")
def split() -> dict[str, Any]:
    return json.loads((CAMVID / "split.json").read_text())


@pytest.fixture(scope="module")
def rt(camvid: ModuleType, split: dict[str, Any], swift: Callable[[str], Path]) -> Iterator[Runtime]:
    runtime = Runtime(config.Settings(home=swift("camvid")), Actor("user", "tests"))
    try:
        installation.up(runtime, durability=False)
        report, _ = camvid.take_in(runtime, CAMVID, camvid.spread(split["bank"], 40))
        assert (report.taken, report.refused, report.failed) == (40, {}, 0)
        yield runtime
    finally:
        installation.down(runtime)
        runtime.engine.dispose()


def test_research_gets_coherent_streets_that_verify(
    rt: Runtime, camvid: ModuleType, split: dict[str, Any]
) -> None:
    stems = camvid.spread(split["test"], 3)
    requests, _ = camvid.ask(rt, CAMVID, stems, purpose="research")

    assert camvid.states(rt, requests) == ["completed"] * 3
    pictures = camvid.handed_out(rt, CAMVID, dict(zip(requests, stems, strict=True)))
    assert [picture.layout for picture in pictures] == stems
    for picture in pictures:
        assert verification.verify_file(rt, picture.file, by=rt.actor).authentic
        assert 0.2 < picture.largest_share <= 0.6  # one street, and not one photo of it
        assert min(picture.dusk_share, 1 - picture.dusk_share) < 0.1  # one light


def test_commercial_use_is_refused_for_every_layout_and_the_license_is_named_as_why(
    rt: Runtime, camvid: ModuleType, split: dict[str, Any]
) -> None:
    requests, _ = camvid.ask(rt, CAMVID, camvid.spread(split["test"], 3), purpose="commercial")

    assert camvid.states(rt, requests) == ["refused"] * 3
    for request in requests:
        found = camvid.explanation(rt, request)
        assert sum(region.share for region in found.regions) > 0.9
        for region in found.regions:
            held = {denial.policy: denial.count for denial in region.reasons}
            assert held["purpose-not-covered"] == region.segments > 0
        assert any("does not allow this purpose" in line for line in camvid.reasons(found))
    with rt.transaction() as session:
        made = select(func.count()).select_from(Composite).where(Composite.request_id.in_(requests))
        assert session.scalar(made) == 0
