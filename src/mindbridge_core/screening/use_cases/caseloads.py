"""Screening a caseload by rules, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.errors import DamagedRecord, DependencyUnavailable, LostUpdate, MindBridgeError, NotFound
from mindbridge_core.ids import NewId
from mindbridge_core.pagination import Page
from mindbridge_core.patients import Patient, PatientFilter, PatientStatus, RiskLevel, reach
from mindbridge_core.patients.reach import manages_cases
from mindbridge_core.screening.caseload import CaseloadPage, CaseloadScope
from mindbridge_core.screening.consulting import Consultation
from mindbridge_core.screening.entities import Screening
from mindbridge_core.screening.making import made
from mindbridge_core.screening.ports import ScreeningUnit
from mindbridge_core.screening.raising import Raised, RaiseHighs
from mindbridge_core.screening.reaching import calendar
from mindbridge_core.screening.rules import RuleSet
from mindbridge_core.screening.setting_aside import RaiseNotScreened, all_raised
from mindbridge_core.screening.snapshot import snapshot_of
from mindbridge_core.work import Desk, Work

__all__ = ["ScreenCaseload"]

_PAGE: Final = 500
_EVERYBODY: Final = CaseloadScope()
_FALLING: Final = frozenset({RiskLevel.MEDIUM, RiskLevel.HIGH})
_NOBODY: Final = Consultation()
_NOTHING_SAID: Final[Mapping[UUID, Consultation]] = {}


@attrs.frozen(kw_only=True)
class ScreenCaseload:
    """Screen a page of the clinic's active patients by rules: all of it in one unit with one entry, or none of it.

    A page that cannot be screened so is screened patient by patient: who stands in its way is set aside with an alert.
    No model is asked. It is the operator's: staff screen one patient, or have a batch made.
    """

    work: Work[ScreeningUnit]
    rules: RuleSet
    clock: Clock
    new_id: NewId
    alarm: RaiseHighs
    aside: RaiseNotScreened

    def __call__(
        self, caller: Caller, *, only: CaseloadScope = _EVERYBODY, after: UUID | None = None, limit: int = _PAGE
    ) -> CaseloadPage:
        """Return the page's screenings, and where to go on; with the first page, how many patients there are in all.

        Raises NotFound for a patient that there is not, and for who manages no cases; LostUpdate when a patient whose
        level rises, or could fall, was changed meanwhile: nothing is kept, so ask again.
        """
        try:
            with self.work(caller, Action.SCREENING_CASELOAD) as desk:
                page = _chosen(desk, only, after, limit)
                screenings, alarm = self.store(desk, page.items, "caseload")
                result = _page(caller.clinic_id, screenings, page)
        except DamagedRecord:
            return self._singly(caller, only, after, limit)
        except MindBridgeError:
            raise
        except Exception:  # noqa: BLE001 - it is in the trail; who is to blame is found out one by one
            return self._singly(caller, only, after, limit)
        self.alarm.notify(alarm)
        return result

    def _singly(self, caller: Caller, only: CaseloadScope, after: UUID | None, limit: int) -> CaseloadPage:
        with self.work(caller, Action.SCREENING_CASELOAD, entered=False) as desk:
            page = _chosen_ids(desk, only, after, limit)
        done: list[Screening] = []
        aside: dict[UUID, Raised] = {}
        try:
            for patient_id in page.items:
                try:
                    done += self._alone(caller, patient_id)
                except (DependencyUnavailable, LostUpdate):
                    raise
                except Exception:  # noqa: BLE001 - whatever it is, it is this patient's alone
                    aside[patient_id] = self._set_aside(caller, patient_id)
        finally:
            self.aside.notify(all_raised(aside.values()))
        return attrs.evolve(_page(caller.clinic_id, done, page), set_aside=tuple(aside))

    def _set_aside(self, caller: Caller, patient_id: UUID) -> Raised:
        with self.work(caller, Action.SCREENING_CASELOAD, resource_id=patient_id) as desk:
            raised = self.aside(desk, [patient_id], None)
            desk.changes({"set_aside": 1}, plain=frozenset({"set_aside"}))
        return raised

    def _alone(self, caller: Caller, patient_id: UUID) -> list[Screening]:
        with self.work(caller, Action.SCREENING_CASELOAD, resource_id=patient_id) as desk:
            screenings, alarm = self.store(desk, desk.unit.patients.get_many([patient_id]), "caseload")
        self.alarm.notify(alarm)
        return screenings

    def store(
        self,
        desk: Desk[ScreeningUnit],
        patients: Sequence[Patient],
        screening_type: str,
        said: Mapping[UUID, Consultation] = _NOTHING_SAID,
    ) -> tuple[list[Screening], Raised]:
        """Screen the patients by rules in the desk's unit, and note for its entry who they are.

        `said` is what their screenings say of a model, by the patients' ids.
        Returns the alerts too, of which to notify when the unit has closed. LostUpdate as above. Who could be lowered
        by a review meanwhile is held first: it would not see that there is a later screening.
        """
        desk.unit.patients.hold([one for one in patients if one.current_risk_level in _FALLING])
        screenings = self._screened(desk, patients, screening_type, said)
        desk.unit.screenings.add_many(screenings)
        pairs = list(zip(patients, screenings, strict=True))
        raised = [_raised(one, by) for one, by in pairs if by.shown_level is not one.current_risk_level]
        desk.unit.patients.save_levels(raised)
        alarm = self.alarm(desk.unit, pairs)
        desk.returns(patient.id for patient in patients)
        values = {
            "screened": len(screenings),
            "raised": len(raised),
            "alerts": alarm.number,
            "rules_version": self.rules.version,
        }
        desk.changes(values, plain=frozenset(values))
        return screenings, alarm

    def _screened(
        self,
        desk: Desk[ScreeningUnit],
        patients: Sequence[Patient],
        screening_type: str,
        said: Mapping[UUID, Consultation],
    ) -> list[Screening]:
        zone, now = calendar(desk), self.clock()
        return [
            made(
                patient,
                snapshot_of(patient, now, zone),
                self.rules,
                screening_id=self.new_id(),
                performed_by=desk.principal.user_id,
                screening_type=screening_type,
                started=now,
                now=now,
                consultation=said.get(patient.id, _NOBODY),
            )
            for patient in patients
        ]


def _page(clinic_id: UUID, screenings: Sequence[Screening], page: Page[Any]) -> CaseloadPage:
    return CaseloadPage(
        clinic_id=clinic_id,
        screenings=tuple(screenings),
        raised=sum(one.shown_level is not one.record.current_risk_level for one in screenings),
        after=page.after,
        total=page.total,
    )


def _chosen(desk: Desk[ScreeningUnit], only: CaseloadScope, after: UUID | None, limit: int) -> Page[Patient]:
    if only.patient_id is not None:
        return Page(items=(reach(desk, only.patient_id),), after=None, total=1)
    return desk.unit.patients.list(_filter(desk, only, after, limit))


def _chosen_ids(desk: Desk[ScreeningUnit], only: CaseloadScope, after: UUID | None, limit: int) -> Page[UUID]:
    """Return who is on the page, without opening their records."""
    if only.patient_id is not None:
        return Page(items=(only.patient_id,), after=None, total=1)
    return desk.unit.patients.ids(_filter(desk, only, after, limit))


def _filter(desk: Desk[ScreeningUnit], only: CaseloadScope, after: UUID | None, limit: int) -> PatientFilter:
    if only.case_manager_id is not None and not manages_cases(desk.unit.users.get(only.case_manager_id)):
        raise NotFound
    return PatientFilter(
        status=PatientStatus.ACTIVE,
        case_manager_id=only.case_manager_id,
        risk_level=only.risk_level,
        after=after,
        limit=limit,
        total=after is None,
    )


def _raised(patient: Patient, screening: Screening) -> Patient:
    return attrs.evolve(patient, current_risk_level=screening.shown_level, updated_at=screening.screened_at)
