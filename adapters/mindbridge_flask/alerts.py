"""What answers about alerts look like."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import attrs
import msgspec

from mindbridge_core.pagination import Page, encode_cursor
from mindbridge_core.patients import Alert, AlertKind, AlertSeverity
from mindbridge_flask.paging import Pagination

__all__ = ["AlertPage", "AlertResource"]


class AlertResource(msgspec.Struct, frozen=True):
    """An alert; `cause_id` is the screening, for `break_glass` the emergency access.

    Where a `high` was given by hand or in a file, and for `not_screened`, it is the alert's own. `task_id` is the batch
    that could not screen the patient; whoever may see it learns why (`/tasks/{task_id}/set-aside`).
    """

    id: UUID
    kind: AlertKind
    severity: AlertSeverity
    patient_id: UUID
    cause_id: UUID
    task_id: UUID | None
    created_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: UUID | None

    @classmethod
    def of(cls, alert: Alert) -> AlertResource:
        """Show `alert`."""
        fields = attrs.asdict(alert, recurse=False, filter=attrs.filters.include(*cls.__struct_fields__))
        return cls(**fields, severity=alert.severity, task_id=alert.batch_id)


class AlertPage(msgspec.Struct, frozen=True):
    """A page of alerts, oldest first."""

    data: list[AlertResource]
    pagination: Pagination

    @classmethod
    def of(cls, page: Page[Alert]) -> AlertPage:
        """Show `page`."""
        shown = [AlertResource.of(alert) for alert in page.items]
        return cls(shown, Pagination.at(encode_cursor(page.after)))
