"""What is to be done with what was handed out or published, as commands show it."""

from collections.abc import Sequence
from typing import Any

import click

from bankd.cli.printing import print_rows
from bankd.synthesis.circulating import Standing

SAYS = {
    "stands": "may stay: its cleared period is not over",
    "sell-off": "what is printed may be sold off",
    "archive": "may stay in the archive; nothing more of it goes out",
    "take-down": "must be taken down, and nothing more of it goes out",
}


def print_standings(found: Sequence[Standing], *, none: str) -> None:
    print_rows(
        ("publication", "channel", "place", "on", "verdict", "until"),
        [
            (
                one.publication.ref if one.publication else f"composite {one.composite_id}",
                one.channel,
                one.publication.place if one.publication else "",
                one.on,
                one.verdict,
                until(one),
            )
            for one in found
        ],
        none=none,
    )


def until(one: Standing) -> Any:
    if one.verdict == "take-down":
        return ""
    return one.may_until or "no end"


def explain(one: Standing) -> None:
    """One of them with its reasons."""
    asked = f"on {one.on}" if one.until == one.on else f"from {one.on} until {one.until}"
    click.echo(f"{asked}, {one.channel}: {one.verdict} ({SAYS[one.verdict]})")
    if one.verdict != "take-down":
        click.echo("  nothing ends it" if one.may_until is None else f"  until {one.may_until}")
    for withdrawal in one.recalled_by:
        click.echo(f"  recalled: `bankd withdrawals show {withdrawal}`")
    for what, answer in (("sell off stock", one.stock), ("stay in an archive", one.archive)):
        if answer is not None and not answer.allowed:
            click.echo(f"  may not {what}" + (f" after {answer.until}" if answer.until else "") + ":")
            for reason, sentence in (answer.reasons or {}).items():
                click.echo(f"    {reason}: {sentence}")
