"""The rules in force, what others would change, and past decisions, over HTTP."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from bankd.policy import load
from bankd.synthesis import steps

POLICIES = Path(__file__).parents[3] / "policies"
STRICT = (
    '@id("nothing-commercial")\n@says("Nothing is made for commerce")\n'
    'forbid (principal, action in [Action::"synthesize", Action::"publish"], resource)\n'
    'unless { context.purpose != "commercial" };\n'
)


def files(**more: str) -> list[tuple[str, tuple[str, bytes]]]:
    texts = {**dict(load.read(POLICIES).texts), **{f"{name}.cedar": text for name, text in more.items()}}
    return [("files", (name, text.encode())) for name, text in texts.items()]


def test_everybody_may_read_the_rules(bank: Any) -> None:
    told = bank.call("creative", "GET", "/policies").json()

    assert told["digest"] == load.read(POLICIES).digest
    assert {"id", "says", "effect", "actions", "file"} == set(told["policies"][0])


def test_other_policies_are_compared_by_compliance_and_come_not_into_force(bank: Any) -> None:
    bank.work(bank.ingest("desk-1.png", "desk-2.png").json()["batch"])
    request = bank.request().json()["request"]
    steps.advance(bank.runtime, UUID(request))

    told = bank.call("compliance", "POST", "/policies/diff?last=5", files=files(strict=STRICT))

    assert told.status_code == 200, told.text
    found = told.json()
    assert (found["added"], found["removed"], found["requests_asked"]) == (["nothing-commercial"], [], 1)
    (one,) = found["requests"]
    assert (one["request"], one["change"]) == (request, "refused")
    assert one["reasons"] == [{"policy": "nothing-commercial", "says": "Nothing is made for commerce"}]
    assert bank.call("creative", "GET", "/policies").json()["digest"] == found["in_force"]
    assert bank.call("creative", "POST", "/policies/diff", files=files()).status_code == 403


def test_policies_that_are_none_are_refused_in_a_sentence(bank: Any) -> None:
    for sent, says in (
        ([("files", ("a.cedar", b"permit everything"))], "the schema `bankd.cedarschema` is missing"),
        ([*files(), ("files", ("term.cedar", b""))], "`term.cedar` is given twice"),
        (files(odd=(POLICIES / "rejected" / "not-in-sql.cedar").read_text()), "cannot be compiled to SQL"),
    ):
        told = bank.call("compliance", "POST", "/policies/diff", files=sent)
        assert told.status_code == 422 and told.json()["type"].endswith("invalid-bundle")
        assert says in told.json()["detail"]


def test_a_refusal_is_replayed_for_the_auditor_and_what_would_clear_told_by_role(
    bank: Any, use: dict[str, Any]
) -> None:
    bank.work(bank.ingest("desk-1.png", "desk-2.png").json()["batch"])
    request = bank.request(use=json.dumps({**use, "channels": ["web", "packaging"]})).json()["request"]
    steps.advance(bank.runtime, UUID(request))
    path = f"/requests/{request}"

    creative, compliance = (
        bank.call(role, "GET", f"{path}/nearest").json() for role in ("creative", "compliance")
    )
    (replayed,) = bank.call("auditor", "GET", f"{path}/replay").json()

    assert bank.call("creative", "GET", path).json()["state"] == "refused"
    assert [one["says"] for one in creative["nearest"]] == ["without packaging"]
    assert creative["nearest"][0]["use"]["channels"] == ["web"]
    assert {one["license"] for one in creative["rights"]} == {None}
    assert {one["license"] for one in compliance["rights"]} == {"L-1"}
    assert replayed["outcome"] == "same"
    assert replayed["recorded_sha256"] == replayed["replayed_sha256"]
    assert bank.call("creative", "GET", f"{path}/replay").status_code == 403


def test_another_story_is_held_and_its_reason_is_a_sentence(bank: Any, use: dict[str, Any]) -> None:
    bank.work(bank.ingest("desk-1.png", "desk-2.png").json()["batch"])
    for purpose in ("research", "commercial"):
        request = bank.request(use=json.dumps({**use, "purpose": purpose})).json()["request"]
        steps.advance(bank.runtime, UUID(request))

    told = bank.call("creative", "GET", f"/requests/{request}/explain").json()

    assert told["state"] == "refused"
    assert [one["policy"] for one in told["pictures"][0]["reasons"]] == ["redeclared"]
    assert "compliance has to look" in told["pictures"][0]["reasons"][0]["says"]
