"""`mindbridge doctor`."""

from __future__ import annotations

import attrs
import click

from mindbridge_cli.doctor import examine
from mindbridge_cli.output import as_json, check_found, result

__all__ = ["command"]


@click.command("doctor")
@as_json
@click.pass_context
def command(ctx: click.Context, *, json_: bool) -> None:
    """Check settings, keys, database, rights, walls, schema and clock; say how to mend what is wrong.

    Exits with 3 when something is wrong.
    """
    checks = examine(ctx.find_root().obj)
    ok = not any(check.findings for check in checks)
    lines = [line for check in checks for line in ([f"ok    {check.name}"] if not check.findings else check.lines())]
    result({"ok": ok, "checks": [attrs.asdict(check) for check in checks]}, lines, json_=json_)
    if not ok:
        check_found()
