"""`mindbridge config`."""

from __future__ import annotations

import click

from mindbridge_cli.output import as_json, result
from mindbridge_cli.program import settings_of
from mindbridge_cli.settings import unknown_variables
from mindbridge_cli.settings_table import markdown_table, shown

__all__ = ["command"]


@click.command("config")
@click.option("--show", is_flag=True, help="Print the settings in effect; passwords and keys are masked.")
@click.option("--markdown", is_flag=True, help="Print the table of all settings instead, as the README has it.")
@as_json
@click.pass_context
def command(ctx: click.Context, *, show: bool, markdown: bool, json_: bool) -> None:
    """Show the settings, with secrets masked."""
    if show == markdown:
        raise click.UsageError("say --show or --markdown")
    if markdown:
        click.echo(markdown_table(), nl=False)
        return
    settings = shown(settings_of(ctx))
    for finding in unknown_variables():
        click.echo(f"mindbridge: {finding}", err=True)
    result(settings, (f"{name} = {_plain(value)}" for name, value in settings.items()), json_=json_)


def _plain(value: object) -> str:
    if value is None:
        return "(not set)"
    return ", ".join(value) if isinstance(value, list) else str(value)
