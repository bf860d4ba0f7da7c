"""Noting whom to ask about later, in the unit in which the rules screen them now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.clock import Clock
from mindbridge_core.ids import NewId
from mindbridge_core.patients import Patient
from mindbridge_core.screening.assessment import FailureReason
from mindbridge_core.screening.batches import Batch
from mindbridge_core.screening.consulting import Consultation
from mindbridge_core.screening.enquiries import BatchAssessor, Enquiry, Question
from mindbridge_core.screening.ports import ScreeningUnit
from mindbridge_core.screening.use_cases.screenings import ScreenPatient
from mindbridge_core.work import Desk

__all__ = ["PrepareEnquiry"]

_DEFERRED: Final = Consultation(failure=FailureReason.DEFERRED)
_NO_CONSENT: Final = Consultation(failure=FailureReason.NO_CONSENT)


@attrs.frozen(kw_only=True)
class PrepareEnquiry:
    """Puts down a question about each patient who consents. Nothing is told to anybody here."""

    assessor: BatchAssessor
    screen: ScreenPatient
    clock: Clock
    new_id: NewId
    new_secret: Callable[[], str]

    def takes(self, batch: Batch) -> bool:
        """Whether the batch's patients are asked about later; an adapter that cannot say so is asked nothing."""
        try:
            return self.assessor.takes(batch.total) is True
        except Exception:  # noqa: BLE001 - the rules' result needs nobody's leave
            return False

    def __call__(
        self, desk: Desk[ScreeningUnit], batch: Batch, patients: Sequence[Patient]
    ) -> Mapping[UUID, Consultation]:
        """Store the enquiry, due at once, and return what the patients' screenings say of it."""
        said = {one.id: _DEFERRED if self.screen.consented(desk, one) else _NO_CONSENT for one in patients}
        questions = [
            Question(id=self.new_id(), patient_id=patient_id, custom_id=self.new_secret())
            for patient_id, consultation in said.items()
            if consultation is _DEFERRED
        ]
        if questions:
            now = self.clock()
            enquiry = Enquiry(
                id=self.new_id(), clinic_id=batch.clinic_id, batch_id=batch.id, created_at=now, look_at=now
            )
            desk.unit.enquiries.add(enquiry, questions)
        return said
