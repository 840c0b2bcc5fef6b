"""From the desk to the licensor: what real services record is proven whole, and matches the statement."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from sqlalchemy import select

from bankd.audit import notes
from bankd.cli import main
from bankd.royalties import payees, statements
from bankd.royalties.figures import PayeeTerms
from bankd.royalties.models import Accrual
from bankd.usage import covering, publications

FEES = [
    {"trigger": "seal", "amount_minor": 900},
    {"trigger": "handout", "amount_minor": 500},
    {"trigger": "publication", "amount_minor": 2000},
    {"trigger": "copies", "amount_minor": 3},
]


def test_a_licensor_checks_a_year_of_uses_and_matches_the_statement(
    desk: Any, later: Any, tmp_path: Path
) -> None:
    desk = desk(fees=FEES, currency="JPY")
    rt = desk.bank.rt
    rt.actor = replace(rt.actor, roles=frozenset({"compliance"}))

    def run(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, words, obj=rt)
        assert done.exit_code == code, (words, done.output, done.exception)
        return str(done.stdout or done.stderr)

    composite = desk.composite(channels=["print", "web"], copies=200)
    first = json.loads(run("log", "checkpoint", "--json"))
    handout = desk.handout(composite.id, channel="print")
    desk.give(composite.id, channel="web", comp=True)
    desk.publish(handout.id, channel="print", copies=100, ref="P-1")
    with rt.transaction() as session:
        publications.replace(
            session, "P-1", desk.published(channel="print", copies=90), reason="miscounted", ref="P-2",
            **desk.who,
        )  # fmt: skip
        publications.take_down(session, "P-2", on=date(2026, 6, 1), evidence="mail of a person", **desk.who)
        terms = PayeeTerms(name="Agency", country="JP", currency="JPY", zone="Asia/Tokyo")
        payees.record(session, "agency", terms, **desk.who)
    later(days=40)
    with rt.transaction() as session:
        (statement,) = statements.compute(session, "2026-06", **desk.who)
        assert covering.of(session, statement).to is None  # until the next checkpoint
    last = json.loads(run("log", "checkpoint", "--json"))

    proof, trust = tmp_path / "usage.json", tmp_path / "trust.json"
    log = {"origin": rt.log_origin, "keys": [notes.public_key_line(rt.log_origin, rt.log_key.public_key())]}
    trust.write_text(json.dumps({"version": 1, "log": log, "witnesses": []}))
    made = ["reports", "usage", "--licensor", "agency", "--file", str(proof)]
    checked = ["log", "check-usage", str(proof), "--trust", str(trust)]
    run(*made)
    told = json.loads(run(*checked, "--json", code=3))
    assert (told["from"], told["to"], told["not_checked"]) == (0, last["size"], ["witnesses"])
    uses = told["uses"]
    kinds = [one["kind"] + "/" + one.get("corrects", "") for one in uses]
    assert kinds == [
        "seal/", "handout/", "handout/", "publication/", *["correction/fee"] * kinds.count("correction/fee"),
        "correction/publication", "correction/takedown",
    ]  # fmt: skip
    assert [one["comp"] for one in uses if one["kind"] == "handout"] == [False, True]
    with rt.transaction() as session:
        assert {one["canvas_px"] for one in uses} == {
            sum(accrual.canvas_px for accrual in session.scalars(
                select(Accrual).where(Accrual.trigger == "seal", Accrual.entry == 0)
            ))
        }  # fmt: skip
    text = proof.read_text()
    assert all(private not in text for private in ("miscounted", "mail of a person", "Shop team", "crawl"))

    # Every line of the statement has its link.
    with rt.transaction() as session:
        listed = statements.lines(session, statement.id)
    assert {line["trigger"] for line in listed} == {"seal", "handout", "publication", "copies"}
    for line in listed:
        if line["reason"] is not None:
            (link,) = [one for one in uses if one.get("accrual") == line["accrual"]]
            assert (link["difference_minor"], link["currency"]) == (line["of_minor"], "JPY")
        elif line["publication"] is not None:
            (link,) = [
                one for one in uses
                if one.get("publication") == str(line["publication"]) and "starts_on" in one
            ]  # fmt: skip
            assert line["trigger"] == "publication" or link["copies"] == line["units"]
        elif line["handout"] is not None:
            assert str(line["handout"]) in {one.get("handout") for one in uses if one["kind"] == "handout"}
        else:
            assert str(line["composite"]) in {one["composite"] for one in uses if one["kind"] == "seal"}
    with rt.transaction() as session:
        found = covering.of(session, session.merge(statement))
    assert (found.start, found.to.size, found.uses) == (None, last["size"], len(uses))
    shown = run("statements", "show", str(statement.id))
    to = f"to the checkpoint of {last['size']} entries"
    assert f"recorded uses  {len(uses)} from the first entry of the log {to}" in shown
    assert json.loads(run("statements", "show", str(statement.id), "--json"))["recorded_uses"]["uses"] == len(
        uses
    )

    paper = json.loads(run("reports", "statement", str(statement.id), "--format", "json"))
    assert paper["recorded_uses"] == {"start": None, "to": last["size"], "count": len(uses)}
    published = {one["publication_id"] for one in paper["lines"]} - {None}
    assert published <= {one.get("publication") for one in uses} and len(published) == 2

    # Between two checkpoints, seen in a witness's store: nothing is left to ask.
    seen = []
    for one in (first, last):
        path = tmp_path / f"{one['size']}.note"
        path.write_text(one["note"])
        seen += ["--seen", str(path)]
    run(*made, "--from", str(first["size"]), "--to", str(last["size"]))
    shown = run(*checked, *seen, "--uses")
    assert f"the usage proof holds: licensor {told['licensor']}" in shown and "NOT CHECKED" not in shown
    assert f"{len(uses) - 1} uses recorded from the checkpoint of {first['size']} entries" in shown
    assert "1 use before" in shown and "not covered: uses that nobody recorded" in shown
    proof.write_text(proof.read_text().replace('"count":1', '"count":2', 1))
    assert "does not hold" in run(*checked, code=1)

    assert "usage maps:" in run("log", "verify")
    assert json.loads(run("log", "verify", "--json"))["usage_links"] == len(uses)
    assert "there is no checkpoint of `5` entries" in run(*made, "--from", "5", code=2)
