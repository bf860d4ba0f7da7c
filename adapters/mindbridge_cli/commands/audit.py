"""`mindbridge audit`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, overload
from uuid import UUID

import click

from mindbridge_cli.checkpoints import checkpoint_key, genuine_checkpoints, public_key
from mindbridge_cli.compose import composed
from mindbridge_cli.detection import detect
from mindbridge_cli.examining import examiner
from mindbridge_cli.output import ExitCode, as_json, check_found, result
from mindbridge_cli.owner import drop_months, owner_url
from mindbridge_cli.program import settings_of
from mindbridge_core import Operator
from mindbridge_core.errors import BrokenTrail, NotFound
from mindbridge_core.oversight import (
    Checkpoint,
    Examination,
    ExportFormat,
    Period,
    Trails,
    examine_export,
    export_text,
    read_links,
    write_checkpoint,
)

__all__ = ["command"]

_FILE = click.Path(path_type=Path, dir_okay=False)
_READABLE = click.Path(path_type=Path, dir_okay=False, exists=True)
_TIMES = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"])


@click.group("audit")
def command() -> None:
    """The audit trail: whether it is what was written, giving it out, and copying it to sinks."""


command.add_command(detect)


@command.command()
@click.option("--clinic", type=click.UUID, help="This clinic's trail.")
@click.option("--all", "all_", is_flag=True, help="All clinics' trails, the platform's included. [default]")
@click.option("--offline", type=_READABLE, help="An exported trail (NDJSON, complete) instead of the database.")
@click.option("--checkpoints", type=_READABLE, help="Signed checkpoints to hold the trail against.")
@click.option("--public-key", "public_key_file", type=_READABLE, help="The key that the checkpoints must be signed by.")
@click.option("--processes", type=click.IntRange(1, 16), help="How many go through a long trail. [default: up to 4]")
@as_json
@click.pass_context
def verify(
    ctx: click.Context,
    *,
    clinic: UUID | None,
    all_: bool,
    offline: Path | None,
    checkpoints: Path | None,
    public_key_file: Path | None,
    processes: int | None,
    json_: bool,
) -> None:
    """Locate every edit, loss, insertion, exchange and cut; exit with 3 when there is one.

    Against the database this needs the key ring. With --offline it needs no secret: an export, checkpoints and the
    public key. Without checkpoints nothing tells a trail that was put back to an earlier state.
    """
    if clinic is not None and all_:
        raise click.UsageError("--clinic and --all: give one of the two")
    if offline is not None and (checkpoints is None or public_key_file is None):
        raise click.UsageError("--offline needs --checkpoints and --public-key")
    unproven = None
    if checkpoints is None:
        held: list[Checkpoint] = []
    else:
        key = public_key(public_key_file) if public_key_file else checkpoint_key(settings_of(ctx)).public
        held = genuine_checkpoints(checkpoints, key)
    if offline is not None:
        with offline.open(encoding="utf-8") as lines:
            found = examine_export(read_links(lines), held, _progress)
        examinations, unproven = list(found.examinations), found.unproven
    else:
        settings = settings_of(ctx)
        with composed(settings) as product, examiner(settings, product, processes or _processors()) as by:
            asked = [clinic] if clinic else _with_those_of(held, product.core.ports.trails)
            examinations = [
                product.core.verify_trail(Operator(clinic_id=one), checkpoints=held, progress=_progress, by=by)
                for one in asked
            ]
    _tell(examinations, unproven, json_=json_)


def _processors() -> int:
    import os

    return min(4, len(os.sched_getaffinity(0)))


def _with_those_of(checkpoints: list[Checkpoint], trails: Trails) -> list[UUID]:
    """Return all clinics; one that a checkpoint speaks of and the database has lost is one to ask for."""
    known = trails.clinics()
    return [*known, *sorted({checkpoint.clinic_id for checkpoint in checkpoints} - set(known))]


def _progress(entries: int) -> None:
    click.echo(f"{entries} entries examined", err=True)


def _tell(examinations: list[Examination], unproven: int | None, *, json_: bool) -> None:
    verified = all(examination.verified for examination in examinations)
    content = {
        "verified": verified,
        "entries": sum(examination.entries for examination in examinations),
        "clinics": [
            {
                "clinic_id": str(examination.clinic_id),
                "verified": examination.verified,
                "entries": examination.entries,
                "found": examination.found,
                "begins": {str(lane): seq for lane, seq in sorted(examination.begins.items())},
                "breaks": [
                    {
                        "lane": broken.lane,
                        "seq": broken.seq,
                        "entry_id": None if broken.entry_id is None else str(broken.entry_id),
                        "kind": broken.kind,
                    }
                    for broken in examination.breaks
                ],
            }
            for examination in examinations
        ],
        **({} if unproven is None else {"unproven": unproven}),
    }
    result(content, _lines(examinations, unproven), json_=json_)
    if not verified:
        check_found()


def _lines(examinations: list[Examination], unproven: int | None) -> Iterator[str]:
    for examination in examinations:
        standing = "verified" if examination.verified else f"{examination.found} found"
        yield f"clinic {examination.clinic_id}: {examination.entries} entries, {standing}"
        for lane, seq in sorted(examination.begins.items()):
            yield f"  lane {lane} begins with number {seq}: older ones were dropped"
        for broken in examination.breaks:
            yield f"  lane {broken.lane}, number {broken.seq}, entry {broken.entry_id or '-'}: {broken.kind}"
    if unproven:
        yield f"{unproven} entries are newer than the last checkpoint of their lane: nothing proves them yet"


@command.command()
@click.option("--clinic", type=click.UUID, help="This clinic's trail alone.")
@click.option("--out", type=_FILE, help="The file to add the lines to. Without it: standard output.")
@click.pass_context
def checkpoint(ctx: click.Context, *, clinic: UUID | None, out: Path | None) -> None:
    """State what each trail is now, signed: a line of JSON per clinic. Exit with 3 for a trail that does not verify.

    Run it daily, and keep the lines where whoever keeps the database cannot reach them: what was lost or rewritten
    since the last line can be hidden, what came before it cannot.
    """
    settings = settings_of(ctx)
    key, broken = checkpoint_key(settings), []
    with composed(settings) as product, _written_to(out, "a") as write:
        for clinic_id in [clinic] if clinic else product.core.ports.trails.clinics():
            try:
                made = product.core.checkpoint_trail(Operator(clinic_id=clinic_id), progress=_progress)
            except BrokenTrail:
                broken.append(clinic_id)
                continue
            write(write_checkpoint(made, key.public.id, key.sign) + "\n")
    for clinic_id in broken:
        click.echo(f"clinic {clinic_id}: the trail does not verify, no checkpoint was made of it", err=True)
    if broken:
        check_found()


@command.command()
@click.option("--before", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Months that ended by this day go.")
@click.option("--checkpoints", type=_READABLE, required=True, help="Signed checkpoints that cover what is to go.")
@click.option("--out", type=_FILE, required=True, help="The file to add the new beginnings to, signed.")
@click.option("--dry-run", is_flag=True, help="Find out whether it could be done, and do nothing.")
@as_json
@click.pass_context
def retain(ctx: click.Context, *, before: datetime, checkpoints: Path, out: Path, dry_run: bool, json_: bool) -> None:
    """Drop whole months of all clinics' trails, none of whose entries is younger than six years.

    Needs the owner's address and the key that signs checkpoints. Every trail is verified first, against checkpoints
    that cover what goes. Keep the lines of --out with the checkpoints: from then on verifying begins there.
    """
    settings = settings_of(ctx)
    owner, key = owner_url(settings), checkpoint_key(settings)
    held, month = genuine_checkpoints(checkpoints, key.public), _in_utc(before.replace(day=1))
    with composed(settings) as product:
        retained = [
            product.core.retain_trail(Operator(clinic_id=one), month, checkpoints=held, dry_run=dry_run)
            for one in product.core.ports.trails.clinics()
        ]
    if not dry_run:
        with _written_to(out, "a") as write:
            for one in retained:
                if one.anchors.lanes:
                    write(write_checkpoint(one.anchors, key.public.id, key.sign) + "\n")
    dropped = () if dry_run else drop_months(owner, month.date())
    entries = sum(one.entries for one in retained)
    content = {"before": month.date().isoformat(), "entries": entries, "dropped": list(dropped), "dry_run": dry_run}
    verb = "would go" if dry_run else "are gone"
    result(content, [f"{entries} entries from before {month.date()} {verb}"], json_=json_)


@command.command("checkpoint-key")
@click.option("--out", type=_FILE, required=True, help="The file to write, mode 0600; one that is there stays.")
def make_key(out: Path) -> None:
    """Make the key that signs checkpoints, and print its public half: give that to whoever is to verify."""
    from mindbridge_security import CheckpointKey

    key = CheckpointKey.generate()
    key.save(out)
    click.echo(key.public.text(), nl=False)
    click.echo(f"Wrote {out}. Set MINDBRIDGE_CHECKPOINT_KEY_FILE to it where checkpoints are made.", err=True)


@command.command("public-key")
@click.pass_context
def show_public_key(ctx: click.Context) -> None:
    """Print the public half of the key that signs checkpoints (PEM, Ed25519)."""
    click.echo(checkpoint_key(settings_of(ctx)).public.text(), nl=False)


@command.command()
@click.option("--clinic", type=click.UUID, required=True, help="The clinic whose trail it is.")
@click.option(
    "--format", "form", type=click.Choice([str(form) for form in ExportFormat]), default="ndjson", show_default=True
)
@click.option("--since", type=_TIMES, help="From this time on (UTC).")
@click.option("--until", type=_TIMES, help="Until before this time (UTC).")
@click.option("--out", type=_FILE, help="A new file, mode 0600. Without it: standard output.")
@click.pass_context
def export(
    ctx: click.Context, *, clinic: UUID, form: str, since: datetime | None, until: datetime | None, out: Path | None
) -> None:
    """Give out a clinic's trail, as NDJSON or CSV. It says who was cared for: keep it as you keep the records.

    `audit verify --offline` takes NDJSON of the whole trail, which is what comes without --since and --until.
    """
    period, written = Period(since=_in_utc(since), until=_in_utc(until)), ExportFormat(form)
    with composed(settings_of(ctx)) as product:
        if clinic not in product.core.ports.trails.clinics():
            raise NotFound
        records = product.core.export_trail(Operator(clinic_id=clinic), period, written)
        with _written_to(out, "x") as write:
            for line in export_text(records, written):
                write(line)


@command.command()
@click.option("--follow", "follow_", is_flag=True, help="Go on until SIGTERM or SIGINT, looking for new entries.")
@as_json
@click.pass_context
def ship(ctx: click.Context, *, follow_: bool, json_: bool) -> None:
    """Copy the trails of all clinics to the sinks of MINDBRIDGE_AUDIT_SINKS, going on where the last run ended.

    Of each lane every entry arrives, in order, at least once. One process feeds a sink at a time; a second one with
    --follow stands by. Without --follow: send what waits now, and fail when a sink does not take it.
    """
    from mindbridge_cli.ending import end_asked
    from mindbridge_cli.feeding import feed_once, follow, sinks_of
    from mindbridge_cli.logs import configure_logs

    if follow_ and json_:
        raise click.UsageError("--follow has no result to print as JSON")
    settings = settings_of(ctx)
    sinks = sinks_of(settings)
    asked = end_asked() if follow_ else None
    with composed(settings) as product:
        if asked is not None:
            configure_logs(settings.log_level)
            with follow(product, sinks, settings.audit_ship_seconds):
                asked.wait()
            return
        fed = [feed_once(product, sink) for sink in sinks]
    content = {"sinks": [{"sink": one.sink, "entries": one.entries, "wrong": one.wrong} for one in fed]}
    result(content, [f"{one.sink}: {one.entries} entries sent" for one in fed], json_=json_)
    for one in fed:
        if one.wrong is not None:
            click.echo(f"{one.sink}: {one.wrong}", err=True)
    if any(one.wrong for one in fed):
        ctx.exit(ExitCode.FAILED)


@overload
def _in_utc(moment: datetime) -> datetime: ...
@overload
def _in_utc(moment: None) -> None: ...
def _in_utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


@contextmanager
def _written_to(out: Path | None, mode: str) -> Iterator[Callable[[str], object]]:
    """Yield what writes to the file, for its owner's eyes alone, or to standard output."""
    if out is None:
        yield lambda text: click.echo(text, nl=False)
        return
    file: IO[str]
    with open(out, mode, encoding="utf-8", newline="", opener=_for_the_owner) as file:
        yield file.write


def _for_the_owner(path: str, flags: int) -> int:
    import os

    return os.open(path, flags, 0o600)
