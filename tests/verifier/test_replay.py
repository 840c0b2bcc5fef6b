"""A real composite, from request to seal, checked by a stranger: its clearance asked again by Cedar alone."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
import stranger
from small_bank import Bank, bank, served  # noqa: F401  fixtures

from bankd.audit import log
from bankd.audit.actor import Actor
from bankd.licensing.terms import LATER_FACTS, MUTABLE, GrantFacts
from bankd.policy.facts import LATER
from bankd.proving import auditing, trusting
from bankd.proving.auditing import Asked, Within
from bankd.signoffs import reading as records
from bankd.synthesis import steps, waiting
from bankd.synthesis.models import Variation
from bankd.usage import mapping
from tests.verifier.conftest import closed, failures, opened, skipped
from tests.verifier.test_tampering import leaves_of, put, relaid

Found = Callable[..., Any]


@pytest.fixture
def made(served: Bank, tmp_path: Path) -> Any:  # noqa: F811
    """The audit file of one real composite, and the trust that the bank told before."""
    nc = served.grant("nc", purposes=["research"])
    capped = served.grant("capped", caps=[{"trigger": "seal", "most": 5}])
    served.take((nc, capped), first=10)
    return audited(served, served.ask(), tmp_path)


def audited(bank: Bank, asked: UUID, folder: Path) -> Any:  # noqa: F811
    rt = bank.rt
    request = bank.make(asked)
    assert request.state == "completed"
    with rt.transaction() as session:
        mapping.signer(rt).sign(session, at=rt.now())
        trust = trusting.trust(rt, session)
        made = session.query(Variation).filter_by(request_id=request.id).one().composite_id
        auditing.write(
            session, folder / "audit.zip", Asked((made,)), Within(pictures=True, disclosures=True),
            signed=auditing.signed(session), prior=None, blobs=rt.blobs, by=rt.actor, at=rt.now(),
        )  # fmt: skip
    data = (folder / "audit.zip").read_bytes()

    def check(data: bytes) -> Any:
        verifier = stranger.module()
        return verifier.verify(data, verifier.Trust.read(json.dumps(trust).encode()))

    return SimpleNamespace(data=data, check=check, id=str(made), rt=rt)


def test_a_clearance_that_rests_on_sign_offs_holds_by_them_alone(
    bank: Bank,  # noqa: F811
    tmp_path: Path,
) -> None:
    """What policy leaves to people was denied by the engine, and is no fault of the file."""
    bank.take((bank.grant("unshown"),))
    request = bank.ask(channels=["print"], copies=200_000)
    steps.advance(bank.rt, request)
    for name in ("Hana", "Ken"):
        with bank.rt.transaction() as session:
            [awaited] = records.queue(session, request_id=request)
            waiting.give(
                session, awaited.id, scope="request", reason="we were shown the chain",
                expires_at=bank.rt.at + timedelta(days=90),
                by=Actor("user", name, frozenset({"compliance"})), at=bank.rt.at,
            )  # fmt: skip
    made = audited(bank, request, tmp_path)

    report = made.check(made.data)

    assert failures(report) == set() and skipped(report) == {"witnesses"}
    (line,) = (one for one in report.lines if one.name == "clearance replay")
    assert line.says.endswith("2 sign-offs stood, which people gave")

    optional = stranger.module().beside("optional")
    facts = json.loads(opened(made.data)[f"composites/{made.id}/clearance.json"])["facts"]
    rule = {"annotations": {"id": facts["signed"][0]["policy"], "signoff": "compliance", "signers": "2"}}
    (photo,) = facts["photos"]
    assert optional._signed(rule, facts, photo, "any grant")
    assert not optional._signed(rule, facts, str(request), "any grant")
    assert not optional._signed(rule, {"signed": [facts["signed"][0]] * 2}, photo, "any grant")
    assert not optional._signed({"annotations": {**rule["annotations"], "id": "other"}}, facts, photo, "g")
    assert not optional._signed({"annotations": {"id": facts["signed"][0]["policy"]}}, facts, photo, "g")


def test_a_clearance_is_asked_again_on_facts_rights_and_policies_that_the_log_committed_to(
    made: Any, tmp_path: Path
) -> None:
    report = made.check(made.data)
    assert failures(report) == set() and skipped(report) == {"witnesses"}
    (line,) = (one for one in report.lines if one.name == "clearance replay")
    assert line.says.endswith("the answer of then bit for bit")

    members = opened(made.data)
    name = f"composites/{made.id}/clearance.json"
    (bundle,) = (one for one in members if one.startswith("bundles/"))
    profile = min(json.loads(members[name])["profiles"])

    def found(name: str, change: Callable[[Any], Any]) -> set[str]:
        told = json.loads(members[name])
        change(told)
        forged = dict(members)
        put(forged, name, told)
        return failures(made.check(closed(tmp_path / "forged.zip", forged)))

    for where, change in (
        (name, lambda told: told["facts"]["use"].update(purpose="research")),
        (name, lambda told: told["profiles"][profile][0].update(generative=False)),
        (bundle, lambda told: told["texts"][0].__setitem__(1, told["texts"][0][1] + "\n")),
    ):
        assert found(where, change) == {"replay.another"}


def test_an_answer_that_the_policies_do_not_give_differs(made: Any, tmp_path: Path) -> None:
    """Whoever has the log's key and writes another answer into it is still found by asking."""
    members = opened(made.data)
    name = f"composites/{made.id}/proof.json"
    proof = json.loads(members[name])
    one = proof["clearance"]
    told = json.loads(one["payload"])
    told["objects"]["answer"] = "0" * 64
    one["payload"] = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    put(members, name, proof)
    house = SimpleNamespace(
        sessions=SimpleNamespace(begin=made.rt.transaction),
        origin=made.rt.log_origin,
        log_key=made.rt.log_key,
    )
    texts = leaves_of(house)[: json.loads(members["audit.json"])["checkpoint"]]
    leaf = json.loads(texts[one["index"]])
    leaf["commitment"] = log.commitment(bytes.fromhex(one["salt"]), one["payload"].encode()).hex()
    texts[one["index"]] = json.dumps(leaf, sort_keys=True, separators=(",", ":")).encode()

    found = failures(made.check(closed(tmp_path / "forged.zip", relaid(members, house, texts, {}))))

    assert found == {"log.consistency", "replay.differs"}


def test_the_verifier_knows_the_facts_that_say_nothing() -> None:
    optional = stranger.module().beside("optional")

    def plain(values: Any) -> Any:
        return {name: sorted(v) if isinstance(v, frozenset) else v for name, v in values.items()}

    mutable = {name: GrantFacts.model_fields[name].default for name in MUTABLE}
    assert plain({**LATER_FACTS, **mutable}) == optional.SILENT
    assert plain(LATER["Use"]) == optional.SILENT_USE
