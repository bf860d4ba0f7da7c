"""`mindbridge ai`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs
import click

from mindbridge_cli.assessors import cost_of
from mindbridge_cli.compose import composed
from mindbridge_cli.output import as_json, printable, result
from mindbridge_cli.program import settings_of
from mindbridge_cli.settings import Settings
from mindbridge_core import Operator
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.screening import Step, UsageReport, UsageRequest, UsageRow
from mindbridge_security import utc_now

__all__ = ["command"]

_DAY = click.DateTime(["%Y-%m-%d"])


@click.group("ai")
def command() -> None:
    """The language model: what asking it took."""


@command.command()
@click.option("--clinic", type=click.UUID, help="This clinic's.  [default: all clinics', each by itself]")
@click.option("--from", "since", type=_DAY, help="The first day.  [default: the first of this month, a year ago]")
@click.option("--to", "until", type=_DAY, help="The last day.  [default: today]")
@click.option(
    "--by", type=click.Choice([step.value for step in Step]), default="month", show_default=True, help="What is summed."
)
@as_json
@click.pass_context
def usage(
    ctx: click.Context, *, clinic: UUID | None, since: datetime | None, until: datetime | None, by: str, json_: bool
) -> None:
    """Show requests, failures and tokens by model, and what they cost at the prices that are set now.

    Counted are stored screenings, by the clinic's calendar. An answer that was lost before it was stored is on the
    provider's bill and not here.
    """
    settings = settings_of(ctx)
    today = utc_now().date()
    request = UsageRequest(
        since=date(today.year - 1, today.month, 1) if since is None else since.date(),
        # East of Greenwich tomorrow may have begun.
        until=today + timedelta(days=1) if until is None else until.date(),
        step=Step(by),
    )
    with composed(settings) as product:
        core = product.core
        asked = [clinic] if clinic else [one for one in core.ports.trails.clinics() if one != PLATFORM_CLINIC_ID]
        reports = [core.count_usage(Operator(clinic_id=one), request) for one in asked]
    content = {
        "since": request.since.isoformat(),
        "until": request.until.isoformat(),
        "clinics": [_content(report, settings) for report in reports],
    }
    result(content, _lines(reports, request.step, settings), json_=json_)


def _content(report: UsageReport, settings: Settings) -> dict[str, Any]:
    rows = [
        attrs.asdict(row) | {"period": row.period.isoformat(), "cost": _text(_cost(settings, [row]))}
        for row in report.rows
    ]
    return {"clinic_id": str(report.clinic_id), "rows": rows, "cost": _text(_cost(settings, report.rows))}


def _cost(settings: Settings, rows: Iterable[UsageRow]) -> Decimal | None:
    rows = list(rows)
    return cost_of(settings, sum(row.input_tokens for row in rows), sum(row.output_tokens for row in rows))


def _text(cost: Decimal | None) -> str | None:
    return None if cost is None else str(cost)


def _lines(reports: Sequence[UsageReport], step: Step, settings: Settings) -> Iterator[str]:
    for report in reports:
        yield f"clinic {report.clinic_id}"
        if not report.rows:
            yield "  no model was asked"
            continue
        yield f"  {'':42}{'requests':>9}{'failed':>8}{'tokens in':>12}{'out':>11}{'cost':>10}"
        for row in report.rows:
            name = "(nobody answered)" if row.model is None else printable(row.model)
            period = row.period.isoformat() if step is Step.DAY else f"{row.period:%Y-%m}"
            yield _line(period, name, [row], settings)
        yield _line("in all", "", report.rows, settings)
        uncounted = sum(row.uncounted for row in report.rows)
        if uncounted:
            yield f"  of {uncounted} requests nobody said what they took"
    if _cost(settings, ()) is None:
        yield "No prices are set: MINDBRIDGE_AI_INPUT_PRICE, MINDBRIDGE_AI_OUTPUT_PRICE"


def _line(period: str, name: str, rows: Sequence[UsageRow], settings: Settings) -> str:
    requests, failures = sum(row.requests for row in rows), sum(row.failures for row in rows)
    sent, written = sum(row.input_tokens for row in rows), sum(row.output_tokens for row in rows)
    cost = _cost(settings, rows)
    priced = "" if cost is None else f"{cost:.2f}"
    return f"  {period:12}{name[:29]:30}{requests:9}{failures:8}{sent:12}{written:11}{priced:>10}".rstrip()
