"""`bankd keys`: who may call the API, and what the bank signs with."""

from datetime import datetime
from uuid import UUID

import click

from bankd import rotation
from bankd.access import service
from bankd.access.permissions import Role
from bankd.audit.rotations import Signs
from bankd.cli.printing import as_json, print_fields, print_json, print_rows, word
from bankd.runtime import Runtime
from bankd.synthesis import verification
from bankd.usage.mapping import UsageMap


@click.group()
def keys() -> None:
    """API keys: create, list, revoke. Signing keys: show, rotate."""


@keys.command()
@click.argument("name")
@click.option("--role", "roles", multiple=True, required=True, help=f"Repeatable: {', '.join(Role)}.")
@click.option("--department", help="The department that the key sees; the whole house where left out.")
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="The first day (UTC) without it.")
@as_json
@click.pass_obj
def create(
    runtime: Runtime,
    name: str,
    roles: tuple[str, ...],
    department: str | None,
    expires: datetime | None,
    in_json: bool,
) -> None:
    """Make an API key; it is shown this once."""
    with runtime.transaction() as session:
        at = runtime.now()
        key, secret = service.create_key(
            session,
            name,
            roles=roles,
            department_id=None if department is None else service.department(session, department).id,
            expires_at=None if expires is None else expires.replace(tzinfo=at.tzinfo),
            by=runtime.actor,
            at=at,
        )
        made = {"id": key.id, "name": key.name, "roles": key.roles, "key": secret}
    if in_json:
        print_json(made)
        return
    click.echo(secret)
    click.echo("keep it now: it cannot be shown again", err=True)


@keys.command("list")
@as_json
@click.pass_obj
def list_(runtime: Runtime, in_json: bool) -> None:
    """List every key, revoked ones too."""
    with runtime.transaction() as session:
        departments = {one.id: one.name for one in service.departments(session)}
        found = [
            {
                "id": one.id,
                "name": one.name,
                "roles": one.roles,
                "department": None if one.department_id is None else departments[one.department_id],
                "last_four": one.last_four,
                "created_at": one.created_at,
                "expires_at": one.expires_at,
                "revoked_at": one.revoked_at,
            }
            for one in service.keys(session)
        ]
    if in_json:
        print_json(found)
        return
    print_rows(
        ("id", "name", "roles", "department", "ends in", "expires", "revoked"),
        [
            (
                one["id"],
                one["name"],
                one["roles"],
                one["department"] or "whole house",
                one["last_four"],
                one["expires_at"],
                one["revoked_at"],
            )
            for one in found
        ],
        none="no key yet: make one with `bankd keys create`",
    )


@keys.command()
@as_json
@click.pass_obj
def signing(runtime: Runtime, in_json: bool) -> None:
    """Show the certificate that files are signed with, until when, and who says the time."""
    found = verification.signing_state(runtime)
    if in_json:
        print_json(found)
        return
    print_fields(
        {
            "signer": found.subject,
            "issuer": found.issuer,
            "valid": f"{word(found.starts_at)} to {word(found.ends_at)}",
            "key": found.key,
            "anchors": ", ".join(found.anchors),
            "time stamps": ", ".join(found.authorities) or "none",
            "without one": found.time_stamp_policy,
            "time roots": ", ".join(found.time_stamp_roots) or "none",
        }
    )
    for warning in found.warnings:
        click.echo(f"warning: {warning}", err=True)


@keys.command()
@click.argument("key_id", type=click.UUID)
@click.pass_obj
def revoke(runtime: Runtime, key_id: UUID) -> None:
    """Make a key useless from now on."""
    with runtime.transaction() as session:
        service.revoke_key(session, key_id, by=runtime.actor, at=runtime.now())
    click.echo(f"key {key_id} is revoked")


@keys.command()
@click.argument("signs", type=click.Choice(["log", "manifest"]))
@as_json
@click.pass_obj
def rotate(runtime: Runtime, signs: Signs, in_json: bool) -> None:
    """Sign the log or manifests with a new key from now on; the log tells of it, signed by both."""
    made = rotation.rotate(runtime, signs, extend=UsageMap())
    if in_json:
        print_json(made)
        return
    click.echo(f"from entry {made.index} on {made.after} signs; {made.before} signed before")
    click.echo("the old private key is gone; tell witnesses and auditors of the new one", err=True)
