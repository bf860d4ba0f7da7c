"""`mindbridge serve`."""

from __future__ import annotations

import attrs
import click

from mindbridge_cli.program import settings_of

__all__ = ["command"]


@click.command("serve")
@click.option("--host", help="Instead of the setting `host`.")
@click.option("--port", type=click.IntRange(1, 65_535), help="Instead of the setting `port`.")
@click.pass_context
def command(ctx: click.Context, host: str | None, port: int | None) -> None:
    """Serve the API on the configured database until SIGTERM or SIGINT; requests in flight are finished.

    It refuses to start without a key ring, with a role that row-level security does not bind, on a schema that is
    behind, or where passwords would travel in clear.
    """
    from mindbridge_cli.logs import configure_logs
    from mindbridge_cli.server import run_server
    from mindbridge_cli.start import prepare

    settings = settings_of(ctx)
    settings = attrs.evolve(settings, host=host or settings.host, port=port or settings.port)
    configure_logs(settings.log_level)
    ctx.exit(run_server(prepare(settings, ctx.find_root().obj)))
