"""What can be done with patients."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import attrs
from cattrs.gen import make_dict_unstructure_fn, override
from cattrs.preconf.json import make_converter

from mindbridge_core.access import Action, Role
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.errors import Finding, Forbidden, InvalidInput, PreconditionFailed
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_core.ids import NewId
from mindbridge_core.pagination import Page
from mindbridge_core.patients.at_once import NOTHING, AtOnce
from mindbridge_core.patients.entities import AUDITABLE_FIELDS, Patient, PatientChanges, PatientDraft
from mindbridge_core.patients.numbers import NUMBERS
from mindbridge_core.patients.ports import PatientFilter, PatientUnit
from mindbridge_core.patients.raising import at_high, raise_given
from mindbridge_core.patients.reach import manages_cases, reach
from mindbridge_core.patients.rules import date_findings, risk_findings
from mindbridge_core.validation import UNSET, Unset, given
from mindbridge_core.work import Desk, Work, require_version

__all__ = ["AdmitPatient", "ChangePatient", "ListPatients", "RemovePatient", "ViewPatient"]

_answers = make_converter()
_answers.register_unstructure_hook(UUID, str)
_answers.register_structure_hook(UUID, lambda text, _: UUID(text))
_answers.register_unstructure_hook(Decimal, str)
_answers.register_structure_hook(Decimal, lambda text, _: Decimal(text))
_answers.register_unstructure_hook(Patient, make_dict_unstructure_fn(Patient, _answers, basis=override(omit=True)))


def _refuse(findings: list[Finding]) -> None:
    if findings:
        raise InvalidInput(findings)


def _manager_findings(desk: Desk[PatientUnit], manager_id: UUID) -> list[Finding]:
    """Find a case manager who is none of this clinic's."""
    if manages_cases(desk.unit.users.get(manager_id)):
        return []
    return [Finding("/case_manager_id", "unknown_case_manager", "is no active case manager of this clinic")]


def _set_fields(patient: Patient) -> dict[str, object]:
    """Return what a new patient holds beyond a draft's defaults."""
    held = {field.name: (getattr(patient, field.name), field.default) for field in attrs.fields(PatientDraft)}
    return {name: value for name, (value, default) in held.items() if value != default}


@attrs.frozen(kw_only=True)
class AdmitPatient:
    """Take a person into care at the caller's own clinic. A case manager's new patient joins their own caseload.

    Who is `high` by the rules is screened at once, and who comes with a level below theirs: none that is given hides
    what they say. Anybody else without a level waits for the first screening.
    """

    work: Work[PatientUnit]
    clock: Clock
    new_id: NewId
    at_once: AtOnce

    def __call__(self, caller: Caller, draft: PatientDraft, *, once: IdempotencyKey | None = None) -> Patient:
        """Return the new patient, or with a key used before the one that its first request made.

        Raises InvalidInput, Forbidden (a case manager who names another), DuplicateMrn, IdempotencyKeyReused.
        """
        now, patient_id = self.clock(), self.new_id()
        with self.work(caller, Action.PATIENT_CREATE, resource_id=patient_id) as desk:
            answer = desk.unit.answers.first(desk.actor.user_id, once) if once else None
            if answer is not None:
                return self._repeat(desk, answer)
            patient = self._patient(desk, draft, patient_id, now)
            desk.unit.patients.add(patient)
            raise_given(desk, self.new_id, [patient.id] if at_high(patient) else [], now)
            followed = self.at_once(desk, patient)
            noted = {**_set_fields(patient), **followed.changes}
            desk.changes(noted, plain=AUDITABLE_FIELDS | followed.changes.keys())
            if followed.changes:
                patient = reach(desk, patient_id)
            if once:
                desk.unit.answers.keep(desk.actor.user_id, once, _answers.dumps(patient))
        followed.tell()
        return patient

    def _repeat(self, desk: Desk[PatientUnit], answer: str) -> Patient:
        first = _answers.loads(answer, Patient)
        desk.resource_id = first.id
        reach(desk, first.id)
        desk.changes({"repeated": True}, plain=frozenset({"repeated"}))
        return first

    def _patient(self, desk: Desk[PatientUnit], draft: PatientDraft, patient_id: UUID, now: datetime) -> Patient:
        findings = date_findings(draft, now)
        manager_id = draft.case_manager_id
        if desk.principal.holder is Role.CASE_MANAGER:
            if manager_id not in {None, desk.principal.user_id}:
                raise Forbidden
            manager_id = desk.principal.user_id
        elif manager_id is not None:
            findings += _manager_findings(desk, manager_id)
        _refuse(findings)
        clinic_id = desk.principal.clinic_id
        return draft.patient(id=patient_id, clinic_id=clinic_id, case_manager_id=manager_id, at=now)


@attrs.frozen(kw_only=True)
class ViewPatient:
    """Show one patient."""

    work: Work[PatientUnit]

    def __call__(self, caller: Caller, patient_id: UUID) -> Patient:
        """Return the patient; NotFound when missing, deleted, of another clinic or outside the caseload."""
        with self.work(caller, Action.PATIENT_VIEW, resource_id=patient_id) as desk:
            return reach(desk, patient_id)


@attrs.frozen(kw_only=True)
class ListPatients:
    """Show a page of the clinic's patients; to a case manager, of their caseload."""

    work: Work[PatientUnit]

    def __call__(self, caller: Caller, only: PatientFilter) -> Page[Patient]:
        """Return the page; one audit entry records every patient on it."""
        with self.work(caller, Action.PATIENT_LIST) as desk:
            if desk.principal.holder is Role.CASE_MANAGER:
                if only.case_manager_id not in {None, desk.principal.user_id}:
                    return Page(items=(), after=None, total=0 if only.total else None)
                only = attrs.evolve(only, case_manager_id=desk.principal.user_id)
            page = desk.unit.patients.list(only)
            desk.returns(patient.id for patient in page.items)
        return page


@attrs.frozen(kw_only=True)
class ChangePatient:
    """Change any of a patient's fields. Only an admin gives a patient to another case manager.

    Whoever comes to `high` by it is told of by an alert; who is then shown at less than the rules say is screened by
    them at once.
    """

    work: Work[PatientUnit]
    clock: Clock
    new_id: NewId
    at_once: AtOnce

    def __call__(
        self,
        caller: Caller,
        patient_id: UUID,
        changes: PatientChanges,
        *,
        version: int | None = None,
        state: str | Unset | None = UNSET,
    ) -> Patient:
        """Return the changed patient. A number of theirs that is sent is a new starting point: see `patients.numbers`.

        `version` is the one that the caller started from, and `state` the one in which they saw it: PreconditionFailed
        when the version is no longer current, or when a number is sent and a record has changed the numbers since.
        Raises NotFound, InvalidInput, Forbidden, DuplicateMrn, and LostUpdate when another writer came between.
        """
        with self.work(caller, Action.PATIENT_CHANGE, resource_id=patient_id) as desk:
            patient = reach(desk, patient_id)
            require_version(patient, version)
            sent = given(changes)
            if state not in {UNSET, patient.state} and not NUMBERS.isdisjoint(sent):
                raise PreconditionFailed
            self._check(desk, patient, changes)
            if sent:
                now = self.clock()
                fields = {name: value for name, value in sent.items() if name not in NUMBERS}
                changed = attrs.evolve(patient.giving(sent, now), updated_at=now, **fields)
                raised = at_high(changed) and not at_high(patient)
                raise_given(desk, self.new_id, [patient_id] if raised else [], now)
                desk.unit.patients.save(changed)
                patient = reach(desk, patient_id)  # held by now, and with what was recorded since it was read above
            followed = self.at_once(desk, patient) if sent else NOTHING
            if followed.changes:
                patient = reach(desk, patient_id)
            desk.changes({**sent, **followed.changes}, plain=AUDITABLE_FIELDS | followed.changes.keys())
        followed.tell()
        return patient

    def _check(self, desk: Desk[PatientUnit], patient: Patient, changes: PatientChanges) -> None:
        findings = date_findings(changes, self.clock())
        findings += risk_findings(patient.current_risk_level, changes.current_risk_level)
        manager_id = given(changes).get("case_manager_id", patient.case_manager_id)
        if manager_id != patient.case_manager_id:
            if desk.principal.holder is not Role.ADMIN:
                raise Forbidden
            if isinstance(manager_id, UUID):
                findings += _manager_findings(desk, manager_id)
        _refuse(findings)


@attrs.frozen(kw_only=True)
class RemovePatient:
    """Take a patient off every list. The record is kept and says by whom and when."""

    work: Work[PatientUnit]
    clock: Clock

    def __call__(self, caller: Caller, patient_id: UUID, *, version: int | None = None) -> None:
        """Return when it is stored. Raises NotFound, PreconditionFailed, LostUpdate."""
        with self.work(caller, Action.PATIENT_DELETE, resource_id=patient_id) as desk:
            patient = reach(desk, patient_id)
            require_version(patient, version)
            desk.unit.patients.save(patient.removed(desk.actor.user_id, self.clock()))
