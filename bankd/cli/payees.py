"""`bankd payees`: who is paid for uses, and how a license's fees are split."""

from datetime import datetime
from typing import Any

import click
from pydantic import ValidationError

from bankd import money
from bankd.cli.printing import as_json, print_fields, print_json, print_rows
from bankd.royalties import payees as service
from bankd.royalties.errors import PayeeRefused
from bankd.royalties.figures import PayeeTerms
from bankd.royalties.models import Payee
from bankd.runtime import Runtime

DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.group()
def payees() -> None:
    """Payees: record, look up, split a license's fees among them."""


@payees.command()
@click.argument("ref")
@click.option("--name", required=True, help="As statements are made out to.")
@click.option("--country", required=True, help="Where the payee is taxed: ISO 3166-1 alpha-2.")
@click.option("--currency", required=True, help="What is paid: ISO 4217.")
@click.option("--zone", default="UTC", show_default=True, help="In which months begin and end.")
@click.option("--registration-number", help="For consumption tax; in Japan T and 13 digits.")
@click.option("--consumption-tax-bp", type=int, default=0, help="Hundredths of a percent: 1000 is 10%.")
@click.option("--withholding-bp", type=int, default=0, help="Hundredths of a percent: 1021 is 10.21%.")
@click.option("--withholding-above-minor", type=int, help="Above this amount the second rate holds.")
@click.option("--withholding-above-bp", type=int, help="The second rate.")
@click.option("--least-payout-minor", type=int, default=0, help="Less than that is carried forward.")
@as_json
@click.pass_obj
def record(runtime: Runtime, /, ref: str, in_json: bool, **facts: Any) -> None:
    """Record a payee, whose ref is the licensor's or stands in a split; new facts are a new version."""
    try:
        terms = PayeeTerms.model_validate(facts)
    except ValidationError as error:
        first = error.errors()[0]
        where = f"{first['loc'][0]}: " if first["loc"] else ""
        raise PayeeRefused(where + first["msg"].removeprefix("Value error, ")) from error
    with runtime.transaction() as session:
        found = told_of(service.record(session, ref, terms, by=runtime.actor, at=runtime.now()))
    if in_json:
        print_json(found)
        return
    print_fields({name.replace("_", " "): value for name, value in found.items()})


@payees.command("list")
@as_json
@click.pass_obj
def list_(runtime: Runtime, in_json: bool) -> None:
    """List every payee."""
    with runtime.transaction() as session:
        found = [told_of(one) for one in service.all_of(session)]
    if in_json:
        print_json(found)
        return
    print_rows(
        ("ref", "name", "country", "currency", "least payout"),
        [
            (
                one["ref"],
                one["name"],
                one["country"],
                one["currency"],
                money.written(one["least_payout_minor"], one["currency"]),
            )
            for one in found
        ],
        none="no payee yet: record some with `bankd payees record`",
    )


@payees.command()
@click.argument("license")
@click.argument("shares", nargs=-1, required=True, metavar="PAYEE=WEIGHT...")
@click.option("--from", "starts_on", type=DAY, required=True, help="First day.")
@as_json
@click.pass_obj
def split(
    runtime: Runtime, license: str, shares: tuple[str, ...], starts_on: datetime, in_json: bool
) -> None:
    """Split what a license earns among payees, by whole weights: `split L-1 author=2 agency=1`."""
    with runtime.transaction() as session:
        made = service.split(
            session,
            license,
            [_share(one) for one in shares],
            starts_on=starts_on.date(),
            by=runtime.actor,
            at=runtime.now(),
        )
        found = {"id": made.id, "license": license, "starts_on": made.starts_on, "shares": made.shares}
    if in_json:
        print_json(found)
        return
    print_fields({name.replace("_", " "): value for name, value in found.items()})


def told_of(found: Payee) -> dict[str, Any]:
    """A payee as commands and the API show it."""
    return {"ref": found.ref, "version": found.version, **service.terms(found).as_json()}


def _share(text: str) -> tuple[str, int]:
    ref, _, weight = text.rpartition("=")
    if not ref or not weight.isdecimal():
        raise PayeeRefused(f"`{text}` is no share (write it as `author=2`)")
    return ref, int(weight)
