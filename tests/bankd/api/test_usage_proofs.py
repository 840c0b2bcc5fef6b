from typing import Any

from bankd.audit import usage_proof
from bankd.audit.trust import Trust
from bankd.usage import mapping


def test_a_licensor_s_uses_are_proven_over_http(bank: Any, seal: Any) -> None:
    made = seal(bank)
    rt = bank.runtime
    with rt.transaction() as session:
        size = mapping.signer(rt).sign(session, at=rt.now()).size

    answer = bank.call("compliance", "GET", "/reports/usage/agency")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    proof = usage_proof.read(answer.content)
    holds = usage_proof.check(proof, Trust(rt.log_origin, (rt.log_key.public_key(),)))
    assert [(use.kind, use.composite) for use in holds.uses] == [("seal", str(made.composite))]
    between = bank.call("auditor", "GET", f"/reports/usage/agency?from={size}&to={size}")
    assert usage_proof.read(between.content).links == ()

    assert bank.call("creative", "GET", "/reports/usage/agency").status_code == 403
    assert bank.call("auditor", "GET", "/reports/usage/nobody").status_code == 404
    assert bank.call("auditor", "GET", "/reports/usage/agency?to=1").status_code == 404
    assert bank.call("auditor", "GET", "/reports/usage/agency?from=0").status_code == 422
