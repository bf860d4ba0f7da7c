"""`mindbridge audit detect`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

import click

from mindbridge_cli.compose import composed
from mindbridge_cli.output import as_json, check_found, result
from mindbridge_cli.program import settings_of
from mindbridge_core import Operator
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.oversight import AuditFinding, Detection

__all__ = ["detect"]

_TIMES = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"])


@click.command()
@click.option("--clinic", type=click.UUID, help="This clinic's trail alone.")
@click.option("--since", type=_TIMES, help="From this time on (UTC), at most 366 days ago. [default: 48 hours ago]")
@as_json
@click.pass_context
def detect(ctx: click.Context, *, clinic: UUID | None, since: datetime | None, json_: bool) -> None:
    """Find unusual access: many patients in an hour, many at night, refusal after refusal. Exit with 3 for a finding.

    Run it every hour or every day. What is new is stored, and admins and compliance officers are told; run again it
    finds the same and tells nobody. The thresholds are settings.
    """
    begin = None if since is None else since.replace(tzinfo=UTC)
    with composed(settings_of(ctx)) as product:
        core = product.core
        asked = [clinic] if clinic else [one for one in core.ports.trails.clinics() if one != PLATFORM_CLINIC_ID]
        detections = [core.detect_unusual_access(Operator(clinic_id=one), since=begin) for one in asked]
    content = {
        "found": sum(len(detection.findings) for detection in detections),
        "new": sum(len(detection.new) for detection in detections),
        "clinics": [_document(detection) for detection in detections],
    }
    result(content, _lines(detections), json_=json_)
    if content["found"]:
        check_found()


def _document(detection: Detection) -> dict[str, object]:
    return {
        "clinic_id": str(detection.clinic_id),
        "since": detection.since.isoformat(),
        "until": detection.until.isoformat(),
        "findings": [{**_told(finding), "new": finding.id in detection.new} for finding in detection.findings],
    }


def _told(finding: AuditFinding) -> dict[str, object]:
    return {
        "id": str(finding.id),
        "user_id": str(finding.user_id),
        "rule": finding.rule,
        "window_start": finding.window_start.isoformat(),
        "observed": finding.observed,
        "threshold": finding.threshold,
    }


def _lines(detections: Sequence[Detection]) -> Iterator[str]:
    for detection in detections:
        yield f"clinic {detection.clinic_id}: {len(detection.findings)} found, {len(detection.new)} new"
        for one in detection.findings:
            yield (
                f"  {one.rule}: user {one.user_id}, hour of {one.window_start:%Y-%m-%d %H:%M} UTC,"
                f" {one.observed} where {one.threshold} is usual"
            )
