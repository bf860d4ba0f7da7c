"""The caller's own clinic."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from mindbridge_core import Action
from mindbridge_core.identity import Clinic, ClinicChanges
from mindbridge_flask.calls import Answer, StaffCall
from mindbridge_flask.routing import RouteTable

__all__ = ["CLINIC"]

CLINIC: Final = RouteTable()


class ClinicResource(msgspec.Struct, frozen=True):
    """The clinic, and by which clock its days go.

    `screening_time` is when by that clock all its active patients are screened every day; null where that is left to
    the installation.
    """

    id: UUID
    name: str
    timezone: str
    screening_time: str | None
    version: int

    @classmethod
    def of(cls, clinic: Clinic) -> ClinicResource:
        """Show `clinic`."""
        at = clinic.screening_time
        return cls(clinic.id, clinic.name, clinic.timezone, None if at is None else f"{at:%H:%M}", clinic.version)


@CLINIC.route("GET", "/v1/clinic", Action.CLINIC_VIEW, tagged=True)
def view_clinic(call: StaffCall) -> Answer[ClinicResource]:
    """Show the caller's own clinic."""
    clinic = call.core.view_clinic(call.claim)
    return Answer(content=ClinicResource.of(clinic), version=clinic.version)


@CLINIC.route("PATCH", "/v1/clinic", Action.CLINIC_CHANGE, tagged=True)
def change_clinic(call: StaffCall, body: ClinicChanges, version: int | None) -> Answer[ClinicResource]:
    """Change the clinic's time zone, or when its patients are screened every day: `HH:MM` by its clock.

    Days are counted by the new zone from now on. A day of which the batch was ordered has no second one.
    """
    clinic = call.core.change_clinic(call.claim, body, version=version)
    return Answer(content=ClinicResource.of(clinic), version=clinic.version)
