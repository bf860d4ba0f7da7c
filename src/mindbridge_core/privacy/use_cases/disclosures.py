"""Giving a record out, and accounting for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.audit import AuditEntry
from mindbridge_core.clock import Clock
from mindbridge_core.errors import DamagedRecord, Finding, InvalidInput
from mindbridge_core.ids import NewId
from mindbridge_core.pagination import Page
from mindbridge_core.patients import reach
from mindbridge_core.privacy.accounting import (
    AccessLine,
    AccessReport,
    Accounting,
    DisclosedRecord,
    grouped,
    six_years_before,
)
from mindbridge_core.privacy.enforcement import require_disclosure_consent
from mindbridge_core.privacy.entities import Disclosure, DisclosureRequest
from mindbridge_core.privacy.ports import AccessPeriod, AccessQuery, PrivacyUnit
from mindbridge_core.privacy.rules import PART2_NOTICE
from mindbridge_core.validation import given
from mindbridge_core.work import Desk, Work

__all__ = ["AccountDisclosures", "DiscloseRecord", "ReportAccess"]

LONGEST: Final = timedelta(days=366)
USUAL: Final = timedelta(days=90)
SLACK: Final = timedelta(hours=1)


@attrs.frozen(kw_only=True)
class DiscloseRecord:
    """Give a patient's record to somebody outside the clinic, on the patient's consent."""

    work: Work[PrivacyUnit]
    clock: Clock
    new_id: NewId

    def __call__(self, caller: Caller, patient_id: UUID, request: DisclosureRequest) -> DisclosedRecord:
        """Return the record with what must go with it; the disclosure and its entry are kept together.

        Raises NotFound, and ConsentRequired when no consent to just this stands.
        """
        with self.work(caller, Action.DISCLOSURE_MAKE, resource_id=patient_id) as desk:
            now = self.clock()
            patient, consent = require_disclosure_consent(
                desk.unit, reach(desk, patient_id), now, recipient=request.recipient, purpose=request.purpose
            )
            disclosure = Disclosure(
                id=self.new_id(),
                clinic_id=patient.clinic_id,
                patient_id=patient.id,
                consent_id=consent.id,
                disclosed_by=desk.actor.user_id,
                disclosed_at=now,
                part2=patient.part2,
                **given(request),
            )
            desk.unit.disclosures.add(disclosure)
            # Whom the record went to and why may tell on the patient: the trail names the row that holds it, sealed.
            values = {
                "disclosure_id": disclosure.id,
                "consent_id": consent.id,
                "ground": disclosure.ground,
                "part2": patient.part2,
            }
            desk.changes(values, plain=frozenset(values))
        notice = PART2_NOTICE if disclosure.part2 else None
        return DisclosedRecord(
            clinic_id=patient.clinic_id, disclosure=disclosure, patient=patient, consent=consent, notice=notice
        )


@attrs.frozen(kw_only=True)
class AccountDisclosures:
    """Account to a patient for the disclosures of six years (45 CFR 164.528)."""

    work: Work[PrivacyUnit]
    clock: Clock

    def __call__(self, caller: Caller, patient_id: UUID) -> Accounting:
        """Return the accounting. Raises NotFound; DamagedRecord when the trail and what it points to do not agree."""
        with self.work(caller, Action.DISCLOSURE_LIST, resource_id=patient_id) as desk:
            patient, now = reach(desk, patient_id), self.clock()
            since = six_years_before(now)
            desk.unit.consents.held(patient_id)  # nothing is disclosed between the two readings that are compared
            made = desk.unit.disclosures.of_patient(patient_id, since)
            _agree(made, desk.unit.access_history.disclosed(patient_id, since), since)
            return Accounting(
                clinic_id=patient.clinic_id,
                patient_id=patient_id,
                since=since,
                until=now,
                lines=grouped([one for one in made if one.ground.accounted]),
            )


@attrs.frozen(kw_only=True)
class ReportAccess:
    """Tell who did what with a patient's record, when and why."""

    work: Work[PrivacyUnit]
    clock: Clock

    def __call__(self, caller: Caller, patient_id: UUID, wanted: AccessQuery) -> AccessReport:
        """Return a page of the period, which is the last 90 days if nothing is said and 366 days at most.

        Raises NotFound, InvalidInput.
        """
        with self.work(caller, Action.PATIENT_ACCESS_REPORT, resource_id=patient_id) as desk:
            patient = reach(desk, patient_id)
            period = self._period(wanted)
            found = desk.unit.access_history.of_patient(patient_id, period)
            page = Page(items=tuple(_lines(desk, found.items)), after=found.after)
            return AccessReport(
                clinic_id=patient.clinic_id,
                patient_id=patient_id,
                since=period.since,
                until=period.until,
                page=page,
            )

    def _period(self, wanted: AccessQuery) -> AccessPeriod:
        until = wanted.until or self.clock()
        try:
            since = wanted.since or until - USUAL
            sound = timedelta(0) < until - since <= LONGEST
        except OverflowError:  # the first days of the calendar
            raise InvalidInput([Finding("/until", "out_of_range", "must lie after the year 1")]) from None
        if not sound:
            message = "must lie before until, by 366 days at most"
            raise InvalidInput([Finding("/since", "out_of_range", message)])
        return AccessPeriod(since=since, until=until, after=wanted.after, limit=wanted.limit)


def _agree(made: Sequence[Disclosure], entered: Mapping[UUID, datetime], since: datetime) -> None:
    """Raise DamagedRecord unless each disclosure has its entry and each entry its disclosure.

    An entry is a little younger than what it speaks of, so the entries of the first hour may speak of what lies before.
    """
    ids = {one.id for one in made}
    owed = {one for one, at in entered.items() if at >= since + SLACK}
    if ids - set(entered) or owed - ids:
        raise DamagedRecord


def _lines(desk: Desk[PrivacyUnit], entries: tuple[AuditEntry, ...]) -> list[AccessLine]:
    users = {one: desk.unit.users.get(one) for one in {entry.user_id for entry in entries} if one is not None}
    lines = []
    for entry in entries:
        user = users.get(entry.user_id) if entry.user_id is not None else None
        name, role = (None, None) if user is None else (user.full_name, user.role)
        lines.append(AccessLine(entry=entry, user_name=name, user_role=role))
    return lines
