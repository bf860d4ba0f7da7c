"""`mindbridge db`."""

from __future__ import annotations

import click

from mindbridge_cli.compose import composed
from mindbridge_cli.output import as_json, check_found, result
from mindbridge_cli.owner import add_partitions, database_findings, owner_url, revision_and_head, take_back
from mindbridge_cli.owner import upgrade as bring_up
from mindbridge_cli.program import settings_of
from mindbridge_cli.settings import SettingsRefused
from mindbridge_postgres import index_names

__all__ = ["command"]


@click.group("db")
def command() -> None:
    """The database's schema, changed as the owner of its tables (MINDBRIDGE_OWNER_DATABASE_URL)."""


@command.command()
@click.argument("revision", default="head")
@click.pass_context
def upgrade(ctx: click.Context, revision: str) -> None:
    """Bring the database to REVISION, by default the newest.

    Also gives the application's role exactly the rights it needs, and makes the audit trail's partitions a year ahead.
    Done again it changes nothing; run it monthly and after each installation.
    """
    settings = settings_of(ctx)
    bring_up(owner_url(settings), settings.application_role, revision)
    current, _ = revision_and_head(owner_url(settings))
    click.echo(f"The database is at revision {current}.")


@command.command()
@as_json
@click.pass_context
def partitions(ctx: click.Context, *, json_: bool) -> None:
    """Make the audit trail's monthly partitions a year ahead. Done again it changes nothing; run it monthly."""
    made = add_partitions(owner_url(settings_of(ctx)))
    result({"made": list(made)}, [f"made {name}" for name in made] or ["nothing to make"], json_=json_)


@command.command()
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def downgrade(ctx: click.Context, revision: str, *, yes: bool) -> None:
    """Take the database back to REVISION, or to `base`. What later revisions added is lost, with its data."""
    url = owner_url(settings_of(ctx))
    if not yes:
        click.confirm(f"Data in what was added after {revision} will be lost. Go on?", abort=True, err=True)
    take_back(url, revision)
    current, _ = revision_and_head(url)
    click.echo(f"The database is at revision {current or 'none'}.")


@command.command()
@as_json
@click.pass_context
def current(ctx: click.Context, *, json_: bool) -> None:
    """Show the revision that the database is at, and the newest; the application's address will do."""
    settings = settings_of(ctx)
    url = settings.owner_database_url or settings.database_url
    if url is None:
        raise SettingsRefused(["no database: set MINDBRIDGE_OWNER_DATABASE_URL or MINDBRIDGE_DATABASE_URL"])
    revision, head = revision_and_head(url)
    result({"current": revision, "head": head}, [f"{revision or 'none'} (newest: {head})"], json_=json_)


@command.command()
@as_json
@click.pass_context
def reindex(ctx: click.Context, *, json_: bool) -> None:
    """Index the names of all patients, as the application, while it serves.

    Needed once after the upgrade to revision 0005, for patients who were there before. Done again it changes nothing.
    """
    with composed(settings_of(ctx)) as product:
        count = index_names(product.database, product.keys)
    result({"patients": count}, [f"{count} patients are found by name."], json_=json_)


@command.command()
@as_json
@click.pass_context
def check(ctx: click.Context, *, json_: bool) -> None:
    """Compare the database with this release; exit with 3 when it is behind, differs, or a right is missing."""
    settings = settings_of(ctx)
    url = owner_url(settings)
    findings = database_findings(url, settings.application_role)
    revision, head = revision_and_head(url)
    content = {"ok": not findings, "current": revision, "head": head, "findings": findings}
    result(content, findings or [f"ok: revision {head}, no difference"], json_=json_)
    if findings:
        check_found()
