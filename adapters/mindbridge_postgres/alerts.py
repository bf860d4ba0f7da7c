"""Alerts in PostgreSQL. A row holds ids and times only, and so does what listeners are sent."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from mindbridge_core.pagination import Page, page_of
from mindbridge_core.patients import Alert, AlertFilter, AlertKind
from mindbridge_postgres.bulk import as_array
from mindbridge_postgres.database import Connection

__all__ = ["ALERT_CHANNEL", "PostgresAlerts"]

ALERT_CHANNEL: Final = "mindbridge_alerts"
"""Where NOTIFY says that an alert was raised: the ids of clinic and alert, with a space between them."""

_COLUMNS: Final = "id, kind, patient_id, cause_id, batch_id, created_at, acknowledged_at, acknowledged_by"

_RAISE: Final = """
WITH raised AS (
    INSERT INTO alerts (clinic_id, id, kind, patient_id, cause_id, batch_id, created_at)
    SELECT %(clinic_id)s::uuid, id, kind, patient_id, cause_id, batch_id, created_at
    FROM unnest(%(id)s::uuid[], %(kind)s::text[], %(patient_id)s::uuid[], %(cause_id)s::uuid[], %(batch_id)s::uuid[],
        %(created_at)s::timestamptz[]) AS sent (id, kind, patient_id, cause_id, batch_id, created_at)
    ON CONFLICT DO NOTHING
    RETURNING id
)
SELECT id, pg_notify('mindbridge_alerts', %(clinic_id)s::text || ' ' || id) FROM raised
"""

_SENT: Final = {
    "id": "uuid",
    "kind": "text",
    "patient_id": "uuid",
    "cause_id": "uuid",
    "batch_id": "uuid",
    "created_at": "timestamptz",
}

_GET: Final = f"SELECT {_COLUMNS} FROM alerts WHERE clinic_id = %s AND id = %s"

_LIST: Final = f"""
SELECT {_COLUMNS} FROM alerts
WHERE clinic_id = %(clinic_id)s AND kind = ANY (%(kinds)s) AND (%(after)s::uuid IS NULL OR id > %(after)s)
    AND id <> ALL (%(without)s::uuid[])
    AND (%(acknowledged)s::boolean IS NULL OR (acknowledged_at IS NOT NULL) = %(acknowledged)s)
    AND EXISTS (
        SELECT FROM patients
        WHERE patients.clinic_id = %(clinic_id)s AND patients.id = alerts.patient_id
            AND (alerts.kind = 'break_glass' OR patients.deleted_at IS NULL)
            AND (%(case_manager_id)s::uuid IS NULL OR patients.case_manager_id = %(case_manager_id)s)
    )
ORDER BY id LIMIT %(limit)s
"""

_OPEN_SINCE: Final = """
SELECT min(xact_start) FROM pg_stat_activity
WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()
"""
"""Of other roles' transactions nothing can be seen, and none of them raises alerts."""

_ALERTED: Final = """
SELECT DISTINCT patient_id FROM alerts WHERE clinic_id = %s AND kind = %s AND patient_id = ANY (%s)
"""

_ACKNOWLEDGE: Final = """
UPDATE alerts SET acknowledged_at = %(at)s, acknowledged_by = %(by)s
WHERE clinic_id = %(clinic_id)s AND id = %(id)s AND acknowledged_at IS NULL
"""


class PostgresAlerts:
    """`Alerts` of the core."""

    def __init__(self, connection: Connection, clinic_id: UUID) -> None:
        """Work in the open transaction of `connection`."""
        self._connection = connection
        self._clinic_id = clinic_id

    def raise_all(self, alerts: Sequence[Alert]) -> frozenset[UUID]:
        """Insert what is new in one statement, which notifies of each when the transaction commits."""
        if not alerts:
            return frozenset()
        columns = {name: as_array([getattr(alert, name) for alert in alerts], kind) for name, kind in _SENT.items()}
        rows = self._connection.run(_RAISE, columns | {"clinic_id": self._clinic_id}).fetchall()
        return frozenset(row[0] for row in rows)

    def get(self, alert_id: UUID) -> Alert | None:
        """Return the alert."""
        row = self._connection.run(_GET, (self._clinic_id, alert_id)).fetchone()
        return None if row is None else self._alert(row)

    def list(self, only: AlertFilter) -> Page[Alert]:
        """Return a keyset page, reading one row more than it shows."""
        params = {
            "clinic_id": self._clinic_id,
            "kinds": sorted(str(kind) for kind in only.kinds),
            "case_manager_id": only.case_manager_id,
            "acknowledged": only.acknowledged,
            "after": only.after,
            "without": list(only.without),
            "limit": only.limit + 1,
        }
        rows = self._connection.run(_LIST, params).fetchall()
        return page_of([(row[0], self._alert(row)) for row in rows], only.limit)

    def open_since(self) -> datetime | None:
        """Return when the oldest transaction of the application's began that has written something."""
        row = self._connection.run(_OPEN_SINCE).fetchone()
        return None if row is None else row[0]

    def alerted(self, kind: AlertKind, patient_ids: Collection[UUID]) -> frozenset[UUID]:
        """Return whom there was an alert of."""
        rows = self._connection.run(_ALERTED, (self._clinic_id, str(kind), list(patient_ids))).fetchall()
        return frozenset(row[0] for row in rows)

    def acknowledge(self, alert_id: UUID, by: UUID, at: datetime) -> Alert | None:
        """Update the row if nobody has: of two at once the second waits for the first, and finds it done."""
        self._connection.run(_ACKNOWLEDGE, {"clinic_id": self._clinic_id, "id": alert_id, "by": by, "at": at})
        return self.get(alert_id)

    def _alert(self, row: Sequence[Any]) -> Alert:
        fields = dict(zip(_COLUMNS.split(", "), row, strict=True))
        fields["kind"] = AlertKind(fields["kind"])
        return Alert(clinic_id=self._clinic_id, **fields)
