"""`mindbridge keys`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from mindbridge_cli.output import as_json, check_found, result
from mindbridge_cli.program import settings_of
from mindbridge_cli.rings import ring_of
from mindbridge_security import KeyRing, TokenAlgorithm

if TYPE_CHECKING:
    from mindbridge_cli.rotation import ClinicRotation, Custody

__all__ = ["command"]

_CLINIC = click.option("--clinic", type=click.UUID, help="This clinic's alone. Without it: every clinic's.")
_OFFLINE = click.option("--offline", is_flag=True, help="No server is running: wait for none to take the new key.")


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
    """Show which keys there are, by name and version, never the keys; and how far a rotation got.

    With a database set, of every clinic's keys as well.
    """
    settings = settings_of(ctx)
    ring = ring_of(settings)
    content: dict[str, Any] = {
        "source": str(settings.key_ring_file) if settings.key_ring_file else "MINDBRIDGE_KEY_RING",
        "master_keys": [{"id": id, "current": id == ring.current_master_key} for id in ring.master_keys],
        "token_keys": [
            {"id": id, "algorithm": str(key.algorithm), "current": id == ring.current_token_key}
            for id, key in ring.token_keys.items()
        ],
    }
    lines = _lines(ring, str(content["source"]))
    if settings.database_url is not None:
        from mindbridge_cli.compose import composed
        from mindbridge_cli.rotation import Custody

        with composed(settings) as product:
            custody = Custody(product=product)
            content["clinics"] = [_standing(custody, clinic_id) for clinic_id in custody.clinics()]
        lines += [line for clinic in content["clinics"] for line in _clinic_lines(clinic)]
    result(content, lines, json_=json_)


def _lines(ring: KeyRing, source: str) -> list[str]:
    masters = [f"master key {id}{' (current)' if id == ring.current_master_key else ''}" for id in ring.master_keys]
    tokens = [
        f"token key {id} {key.algorithm}{' (current)' if id == ring.current_token_key else ''}"
        for id, key in ring.token_keys.items()
    ]
    return [f"key ring {source}", *masters, *tokens]


def _standing(custody: Custody, clinic_id: UUID) -> dict[str, Any]:
    keys = custody.keys(clinic_id)
    rotated = len([key for key in keys if key.purpose == "data"]) > 1
    cells = custody.cells(clinic_id) if rotated else {}  # reads all rows: only where there is something to tell apart
    shown = []
    for key in keys:
        one = {
            "purpose": str(key.purpose),
            "version": key.version,
            "master_key": key.master_key_id,
            "created_at": key.created_at.isoformat(),
            "retired_at": key.retired_at and key.retired_at.isoformat(),
        }
        if rotated and key.purpose == "data":
            count = cells.get(key.version)
            one |= {"cells": count.records if count else 0, "trail_cells": count.trail if count else 0}
        shown.append(one)
    return {"clinic_id": str(clinic_id), "keys": shown}


def _clinic_lines(clinic: dict[str, Any]) -> Iterator[str]:
    yield f"clinic {clinic['clinic_id']}"
    for key in clinic["keys"]:
        retired = f", retired {key['retired_at'][:10]}" if key["retired_at"] else ""
        cells = f", {key['cells']} cells, {key['trail_cells']} of the trail" if "cells" in key else ""
        made = key["created_at"][:10]
        yield f"  {key['purpose']} key {key['version']} under {key['master_key']}, made {made}{retired}{cells}"


@command.group()
def rotate() -> None:
    """Replace keys while the servers serve, as the owner of the tables.

    Killed at any moment, the next run goes on where this one stopped. Done again it changes nothing, until the older
    key is retired (`keys retire`).
    """


@rotate.command("master")
@click.option("--ring-only", is_flag=True, help="Change the ring's file and stop: to copy it to other machines first.")
@as_json
@click.pass_context
def rotate_master(ctx: click.Context, *, ring_only: bool, json_: bool) -> None:
    """Put a new master key into the ring's file and wrap every clinic's keys with it.

    Servers that read the same file follow by themselves. Where they read copies, use --ring-only, bring the file to
    each of them, then run it again without.
    """
    from mindbridge_cli.rotation import Custody, add_master_key, as_owner, ring_path

    settings = settings_of(ctx)
    ring, made = add_master_key(ring_path(settings))
    content: dict[str, Any] = {"master_key": ring.current_master_key, "new": made, "keys": 0}
    if not ring_only:
        with as_owner(settings) as product:
            custody = Custody(product=product)
            clinics = custody.clinics()
            with _bar(len(clinics), "wrapping") as told:
                for clinic_id in clinics:
                    content["keys"] += custody.rewrap(clinic_id)
                    told(1)
    lines = [
        f"master key {ring.current_master_key} is current{' (new)' if made else ''}",
        f"{content['keys']} keys were wrapped again",
    ]
    result(content, lines, json_=json_)


@rotate.command("data")
@_CLINIC
@_OFFLINE
@as_json
@click.pass_context
def rotate_data(ctx: click.Context, *, clinic: UUID | None, offline: bool, json_: bool) -> None:
    """Give clinics a new data key and seal every cell anew with it; exit with 3 when a cell does not open.

    Servers take the new key within 30 seconds; until then they seal with the old one, which still opens. The command
    waits for that, a minute at most, and goes through the cells once more.
    """
    from mindbridge_cli.rotation import Custody, as_owner

    with as_owner(settings_of(ctx)) as product:
        custody = Custody(product=product, offline=offline)
        done = list(_rotations(custody, [clinic] if clinic else list(custody.clinics())))
    content = {"clinics": [_rotation(one) for one in done]}
    lines = [
        f"clinic {one.clinic_id}: data key {one.version}, {one.cells} cells sealed anew, {one.left} left"
        + (f", of which {one.damaged} do not open" if one.damaged else "")
        for one in done
    ]
    result(content, lines, json_=json_)
    if any(one.left for one in done):
        check_found()


def _rotations(custody: Custody, clinics: list[UUID]) -> Iterator[ClinicRotation]:
    """Go through all clinics twice: at once, and when all servers have the new keys."""
    import attrs

    began = [custody.begin(clinic_id) for clinic_id in clinics]
    first: dict[UUID, int] = {}
    with _bar(sum(map(custody.older_cells, clinics)), "sealing") as told:
        for clinic_id in clinics:
            first[clinic_id] = custody.pass_once(clinic_id, told).cells
    custody.settle(
        max(key.created_at for key in began),
        lambda seconds: click.echo(f"waiting {seconds:.0f} s for the servers to take the new keys", err=True),
    )
    for clinic_id in clinics:
        rest = custody.finish(clinic_id, lambda _: None)
        yield attrs.evolve(rest, cells=rest.cells + first[clinic_id])


def _rotation(done: ClinicRotation) -> dict[str, Any]:
    import attrs

    return attrs.asdict(done) | {"clinic_id": str(done.clinic_id)}


@contextmanager
def _bar(length: int, label: str) -> Iterator[Any]:
    """Yield what is told of each step; on a terminal it is drawn."""
    import sys

    with click.progressbar(length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        yield bar.update


@command.group()
def retire() -> None:
    """End older keys that nothing needs any more; refused, with exit code 3, for those that something does."""


@retire.command("master")
@as_json
@click.pass_context
def retire_master(ctx: click.Context, *, json_: bool) -> None:
    """Take the older master keys out of the ring's file, if nothing is wrapped with them.

    A backup of the database from before the rotation cannot be read without them: keep a copy of the old ring for as
    long as you keep such backups.
    """
    from mindbridge_cli.rotation import as_owner, retire_master_key, ring_path
    from mindbridge_core.errors import KeyInUse

    settings = settings_of(ctx)
    path, ring = ring_path(settings), ring_of(settings)
    found: list[dict[str, Any]] = []
    with as_owner(settings) as product:
        for id in [id for id in ring.master_keys if id != ring.current_master_key]:
            try:
                retire_master_key(product, path, id)
                found.append({"master_key": id, "refused": None})
            except KeyInUse as refused:
                found.append({"master_key": id, "refused": str(refused)})
    _retired(found, [f"master key {one['master_key']}" for one in found], json_=json_)


@retire.command("data")
@_CLINIC
@_OFFLINE
@click.option("--destroy", is_flag=True, help="Destroy versions that were retired an hour ago or earlier.")
@as_json
@click.pass_context
def retire_data(ctx: click.Context, *, clinic: UUID | None, offline: bool, destroy: bool, json_: bool) -> None:
    """Retire the clinics' older data keys, under which no record's cell may be left; they then open, and seal nothing.

    With --destroy those retired before are removed for ever. What the audit trail sealed under a version stays as it
    is, for entries never change: such a version is retired, but not destroyed.
    """
    from mindbridge_cli.rotation import Custody, as_owner

    found: list[dict[str, Any]] = []
    with as_owner(settings_of(ctx)) as product:
        custody = Custody(product=product, offline=offline)
        for clinic_id in [clinic] if clinic else custody.clinics():
            for version, why in custody.retire(clinic_id, destroy=destroy):
                found.append({"clinic_id": str(clinic_id), "version": version, "refused": why})
    _retired(found, [f"clinic {one['clinic_id']}, data key {one['version']}" for one in found], json_=json_)


def _retired(found: list[dict[str, Any]], names: list[str], *, json_: bool) -> None:
    lines = [f"{name}: {one['refused'] or 'done'}" for name, one in zip(names, found, strict=True)]
    result({"keys": found}, lines or ["nothing to retire"], json_=json_)
    if any(one["refused"] for one in found):
        check_found()
