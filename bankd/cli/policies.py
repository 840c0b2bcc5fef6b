"""`bankd policies`: the rules of use, checked before they come into force."""

from collections.abc import Iterable
from pathlib import Path

import click

from bankd import installation
from bankd.catalog.taxonomy import house
from bankd.cli.printing import as_json, count, print_fields, print_json, print_rows
from bankd.errors import BankError
from bankd.policy import cases, load, service
from bankd.policy import check as checks
from bankd.policy.explain import Denial
from bankd.policy.load import BUILT_IN, Bundle
from bankd.runtime import Runtime
from bankd.synthesis import comparing
from bankd.synthesis.comparing import RequestChanged

folder_argument = click.argument("folder", type=click.Path(path_type=Path), required=False)


class PoliciesRefused(BankError):
    """A folder of policies is not fit to be activated."""

    def __init__(self, folder: Path, problems: list[str]) -> None:
        more = f" (and {len(problems) - 1} more: see `bankd policies check`)" if len(problems) > 1 else ""
        super().__init__(f"the policies in `{folder}` cannot be used: {problems[0]}{more}")
        self.problems = problems


@click.group()
def policies() -> None:
    """Policies: check, test, show, diff, activate."""


@policies.command()
@folder_argument
def check(folder: Path | None) -> None:
    """Say everything that is wrong with a folder of policies (the shipped one where left out)."""
    folder = _folder(folder)
    if problems := checks.check(folder):
        for problem in problems:
            click.echo(problem, err=True)
        raise click.exceptions.Exit(1)
    bundle = load.read(folder)
    click.echo(
        f"{count(len(bundle.policies), 'policy', 'policies')}, digest {bundle.digest}: nothing is wrong"
    )


@policies.command()
@folder_argument
def test(folder: Path | None) -> None:
    """Decide the cases of a folder of policies and say which come out otherwise."""
    folder = _folder(folder)
    bundle = load.read(folder)
    tried = cases.read(folder / "cases")
    failures = [(case, failure) for case in tried if (failure := cases.failure(bundle, case)) is not None]
    for case, failure in failures:
        click.echo(f"{case.name}: {failure}", err=True)
    click.echo(f"{count(len(tried), 'case')}, {len(failures)} failed")
    if failures:
        raise click.exceptions.Exit(1)


@policies.command()
@as_json
@click.pass_obj
def show(runtime: Runtime, in_json: bool) -> None:
    """Show the policies in force."""
    with runtime.transaction() as session:
        bundle = service.active(session)
    if in_json:
        print_json({"digest": bundle.digest, "policies": _listed(bundle), "built_in": BUILT_IN})
        return
    click.echo(f"digest {bundle.digest}")
    print_rows(
        ("id", "effect", "actions", "says"),
        [(one["id"], one["effect"], one["actions"], one["says"]) for one in _listed(bundle)],
        none="no policy",
    )


@policies.command()
@folder_argument
@click.option("--last", type=click.IntRange(1, 10_000), default=100, show_default=True)
@as_json
@click.pass_obj
def diff(runtime: Runtime, folder: Path | None, last: int, in_json: bool) -> None:
    """Say what a folder of policies would change: for the last requests, and for composites to hand out.

    Both bundles are asked with the rights of today. Nothing is written.
    """
    bundle = load.read(_folder(folder))
    with runtime.transaction() as session:
        found = comparing.compare(
            session,
            bundle,
            last=last,
            blobs=runtime.blobs,
            taxonomy=house(),
            by=runtime.actor,
            at=runtime.now(),
        )
    if in_json:
        print_json(found)
        return
    print_fields(
        {
            "in force": found.in_force,
            "this one": found.other,
            "added": found.added or None,
            "removed": found.removed or None,
            "changed": found.reworded or None,
        }
    )
    for one in found.changed:
        click.echo(f"request {one.request_id} ({one.purpose}, {one.filed_at:%Y-%m-%d}): {_becomes(one)}")
        _print_reasons(one.reasons, was=one.change == "cleared")
    for other in found.handouts_changed:
        becomes = "handed out no more" if other.change == "refused" else "handed out again"
        click.echo(f"composite {other.composite_id}: {becomes} ({count(other.handouts, 'handout')} so far)")
        _print_reasons(other.reasons, was=other.change == "cleared")
    click.echo(
        f"{len(found.changed)} of {count(found.requests, 'request')} and {len(found.handouts_changed)}"
        f" of {count(found.composites, 'composite')} would come out otherwise"
    )


@policies.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.pass_obj
def activate(runtime: Runtime, folder: Path) -> None:
    """Put a folder of policies in force from now on, if nothing is wrong with it."""
    folder = _folder(folder)
    if problems := checks.check(folder):
        raise PoliciesRefused(folder, problems)
    bundle = load.read(folder)
    with runtime.transaction() as session:
        changed = service.activate(session, bundle, by=runtime.actor, at=runtime.now())
    click.echo(f"digest {bundle.digest} {'is in force now' if changed else 'was in force already'}")


def _becomes(one: RequestChanged) -> str:
    match one.change:
        case "refused":
            return "cleared, would be refused"
        case "cleared":
            return "refused, would be cleared"
        case "other reasons":
            return "refused, would be for other reasons"
    return f"cleared, would rely otherwise for {count(one.photos, 'photo')}"


def _print_reasons(reasons: Iterable[Denial], *, was: bool) -> None:
    for denial in reasons:
        click.echo(f"  {'today: ' if was else ''}{denial.says} ({denial.policy})")


def _folder(folder: Path | None) -> Path:
    if folder is None:
        return installation.policies()
    if not folder.is_dir():
        raise PoliciesRefused(folder, ["it is no folder"])
    return folder


def _listed(bundle: Bundle) -> list[dict[str, object]]:
    return [
        {"id": one.id, "effect": one.effect, "actions": one.actions, "says": one.says, "file": one.file}
        for one in bundle.policies.values()
    ]
