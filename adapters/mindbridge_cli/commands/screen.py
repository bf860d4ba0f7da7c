"""`mindbridge screen`."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

import click

from mindbridge_cli.compose import composed
from mindbridge_cli.output import as_json, check_found, result
from mindbridge_cli.program import settings_of
from mindbridge_core import MindBridge, Operator
from mindbridge_core.errors import LostUpdate
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening import CaseloadPage, CaseloadScope

__all__ = ["command"]

TRIES: Final = 5
LEVELS: Final = (RiskLevel.HIGH, RiskLevel.MEDIUM, RiskLevel.LOW)
WHO: Final = "the clinic's alerts say who, GET /api/v1/alerts?unacknowledged=true"
_EVERYBODY: Final = CaseloadScope()


@click.command("screen")
@click.option("--clinic", type=click.UUID, help="This clinic's patients.  [default: all clinics']")
@click.option("--case-manager", type=click.UUID, help="This case manager's patients; needs --clinic.")
@click.option("--risk-level", type=click.Choice([level.value for level in LEVELS]), help="Those who are at this level.")
@click.option("--patient", type=click.UUID, help="This patient alone, active or not; needs --clinic.")
@as_json
@click.pass_context
def command(
    ctx: click.Context,
    *,
    clinic: UUID | None,
    case_manager: UUID | None,
    risk_level: str | None,
    patient: UUID | None,
    json_: bool,
) -> None:
    """Screen active patients by the clinical rules, and store what is found. No model is asked.

    A patient's level rises at once, and falls only when a clinician reviews the screening. Each page of patients is
    one transaction: a run that was broken off is simply begun again. Reviews of high risks that are overdue are
    alerted of as well. Exits with 3 when somebody could not be screened; the clinic's alerts say who.
    """
    if clinic is None and (case_manager or patient):
        message = "--case-manager and --patient need --clinic"
        raise click.UsageError(message)
    if patient and (case_manager or risk_level):
        message = "--patient is one patient: leave --case-manager and --risk-level out"
        raise click.UsageError(message)
    only = CaseloadScope(
        case_manager_id=case_manager, risk_level=RiskLevel(risk_level) if risk_level else None, patient_id=patient
    )
    with composed(settings_of(ctx)) as product:
        gc.freeze()  # what is there by now stays: looking through it again and again costs a tenth of the time
        core = product.core
        asked = [clinic] if clinic else [one for one in core.ports.trails.clinics() if one != PLATFORM_CLINIC_ID]
        done = [_screened(core, clinic_id, only) for clinic_id in asked]
    result({"clinics": done}, (line for clinic_done in done for line in _lines(clinic_done)), json_=json_)
    if any(clinic_done["set_aside"] for clinic_done in done):
        check_found()


def _screened(core: MindBridge, clinic_id: UUID, only: CaseloadScope = _EVERYBODY) -> dict[str, Any]:
    """Screen page by page; return the counts, without anything that names a patient."""
    levels: Counter[RiskLevel] = Counter()
    raised = outreach = set_aside = 0
    page = _page(core, clinic_id, only, None)
    with _bar(page.total or 0, f"clinic {clinic_id}") as step:
        while True:
            levels += page.levels
            raised += page.raised
            outreach += sum(bool(screening.flags) for screening in page.screenings)
            set_aside += len(page.set_aside)
            step(len(page.screenings) + len(page.set_aside))
            if page.after is None:
                break
            page = _page(core, clinic_id, only, page.after)
    overdue = _escalated(core, clinic_id)
    counts = {level.value: levels[level] for level in LEVELS}
    total = sum(counts.values())
    return {
        "clinic_id": str(clinic_id),
        "screened": total,
        "levels": counts,
        "raised": raised,
        "outreach": outreach,
        "overdue": overdue,
        "set_aside": set_aside,
    }


def _escalated(core: MindBridge, clinic_id: UUID) -> int:
    """Raise alerts for the reviews that are overdue; return how many are new."""
    page = core.escalate_reviews(Operator(clinic_id=clinic_id))
    raised = page.raised
    while page.after is not None:
        page = core.escalate_reviews(Operator(clinic_id=clinic_id), after=page.after)
        raised += page.raised
    return raised


def _page(core: MindBridge, clinic_id: UUID, only: CaseloadScope, after: UUID | None) -> CaseloadPage:
    """Screen one page, again if somebody changes one of its patients meanwhile."""
    for _ in range(TRIES - 1):
        try:
            return core.screen_caseload(Operator(clinic_id=clinic_id), only=only, after=after)
        except LostUpdate:
            continue
    return core.screen_caseload(Operator(clinic_id=clinic_id), only=only, after=after)


@contextmanager
def _bar(length: int, label: str) -> Iterator[Callable[[int], None]]:
    """Yield what is told of each page; on a terminal it is drawn, on standard error."""
    with click.progressbar(length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        yield bar.update


def _lines(done: dict[str, Any]) -> list[str]:
    counts = ", ".join(f"{count} {level}" for level, count in done["levels"].items())
    return [
        f"clinic {done['clinic_id']}: {done['screened']} screened: {counts}",
        f"  {done['raised']} raised, {done['outreach']} to be reached at once",
        *([f"  {done['overdue']} reviews newly overdue"] if done["overdue"] else []),
        *([f"  {done['set_aside']} could not be screened: {WHO}"] if done["set_aside"] else []),
    ]
