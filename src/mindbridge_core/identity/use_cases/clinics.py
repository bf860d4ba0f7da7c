"""The clinic itself: what it is called, and by which clock its days go."""

from __future__ import annotations

from datetime import time

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Caller
from mindbridge_core.clock import Clock
from mindbridge_core.errors import NotFound
from mindbridge_core.identity.entities import Clinic
from mindbridge_core.identity.inputs import ClinicChanges
from mindbridge_core.identity.ports import IdentityUnit
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.validation import given
from mindbridge_core.work import Desk, Work, require_version

__all__ = ["ChangeClinic", "ViewClinic"]


@attrs.frozen(kw_only=True)
class ViewClinic:
    """Show the caller's own clinic. Its address is for nobody who only asks for this: leave it out."""

    work: Work[IdentityUnit]

    def __call__(self, caller: Caller) -> Clinic:
        """Return the clinic; NotFound for the reserved one."""
        with self.work(caller, Action.CLINIC_VIEW, resource_id=caller.clinic_id) as desk:
            return _own(desk)


@attrs.frozen(kw_only=True)
class ChangeClinic:
    """Change by which clock the caller's own clinic goes, and when all its patients are screened every day.

    Whatever counts days counts them by the new zone from now on. A day of which the batch was ordered has no other.
    """

    work: Work[IdentityUnit]
    clock: Clock

    def __call__(self, caller: Caller, changes: ClinicChanges, *, version: int | None = None) -> Clinic:
        """Return the stored clinic. Raises NotFound for the reserved one, PreconditionFailed, LostUpdate."""
        with self.work(caller, Action.CLINIC_CHANGE, resource_id=caller.clinic_id) as desk:
            clinic = _own(desk)
            require_version(clinic, version)
            sent = given(changes)
            desk.changes(sent, plain=frozenset(sent))
            if not sent:
                return clinic
            fields = dict(sent)
            if isinstance(at := sent.get("screening_time"), str):
                fields["screening_time"] = time.fromisoformat(at)
            return desk.unit.clinics.save(attrs.evolve(clinic, **fields, updated_at=self.clock()))


def _own(desk: Desk[IdentityUnit]) -> Clinic:
    clinic = desk.unit.clinics.get()
    if clinic is None or clinic.id == PLATFORM_CLINIC_ID:
        raise NotFound
    return clinic
