"""Bringing a data file into the database, through the core's own operations; done again it changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from uuid import UUID

import attrs

from mindbridge_cli.seed_file import Seed
from mindbridge_core import MindBridge, Operator
from mindbridge_core.errors import DuplicateEmail
from mindbridge_core.identity import StaffDraft, normalize_email
from mindbridge_core.pagination import MAX_LIMIT
from mindbridge_core.patients import Patient, PatientFilter

__all__ = ["Seeded", "plant"]


@attrs.frozen(kw_only=True)
class Seeded:
    """What was added; what was there already stays as it is."""

    clinic_id: UUID
    staff_added: int
    patients_added: int


def plant(core: MindBridge, seed: Seed, passwords: Mapping[str, str]) -> Seeded:
    """Open the clinic, register its staff and admit its patients, as far as they are not there.

    Staff are recognised by e-mail, patients by MRN or else by name: of two in the file with one name there will be two.
    `passwords` are by normalised e-mail; whoever has none cannot log in yet. Raises DuplicateEmail when an e-mail is an
    account of another clinic.
    """
    clinic_id = core.open_clinic(seed.clinic)
    operator = Operator(clinic_id=clinic_id)
    staff = {normalize_email(draft.email): draft for draft in seed.staff}
    before = _accounts(core, clinic_id, staff)
    added = {
        email: core.register_staff(operator, draft, password=passwords.get(email)).id
        for email, draft in staff.items()
        if email not in before
    }
    admitted = _admit(core, seed, operator, before | added)
    return Seeded(clinic_id=clinic_id, staff_added=len(added), patients_added=admitted)


def _accounts(core: MindBridge, clinic_id: UUID, staff: Mapping[str, StaffDraft]) -> dict[str, UUID]:
    """Return the accounts of the clinic that these e-mails have already."""
    with core.ports.open_unit(clinic_id) as unit:
        found = {email: unit.directory.find(email) for email in staff}
    if any(entry is not None and entry.clinic_id != clinic_id for entry in found.values()):
        raise DuplicateEmail("An e-mail of the file already belongs to an account of another clinic.")
    return {email: entry.user_id for email, entry in found.items() if entry is not None}


def _admit(core: MindBridge, seed: Seed, operator: Operator, accounts: Mapping[str, UUID]) -> int:
    """Admit the patients who are missing; return how many those were."""
    if not seed.patients:
        return 0
    present = list(_present(core, operator))
    numbers = {patient.mrn for patient in present if patient.mrn is not None}
    unmatched = Counter(patient.name for patient in present)
    admitted = 0
    for patient in seed.patients:
        draft = patient.draft
        known = draft.mrn in numbers if draft.mrn is not None else unmatched[draft.name] > 0
        unmatched[draft.name] -= 1
        if not known:
            manager = None if patient.case_manager is None else accounts[patient.case_manager]
            core.admit_patient(operator, attrs.evolve(draft, case_manager_id=manager))
            admitted += 1
    return admitted


def _present(core: MindBridge, operator: Operator) -> Iterator[Patient]:
    page = core.list_patients(operator, PatientFilter(limit=MAX_LIMIT))
    yield from page.items
    while page.after is not None:
        page = core.list_patients(operator, PatientFilter(limit=MAX_LIMIT, after=page.after))
        yield from page.items
