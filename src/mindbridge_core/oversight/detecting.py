"""Finding unusual access in the trail, telling of it once, and showing what was found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.errors import Finding, InvalidInput
from mindbridge_core.identity import Overseers, overseers
from mindbridge_core.ids import NewId
from mindbridge_core.oversight.detection import (
    WINDOW,
    AuditFinding,
    Detection,
    DetectionUnit,
    Detector,
    window_of,
)
from mindbridge_core.oversight.entities import ChainPlace, Period, TrailRecord
from mindbridge_core.oversight.ports import Trails
from mindbridge_core.pagination import DEFAULT_LIMIT, Page
from mindbridge_core.work import Work

__all__ = ["DetectUnusualAccess", "ListFindings"]

BATCH: Final = 500
"""Records that are read at once."""
USUAL: Final = timedelta(hours=48)
"""What is examined when nothing is said: a daily run that comes late misses nothing, and finds nothing twice."""
LONGEST: Final = timedelta(days=366)
SETTLED: Final = timedelta(minutes=5)
"""An entry is a little older than its commit: a window is examined when all of its entries must be there."""


@attrs.frozen(kw_only=True)
class DetectUnusualAccess:
    """Hold the clinic's trail against rules, and tell admins and compliance officers of what is new."""

    work: Work[DetectionUnit]
    trails: Trails
    clock: Clock
    new_id: NewId
    detectors: Sequence[Detector]
    tell: Overseers

    def __call__(self, caller: Caller, *, since: datetime | None = None) -> Detection:
        """Return what the rules find from `since` on, which is the last two days if nothing is said.

        The trail is streamed: between batches no transaction is open, and what is kept of it does not grow with its
        length. Records that are not intact prove nothing and are passed over. Done twice, it stores and tells of each
        finding once. Raises InvalidInput for more than 366 days.
        """
        with self.work(caller, Action.AUDIT_DETECT) as desk:
            clinic_id, clinic = desk.principal.clinic_id, desk.unit.clinics.get()
            zone = ZoneInfo("UTC" if clinic is None else clinic.timezone)
            since, until = self._windows(since)
            desk.changes({"since": since, "until": until}, plain=frozenset({"since", "until"}))
        found = list(self._found(clinic_id, zone, since, until))
        stored = self._stored(caller, found) if found else []
        known = {finding.id for finding in found}
        return Detection(
            clinic_id=clinic_id,
            since=since,
            until=until,
            findings=tuple(stored),
            new=frozenset(finding.id for finding in stored if finding.id in known),
        )

    def _windows(self, since: datetime | None) -> tuple[datetime, datetime]:
        until = window_of(self.clock() - SETTLED)
        if since is not None and since < until - LONGEST:
            raise InvalidInput([Finding("/since", "out_of_range", "must lie within the last 366 days")])
        return window_of(since or until - USUAL), until

    def _found(self, clinic_id: UUID, zone: tzinfo, since: datetime, until: datetime) -> Iterator[AuditFinding]:
        watches = [(detector.rule, detector.watch(zone)) for detector in self.detectors]
        history = max((detector.history for detector in self.detectors), default=timedelta(0))
        for start in _starts(window_of(since - history), until):
            for record in self._records(clinic_id, Period(since=start, until=start + WINDOW)):
                for _, watch in watches:
                    watch.see(record)
            for rule, watch in watches:
                for suspicion in watch.close(start):
                    if start >= since:
                        yield AuditFinding(
                            id=self.new_id(),
                            clinic_id=clinic_id,
                            rule=rule,
                            window_start=start,
                            window_end=start + WINDOW,
                            found_at=self.clock(),
                            **attrs.asdict(suspicion),
                        )

    def _records(self, clinic_id: UUID, period: Period) -> Iterator[TrailRecord]:
        after: ChainPlace | None = None
        while batch := self.trails.batch(clinic_id, period, after, BATCH):
            yield from (record for record in batch if record.intact and record.user_id is not None)
            after = ChainPlace(batch[-1].lane, batch[-1].seq, batch[-1].id)

    def _stored(self, caller: Caller, found: Sequence[AuditFinding]) -> list[AuditFinding]:
        with self.work(caller, Action.AUDIT_DETECT) as desk:
            stored = [desk.unit.audit_findings.add(finding) for finding in found]
            new = sum(one.id == finding.id for one, finding in zip(stored, found, strict=True))
            desk.changes({"found": len(found), "new": new}, plain=frozenset({"found", "new"}))
            told = overseers(desk.unit.users) if new else ()
        unsent = self.tell(told, "Unusual access to records", _notice(new))
        if unsent:
            with self.work(caller, Action.AUDIT_DETECT) as desk:
                desk.changes({"notices_unsent": unsent}, plain=frozenset({"notices_unsent"}))
        return stored


def _starts(first: datetime, until: datetime) -> Iterator[datetime]:
    while first < until:
        yield first
        first += WINDOW


def _notice(new: int) -> str:
    """Tell how many; who they are about stays inside."""
    return f"Rules over the audit trail found unusual access.\nNew findings: {new}\nLog in to see them.\n"


@attrs.frozen(kw_only=True)
class ListFindings:
    """Show what the rules found."""

    work: Work[DetectionUnit]

    def __call__(self, caller: Caller, *, after: UUID | None = None, limit: int = DEFAULT_LIMIT) -> Page[AuditFinding]:
        """Return the page, oldest first."""
        with self.work(caller, Action.AUDIT_FINDINGS) as desk:
            return desk.unit.audit_findings.list(after, limit)
