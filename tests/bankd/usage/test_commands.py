"""The desk's commands, one after another, as a person types them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from bankd.cli import main


def test_a_year_at_the_licensing_desk(desk: Any, tmp_path: Path) -> None:
    desk = desk(
        currency="USD",
        fees=[{"trigger": "publication", "amount_minor": 1999}, {"trigger": "seal", "amount_minor": 100}],
        audiences=["public", "comp"],
    )
    composite = str(desk.composite().id)

    def run(*words: str, code: int = 0) -> Any:
        done = CliRunner().invoke(main, [*words, "--json"], obj=desk.bank.rt)
        assert done.exit_code == code, (words, done.output, done.exception)
        return json.loads(done.stdout) if done.stdout.strip() else done.stderr

    def say(*words: str) -> str:
        done = CliRunner().invoke(main, words, obj=desk.bank.rt)
        assert done.exit_code == 0, (words, done.output, done.exception)
        return done.stdout

    export = ["composites", "export", composite, "--recipient", "Shop", "--channel", "web"]
    comp = run(*export, "--comp", "--out", str(tmp_path))
    assert [Path(file).name for file in comp["files"]] == [f"{composite}.comp.png"]
    handout = str(desk.handout(desk.composite(seed=8).id).id)

    told = [
        "--channel",
        "web",
        "--place",
        "https://shop.example",
        "--territory",
        "JP",
        "--from",
        "2026-06-01",
    ]
    record = ["publications", "record", "--handout", handout, "--ref", "P-1", *told]
    made = run(*record)
    assert (made["state"], made["outside"]) == ("live", {})
    assert "known already" in say(*record)
    assert "no handout has the id" in run("publications", "record", "--handout", composite, *told, code=2)
    backwards = run(*record[:4], *told, "--to", "2026-05-01", code=2)
    assert "the publication ends on `2026-05-01` before it starts on `2026-06-01`" in backwards
    wide = [*told, "--territory", "KR", "--reason", "seen there too"]
    replaced = run("publications", "replace", "P-1", "--ref", "P-2", *wide)
    assert list(replaced["outside"]) == ["other-territories"]
    assert "outside its clearance" in say("publications", "show", "P-2")
    assert [one["ref"] for one in run("publications", "list", "--outside")] == ["P-2"]
    assert run("publications", "takedown", "P-2", "--evidence", "crawl")["state"] == "taken-down"
    assert "was taken down on" in run("publications", "takedown", "P-2", code=2)
    table = tmp_path / "uses.csv"
    table.write_text(
        f"handout,channel,place,territories,from\n{handout},web,b,JP,2026-06-01\n{handout},web,c,JP,x\n"
    )
    outcomes = run("publications", "import", str(table), "--dry-run", code=1)
    assert [one["outcome"] for one in outcomes] == ["recorded", "refused"]

    # Two seals, one publication, one that was replaced by another.
    assert [one["amount_minor"] for one in run("statements", "escrow")] == [100 + 100 + 1999]
    payee = ["payees", "record", "agency", "--name", "Agency", "--country", "JP", "--currency", "JPY"]
    assert "T` and 13 digits" in run(*payee, "--registration-number", "123", code=2)
    run(*payee)
    assert run("payees", "split", "L-agency", "author=2", "agency=1", "--from", "2026-01-01")["shares"]
    assert "is no share" in run("payees", "split", "L-agency", "author", "--from", "2026-01-01", code=2)
    desk.bank.rt.at = datetime(2026, 7, 1, tzinfo=UTC)
    assert "no rate from `USD` to `JPY`" in run("statements", "compute", "2026-06", code=2)
    run("statements", "rate", "USD", "JPY", "150", "--on", "2026-06-30", "--source", "TTM")
    (statement,) = run("statements", "compute", "2026-06")
    entries = run("statements", "entries")
    assert sum(one["amount_minor"] for one in entries) == 2199
    shown = run("statements", "show", statement["id"], "--lines")
    cents = sum(line["amount_minor"] for line in shown["lines"])
    assert 731 <= cents <= 735  # a third, entry by entry
    assert statement["net_minor"] == (cents * 150 + 50) // 100
    assert run("statements", "list")[0]["id"] == statement["id"]
    assert "rate  1 USD = 150 JPY on 2026-06-30 (TTM)" in say(
        "statements", "show", statement["id"], "--lines"
    )
    first = str(entries[0]["accrual"])
    fix = ["statements", "correct", first, "--amount-minor", "0", "--reason", "a test"]
    assert run(*fix)["amount_minor"] == -entries[0]["amount_minor"]
    assert "add up to that already" in say(*fix)
    for listing in (
        ("payees", "list"),
        ("statements", "list"),
        ("statements", "entries"),
        ("publications", "list"),
    ):
        assert say(*listing).count("\n") >= 2
