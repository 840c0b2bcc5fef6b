"""`bankd statements`: what is owed for uses, stated by payee and period."""

from datetime import datetime
from typing import Any
from uuid import UUID

import click

from bankd import money
from bankd.cli.printing import as_json, print_fields, print_json, print_rows
from bankd.royalties import accrual, payees
from bankd.royalties import statements as service
from bankd.royalties.models import Accrual, Statement
from bankd.runtime import Runtime
from bankd.usage import covering

DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.group()
def statements() -> None:
    """Statements: compute, look up, exchange rates, entries and their corrections, escrow."""


@statements.command()
@click.argument("period")
@click.option("--payee", help="Only this one's, by ref.")
@as_json
@click.pass_obj
def compute(runtime: Runtime, period: str, payee: str | None, in_json: bool) -> None:
    """Compute the statements of a period that is over: `2026-11`, `2026-Q4` or `2026`."""
    with runtime.transaction() as session:
        found = [
            told_of(one)
            for one in service.compute(session, period, payee=payee, by=runtime.actor, at=runtime.now())
        ]
    _print(found, in_json=in_json, none=f"nothing is owed for `{period}`, and nothing is carried")


@statements.command("list")
@click.option("--payee", help="Only this one's, by ref.")
@click.option("--period", help="Only of this one.")
@as_json
@click.pass_obj
def list_(runtime: Runtime, payee: str | None, period: str | None, in_json: bool) -> None:
    """List statements."""
    with runtime.transaction() as session:
        found = [told_of(one) for one in service.of(session, payee=payee, period=period)]
    _print(found, in_json=in_json, none="no statement yet: compute some with `bankd statements compute`")


@statements.command()
@click.argument("statement_id", type=click.UUID)
@click.option("--lines", is_flag=True, help="Each entry that it lists, too.")
@as_json
@click.pass_obj
def show(runtime: Runtime, statement_id: UUID, lines: bool, in_json: bool) -> None:
    """Show the figures of one statement."""
    with runtime.transaction() as session:
        found = told_of(service.get(session, statement_id))
        listed = service.lines(session, statement_id) if lines else []
        uses = covering.facts(covering.of(session, service.get(session, statement_id)))
    if in_json:
        print_json(found | {"recorded_uses": uses} | ({"lines": listed} if lines else {}))
        return
    figures = found["figures"]
    print_fields(
        {"statement": found["id"], "payee": figures["payee"]["name"], "period": found["period"]}
        | {"registration number": figures["payee"]["registration_number"]}
    )
    for one in figures["earned"]:
        amount = money.written(one["amount_minor"], one["currency"])
        into = money.written(one["converted_minor"], found["currency"])
        click.echo(f"earned  {amount}" + ("" if one["currency"] == found["currency"] else f" = {into}"))
    for one in figures["rates"]:
        click.echo(
            f"rate  1 {one['base']} = {one['rate']} {found['currency']} on {one['on']} ({one['source']})"
        )
    for one in figures["escrow"]:
        click.echo(f"held in escrow  {money.written(one['amount_minor'], one['currency'])} ({one['reason']})")
    for one in figures.get("escrow_movement", ()):
        before, newly, let_go, now = (
            money.written(one[f"{name}_minor"], one["currency"])
            for name in ("brought", "held", "released", "closing")
        )
        click.echo(f"escrow  {before} before, {newly} newly held, {let_go} let go, {now} now")
    print_fields(
        {
            name.removesuffix("_minor").replace("_", " "): money.written(figures[name], found["currency"])
            for name in (
                "gross_minor",
                "brought_forward_minor",
                "payable_minor",
                "consumption_tax_minor",
                "withholding_minor",
                "net_minor",
                "carried_forward_minor",
            )
        }
    )
    if uses is not None and uses["licensor"] is not None:
        since = "the first entry of the log" if uses["from"] is None else f"the checkpoint of {uses['from']}"
        click.echo(f"recorded uses  {uses['uses']} from {since} to the checkpoint of {uses['to']} entries")
        click.echo(f"not covered  {uses['not_covered']}")
    for line in listed:
        click.echo(
            f"{line['at']:%Y-%m-%d}  {line['trigger']}  {line['grant']}  composite {line['composite']}"
            f"  {money.written(line['amount_minor'], line['currency'])}"
        )


@statements.command()
@click.argument("base")
@click.argument("quote")
@click.argument("rate")
@click.option("--on", type=DAY, required=True, help="The day that it is of.")
@click.option("--source", required=True, help="By whose word.")
@as_json
@click.pass_obj
def rate(
    runtime: Runtime, base: str, quote: str, rate: str, on: datetime, source: str, in_json: bool
) -> None:
    """Record what one BASE was worth in QUOTE on a day: `rate USD JPY 151.23`."""
    with runtime.transaction() as session:
        payees.record_rate(
            session, base, quote, rate, on=on.date(), source=source, by=runtime.actor, at=runtime.now()
        )
    if in_json:
        print_json({"base": base, "quote": quote, "rate": rate, "on": on.date(), "source": source})
        return
    click.echo(f"1 {base} = {rate} {quote} on {on.date()} ({source})")


@statements.command()
@click.option("--composite", type=click.UUID)
@click.option("--publication", type=click.UUID)
@click.option("--after", type=int, default=0, help="The last number of the page before.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=1000, show_default=True)
@as_json
@click.pass_obj
def entries(
    runtime: Runtime, composite: UUID | None, publication: UUID | None, after: int, limit: int, in_json: bool
) -> None:
    """List what uses owe, entry by entry, with their corrections."""
    with runtime.transaction() as session:
        found = [
            entry_of(one)
            for one in accrual.entries_of(
                session, composite_id=composite, publication_id=publication, after=after, limit=limit
            )
        ]
    if in_json:
        print_json(found)
        return
    print_rows(
        ("number", "at", "for", "composite", "photo", "amount", "reason"),
        [
            (
                one["accrual"],
                one["at"],
                one["trigger"],
                one["composite_id"],
                one["photo_id"],
                money.written(one["amount_minor"], one["currency"]),
                one["reason"],
            )
            for one in found
        ],
        none="nothing is owed",
    )


@statements.command()
@click.argument("accrual_id", type=int)
@click.option("--amount-minor", type=int, required=True, help="What is owed in truth, in minor units.")
@click.option("--reason", required=True)
@as_json
@click.pass_obj
def correct(runtime: Runtime, accrual_id: int, amount_minor: int, reason: str, in_json: bool) -> None:
    """Correct what is owed for one use by an entry of the difference; it is stated in the next period."""
    with runtime.transaction() as session:
        made = accrual.correct(
            session,
            accrual_id,
            amount_minor=amount_minor,
            reason=reason,
            by=runtime.actor,
            at=runtime.now(),
        )
        found = None if made is None else entry_of(made)
    if in_json:
        print_json(found)
    elif found is None:
        click.echo("the entries add up to that already")
    else:
        click.echo(f"entry {found['accrual']}: {money.written(found['amount_minor'], found['currency'])}")


@statements.command()
@as_json
@click.pass_obj
def escrow(runtime: Runtime, in_json: bool) -> None:
    """List what is held now, for whom and why: an unknown payee, a dispute, a claim, an order, a hold."""
    with runtime.transaction() as session:
        found = service.escrow(session, at=runtime.now())
    if in_json:
        print_json(found)
        return
    print_rows(
        ("payee", "reason", "amount"),
        [(one["payee"], one["reason"], money.written(one["amount_minor"], one["currency"])) for one in found],
        none="nothing is held in escrow",
    )


def told_of(found: Statement) -> dict[str, Any]:
    """A statement as commands show it."""
    return {
        "id": found.id,
        "payee": found.payee_ref,
        "period": found.period,
        "currency": found.currency,
        "net_minor": found.net_minor,
        "carried_minor": found.carried_minor,
        "computed_at": found.computed_at,
        "figures": found.figures,
        "figures_sha256": found.figures_sha256,
    }


def entry_of(found: Accrual) -> dict[str, Any]:
    """An accrual as commands show it."""
    return {
        "accrual": found.id,
        "at": found.at,
        "trigger": found.trigger,
        "grant_id": found.grant_id,
        "fee": found.fee,
        "photo_id": found.photo_id,
        "entry": found.entry,
        "composite_id": found.composite_id,
        "handout_id": found.handout_id,
        "publication_id": found.publication_id,
        "units": found.units,
        "canvas_px": found.canvas_px,
        "frame_px": found.frame_px,
        "amount_minor": found.amount_minor,
        "currency": found.currency,
        "reason": found.reason,
    }


def _print(found: list[dict[str, Any]], *, in_json: bool, none: str) -> None:
    if in_json:
        print_json(found)
        return
    print_rows(
        ("id", "payee", "period", "net", "carried forward"),
        [
            (
                one["id"],
                one["payee"],
                one["period"],
                money.written(one["net_minor"], one["currency"]),
                money.written(one["carried_minor"], one["currency"]),
            )
            for one in found
        ],
        none=none,
    )
