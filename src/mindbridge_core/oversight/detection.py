"""Unusual access: what a rule over the trail is, and what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Final, Protocol
from uuid import UUID

import attrs

from mindbridge_core.identity import IdentityUnit
from mindbridge_core.oversight.entities import TrailRecord
from mindbridge_core.pagination import Page

__all__ = [
    "WINDOW",
    "AuditFinding",
    "AuditFindings",
    "Detection",
    "DetectionUnit",
    "Detector",
    "Suspicion",
    "Watch",
    "window_of",
]

WINDOW: Final = timedelta(hours=1)
"""Rules judge the trail hour by hour."""


def window_of(moment: datetime) -> datetime:
    """Return when the window that holds `moment` begins."""
    return moment.replace(minute=0, second=0, microsecond=0)


@attrs.frozen(kw_only=True)
class Suspicion:
    """A user who did something `observed` times in a window, where more than `threshold` is unusual."""

    user_id: UUID
    observed: int
    threshold: int


class Watch(Protocol):
    """A rule at work on one clinic's trail, which passes by it window by window, oldest first."""

    def see(self, record: TrailRecord) -> None:
        """Take note of an intact record of a user, in any order within its window."""

    def close(self, start: datetime) -> Sequence[Suspicion]:
        """End the window that began at `start`: return who was unusual in it, and forget its records."""


class Detector(Protocol):
    """A rule over the trail. What a watch keeps must not grow with the trail's length."""

    @property
    def rule(self) -> str:
        """The rule's name in findings, of at most 64 characters; never given to another rule."""

    @property
    def history(self) -> timedelta:
        """How much of the trail before a window the rule needs to have seen."""

    def watch(self, zone: tzinfo) -> Watch:
        """Begin to watch a clinic whose clocks show the time of `zone`."""


@attrs.frozen(kw_only=True)
class AuditFinding:
    """What a rule found: there is one per user, rule and window. It holds no PHI."""

    id: UUID
    clinic_id: UUID
    user_id: UUID
    rule: str
    window_start: datetime
    window_end: datetime
    observed: int
    threshold: int
    found_at: datetime


class AuditFindings(Protocol):
    """The findings of the unit's clinic: only added to."""

    def add(self, finding: AuditFinding) -> AuditFinding:
        """Store the finding unless there is one of its user, rule and window; return the one that is stored.

        One that is being added at the same moment by another unit is waited for.
        """

    def list(self, after: UUID | None, limit: int) -> Page[AuditFinding]:
        """Return at most `limit` findings in ascending order of id."""


class DetectionUnit(IdentityUnit, Protocol):
    """A transaction on one clinic's findings."""

    @property
    def audit_findings(self) -> AuditFindings:
        """The clinic's findings."""


@attrs.frozen(kw_only=True)
class Detection:
    """What was found in the windows from `since` to before `until`; `new` names the findings not known before."""

    clinic_id: UUID
    since: datetime
    until: datetime
    findings: tuple[AuditFinding, ...]
    new: frozenset[UUID]
