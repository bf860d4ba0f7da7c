"""What a worker does: a batch, a piece at a time, each patient once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Actor, Caller, Operator
from mindbridge_core.clock import Clock
from mindbridge_core.errors import DependencyUnavailable, LostUpdate
from mindbridge_core.patients.rules import in_caseload
from mindbridge_core.screening.batches import Batch, BatchState, JobLimits, Piece, Settled
from mindbridge_core.screening.consulting import willing
from mindbridge_core.screening.entities import ScreeningRequest
from mindbridge_core.screening.ports import ScreeningUnit
from mindbridge_core.screening.raising import Raised
from mindbridge_core.screening.setting_aside import RaiseNotScreened, all_raised, reason_of
from mindbridge_core.screening.use_cases.caseloads import ScreenCaseload
from mindbridge_core.screening.use_cases.enquiring import RunEnquiry
from mindbridge_core.screening.use_cases.owning import found_batch, owner_of, told
from mindbridge_core.screening.use_cases.preparing import PrepareEnquiry
from mindbridge_core.screening.use_cases.screenings import ScreenPatient
from mindbridge_core.work import Desk, Work

__all__ = ["RunBatch"]

_DEFAULT: Final = JobLimits()


@attrs.frozen
class _Owned:
    """A piece, and who is answerable for it."""

    piece: Piece
    owner: Actor | Operator
    deferred: bool
    """Whether the rules screen them now, and somebody who takes up to a day is asked about them."""


@attrs.frozen(kw_only=True)
class RunBatch:
    """Go on with one of the clinic's batches.

    Every screening is stored in the transaction that settles its patient's row of the batch. So a worker that dies
    loses none and doubles none, and neither do two workers who take each other for dead.
    """

    work: Work[ScreeningUnit]
    screen: ScreenPatient
    caseloads: ScreenCaseload
    prepare: PrepareEnquiry
    enquiry: RunEnquiry
    """Goes on with what was asked about the clinic's batches, as this does with the batches."""
    aside: RaiseNotScreened
    clock: Clock

    def __call__(self, caller: Caller, worker: UUID, limits: JobLimits = _DEFAULT) -> Batch | None:
        """Screen the next patients of a batch and return how far it is; None when nobody waits who is not another's.

        Of one that is still prepared it covers the next patients instead, and enters how many there are with the last.
        It acts for whoever ordered the batch, with the role that they have now; once they may not screen, the batch is
        cancelled. Who cannot be screened is set aside with a reason, and so is who was the end of several workers:
        each with an alert, in one transaction.
        Raises DependencyUnavailable: try again later.
        """
        with self.work(caller, Action.TASK_RUN) as desk:
            found = self._next(desk, worker, limits)
        if not isinstance(found, _Owned):
            return found
        if found.piece.deaths >= limits.deaths:
            self.aside.notify(self._set_aside(caller, found.piece.batch, found.piece.patients, "worker_died"))
        else:
            self._screen(caller, found, limits)
        with self.work(caller, Action.TASK_RUN) as desk:
            desk.unit.jobs.release(worker)
            return self._ended(desk, found.piece.batch.id)

    def release(self, caller: Caller, worker: UUID) -> None:
        """Leave the worker's patients to others: for one that ends in good order."""
        with self.work(caller, Action.TASK_RUN) as desk:
            desk.unit.jobs.release(worker)

    def _next(self, desk: Desk[ScreeningUnit], worker: UUID, limits: JobLimits) -> _Owned | Batch | None:
        asks, now = willing(self.screen.assessor), self.clock()
        until = now + (max(limits.lease, limits.lease_asking) if asks else limits.lease)
        for batch_id in desk.unit.jobs.open():
            singly = asks and not self.prepare.takes(found_batch(desk, batch_id))
            piece = desk.unit.jobs.claim(batch_id, worker, now, until, limits.at_once if singly else limits.by_rules)
            if piece is None:
                continue
            found = self._answered_for(desk, piece, limits)
            if isinstance(found, _Owned) or found.ended or piece.patients or _prepared(piece):
                return found
        return None

    def _answered_for(self, desk: Desk[ScreeningUnit], piece: Piece, limits: JobLimits) -> _Owned | Batch:
        """Return the piece with its owner; the batch, where there is nothing to screen."""
        batch_id = piece.batch.id
        owner = owner_of(desk, piece.batch)
        if owner is None:
            desk.unit.batches.cancel(batch_id, self.clock(), "owner_may_not_screen")
            return told(desk, batch_id)
        if _prepared(piece):
            covered = desk.unit.batches.cover(batch_id, limits.covered)
            return covered if covered.state is BatchState.PREPARING else told(desk, batch_id)
        if piece.patients:
            return _Owned(piece, owner, self.prepare.takes(piece.batch))
        return self._ended(desk, batch_id)

    def _ended(self, desk: Desk[ScreeningUnit], batch_id: UUID) -> Batch:
        ended = not desk.unit.enquiries.waits(batch_id) and desk.unit.batches.end(batch_id, self.clock())
        return told(desk, batch_id) if ended else found_batch(desk, batch_id)

    def _screen(self, caller: Caller, owned: _Owned, limits: JobLimits) -> None:
        """Screen the piece, and tell of those who had to be set aside, also where it breaks off."""
        asks = willing(self.screen.assessor)
        left = owned.piece.patients if asks and not owned.deferred else self._together(owned)
        if asks:
            left = left[: limits.at_once]  # each is a question now; the next piece takes on the others
        if not left:
            return
        raised: list[Raised] = []
        try:
            with ThreadPoolExecutor(limits.at_once) as threads:
                list(threads.map(lambda patient_id: raised.append(self._alone(caller, owned, patient_id)), left))
        finally:
            self.aside.notify(all_raised(raised))

    def _together(self, owned: _Owned) -> Sequence[UUID]:
        """Screen by rules, in one transaction; return who is left: all, when one stood in the way of all."""
        batch = owned.piece.batch
        try:
            with self.work(owned.owner, Action.SCREENING_CREATE) as desk:
                waiting = desk.unit.batches.waiting(batch.id, owned.piece.patients)
                found = desk.unit.patients.get_many(waiting)
                patients = [patient for patient in found if in_caseload(desk.principal, patient)]
                said = self.prepare(desk, batch, patients) if owned.deferred else {}
                screenings, alarm = self.caseloads.store(desk, patients, batch.screening_type, said)
                desk.unit.batches.settle(
                    batch.id, [Settled(patient_id=one.patient_id, screening_id=one.id) for one in screenings]
                )
        except DependencyUnavailable:
            raise
        except Exception:  # noqa: BLE001 - it is in the trail; who is to blame is found out one by one
            return owned.piece.patients
        self.caseloads.alarm.notify(alarm)
        done = {patient.id for patient in patients}
        return [one for one in waiting if one not in done]

    def _alone(self, caller: Caller, owned: _Owned, patient_id: UUID) -> Raised:
        batch = owned.piece.batch
        request = ScreeningRequest(patient_id=patient_id, screening_type=batch.screening_type)
        try:
            self.screen(owned.owner, request, batch_id=batch.id)
        except DependencyUnavailable:
            raise
        except LostUpdate:
            pass  # another worker has settled them, or they were changed: the next piece finds who still waits
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this patient's alone
            return self._set_aside(caller, batch, [patient_id], reason_of(error))
        return Raised()

    def _set_aside(self, caller: Caller, batch: Batch, patient_ids: Sequence[UUID], reason: str) -> Raised:
        try:
            with self.work(caller, Action.TASK_RUN) as desk:
                return self.aside.settle(desk, batch, patient_ids, reason)
        except LostUpdate:
            return Raised()  # another worker has settled them


def _prepared(piece: Piece) -> bool:
    return piece.batch.state is BatchState.PREPARING
