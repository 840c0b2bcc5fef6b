"""`bankd reports` of a period, kept, approved and scheduled, on a bank of a test's own."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from small_bank import bank, later  # noqa: F401  fixtures

from bankd.audit.actor import Actor
from bankd.cli import Bank
from bankd.cli.reports import reports

AIKO = Actor("user", "aiko", frozenset({"compliance"}))
KEN = Actor("user", "ken", frozenset({"compliance"}))
MAY = ("--from", "2026-05-01", "--to", "2026-05-31")


@pytest.fixture
def run(bank: Any) -> Any:  # noqa: F811
    root = Bank("bankd", commands={"reports": reports})

    def run(*words: object, by: Actor = AIKO) -> Result:
        bank.rt.actor = by
        return CliRunner().invoke(root, ["reports", *map(str, words)], obj=bank.rt)

    return run


def test_a_period_is_reported_issued_fetched_checked_and_approved(run: Any, tmp_path: Path) -> None:
    plain = run("period", *MAY, "--format", "json", "--annexes", tmp_path / "aside")
    assert plain.exit_code == 0, plain.output
    named = {one["name"]: one["rows"] for one in json.loads(plain.stdout)["annexes"]}
    assert {path.name for path in (tmp_path / "aside").iterdir()} == set(named)

    kept = run("period", *MAY, "--format", "html", "--keep", "--out", tmp_path / "may.html")
    assert kept.exit_code == 0 and kept.stdout.startswith("issued "), kept.output
    report = kept.stdout.split()[1].rstrip(":")
    fetched = run("fetch", report, "--out", tmp_path)
    assert fetched.exit_code == 0, fetched.output
    folder = tmp_path / report
    assert (folder / "report.html").read_bytes() == (tmp_path / "may.html").read_bytes()
    assert {path.name for path in folder.iterdir()} == {"report.html", "report.json", *named}
    assert "files as issued, and as entry" in run("check", report).stdout
    assert f"{report}  period  issued" in run("issued").stdout
    assert json.loads(run("show", report, "--json").stdout)["prepared_by"] == "aiko"

    refused = run("approve", report)
    assert refused.exit_code == 2 and "`aiko` prepared it: another person approves it" in refused.output
    approved = run("approve", report, by=KEN)
    assert approved.exit_code == 0 and approved.stdout.startswith("approved by ken, issued as ")


def test_a_schedule_is_added_listed_and_removed(run: Any) -> None:
    assert "no report is scheduled" in run("schedule", "list").stdout
    words = ("schedule", "add", "period", "--every", "quarter", "--locale", "ja", "--format", "pdf")
    added = run(*words)
    assert (
        added.exit_code == 0
        and "a period report is issued of each quarter from 2026-04-01 on" in added.stdout
    )
    assert run(*words).stdout == added.stdout
    [listed] = json.loads(run("schedule", "list", "--json").stdout)
    assert (listed["kind"], listed["every"], listed["forms"]) == ("period", "quarter", ["pdf"])
    assert run("schedule", "remove", listed["schedule"]).exit_code == 0
    assert "no report is scheduled" in run("schedule", "list").stdout
    wrong = run("schedule", "add", "provenance", "--every", "day", "--with", "composite")
    assert wrong.exit_code == 2 and "write `--with name=value`" in wrong.output
