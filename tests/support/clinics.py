"""Clinics that are there without a use case having opened them, so that their trails are empty."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from uuid import UUID, uuid4

from mindbridge_core.app import AnyUnit
from mindbridge_core.identity import Clinic, Organization
from mindbridge_core.phi import ClinicKeys
from mindbridge_core.testing.records import NOW


def bare_clinic(open_unit: Callable[[UUID], AbstractContextManager[AnyUnit]], keys: ClinicKeys) -> UUID:
    """Store a clinic with its keys and an organization of its own; return its id."""
    organization = Organization(id=uuid4(), name="Ready", created_at=NOW, updated_at=NOW)
    clinic = Clinic(id=uuid4(), organization_id=organization.id, name="Ready", created_at=NOW)
    made = keys.make(clinic.id)
    with open_unit(clinic.id) as unit:
        unit.clinics.add_organization(organization)
        unit.clinics.add(clinic, made)
    return clinic.id
