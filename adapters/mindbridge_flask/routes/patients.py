"""The people in care."""

from __future__ import annotations

from enum import StrEnum, unique
from http import HTTPStatus
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core import Action
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_core.patients import (
    Patient,
    PatientChanges,
    PatientDraft,
    PatientFilter,
    PatientStatus,
    RiskLevel,
)
from mindbridge_core.validation import Text, Unset, ruled
from mindbridge_flask.calls import Answer, StaffCall
from mindbridge_flask.paging import PageQuery
from mindbridge_flask.resources import PatientPage, PatientResource
from mindbridge_flask.routing import RouteTable

__all__ = ["PATIENTS"]

PATIENTS: Final = RouteTable()


@unique
class Extra(StrEnum):
    """What a page holds only when asked, because it costs."""

    TOTAL = "total"


@attrs.frozen(kw_only=True)
class PatientQuery(PageQuery):
    """Which patients, how many, and from where on."""

    risk_level: RiskLevel | None = None
    status: PatientStatus | None = None
    case_manager_id: UUID | None = None
    q: str | None = attrs.field(default=None, repr=False, metadata=ruled(Text(least=1, most=255)))
    include: Extra | None = None

    def filter(self) -> PatientFilter:
        """Return what the core is asked for."""
        return PatientFilter(
            risk_level=self.risk_level,
            status=self.status,
            case_manager_id=self.case_manager_id,
            query=self.q,
            after=self.after,
            limit=self.limit,
            total=self.include is Extra.TOTAL,
        )


@PATIENTS.route("GET", "/v1/patients", Action.PATIENT_LIST)
def list_patients(call: StaffCall, query: PatientQuery) -> Answer[PatientPage]:
    """List patients; a case manager sees their own caseload.

    `q` finds an MRN, or the beginnings of words of a name in any order: "jo sm" finds John Smith.
    """
    return Answer(content=PatientPage.of(call.core.list_patients(call.claim, query.filter())))


@PATIENTS.route(
    "POST",
    "/v1/patients",
    Action.PATIENT_CREATE,
    status=HTTPStatus.CREATED,
    refusals=(HTTPStatus.CONFLICT,),
    tagged=True,
)
def admit_patient(call: StaffCall, body: PatientDraft, once: IdempotencyKey | None) -> Answer[PatientResource]:
    """Take a person into care; `name` alone is needed.

    A case manager's new patient joins their own caseload.
    """
    patient = call.core.admit_patient(call.claim, body, once=once)
    return Answer(content=PatientResource.of(patient), version=patient.version, made=patient.id)


def _shown(patient: Patient) -> Answer[PatientResource]:
    """Show the patient. Numbers that follow from records change from day to day, and with no version of the patient."""
    return Answer(content=PatientResource.of(patient), version=patient.version, state=patient.state)


@PATIENTS.route("GET", "/v1/patients/{patient_id}", Action.PATIENT_VIEW, tagged=True)
def view_patient(call: StaffCall, patient_id: UUID) -> Answer[PatientResource]:
    """Show one patient.

    Missing, deleted, another clinic's, outside the caseload: 404, one and the same answer.
    """
    return _shown(call.core.view_patient(call.claim, patient_id))


@PATIENTS.route("PATCH", "/v1/patients/{patient_id}", Action.PATIENT_CHANGE, tagged=True)
def change_patient(
    call: StaffCall, patient_id: UUID, body: PatientChanges, version: int | None, state: str | Unset | None
) -> Answer[PatientResource]:
    """Change any of a patient's fields. What is not sent stays; null empties.

    `medication_adherence`, `last_appointment`, `appointments_missed` and `crisis_calls_30days` are a new starting
    point; the answer shows what holds by it and by the records, which is never less than the records alone say. With
    If-Match they are refused, 412, when a record has changed one of them since the tag was given out.
    """
    return _shown(call.core.change_patient(call.claim, patient_id, body, version=version, state=state))


@PATIENTS.route("PUT", "/v1/patients/{patient_id}", Action.PATIENT_CHANGE, tagged=True)
def put_patient(
    call: StaffCall, patient_id: UUID, body: PatientChanges, version: int | None, state: str | Unset | None
) -> Answer[PatientResource]:
    """Change any of a patient's fields; the same as PATCH."""
    return change_patient(call, patient_id, body, version, state)


@PATIENTS.route("DELETE", "/v1/patients/{patient_id}", Action.PATIENT_DELETE, status=HTTPStatus.NO_CONTENT)
def remove_patient(call: StaffCall, patient_id: UUID, version: int | None) -> Answer[None]:
    """Take a patient off every list; the record itself is kept."""
    call.core.remove_patient(call.claim, patient_id, version=version)
    return Answer(content=None)
