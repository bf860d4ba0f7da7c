"""Alerts: what somebody of the clinic must learn of, raised once for each cause and acknowledged by one of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from enum import StrEnum, unique
from types import MappingProxyType
from typing import Final, Protocol
from uuid import UUID

import attrs

from mindbridge_core.access import Role
from mindbridge_core.pagination import DEFAULT_LIMIT, Page

__all__ = ["AUDIENCE", "Alert", "AlertFilter", "AlertKind", "AlertSeverity", "Alerts"]


@unique
class AlertKind(StrEnum):
    """What an alert is about."""

    BREAK_GLASS = "break_glass"
    HIGH_RISK = "high_risk"
    NOT_SCREENED = "not_screened"
    REVIEW_OVERDUE = "review_overdue"


@unique
class AlertSeverity(StrEnum):
    """How much hangs on it."""

    CRITICAL = "critical"
    WARNING = "warning"


AUDIENCE: Final[Mapping[AlertKind, frozenset[Role]]] = MappingProxyType(
    {
        AlertKind.BREAK_GLASS: frozenset({Role.ADMIN, Role.COMPLIANCE_OFFICER}),
        AlertKind.HIGH_RISK: frozenset({Role.ADMIN, Role.CASE_MANAGER}),
        AlertKind.NOT_SCREENED: frozenset({Role.ADMIN, Role.CASE_MANAGER}),
        AlertKind.REVIEW_OVERDUE: frozenset({Role.ADMIN, Role.CASE_MANAGER}),
    }
)
"""Who sees alerts of a kind; a case manager, those of their own patients."""


@attrs.frozen(kw_only=True)
class Alert:
    """That something happened to a patient's record.

    `cause_id` is the screening, or the emergency access. Where a `high` was given by hand, by a review or by import,
    and where there was no screening, it is the alert's own. `batch_id` is the batch that set them aside.
    """

    id: UUID
    clinic_id: UUID
    kind: AlertKind
    patient_id: UUID
    cause_id: UUID
    batch_id: UUID | None = None
    created_at: datetime
    acknowledged_at: datetime | None = None
    acknowledged_by: UUID | None = None

    @property
    def severity(self) -> AlertSeverity:
        """A person's risk comes before how a record was opened."""
        return AlertSeverity.WARNING if self.kind is AlertKind.BREAK_GLASS else AlertSeverity.CRITICAL


@attrs.frozen(kw_only=True)
class AlertFilter:
    """Which alerts a list shows: all conditions hold together. `after` is the last id of the page before.

    Those in `without` are passed over.

    Of patients who were removed only `BREAK_GLASS` is shown: how a record was opened is still to be looked at.
    """

    kinds: frozenset[AlertKind] = frozenset(AlertKind)
    case_manager_id: UUID | None = None
    acknowledged: bool | None = None
    after: UUID | None = None
    without: frozenset[UUID] = frozenset()
    limit: int = DEFAULT_LIMIT


class Alerts(Protocol):
    """The alerts of the unit's clinic: raised and acknowledged, never deleted."""

    def raise_all(self, alerts: Sequence[Alert]) -> frozenset[UUID]:
        """Store those of whose kind and cause there is no alert yet, and return their ids.

        A patient has one `NOT_SCREENED` at a time that nobody has acknowledged: another is not stored. Whoever
        listens learns of them when the unit is kept, and never when it is not.
        """

    def get(self, alert_id: UUID) -> Alert | None:
        """Return the alert; None when the clinic has none of this id."""

    def list(self, only: AlertFilter) -> Page[Alert]:
        """Return at most `only.limit` alerts in ascending order of id."""

    def open_since(self) -> datetime | None:
        """Return when the oldest unit began that is open now beside this one and changes anything.

        What it raises is not seen yet, and may have an id from that time. None where there is no such unit.
        """

    def alerted(self, kind: AlertKind, patient_ids: Collection[UUID]) -> frozenset[UUID]:
        """Return those of the patients of whom there was ever an alert of the kind."""

    def acknowledge(self, alert_id: UUID, by: UUID, at: datetime) -> Alert | None:
        """Note who saw the alert, and when, unless somebody has; return it as it is then, None if there is none."""
