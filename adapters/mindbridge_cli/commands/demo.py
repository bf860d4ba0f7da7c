"""`mindbridge demo`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from mindbridge_cli.demo import Announcement, run_demo
from mindbridge_cli.logs import configure_logs
from mindbridge_cli.output import as_json, result

__all__ = ["command"]


@click.command("demo")
@click.option("--port", type=click.IntRange(0, 65_535), default=8000, show_default=True, help="0 takes a free one.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the data stays; without it, in a temporary directory that is removed at the end.",
)
@as_json
@click.pass_context
def command(ctx: click.Context, port: int, data_dir: Path | None, *, json_: bool) -> None:
    """Run everything in one go: PostgreSQL, schema, a sample clinic of ten patients, the server on 127.0.0.1.

    Prints the address and, at the first start, a password for each member of staff; they are stored nowhere. Ends with
    SIGINT (Ctrl-C) or SIGTERM, and stops all that it started. For a look, never for patients' data.
    """
    configure_logs("warning")
    if not json_:
        click.echo("Starting PostgreSQL, the schema and the sample clinic ...", err=True)

    def say(announcement: Announcement) -> None:
        result(announcement.as_json(), _lines(announcement), json_=json_)

    ctx.exit(run_demo(port, data_dir, say))


def _lines(announcement: Announcement) -> Iterator[str]:
    yield f"MindBridge runs at {announcement.url}/api/docs"
    yield f"Data: {announcement.data_dir}"
    yield ""
    for user in announcement.users:
        yield f"  {user['email']:<24} {user['role']:<14} {user.get('password', '(the password printed at first)')}"
    yield ""
    yield "The passwords are shown this once. Ctrl-C ends the demo."
