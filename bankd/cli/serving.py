"""`bankd serve`: the same over HTTP."""

import click

from bankd.api import app
from bankd.runtime import Runtime


@click.command()
@click.option("--host", help="Where to listen; the setting `api_host` where left out.")
@click.option("--port", type=click.IntRange(0, 65535), help="The setting `api_port` where left out.")
@click.pass_obj
def serve(runtime: Runtime, host: str | None, port: int | None) -> None:
    """Serve the REST API until interrupted."""
    app.serve(runtime, host=host, port=port)
