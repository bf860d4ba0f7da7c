"""`mindbridge seed`."""

from __future__ import annotations

from pathlib import Path

import attrs
import click

from mindbridge_cli.compose import composed
from mindbridge_cli.output import as_json, result
from mindbridge_cli.program import settings_of
from mindbridge_cli.seed_file import oakwood, read_seed
from mindbridge_cli.seeding import plant

__all__ = ["command"]


@click.command("seed")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@as_json
@click.pass_context
def command(ctx: click.Context, file: Path | None, *, json_: bool) -> None:
    """Load a clinic, its staff and patients from FILE, by default the Oakwood sample.

    What is there already stays as it is, so that loading a file twice changes nothing. Staff get no password.
    """
    seed = oakwood() if file is None else read_seed(file.read_text("utf-8"))
    with composed(settings_of(ctx)) as product:
        seeded = plant(product.core, seed, passwords={})
    content = attrs.asdict(seeded) | {"clinic_id": str(seeded.clinic_id)}
    words = f"Clinic {seeded.clinic_id}: {seeded.staff_added} staff and {seeded.patients_added} patients added."
    result(content, [words], json_=json_)
