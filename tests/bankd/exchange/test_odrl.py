"""ODRL policies: read and represented, or refused by name; what is written reads back."""

import json
import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bankd.exchange import odrl, odrl_writing
from bankd.exchange.odrl import Agreements
from bankd.exchange.odrl_writing import GrantOut, LicenseOut, NotExportable
from bankd.licensing.errors import RightsFileRefused
from bankd.licensing.terms import GrantTerms
from bankd.licensing.vocabulary import (
    ALTERATIONS,
    AUDIENCES,
    CHANNELS,
    PURPOSES,
    SUBJECTS,
    TERRITORIES,
)

EXAMPLES = int(os.environ.get("BANKD_ODRL_EXAMPLES", "20"))
POLICY: dict[str, Any] = {
    "@context": "http://www.w3.org/ns/odrl.jsonld",
    "@type": "Agreement",
    "uid": "https://agency.example/agreements/2026-17",
    "profile": "https://iptc.org/std/RightsML/odrl-profile/",
    "permission": [
        {
            "target": "https://agency.example/photos/desk-001.jpg",
            "assigner": {"uid": "https://agency.example/", "vcard:fn": "Agency Nine"},
            "assignee": "https://komorebi.example/",
            "action": ["distribute", "modify", "aggregate"],
            "constraint": [
                {
                    "leftOperand": "spatial",
                    "operator": "isAnyOf",
                    "rightOperand": ["http://cvx.iptc.org/iso3166-1a3/JPN", "iso3166:KR"],
                },
                {"leftOperand": "media", "operator": "isAnyOf", "rightOperand": ["online", "print"]},
                {"leftOperand": "purpose", "operator": "eq", "rightOperand": "commercial"},
                {"leftOperand": "industry", "operator": "eq", "rightOperand": "Food and Drink"},
                {
                    "leftOperand": "dateTime",
                    "operator": "gteq",
                    "rightOperand": {"@value": "2026-04-01", "@type": "xsd:date"},
                },
                {"leftOperand": "dateTime", "operator": "lt", "rightOperand": "2027-04-01T00:00:00+09:00"},
            ],
        }
    ],
}


def policy(**changes: Any) -> dict[str, Any]:
    """The policy with changed parts; those of its one permission by the names of rules."""
    made = json.loads(json.dumps(POLICY))
    rule = made["permission"][0]
    for name, value in changes.items():
        into = (
            rule
            if name in ("target", "assigner", "assignee", "action", "constraint", "duty", "extra")
            else made
        )
        if name == "extra":
            into.update(value)
        elif value is None:
            into.pop(name, None)
        else:
            into[name.replace("__", "@")] = value
    made["permission"][0]["constraint"] = (
        [
            one
            for one in made["permission"][0]["constraint"]
            if not (isinstance(one.get("rightOperand"), str) and "+09:00" in one["rightOperand"])
        ]
        if "constraint" not in changes
        else made["permission"][0]["constraint"]
    )
    return made


def load(folder: Path, document: Any, **options: Any) -> Agreements:
    path = folder / "policy.jsonld"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return odrl.load(path, **options)


def refused(folder: Path, document: Any) -> str:
    with pytest.raises(RightsFileRefused) as refusal:
        load(folder, document)
    return "; ".join(sentence for _, sentence in refusal.value.problems)


def terms(found: Agreements) -> GrantTerms:
    return found.file.licenses[0].grants[0].terms


def constraint(operand: str, operator: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"leftOperand": operand, "operator": operator, "rightOperand": value, **more}


FROM = constraint("dateTime", "gteq", "2026-04-01")


def test_an_agreement_becomes_a_license_with_its_document(tmp_path: Path) -> None:
    document = json.loads(json.dumps(POLICY))
    first = document["permission"][0]["constraint"]
    first[4]["rightOperand"] = "2026-04-01T00:00:00+09:00"

    found = load(tmp_path, document, house="https://komorebi.example/")

    [license] = found.file.licenses
    assert license.document == "policy" and found.file.documents[0].path == "policy.jsonld"
    assert found.file.licensors[0].name == "Agency Nine"
    read = terms(found)
    assert (read.territories, read.channels) == ({"JP", "KR"}, {"web", "print"})
    assert (read.purposes, read.sectors) == ({"commercial"}, {"food-and-drink"})
    assert read.alterations == ALTERATIONS
    assert (read.starts_on, read.ends_on, read.zone) == (date(2026, 4, 1), date(2027, 3, 31), "Etc/GMT-9")
    assert (read.generative, read.train, read.sublicense) == (False, False, False)
    assert read.licensees == {"house"}
    [assets] = found.assets.values()
    assert assets.names == ("desk-001.jpg",)
    assert list(found.unlimited.values()) == [("audiences",)]


def test_who_is_not_named_as_the_house_is_not_the_house(tmp_path: Path) -> None:
    assert terms(load(tmp_path, policy())).licensees == {"https://komorebi.example/"}
    said = policy(assignee={"uid": "https://other.example/", "vcard:fn": "house"})
    assert terms(load(tmp_path, said)).licensees == {"https://other.example/"}


def test_names_are_understood_bare_by_prefix_and_in_full(tmp_path: Path) -> None:
    plain = policy(constraint=[FROM, constraint("spatial", "eq", "JP")])
    text = json.dumps(plain)
    by_prefix = text.replace('"leftOperand"', '"odrl:leftOperand"').replace('"spatial"', '"odrl:spatial"')
    in_full = text.replace('"operator"', '"http://www.w3.org/ns/odrl/2/operator"').replace(
        '"distribute"', '{"@id": "http://www.w3.org/ns/odrl/2/distribute"}'
    )

    assert terms(load(tmp_path, by_prefix)) == terms(load(tmp_path, plain)) == terms(load(tmp_path, in_full))


@pytest.mark.parametrize(
    ("one", "sentence"),
    [
        *(
            (constraint(operand, "eq", "1"), f"operand `{operand}` cannot be represented")
            for operand in (
                "elapsedTime", "event", "delayPeriod", "meteredTime", "timeInterval", "percentage",
                "resolution", "fileFormat", "language", "version", "product", "systemDevice",
                "virtualLocation", "absolutePosition", "payAmount", "unitOfCount", "ex:mood",
            )
        ),
        (constraint("spatial", "hasPart", "JP"), "operator `hasPart` of operand `spatial`"),
        (constraint("spatial", "eq", "Atlantis"), "`Atlantis` is no country"),
        (constraint("media", "isAllOf", ["web"]), "operator `isAllOf` of operand `media`"),
        (constraint("media", "eq", "telegraph"), "`telegraph` is none of the channels"),
        (constraint("industry", "isNoneOf", ["food"]), "operator `isNoneOf` of operand `industry`"),
        (constraint("purpose", "eq", ["commercial", "editorial"]), "needs one value"),
        (constraint("purpose", "eq", 7), "is no word"),
        (constraint("dateTime", "lteq", "2027-03-31T12:00:00Z"), "is not where a day begins or ends"),
        (constraint("dateTime", "lteq", "2027-02-29"), "is not a day of the calendar"),
        (constraint("dateTime", "lteq", "soon"), "is no day and no moment"),
        (constraint("dateTime", "lteq", "2027-03-31+05:30"), "days cannot be stated in the offset `+05:30`"),
        (constraint("dateTime", "eq", "2027-03-31T00:00:00Z"), "the one moment"),
        (constraint("count", "gteq", 3), "operator `gteq` of operand `count`"),
        (constraint("count", "lteq", "-3"), "is no whole number"),
        (constraint("count", "lteq", True), "is no whole number"),
        (constraint("count", "lteq", 3, unit="ex:week"), "the unit of operand `count`"),
        (constraint("bankd:no_such", "eq", 3), "cannot be represented"),
        (constraint("spatial", "eq", "JP", status="ex:done"), "`status` of a constraint"),
        (
            {"leftOperand": "spatial", "operator": "eq", "rightOperandReference": "ex:list"},
            "`rightOperandReference` of a constraint cannot be represented",
        ),
        ({"leftOperand": "spatial", "operator": "eq"}, "a constraint has no `rightOperand`"),
        ({"or": [constraint("spatial", "eq", "JP")]}, "the logical constraint `or` cannot be represented"),
        ({"xone": []}, "the logical constraint `xone`"),
        ("https://agency.example/constraints/7", "is only an address"),
    ],
)  # fmt: skip
def test_a_constraint_that_cannot_be_represented_is_refused_by_name(
    tmp_path: Path, one: Any, sentence: str
) -> None:
    assert sentence in refused(tmp_path, policy(constraint=[FROM, one]))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"__type": "Offer"}, "is of the type `Offer`, which grants nothing"),
        ({"__type": "Set"}, "is of the type `Set`, which grants nothing"),
        ({"__type": "Policy"}, "which grants nothing"),
        ({"__type": ["Agreement", "Offer"]}, "which grants nothing"),
        ({"__type": "ex:Pact"}, "is of the type `ex:Pact`"),
        ({"__type": None, "@type": None}, "is of the type `Set`"),
        (
            {"profile": "https://other.example/profile"},
            "the profile `https://other.example/profile` is not known",
        ),
        ({"inheritFrom": "ex:parent"}, "`inheritFrom` of a policy cannot be represented"),
        ({"ex:price": "1"}, "`ex:price` of a policy cannot be represented"),
        ({"uid": None}, "the policy has no `uid`"),
        ({"assigner": None}, "has no `assigner`"),
        ({"assignee": None}, "has no `assignee`"),
        ({"target": None}, "has no `target`"),
        ({"target": "urn:isbn:4711"}, "is neither a SHA-256, a photo of the bank nor a file name"),
        ({"target": "urn:bankd:photo:7"}, "is no photo"),
        ({"target": {"uid": "a.jpg", "refinement": []}}, "`refinement` of a target"),
        ({"action": "sell"}, "the permitted action `sell` cannot be represented"),
        ({"action": ["use", "tdm:mine"]}, "the permitted action `tdm:mine`"),
        ({"action": "ex:stare"}, "the permitted action `ex:stare`"),
        ({"action": "derive"}, "permits `derive` and no use of the photo"),
        ({"action": None}, "has no `action`"),
        ({"duty": {"action": "inform"}}, "the duty `inform` cannot be represented"),
        ({"duty": {"action": "obtainConsent"}}, "the duty `obtainConsent`"),
        ({"duty": {"action": "cc:ShareAlike"}}, "the duty `cc:ShareAlike`"),
        ({"duty": {"action": "attribute"}}, "names no `attributedParty`"),
        ({"duty": {"action": "compensate"}}, "needs `payAmount`"),
        ({"duty": {"action": "attribute", "consequence": {}}}, "`consequence` of the duty `attribute`"),
        ({"obligation": {"action": "delete"}}, "the obligation `delete`"),
        ({"extra": {"remedy": {}}}, "`remedy` cannot be represented"),
        ({"extra": {"output": "ex:o"}}, "`output` cannot be represented"),
        ({"conflict": "perm", "prohibition": {"action": "modify"}}, "the conflict strategy `perm`"),
    ],
)
def test_a_policy_that_cannot_be_represented_is_refused_by_name(
    tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    made = policy(**{name: value for name, value in changes.items() if name != "@type"})
    if changes.get("@type", 1) is None:
        del made["@type"]
    if changes.get("uid", 1) is None:
        made.pop("uid", None)

    assert sentence in refused(tmp_path, made)


def test_an_agreement_that_permits_nothing_is_refused(tmp_path: Path) -> None:
    assert "the agreement permits nothing" in refused(tmp_path, {**policy(), "permission": []})


def prohibiting(*rules: dict[str, Any], **changes: Any) -> dict[str, Any]:
    made = policy(**changes)
    shared = {name: made["permission"][0][name] for name in ("target", "assigner", "assignee")}
    made["prohibition"] = [{**shared, **rule} for rule in rules]
    return made


def test_prohibitions_become_exclusions(tmp_path: Path) -> None:
    found = terms(
        load(
            tmp_path,
            prohibiting(
                {"action": "distribute", "constraint": constraint("spatial", "eq", "KR")},
                {"action": "distribute", "constraint": constraint("media", "eq", "print")},
                {"action": "use", "constraint": constraint("bankd:subject", "isAnyOf", ["alcohol"])},
                {
                    "action": "use",
                    "constraint": [
                        constraint("industry", "eq", "cosmetics"), constraint("spatial", "eq", "JP")
                    ],
                },
                {"action": "aggregate"},
                {"action": "tdm:mine"},
            ),
        )
    )  # fmt: skip

    assert (found.territories_excepted, found.channels) == ({"KR"}, {"web"})
    assert found.subjects_excluded == {"alcohol"}
    [held] = found.exclusivity
    assert (held.holder, held.sectors, held.territories) == ("Agency Nine", {"cosmetics"}, {"JP"})
    assert held.channels == CHANNELS
    assert found.alterations == ALTERATIONS - {"combine"}


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({"action": "distribute"}, "leaves nothing permitted"),
        ({"action": "sell"}, "the prohibited action `sell` cannot be represented"),
        ({"action": "modify", "constraint": constraint("spatial", "eq", "JP")}, "under constraints"),
        (
            {"action": "use", "constraint": constraint("event", "eq", "x")},
            "operand `event` (eq) of a prohibition",
        ),
        ({"action": "use", "constraint": constraint("spatial", "neq", "JP")}, "operand `spatial` (neq)"),
        ({"action": "modify", "target": "other.jpg"}, "another `target`"),
        (
            {
                "action": "use",
                "constraint": [constraint("purpose", "eq", "editorial"), constraint("spatial", "eq", "JP")],
            },
            "`purposes` and `territories` together",
        ),
    ],
)
def test_a_prohibition_that_cannot_be_represented_is_refused(
    tmp_path: Path, rule: dict[str, Any], sentence: str
) -> None:
    assert sentence in refused(tmp_path, prohibiting(rule))


def test_a_policy_that_is_void_where_it_contradicts_itself_is_refused(tmp_path: Path) -> None:
    assert "its conflict strategy is `invalid`" in refused(
        tmp_path, prohibiting({"action": "modify"}, conflict="invalid")
    )


def test_duties_become_credit_and_fee(tmp_path: Path) -> None:
    pay = {
        "action": {
            "rdf:value": {"@id": "odrl:compensate"},
            "refinement": [
                constraint("payAmount", "eq", "80.50", unit="http://cvx.iptc.org/iso4217a/EUR"),
                constraint("unitOfCount", "eq", "seal"),
            ],
        }
    }
    name = {"action": "attribute", "attributedParty": {"vcard:fn": "Agency Nine / Bo"}}

    found = terms(load(tmp_path, policy(duty=[pay, name])))

    assert (found.fee_minor, found.currency) == (8050, "EUR")
    assert found.credit is not None and found.credit.text == "Agency Nine / Bo"
    pay["action"]["refinement"][0]["rightOperand"] = "80.505"
    assert "more digits" in refused(tmp_path, policy(duty=[pay]))


def test_a_count_limits_what_its_action_counts(tmp_path: Path) -> None:
    only = [FROM, constraint("count", "lteq", 5)]

    printing = terms(load(tmp_path, policy(action="print", constraint=only)))
    using = terms(load(tmp_path, policy(action=["use", "distribute"], constraint=only)))

    assert [(cap.trigger, cap.most) for cap in printing.all_caps] == [("copies", 5)]
    assert {(cap.trigger, cap.most) for cap in using.all_caps} == {("seal", 5), ("publication", 5)}


def test_rules_under_other_constraints_are_other_grants(tmp_path: Path) -> None:
    made = policy()
    second = json.loads(json.dumps(made["permission"][0]))
    second["constraint"][1]["rightOperand"] = ["email"]
    same = {**made["permission"][0], "action": "display"}
    made["permission"] += [second, same]

    [license] = load(tmp_path, made).file.licenses

    assert [sorted(grant.terms.channels) for grant in license.grants] == [["print", "web"], ["email"]]


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    made = policy(constraint=[FROM, constraint("event", "eq", "x")])
    made["permission"].append({**made["permission"][0], "action": "sell", "constraint": [FROM]})

    said = refused(tmp_path, made)

    assert "permission 1: operand `event`" in said and "permission 2: the permitted action `sell`" in said


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("[]", "holds no policy"),
        ("7", "is no policy"),
        ('{"uid": 1e999}', "which grants nothing"),
        ('{"a": NaN}', "`NaN` is no number"),
        ('{"uid": "x", "uid": "y"}', "`uid` is given twice"),
        (
            '{"@context": "http://www.w3.org/ns/odrl.jsonld", "uid": "x", "@id": "y"}',
            "given twice, under two names",
        ),
        ('{"@context": "https://evil.example/context.jsonld"}', "none is ever fetched"),
        (
            '{"@context": ["http://www.w3.org/ns/odrl.jsonld", {"permission": "ex:prohibition"}]}',
            "another meaning",
        ),
        ('{"@context": {"@vocab": "http://other.example/"}}', "and not ODRL's"),
        ('{"@context": {"p": {"@id": "x:y", "@reverse": "x:z"}}}', "is not understood"),
        ('{"uid": "a\\u0000b"}', "holds a control character"),
        ('{"uid": "a\\ud800b"}', "half of one"),
        ("[" * 100000, "is nested more than 48 deep"),
        ('{"a":' * 60 + "1" + "}" * 60, "is nested more than 48 deep"),
        ("[" + "9" * 5000 + "]", "is not JSON"),
        (
            '{"permission": [], "uid": "x", "@type": "Agreement"}',
            "which grants nothing",
        ),  # no context: no words
    ],
)
def test_what_is_no_policy_is_refused_with_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    said = refused(tmp_path, text)

    assert sentence in said or (sentence == "which grants nothing" and "the policy has no `uid`" in said)


HOSTILE = [
    "'); DROP TABLE licenses; --",
    "%s %(a)s {} $1",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "‮eno",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_text_or_refused(tmp_path: Path, text: str) -> None:
    made = policy(assigner={"uid": text, "vcard:fn": text}, **{"uid": text})
    made["dc:title"] = text

    found = load(tmp_path, made)

    assert found.file.licenses[0].title == text
    assert found.file.licensors[0].name == text
    for changes in ({"action": text}, {"target": text}, {"constraint": [FROM, constraint(text, "eq", "1")]}):
        assert refused(tmp_path, policy(**changes))


def drawn() -> st.SearchStrategy[GrantTerms]:
    """Terms of which every field is drawn, those that JSON alone can say too."""
    days = st.dates(date(2020, 1, 1), date(2035, 12, 31))
    words = st.text("aB9 é葵😀&/%'\"<:#", min_size=1, max_size=8).filter(str.strip)
    slugs = st.from_regex(r"[a-z0-9]{1,8}(-[a-z0-9]{1,4})?", fullmatch=True)

    def some(values: frozenset[str], least: int = 1) -> st.SearchStrategy[frozenset[str]]:
        return st.frozensets(st.sampled_from(sorted(values)), min_size=least, max_size=4)

    return st.fixed_dictionaries(
        {
            "territories": st.just(frozenset({"WORLD"})) | some(TERRITORIES - {"FR", "DE"}),
            "channels": some(CHANNELS),
            "purposes": some(PURPOSES),
            "sectors": st.just(frozenset({"any"})) | st.frozensets(slugs, min_size=1, max_size=3),
            "audiences": some(AUDIENCES),
            "starts_on": days,
            "ends_on": st.none() | st.integers(0, 4000),
            "zone": st.sampled_from(["UTC", "Asia/Tokyo", "America/New_York", "Etc/GMT-9"]),
        },
        optional={
            "territories_excepted": some(frozenset({"FR", "DE"}), 0),
            "territories_tested": st.sampled_from(["targeted", "accessible"]),
            "alterations": some(ALTERATIONS, 0),
            "generative": st.booleans(),
            "train": st.booleans(),
            "sublicense": st.booleans(),
            "archive": st.booleans(),
            "licensees": st.frozensets(words, min_size=1, max_size=3),
            "subjects_excluded": some(SUBJECTS, 0),
            "max_copies": st.integers(0, 2**53 - 1),
            "cap": st.integers(0, 2**53 - 1),
            "fee_minor": st.integers(0, 10**12),
            "credit": st.builds(
                lambda text, placement: {"text": text, "placement": placement},
                words,
                st.sampled_from(["adjacent", "credits-page", "metadata"]),
            ),
            "exclusivity": st.lists(
                st.fixed_dictionaries(
                    {"holder": words, "sectors": st.frozensets(slugs, min_size=1, max_size=2),
                     "territories": some(TERRITORIES), "channels": some(CHANNELS)}
                ),
                max_size=2,
            ),
            "share_alike": words,
        },
    ).map(
        lambda found: GrantTerms.model_validate(
            {
                **found,
                "ends_on": None
                if found["ends_on"] is None
                else found["starts_on"] + timedelta(days=found["ends_on"]),
                "currency": "JPY" if found.get("fee_minor") else "EUR",
            }
        )
    )  # fmt: skip


def out(*grants: GrantTerms, **changes: Any) -> LicenseOut:
    made = {
        "ref": "L-1", "title": "T", "basis": "licensed", "licensor": "aoi", "licensor_name": "葵フォト",
        "co_owners": (("Bo", True),), "recorded_on": "2026-01-01",
        "grants": tuple(GrantOut(f"g{number}", one) for number, one in enumerate(grants)), **changes,
    }  # fmt: skip
    return LicenseOut(**made)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(first=drawn(), second=drawn())
def test_what_is_written_reads_back_as_the_same_terms(
    tmp_path: Path, first: GrantTerms, second: GrantTerms
) -> None:
    path = tmp_path / "out.jsonld"
    path.write_bytes(odrl_writing.write(out(first)))
    [license] = odrl.load(path).file.licenses
    assert [grant.terms for grant in license.grants] == [first]
    assert (license.ref, license.licensor, license.grants[0].ref) == ("L-1", "aoi", "g0")

    if (first.currency or "") == (second.currency or ""):
        path.write_bytes(odrl_writing.write(out(first, second)))
        [license] = odrl.load(path).file.licenses
        assert [grant.terms for grant in license.grants] == [first, second]
        assert [owner.name for owner in license.co_owners] == ["Bo"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"basis": "owned"}, "its basis is `owned`"),
        ({"co_owners": (("Cy", False),)}, "the co-owner `Cy` has not agreed"),
        ({"grants": ()}, "none of its grants is in force"),
    ],
)
def test_what_is_no_agreement_is_not_written_as_one(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(NotExportable) as refusal:
        odrl_writing.write(out(**changes))
    assert sentence in str(refusal.value)
