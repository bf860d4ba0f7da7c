"""`mindbridge drift`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

import attrs
import click

from mindbridge_cli.compose import composed
from mindbridge_cli.output import as_json, check_found, printable, result
from mindbridge_cli.program import settings_of
from mindbridge_core import Operator
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.screening import Drift, DriftRequest, Figure, Source, Standing, Window

__all__ = ["command"]

_DEFAULTS: Final = DriftRequest()


@click.command("drift")
@click.option("--clinic", type=click.UUID, help="This clinic's screenings.  [default: all clinics', each by itself]")
@click.option(
    "--recent-days",
    type=click.IntRange(1, 366),
    default=_DEFAULTS.recent_days,
    show_default=True,
    help="The days that are looked at.",
)
@click.option(
    "--reference-days",
    type=click.IntRange(1, 1830),
    default=_DEFAULTS.reference_days,
    show_default=True,
    help="How many days before them they are held against.",
)
@as_json
@click.pass_context
def command(ctx: click.Context, *, clinic: UUID | None, recent_days: int, reference_days: int, json_: bool) -> None:
    """Compare the screenings of the last days with those before: levels, rules, missing values, model, reviews.

    Counts only. A population stability index of 0.25 or more is drift, and so is a change of rules, model or wording:
    then the command ends with 3. From 0.1 on a figure has shifted. Nothing is said where chance alone could reach 0.25.
    """
    request = DriftRequest(recent_days=recent_days, reference_days=reference_days)
    with composed(settings_of(ctx)) as product:
        core = product.core
        asked = [clinic] if clinic else [one for one in core.ports.trails.clinics() if one != PLATFORM_CLINIC_ID]
        with click.progressbar(asked, label="Comparing", file=sys.stderr, hidden=not sys.stderr.isatty()) as shown:
            drifts = [core.watch_drift(Operator(clinic_id=one), request) for one in shown]
    found = any(drift.found for drift in drifts)
    result(
        {"found": found, "clinics": [_content(drift) for drift in drifts]},
        (line for drift in drifts for line in _lines(drift, request)),
        json_=json_,
    )
    if found:
        check_found()


def _content(drift: Drift) -> dict[str, Any]:
    return {
        "clinic_id": str(drift.clinic_id),
        "found": drift.found,
        "reference": _side(drift, drift.reference, 0),
        "recent": _side(drift, drift.recent, 1),
        "figures": [attrs.asdict(figure) for figure in drift.figures],
        "sources": [attrs.asdict(source) | {"changed": source.changed} for source in drift.sources],
    }


def _side(drift: Drift, window: Window, side: int) -> dict[str, Any]:
    return {
        "since": window.since.isoformat(),
        "until": window.until.isoformat(),
        "screenings": drift.screenings[side],
        "patients": drift.patients[side],
        "opened": drift.opened[side],
    }


def _lines(drift: Drift, request: DriftRequest) -> Iterator[str]:
    before, late = (
        f"{screenings} screenings of {patients} patients"
        for screenings, patients in zip(drift.screenings, drift.patients, strict=True)
    )
    yield f"clinic {drift.clinic_id}"
    yield f"  the last {request.recent_days} days: {late}"
    yield f"  the {request.reference_days} before:  {before}"
    yield ""
    told = [figure for figure in drift.figures if figure.standing is not Standing.TOO_FEW]
    if told:
        yield f"  {'':48}{'before':>9}{'late':>9}{'PSI':>8}"
    for figure in told:
        yield from _figure(figure)
    for source in drift.sources:
        yield from _source(source)
    few = [_name(figure) for figure in drift.figures if figure.standing is Standing.TOO_FEW]
    if few:
        yield click.wrap_text("Too few to tell: " + "; ".join(few), 100, "  ", "    ")
    found = [_name(figure) for figure in drift.figures if figure.standing is Standing.DRIFTED]
    found += [f"change of {source.measure}" for source in drift.sources if source.changed]
    yield click.wrap_text("Drift: " + ("; ".join(found) or "none found"), 100, "  ", "    ")


def _name(figure: Figure) -> str:
    ages = f"at ages {figure.ages}" if figure.ages else None
    return " ".join(part for part in (str(figure.measure), figure.of, ages) if part)


def _figure(figure: Figure) -> Iterator[str]:
    """Return one line for a share, or one and one more for each value."""
    before, late = _shares(figure.reference), _shares(figure.recent)
    standing = "" if figure.standing is Standing.STABLE else figure.standing
    tail = f"{figure.psi:8.3f}  {standing}".rstrip()
    if set(before) == {"yes", "no"}:
        yield f"  {_name(figure):48}{before['yes']:>9}{late['yes']:>9}{tail}"
        return
    yield f"  {_name(figure):66}{tail}"
    for value in before:
        yield f"    {printable(value):46}{before[value]:>9}{late[value]:>9}"


def _source(source: Source) -> Iterator[str]:
    if not source.reference and not source.recent:
        return
    yield f"  {source.measure:66}{'':8}{'  changed' if source.changed else ''}".rstrip()
    for value in sorted({*source.reference, *source.recent}):
        before, late = source.reference.get(value, 0), source.recent.get(value, 0)
        yield f"    {printable(value)[:45]:46}{before:9}{late:9}"


def _shares(counts: Mapping[str, int]) -> dict[str, str]:
    whole = sum(counts.values())
    return {value: f"{100 * count / whole:.1f} %" for value, count in counts.items()}
