"""The sample's rights: quotes are in the documents, and the demo's uses clear what they should."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bankd.licensing import rights_file
from bankd.licensing.consents import HeldRelease, ReleaseTerms
from bankd.licensing.facts import grant_facts, use_facts
from bankd.licensing.rights_entries import RightsFile
from bankd.licensing.terms import EmbeddedRights, GrantFacts
from bankd.licensing.use import Use
from bankd.licensing.vocabulary import Action
from bankd.policy import engine, load
from bankd.policy.load import Bundle

ROOT = Path(__file__).parents[3]
AT = datetime(2026, 11, 23, 12, tzinfo=UTC)

OWNED = set(range(24)) | {57}
BY = set(range(24, 30))
AOI = set(range(30, 36))
ITO_BOUGHT, ITO_FREE = set(range(36, 40)), set(range(36, 42))
KESTREL = set(range(47, 51))
EDITORIAL = set(range(51, 54))


@pytest.fixture(scope="module")
def file() -> RightsFile:
    return rights_file.load(ROOT / "sample" / "rights.yaml")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load.read(ROOT / "policies")


@pytest.fixture(scope="module")
def photos(file: RightsFile) -> dict[int, list[GrantFacts]]:
    """The facts of every grant of every photo, with the block that an embargo sets left out."""
    licenses = {license.ref: license for license in file.licenses}
    held = {
        entry.ref: HeldRelease(
            entry.ref, ReleaseTerms(**{name: getattr(entry, name) for name in ReleaseTerms.model_fields})
        )
        for entry in file.releases
    }
    found: dict[int, list[GrantFacts]] = {}
    for number in range(60):
        record = file.record_for(f"{number:03}-desk.jpg")
        found[number] = []
        for ref in record.grants if record else ():
            license, _, name = ref.partition("/")
            (grant,) = (each for each in licenses[license].grants if each.ref == name)
            found[number].append(
                grant_facts(
                    grant.terms,
                    basis=licenses[license].basis,
                    co_owners_agreed=all(owner.agreed for owner in licenses[license].co_owners),
                    depictions=record.depictions,
                    embedded=EmbeddedRights(),
                    releases=[held[release] for release in record.releases],
                )
            )
    return found


def flat(text: str) -> str:
    return re.sub(r"\s+", "", text)


def test_every_quote_stands_in_its_document(file: RightsFile) -> None:
    paths = {document.ref: file.document_file(document) for document in file.documents}
    for entry in (*file.licenses, *file.releases):
        quotes = [entry.quote, *(grant.quote for grant in getattr(entry, "grants", ()))]
        if entry.document is not None:
            text = flat(paths[entry.document].read_text())
            assert all(flat(quote) in text for quote in quotes if quote), entry.ref


def test_at_least_six_licensors_grant_differently(file: RightsFile) -> None:
    assert len({license.licensor for license in file.licenses}) >= 6
    assert len({grant.terms for license in file.licenses for grant in license.grants}) >= 8


def test_a_photo_that_nobody_licensed_has_no_record(file: RightsFile) -> None:
    assert file.record_for("059-corner.jpg") is None


@pytest.mark.parametrize(
    ("action", "use", "cleared"),
    [
        ("synthesize", {}, OWNED | BY | AOI | ITO_BOUGHT | KESTREL),
        ("synthesize", {"sector": "cosmetics"}, OWNED | BY | AOI | ITO_BOUGHT),
        ("synthesize", {"subjects": {"alcohol"}}, OWNED | BY | ITO_BOUGHT | KESTREL),
        ("synthesize", {"accessible": {"WORLD"}}, OWNED | BY),
        ("synthesize", {"targeted": {"WORLD"}, "accessible": {"WORLD"}}, OWNED | BY),
        ("synthesize", {"targeted": {"FR"}, "accessible": {"FR"}}, OWNED | BY),
        ("synthesize", {"targeted": {"KR"}, "accessible": {"KR"}}, OWNED | BY | KESTREL),
        (
            "synthesize",
            {"channels": {"print"}, "targeted": {"US"}, "accessible": {"US"}, "copies": 1000},
            OWNED | BY,
        ),
        (
            "synthesize",
            {"ends_on": "2027-03-31", "zone": "Asia/Tokyo"},
            OWNED | BY | AOI | ITO_BOUGHT | KESTREL,
        ),
        ("synthesize", {"ends_on": "2027-04-01", "zone": "Asia/Tokyo"}, OWNED | BY | ITO_BOUGHT | KESTREL),
        (
            "synthesize",
            {"purpose": "editorial", "accessible": {"WORLD"}},
            OWNED | BY | EDITORIAL,
        ),
        ("synthesize", {"purpose": "research", "accessible": {"WORLD"}}, OWNED | BY | ITO_FREE),
        ("train", {"purpose": "research"}, OWNED | BY | ITO_FREE),
        ("train", {}, OWNED | BY),
    ],
)
def test_what_clears(
    bundle: Bundle,
    photos: dict[int, list[GrantFacts]],
    action: Action,
    use: dict[str, Any],
    cleared: set[int],
) -> None:
    asked = use_facts(
        Use.model_validate(
            {
                "purpose": "commercial",
                "channels": {"web"},
                "targeted": {"JP"},
                "accessible": {"JP"},
                "starts_on": "2026-12-01",
                "ends_on": "2027-02-28",
                "audience": "public",
            }
            | use
        ),
        at=AT,
    )

    found = {
        number
        for number, grants in photos.items()
        if any(decision.allowed for decision in engine.decide_many(bundle, action, grants, asked))
    }

    assert found == cleared
