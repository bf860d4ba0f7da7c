"""The half of a clinic's life that makes its records: people come and go, and things happen to them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from mindbridge_core import Actor
from mindbridge_core.care import (
    AppointmentChanges,
    AppointmentDraft,
    AppointmentStatus,
    CrisisEventDraft,
    CrisisEventType,
    MetricDraft,
    MetricType,
    Severity,
)
from mindbridge_core.patients import PatientChanges, PatientDraft
from mindbridge_core.patients.importing import ImportMode, ImportPlan
from mindbridge_core.privacy import ConsentDraft, ConsentType
from tests.support.risk.checks import Known, Lookout
from tests.support.risk.draws import DAYS, NUMBERS, STANDING, ago, changes, persons, some
from tests.support.risk.reading import ZONE
from tests.support.risk.world import World

MOST_PATIENTS: Final = 5
AI: Final = ConsentDraft(consent_type=ConsentType.AI_ANALYSIS, consent_form_version="1")


def somebody(life: Records) -> bool:
    return bool(life.eyes.known)


class Records(RuleBasedStateMachine):
    """Subclasses say over which store."""

    def __init__(self) -> None:
        super().__init__()
        self.world = self.make_world()
        self.eyes = Lookout(self.world)
        self.visits: list[tuple[UUID, UUID]] = []
        self.consented: list[tuple[UUID, UUID]] = []
        self.workers: list[Callable[[], Any]] = []
        self.sound = False

    def make_world(self) -> World:
        raise NotImplementedError

    # --- who is there

    def one(self, who: int) -> Known:
        known = list(self.eyes.known.values())
        return known[who % len(known)]

    def by(self, who: int) -> Actor:
        return self.world.clinicians[who % len(self.world.clinicians)]

    def fields(self, drawn: dict[str, Any]) -> dict[str, Any]:
        """Days ago become days."""
        fields = dict(drawn)
        now = self.world.clock()
        if "last_appointment" in fields:
            fields["last_appointment"] = (now - timedelta(days=fields["last_appointment"])).astimezone(ZONE).date()
        if "admitted_at" in fields:
            fields["admitted_at"] = now - timedelta(days=fields["admitted_at"])
        return fields

    def named(self, fields: dict[str, Any]) -> str:
        name = f"Patient{len(self.eyes.sent)}x"
        self.eyes.sent[name] = fields
        return name

    # --- coming and going

    @initialize(drawn=persons)
    def first(self, drawn: dict[str, Any]) -> None:
        self.admit(drawn, 2)

    @rule(drawn=persons, by=some)
    def admit(self, drawn: dict[str, Any], by: int) -> None:
        if len(self.eyes.known) >= MOST_PATIENTS:
            return
        fields, caller = self.fields(drawn), self.by(by)
        manager = self.world.managers[by % 2].user_id if caller in self.world.admins else caller.user_id
        draft = PatientDraft(name=self.named(fields), case_manager_id=manager, **fields)
        self.world.attempt(self.world.core.admit_patient, caller, draft)

    @rule(
        rows=st.lists(persons, min_size=1, max_size=3), bad=st.booleans(), partial_=st.booleans(), dry_run=st.booleans()
    )
    def import_file(self, rows: list[dict[str, Any]], *, bad: bool, partial_: bool, dry_run: bool) -> None:
        if len(self.eyes.known) + len(rows) > MOST_PATIENTS:
            return
        columns = ["name", *NUMBERS, *DAYS, *STANDING]
        lines = [",".join(columns)]
        for drawn in rows:
            fields = self.fields(drawn)
            cells = {"name": self.named(fields)} | {name: _cell(value) for name, value in fields.items()}
            lines.append(",".join(cells.get(column, "") for column in columns))
        if bad:
            lines.append("Nobody" + ",never" * (len(columns) - 1))
        plan = ImportPlan(mode=ImportMode.PARTIAL if partial_ else ImportMode.ALL_OR_NOTHING, dry_run=dry_run)
        data = "\n".join(lines).encode()
        report = self.world.attempt(self.world.core.import_patients, self.by(0), lambda: [data], plan)
        if report is not None:
            kept = not dry_run and (partial_ or not bad)
            assert report.stored == (len(rows) if kept else 0)

    @precondition(somebody)
    @rule(who=some, to=st.none() | st.integers(0, 1))
    def hand_over(self, who: int, to: int | None) -> None:
        manager = None if to is None else self.world.managers[to].user_id
        sent = PatientChanges(case_manager_id=manager)
        self.world.attempt(self.world.core.change_patient, self.by(0), self.one(who).patient.id, sent)

    @precondition(somebody)
    @rule(who=some, sure=st.integers(0, 3))
    def remove(self, who: int, sure: int) -> None:
        if not sure:
            self.world.attempt(self.world.core.remove_patient, self.by(0), self.one(who).patient.id)

    # --- the record

    @precondition(somebody)
    @rule(who=some, drawn=changes, by=some)
    def change(self, who: int, drawn: dict[str, Any], by: int) -> None:
        fields, known = self.fields(drawn), self.one(who)
        sent = PatientChanges(**fields)
        changed = self.world.attempt(self.world.core.change_patient, self.by(by), known.patient.id, sent)
        if changed is not None:
            known.ledger.give(fields, self.world.clock())
            assert changed == self.world.core.view_patient(self.by(0), changed.id)

    @precondition(somebody)
    @rule(
        who=some, kind=st.sampled_from(CrisisEventType), hours=st.integers(0, 24 * 40), by=some, times=st.integers(1, 3)
    )
    def report(self, who: int, kind: CrisisEventType, hours: int, by: int, times: int) -> None:
        known, at = self.one(who), self.world.clock() - timedelta(hours=hours)
        draft = CrisisEventDraft(severity=Severity.LOW, event_type=kind, occurred_at=at)
        for _ in range(times):
            event = self.world.attempt(self.world.core.report_crisis_event, self.by(by), known.patient.id, draft)
            if event is not None and kind is CrisisEventType.CRISIS_CALL:
                known.ledger.rang.append(at)

    @precondition(somebody)
    @rule(
        who=some,
        value=st.sampled_from(["0", "49.99", "50", "100"]),
        hours=st.integers(0, 900),
        by=some,
        phq=st.booleans(),
    )
    def measure(self, who: int, value: str, hours: int, by: int, *, phq: bool) -> None:
        known, at = self.one(who), self.world.clock() - timedelta(hours=hours)
        kind, number = (MetricType.PHQ_9, Decimal(9)) if phq else (MetricType.MEDICATION_ADHERENCE, Decimal(value))
        draft = MetricDraft(metric_type=kind, metric_value=number, recorded_at=at)
        metric = self.world.attempt(self.world.core.record_metric, self.by(by), known.patient.id, draft)
        if metric is not None and not phq:
            known.ledger.stated.append((at, number))

    @precondition(somebody)
    @rule(who=some, days=ago | st.integers(-3, 0), end=st.none() | st.sampled_from(AppointmentStatus), by=some)
    def visit(self, who: int, days: int, end: AppointmentStatus | None, by: int) -> None:
        known, at = self.one(who), self.world.clock() - timedelta(days=days)
        draft = AppointmentDraft(scheduled_at=at)
        made = self.world.attempt(self.world.core.schedule_appointment, self.by(by), known.patient.id, draft)
        if made is not None:
            self.visits.append((known.patient.id, made.id))
            known.ledger.visits[made.id] = at, "scheduled"
            if end is not None:
                self.close(len(self.visits) - 1, end, by)

    @precondition(lambda self: bool(self.visits))
    @rule(which=st.integers(0, 30), end=st.sampled_from(AppointmentStatus), by=some)
    def close(self, which: int, end: AppointmentStatus, by: int) -> None:
        patient_id, visit_id = self.visits[which % len(self.visits)]
        sent = AppointmentChanges(status=end)
        closed = self.world.attempt(self.world.core.change_appointment, self.by(by), visit_id, sent)
        if closed is not None:
            self.eyes.known[patient_id].ledger.visits[visit_id] = closed.scheduled_at, str(closed.status)

    @precondition(somebody)
    @rule(who=some, granted=st.booleans())
    def consent(self, who: int, *, granted: bool) -> None:
        known, core = self.one(who), self.world.core
        if granted:
            made = self.world.attempt(core.record_consent, self.by(0), known.patient.id, AI)
            if made is not None:
                self.consented.append((known.patient.id, made.id))
                known.consents = True
            return
        for of, consent_id in self.consented:
            if of == known.patient.id:
                self.world.attempt(core.revoke_consent, self.by(0), consent_id)
        known.consents = False


def _cell(value: object) -> str:
    return "" if value is None else value.isoformat() if hasattr(value, "isoformat") else str(value).lower()
