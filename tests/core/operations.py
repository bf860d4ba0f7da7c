"""Every operation of the product as something to drive: one call per catalogue row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID

from mindbridge_core import Action, Role
from mindbridge_core.identity import ClinicDraft, Credentials, RefreshRequest, StaffDraft
from mindbridge_core.oversight import ExportFormat, Period, TrailFilter
from mindbridge_core.patients import PatientChanges, PatientDraft, PatientFilter
from tests.core.house import ORIGIN, PASSWORD, AnyCaller, House, Town

USE_CASES: Final = {
    "admit_patient": Action.PATIENT_CREATE,
    "change_patient": Action.PATIENT_CHANGE,
    "checkpoint_trail": Action.AUDIT_CHECKPOINT,
    "export_trail": Action.AUDIT_EXPORT,
    "list_patients": Action.PATIENT_LIST,
    "log_in": Action.AUTH_LOGIN,
    "log_out": Action.AUTH_LOGOUT,
    "open_clinic": Action.CLINIC_OPEN,
    "prepare_platform": Action.PLATFORM_PREPARE,
    "read_trail": Action.AUDIT_READ,
    "refresh_session": Action.AUTH_REFRESH,
    "register_staff": Action.USER_REGISTER,
    "remove_patient": Action.PATIENT_DELETE,
    "verify_trail": Action.AUDIT_VERIFY,
    "view_patient": Action.PATIENT_VIEW,
    "view_self": Action.AUTH_ME,
}
"""The attribute of `MindBridge` that does each action."""

Drive = Callable[[Town, AnyCaller, UUID | None], object]


def _list(town: Town, caller: AnyCaller, _: UUID | None) -> object:
    return {patient.id for patient in town.house.core.list_patients(caller, PatientFilter()).items}


def _register(town: Town, caller: AnyCaller, _: UUID | None) -> object:
    draft = StaffDraft(email="new@example.org", full_name="New Body", role=Role.READONLY)
    return town.house.core.register_staff(caller, draft)


def _change(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    assert patient_id is not None
    return town.house.core.change_patient(caller, patient_id, PatientChanges(appointments_missed=3))


def _view(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    assert patient_id is not None
    return town.house.core.view_patient(caller, patient_id)


def _remove(town: Town, caller: AnyCaller, patient_id: UUID | None) -> object:
    assert patient_id is not None
    town.house.core.remove_patient(caller, patient_id)
    return None


CALLED: Final[dict[Action, Drive]] = {
    Action.AUDIT_CHECKPOINT: lambda town, caller, _: town.house.core.checkpoint_trail(caller),
    Action.AUDIT_EXPORT: lambda town, caller, _: next(
        town.house.core.export_trail(caller, Period(), ExportFormat.NDJSON)
    ),
    Action.AUDIT_READ: lambda town, caller, _: town.house.core.read_trail(caller, TrailFilter()).items[0],
    Action.AUDIT_VERIFY: lambda town, caller, _: town.house.core.verify_trail(caller),
    Action.AUTH_LOGOUT: lambda town, caller, _: town.house.core.log_out(caller),
    Action.AUTH_ME: lambda town, caller, _: town.house.core.view_self(caller),
    Action.PATIENT_CHANGE: _change,
    Action.PATIENT_CREATE: lambda town, caller, _: town.house.core.admit_patient(caller, PatientDraft(name="New Body")),
    Action.PATIENT_DELETE: _remove,
    Action.PATIENT_LIST: _list,
    Action.PATIENT_VIEW: _view,
    Action.USER_REGISTER: _register,
}
"""Operations that are told who calls; the last argument is the record, for those that have one."""


def _log_in(town: Town) -> object:
    return town.house.core.log_in(Credentials(email=town.staff[Role.ADMIN].email, password=PASSWORD), ORIGIN)


def _refresh(town: Town) -> object:
    request = RefreshRequest(refresh_token=town.sessions[Role.ADMIN].refresh_token)
    return town.house.core.refresh_session(request, ORIGIN)


OPEN: Final[dict[Action, Callable[[Town], object]]] = {
    Action.AUTH_LOGIN: _log_in,
    Action.AUTH_REFRESH: _refresh,
    Action.CLINIC_OPEN: lambda town: town.house.core.open_clinic(ClinicDraft(organization="Elm", name="West")),
    Action.PLATFORM_PREPARE: lambda town: town.house.core.prepare_platform(),
}
"""Operations that have one kind of caller only, and so are not told who."""


def town_before(action: Action, town: Town) -> Town:
    """The town as `action` needs it: only one that was never prepared can be prepared."""
    if action is not Action.PLATFORM_PREPARE:
        return town
    return Town(House(), town.clinic, {}, {}, {})
