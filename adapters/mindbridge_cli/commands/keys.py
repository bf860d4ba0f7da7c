"""`mindbridge keys`."""

from __future__ import annotations

from pathlib import Path

import click

from mindbridge_cli.output import as_json, result
from mindbridge_cli.program import settings_of
from mindbridge_cli.rings import ring_of
from mindbridge_security import KeyRing, TokenAlgorithm

__all__ = ["command"]


@click.group("keys")
def command() -> None:
    """Master keys, under which every clinic's own keys lie encrypted, and token keys."""


@command.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write, mode 0600; one that is there is never replaced. Without it: standard output.",
)
@click.option(
    "--token-algorithm",
    type=click.Choice([str(algorithm) for algorithm in TokenAlgorithm]),
    default=TokenAlgorithm.HS256.value,
    show_default=True,
    help="How access tokens are signed.",
)
def generate(out: Path | None, token_algorithm: str) -> None:
    """Make a key ring of new random keys.

    Keep it safe, and apart from the database's backups: without it nothing can be read, with both everything can.
    """
    ring = KeyRing.generate(token_algorithm=TokenAlgorithm(token_algorithm))
    if out is None:
        click.echo(ring.text(), nl=False)
        click.echo("This is secret: keep it where only the server's user can read it (mode 0600).", err=True)
        return
    ring.save(out)
    click.echo(f"Wrote {out}. Set MINDBRIDGE_KEY_RING_FILE to it, and keep a copy off this machine.", err=True)


@command.command()
@as_json
@click.pass_context
def status(ctx: click.Context, *, json_: bool) -> None:
    """Show which keys the ring holds, by name; never the keys."""
    settings = settings_of(ctx)
    ring = ring_of(settings)
    content = {
        "source": str(settings.key_ring_file) if settings.key_ring_file else "MINDBRIDGE_KEY_RING",
        "master_keys": [{"id": id, "current": id == ring.current_master_key} for id in ring.master_keys],
        "token_keys": [
            {"id": id, "algorithm": str(key.algorithm), "current": id == ring.current_token_key}
            for id, key in ring.token_keys.items()
        ],
    }
    result(content, _lines(ring, str(content["source"])), json_=json_)


def _lines(ring: KeyRing, source: str) -> list[str]:
    masters = [f"master key {id}{' (current)' if id == ring.current_master_key else ''}" for id in ring.master_keys]
    tokens = [
        f"token key {id} {key.algorithm}{' (current)' if id == ring.current_token_key else ''}"
        for id, key in ring.token_keys.items()
    ]
    return [f"key ring {source}", *masters, *tokens]
