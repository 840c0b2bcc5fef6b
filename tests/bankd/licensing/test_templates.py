"""Templates: what such licenses have in common, blanks that must be filled in, and a no to what is unsaid."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from bankd.licensing import rights_file
from bankd.licensing.errors import RightsFileRefused
from bankd.licensing.rights_entries import RightsFile
from bankd.licensing.templates import TEMPLATES
from bankd.licensing.terms import GrantTerms
from bankd.licensing.vocabulary import SUBJECTS

FILLED: dict[str, dict[str, Any]] = {
    "owned": {"starts_on": "2026-01-01"},
    "royalty-free": {"starts_on": "2026-01-01", "max_copies": 500000},
    "rights-managed": {
        "territories": "JP",
        "channels": ["web"],
        "purposes": ["commercial"],
        "sectors": ["food"],
        "starts_on": "2026-01-01",
        "ends_on": "2026-12-31",
        "max_copies": None,
    },
    "editorial": {"starts_on": "2026-01-01", "ends_on": None},
    "subscription": {
        "starts_on": "2026-01-01",
        "create_by": "2026-12-31",
        "ends_on": None,
        "max_copies": None,
        "caps": [{"trigger": "seal", "most": 50, "per": "month"}],
    },
}


def load(tmp_path: Path, *licenses: dict[str, Any], photos: list[dict[str, Any]] | None = None) -> RightsFile:
    file = tmp_path / "rights.yaml"
    (tmp_path / "paper.md").write_text("paper")
    whole = {
        "version": 1,
        "licensors": [{"ref": "agency", "name": "Agency"}],
        "documents": [{"ref": "paper", "path": "paper.md"}],
        "licenses": [{"licensor": "agency", "title": "T", "basis": "licensed", **one} for one in licenses],
        "photos": photos or [],
    }
    file.write_text(yaml.safe_dump(whole, allow_unicode=True, sort_keys=False))
    return rights_file.load(file)


def refused(tmp_path: Path, *licenses: dict[str, Any], **other: Any) -> str:
    with pytest.raises(RightsFileRefused) as caught:
        load(tmp_path, *licenses, **other)
    (problem,) = caught.value.problems
    assert problem[0] is not None
    return problem[1]


def of(name: str, **fill: Any) -> dict[str, Any]:
    return {"ref": "L", "basis": TEMPLATES[name].basis, "template": name, "fill": {**FILLED[name], **fill}}


def filled(tmp_path: Path, name: str, **fill: Any) -> GrantTerms:
    (license,) = load(tmp_path, of(name, **fill)).licenses
    (grant,) = license.grants
    assert (license.template, grant.ref) == (name, name)
    return grant.terms


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_what_a_template_leaves_unsaid_is_a_no(tmp_path: Path, name: str) -> None:
    terms = filled(tmp_path, name)
    assert (terms.generative, terms.train, terms.sublicense, terms.archive) == (False,) * 4
    assert filled(tmp_path, name, generative=True, train=True).train


def test_what_each_template_means(tmp_path: Path) -> None:
    free = filled(tmp_path, "royalty-free")
    assert (free.territories, free.ends_on, free.subjects_excluded) == ({"WORLD"}, None, SUBJECTS)
    managed = filled(tmp_path, "rights-managed")
    assert (managed.territories, managed.alterations) == ({"JP"}, {"crop"})
    editorial = filled(tmp_path, "editorial")
    assert (editorial.purposes, "packaging" in editorial.channels) == ({"editorial"}, False)
    quota = filled(tmp_path, "subscription")
    assert (quota.create_by, quota.available_until, quota.ends_on) == (quota.create_by, quota.create_by, None)
    assert [(cap.most, cap.per) for cap in quota.all_caps] == [(50, "month")]


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_every_blank_must_be_filled_in(tmp_path: Path, name: str) -> None:
    for blank in TEMPLATES[name].blanks:
        entry = of(name)
        del entry["fill"][blank]
        assert f"template `{name}` leaves `{blank}` blank" in refused(tmp_path, entry)


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (of("editorial", purposes=["commercial"]), "template `editorial` fixes `purposes`"),
        (
            of("rights-managed", ends_on=None),
            "template `rights-managed` ends; fill in",
        ),
        (of("subscription", caps=[]), "template `subscription` leaves the quota blank"),
        (of("owned", colour="red"), "`colour` is no field of terms"),
        (of("royalty-free", max_copies=-1), "`max_copies` must be 0 or more, not `-1`"),
        (
            of("owned") | {"basis": "licensed"},
            "has the basis `licensed`, and template `owned` is for `owned`",
        ),
        ({"ref": "L", "fill": {"starts_on": "2026-01-01"}}, "fills in a template and names none"),
        (
            {"ref": "L", "spdx": "CC0-1.0", "starts_on": "2026-01-01", "template": "owned"},
            "`CC0-1.0`, which leaves no blank",
        ),
    ],
)
def test_blanks_that_cannot_be_filled_so(tmp_path: Path, entry: dict[str, Any], sentence: str) -> None:
    assert sentence in refused(tmp_path, entry)


TERMS = {
    "territories": "JP",
    "channels": ["web"],
    "purposes": ["commercial"],
    "sectors": ["any"],
    "audiences": ["public"],
    "starts_on": "2026-04-01",
    "ends_on": "2027-03-31",
}


def licensed(ref: str = "L", *, terms: dict[str, Any] | None = None, **other: Any) -> dict[str, Any]:
    return {"ref": ref, "grants": [{"ref": "g", "terms": {**TERMS, **(terms or {})}}], **other}


RULING = {"number": "12", "authority": "A", "country": "JP", "until": "2027-01-01"}
STATUTE = {"country": "JP", "article": "30-4", "memo": "m" * 40}
STEP = {"from_holder": "Ada", "to_holder": "Bo", "by": "assignment"}


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (licensed(basis="ruling"), "license `L` has the basis `ruling` and needs its `ruling`"),
        (licensed(basis="statutory"), "license `L` has the basis `statutory` and needs its `statute`"),
        (licensed(ruling=RULING), "states a `ruling`, so its basis is `ruling` and not `licensed`"),
        (licensed(statute=STATUTE), "states a `statute`, so its basis is `statutory` and not `licensed`"),
        (licensed(basis="ruling", ruling=RULING | {"country": "XX"}), "unknown country `XX`"),
        (licensed(author="Ada"), "no link leads from the author `Ada` to the licensor `Agency`"),
        (licensed(title_chain=[STEP]), "the title chain breaks between `Bo` and `Agency`"),
        (
            licensed(title_chain=[STEP | {"to_holder": "Agency", "document": "lost"}]),
            "unknown document `lost`; add it to `documents`",
        ),
        (
            licensed(basis="statutory", statute=STATUTE, terms={"generative": True}),
            "is `generative`, which no statute allows",
        ),
        (
            licensed(terms={"generative": True, "integrity": "reserved"}),
            "is `generative` though the author may object to alterations",
        ),
        (licensed(basis="owned", terms={"share_alike": "CC-BY-SA-4.0"}), "of the house's own work"),
        (licensed(terms={"create_by": "2026-03-31"}), "`create_by` is `2026-03-31`, before the term begins"),
        (licensed(terms={"publish_by": "2027-04-01"}), "`publish_by` is `2027-04-01`, after the term ends"),
        (licensed(terms={"sell_off_until": "2027-03-31"}),
         "which is not after the term's end on `2027-03-31`"),
        (licensed(terms={"sell_off_days": 9, "sell_off_until": "2027-05-31"}), "are both stated; keep one"),
        (licensed(terms={"ends_on": None, "sell_off_days": 9}), "leaves nothing to sell off"),
        (
            licensed(terms={"ends_on": None, "renewal": {"months": 12, "notice_days": 90}}),
            "a term without end has nothing to renew",
        ),
        (licensed(terms={"indemnity": {"scope": ["copyright"], "cap_minor": -1, "currency": "JPY"}}),
         "`cap_minor` must be 0 or more, not `-1`"),
        (licensed(terms={"indemnity": {"scope": ["copyright"], "cap_minor": 5}}), "or neither"),
        (licensed(terms={"indemnity": {"scope": ["copyright"], "cap_minor": 5, "currency": "YEN"}}),
         "unknown currency `YEN`"),
        (licensed(terms={"credit": {"text": "© Ada", "suppressed": True}}),
         "has no text; remove one of them"),
        (licensed(terms={"credit": {"placement": "metadata"}}), "a credit needs its `text`"),
        (licensed(terms={"ends_on": "2026-02-29"}), "`2026-02-29` is not a day of the calendar"),
        (
            {
                "ref": "L",
                "grants": [
                    {"ref": "a", "terms": TERMS | {"fee_minor": 5, "currency": "JPY"}},
                    {"ref": "b", "terms": TERMS | {"fee_minor": 5, "currency": "EUR"}},
                ],
            },
            "license `L` is owed in `EUR` and `JPY`; one agreement has one currency",
        ),
        (
            {
                "ref": "L",
                "grants": [
                    {"ref": "a", "terms": TERMS, "supersedes": "b"},
                    {"ref": "b", "terms": TERMS, "supersedes": "a"},
                ],
            },
            "grant `a`, which supersedes `b`, which supersedes `a`: one of them was first",
        ),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_one_sentence(
    tmp_path: Path, entry: dict[str, Any], sentence: str
) -> None:
    assert sentence in refused(tmp_path, entry)


def test_licenses_that_supersede_each_other_in_a_circle(tmp_path: Path) -> None:
    circle = [licensed("A", supersedes="C"), licensed("B", supersedes="A"), licensed("C", supersedes="B")]
    assert refused(tmp_path, *circle) == (
        "license `A`, which supersedes `C`, which supersedes `B`, which supersedes `A`: one of them was first"
    )


def test_photos_do_not_name_a_license_beside_the_one_that_supersedes_it(tmp_path: Path) -> None:
    problem = refused(
        tmp_path, licensed("OLD"), licensed("NEW", supersedes="OLD"),
        photos=[{"files": "*.png", "licenses": ["OLD", "NEW"]}],
    )  # fmt: skip
    assert problem == "license `OLD` is superseded by `NEW`, which these photos name; keep one"
