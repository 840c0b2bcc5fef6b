"""The tour: the sample goes in, pictures come out, and what was refused says why.

It runs the very commands that a newcomer would type, and prints each.
"""

import contextlib
import fcntl
import hashlib
import io
import json
import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from sqlalchemy import func, select

from bankd import config, installation
from bankd.catalog.taxonomy import house
from bankd.cli.files import check_writable
from bankd.embedded import folder
from bankd.errors import BankError
from bankd.installation import ROOT
from bankd.licensing.models import Grant, License
from bankd.provenance.models import Usage
from bankd.runtime import Runtime

SAMPLE = Path(os.path.relpath(ROOT / "sample"))
NETWORKS = SAMPLE / "networks"
VENV = Path(sys.executable).parent
RECIPIENT = "Shop team"
NETWORK = 1  # which of the pictures asked for is a network's


class SampleMissing(BankError):
    def __init__(self) -> None:
        super().__init__("the sample is not here: run the demo from a checkout of bankd, with `make demo`")


class DemoFailed(BankError):
    """Something that has to work did not."""


@contextlib.contextmanager
def alone(home: Path) -> Iterator[None]:
    """Keep other demos out of a data folder: the first to end would stop the other's services.

    Raises: DemoFailed.
    """
    held = os.open(folder.prepare(home), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DemoFailed(
                f"another demo is at work in `{home}`: wait until it has ended, or name other folders"
            ) from error
        yield
    finally:
        os.close(held)


@click.command()
@click.option(
    "--home", type=click.Path(path_type=Path), default=Path(".bankd/demo"), show_default=True,
    help="Data folder of the demo's own bank.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("out/demo"), show_default=True,
    help="Where pictures and reports go.",
)  # fmt: skip
@click.pass_obj
def demo(given: Runtime, home: Path, out: Path) -> None:
    """Show the whole of it on a sample: photos in, composites and reports out, nothing left running."""
    if not (SAMPLE / "photos").is_dir():
        raise SampleMissing
    check_writable(out)
    settings = config.Settings(home=home.resolve(), house="Komorebi Goods K.K. (sample house)")
    rt = Runtime(settings, given.actor)
    tour = _Tour(rt, out)
    with alone(home.resolve()):
        try:
            tour.run()
        finally:
            installation.down(rt)
    click.echo(f"\nDone in {time.monotonic() - tour.started:.0f} s; nothing is left running.")


class _Tour:
    def __init__(self, rt: Runtime, out: Path) -> None:
        self.rt = rt
        self.out = out
        self.started = time.monotonic()

    def run(self) -> None:
        click.echo(f"Starting Postgres, broker, store and workers in {self.rt.settings.home} ..")
        installation.up(self.rt)
        click.echo(f"  up after {time.monotonic() - self.started:.0f} s\n")
        click.echo("Sixty photos with label maps go in, under the licenses of nine made-up licensors.")
        self.command(
            "photos", "ingest", str(SAMPLE), "--rights", str(SAMPLE / "rights.yaml"), "--name", "sample"
        )
        click.echo("Networks come in with the rights of the scenes that they were trained on.")
        self.command("models", "import", str(NETWORKS), "--purpose", "commercial")

        today = self.rt.now().date()
        period = ["--from", str(today), "--to", str(today + timedelta(days=90)), "--zone", "Asia/Tokyo"]
        public = ["--purpose", "commercial", "--audience", "public", *period]
        shop = [*public, "--channel", "web"]
        world = [*shop, "--territory", "WORLD"]
        spot = [*public, "--channel", "broadcast", "--territory", "WORLD", "--licensee", "partner"]
        japan = [*shop, "--territory", "JP", "--geo-block"]
        wanted = [
            ("A kitchen for a shop's page in Japan", "003-kitchen", [*japan, "--variations", "2"]),
            ("The kitchen, finished by a network", "003-kitchen", [*japan, "--refiner", "network"]),
            ("A reading corner for the same page", "011-corner", [*japan, "--variations", "2"]),
            ("An armchair for a page that the whole world sees", "005-corner", world),
            ("The armchair for a partner's TV spot", "005-corner", spot),
        ]
        click.echo("Five requests are filed: what should be where (a layout), and for which use.")
        asked = [
            (what, self.ask(what, SAMPLE / "layouts" / f"{layout}.png", *use)) for what, layout, use in wanted
        ]
        click.echo()
        self.wait([request for _, request in asked])
        by_request = self.tell(asked)
        made = [composite for sealed in by_request.values() for composite in sealed]
        if not made:
            raise DemoFailed(f"no picture was sealed: see `{self.rt.settings.home / 'log'}`")
        click.echo("\nEach picture is cleared once more, for today, and handed out with its proofs.")
        handed_out = [composite for composite in made if self.hand_out(composite, tells=composite == made[0])]
        if not handed_out:
            raise DemoFailed(
                "no picture of this bank clears any more, as after a license was withdrawn:"
                f" remove `{self.rt.settings.home}` to start anew"
            )
        if of_network := [one for one in by_request[asked[NETWORK][1]] if one in handed_out]:
            click.echo("What a network made is told apart from what photos gave.")
            self.command("composites", "show", of_network[0])
        click.echo("A picture proves itself, and the log that nothing in it was changed.")
        self.command("composites", "verify", str(self.out / f"{handed_out[0]}.png"))
        self.command("log", "verify")
        self.next_steps(handed_out[0], asked[-1][1])

    def command(self, *words: str, tells: bool = True) -> str:
        """Print a command, run it, and print what it `tells`; what it said. Its failure is the demo's."""
        from bankd.cli import main

        click.secho(f"$ bankd {shlex.join(words)}", bold=True)
        with contextlib.redirect_stdout(io.StringIO()) as said:
            status = main.main([*words], standalone_mode=False, obj=self.rt)
        text = said.getvalue()
        if tells:
            click.echo("".join(f"  {line}\n" for line in text.splitlines()))
        if status not in (None, 0):
            raise DemoFailed(f"`bankd {' '.join(words)}` ended with status {status}")
        return text

    def hand_out(self, composite: str, *, tells: bool) -> bool:
        """Whether it may leave the house today; where not, the command has said why."""
        try:
            self.command(
                "composites", "export", composite, "--recipient", RECIPIENT, "--channel", "web",
                "--out", str(self.out),
                tells=tells,
            )  # fmt: skip
        except DemoFailed:
            return False
        return True

    def ask(self, what: str, layout: Path, *use: str) -> str:
        """File a request; one that was filed by an earlier run is answered again."""
        words = [str(layout), *use, "--frame", "box", "--seed", "7"]
        asked = "\0".join([house().digest, *words]).encode() + layout.read_bytes()
        if "network" in use:  # other networks make another picture
            asked += b"".join(file.read_bytes() for file in sorted(NETWORKS.glob("*.safetensors")))
        key = f"demo-{hashlib.sha256(asked).hexdigest()[:8]}"
        click.echo(f"  {what}:")
        said = self.command("requests", "create", *words, "--idempotency-key", key, "--json", tells=False)
        answer: dict[str, Any] = json.loads(said)
        return str(answer["id"])

    def show(self, request: str) -> dict[str, Any]:
        from bankd.cli import main

        with contextlib.redirect_stdout(io.StringIO()) as said:
            main.main(["requests", "show", request, "--json"], standalone_mode=False, obj=self.rt)
        shown: dict[str, Any] = json.loads(said.getvalue())
        return shown

    def wait(self, requests: Sequence[str], *, patience_s: float = 240) -> None:
        deadline = time.monotonic() + patience_s
        total = len(requests)
        with click.progressbar(length=total, label="Clearing, rendering, sealing") as bar:
            done = 0
            while done < total:
                states = [self.show(request)["state"] for request in requests]
                final = sum(state in ("completed", "refused", "failed") for state in states)
                bar.update(final - done)
                done = final
                if time.monotonic() > deadline:
                    log = self.rt.settings.home / "log"
                    raise DemoFailed(f"the requests did not end in {patience_s:.0f} s: see `{log}`")
                time.sleep(0.3)
        click.echo()

    def tell(self, asked: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
        """Say what became of each request; by request the composites that were made."""
        made: dict[str, list[str]] = {}
        for what, request in asked:
            shown = self.show(request)
            sealed = [v["composite_id"] for v in shown["variations"] if v["composite_id"]]
            made[request] = sealed
            pictures = f", {len(sealed)} picture{'s' if len(sealed) > 1 else ''}" if sealed else ""
            click.echo(f"{what}: {shown['state']}{pictures}")
            if shown["state"] != "completed":
                click.echo("  Why not, by what the layout asks for:")
                self.command("requests", "explain", request)
        return made

    def next_steps(self, composite: str, refused: str) -> None:
        license = self.relied_on(composite)
        click.echo(
            f"Look into {self.out}: for each picture ID there are\n"
            "  ID.png               the composite, with Content Credentials (C2PA) inside\n"
            "  ID.provenance.png    which photo fed which part of it\n"
            "  ID.report.html, .pdf the provenance report, ready to file\n"
            "  ID.manifest.json     the signed list behind them\n"
            "  ID.gate.png          how much of each pixel a network made, where one did\n"
            "\nTry next, with the same bank: withdraw a license, and its pictures leave the house no more.\n"
            f'  export PATH="{VENV}:$PATH" BANKD_HOME={self.rt.settings.home}\n'
            "  bankd up\n"
            f"  bankd licenses withdraw {license} --reason 'to see what happens'\n"
            f"  bankd composites export {composite} --recipient '{RECIPIENT}' --channel web\n"
            f"  bankd requests explain {refused}\n"
            "  bankd serve          # the same over HTTP; stop it with Ctrl-C\n"
            "  bankd down"
        )

    def relied_on(self, composite: str) -> str:
        """The license on which most of a composite's canvas relies."""
        canvas_px = func.sum(Usage.canvas_px)
        with self.rt.transaction() as session:
            return session.scalars(
                select(License.ref)
                .join(Grant, Grant.license_id == License.id)
                .join(Usage, Usage.grant_id == Grant.id)
                .where(Usage.composite_id == UUID(composite))
                .group_by(License.ref)
                .order_by(canvas_px.desc(), License.ref)
                .limit(1)
            ).one()
