"""Patients and first answers in memory."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

import attrs

from mindbridge_core.clock import Clock
from mindbridge_core.errors import DuplicateMrn, IdempotencyKeyReused, LostUpdate
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_core.pagination import Page, page_of
from mindbridge_core.patients import (
    Basis,
    Day,
    Patient,
    PatientFilter,
    name_tokens,
    numbers,
    person_text,
    query_tokens,
)
from mindbridge_memory.tables import Answer, Tables

__all__ = ["MemoryAnswers", "MemoryPatients"]


@attrs.frozen
class MemoryPatients:
    """`Patients` of the core."""

    tables: Tables
    clinic_id: UUID
    clock: Clock

    def add(self, patient: Patient) -> None:
        """Keep a new patient; DuplicateMrn when another patient of the clinic has the MRN."""
        self._claim_mrn(patient)
        self._put(patient)

    def add_many(self, patients: Sequence[Patient]) -> None:
        """Keep new patients."""
        for patient in patients:
            self.add(patient)

    def mrn_mark(self, mrn: str) -> bytes:
        """Return the MRN as it is compared."""
        return _collapsed(mrn).encode()

    def person_mark(self, name: str, born: date) -> bytes:
        """Return name and date of birth as they are compared."""
        return person_text(name, born).encode()

    def known(self, mrn_marks: Collection[bytes], person_marks: Collection[bytes]) -> frozenset[bytes]:
        """Return the marks of living patients."""
        taken = {mark for mark in mrn_marks if self.tables.mrns.get((self.clinic_id, mark.decode())) is not None}
        return frozenset(taken | (self._people() & set(person_marks) if person_marks else set()))

    def _people(self) -> set[bytes]:
        living = (one for one in self.tables.patients.rows() if self._fits(one, PatientFilter()))
        return {self.person_mark(one.name, one.date_of_birth) for one in living if one.date_of_birth is not None}

    def get(self, patient_id: UUID) -> Patient | None:
        """Return the living record."""
        patient = self.tables.patients.get((self.clinic_id, patient_id))
        return None if patient is None or patient.deleted_at is not None else self._today(patient)

    def get_many(self, patient_ids: Collection[UUID]) -> Sequence[Patient]:
        """Return the living ones."""
        found = [self.get(patient_id) for patient_id in sorted(patient_ids)]
        return [patient for patient in found if patient is not None]

    def list(self, only: PatientFilter) -> Page[Patient]:
        """Return the page that follows `only.after`."""
        rows, total = self._rows(only)
        return page_of([(row_id, self._today(one)) for row_id, one in rows], only.limit, total)

    def ids(self, only: PatientFilter) -> Page[UUID]:
        """Return the page's ids."""
        rows, total = self._rows(only)
        return page_of([(row_id, row_id) for row_id, _ in rows], only.limit, total)

    def _rows(self, only: PatientFilter) -> tuple[Sequence[tuple[UUID, Patient]], int | None]:
        wanted = [patient for patient in self.tables.patients.rows() if self._fits(patient, only)]
        rows = sorted((one.id, one) for one in wanted if only.after is None or one.id > only.after)
        return rows[: only.limit + 1], len(wanted) if only.total else None

    def managers_of(self, patient_ids: Collection[UUID]) -> Mapping[UUID, UUID | None]:
        """Return the case managers of the living ones."""
        found = [self.tables.patients.get((self.clinic_id, patient_id)) for patient_id in patient_ids]
        return {one.id: one.case_manager_id for one in found if one is not None and one.deleted_at is None}

    def save(self, patient: Patient) -> Patient:
        """Keep the changed patient if the version is still the one that was read."""
        stored = self.get(patient.id)
        if stored is None or stored.version != patient.version:
            raise LostUpdate
        if stored.mrn is not None:
            self.tables.mrns.put((self.clinic_id, _collapsed(stored.mrn)), None)
        if patient.deleted_at is None:
            self._claim_mrn(patient)
        saved = attrs.evolve(patient, version=patient.version + 1)
        self._put(saved)
        return saved

    def _put(self, patient: Patient) -> None:
        basis = Basis(patient.given)
        kept = attrs.evolve(patient, basis=basis, **numbers(basis)._asdict())
        self.tables.patients.put((self.clinic_id, patient.id), kept)

    def _today(self, patient: Patient) -> Patient:
        """Show the numbers that hold today; kept are those that were given."""
        recorded = self.tables.recorded.get((self.clinic_id, patient.id))
        if recorded is None:
            return patient
        clinic = self.tables.clinics.get(self.clinic_id)
        day = Day.of(self.clock(), "UTC" if clinic is None else clinic.timezone)
        basis = Basis(patient.given, recorded, day)
        return attrs.evolve(patient, basis=basis, **numbers(basis)._asdict())

    def hold(self, patients: Sequence[Patient]) -> None:
        """Find the patients as they were read: units are serial, so nobody else holds one."""
        for patient in patients:
            stored = self.get(patient.id)
            if stored is None or stored.version != patient.version:
                raise LostUpdate

    def save_levels(self, patients: Sequence[Patient]) -> None:
        """Keep the levels; LostUpdate when one of the patients is not as it was read."""
        for patient in patients:
            stored = self.get(patient.id)
            if stored is None or stored.version != patient.version:
                raise LostUpdate
            level, at = patient.current_risk_level, patient.updated_at
            self._put(attrs.evolve(stored, current_risk_level=level, updated_at=at, version=stored.version + 1))

    def _claim_mrn(self, patient: Patient) -> None:
        if patient.mrn is None:
            return
        key = self.clinic_id, _collapsed(patient.mrn)
        if self.tables.mrns.get(key) is not None:
            raise DuplicateMrn
        self.tables.mrns.put(key, patient.id)

    def _fits(self, patient: Patient, only: PatientFilter) -> bool:
        return (
            patient.clinic_id == self.clinic_id
            and patient.deleted_at is None
            and only.risk_level in {None, patient.current_risk_level}
            and only.status in {None, patient.status}
            and only.case_manager_id in {None, patient.case_manager_id}
            and (only.query is None or _found(patient, only.query))
        )


def _found(patient: Patient, query: str) -> bool:
    wanted = query_tokens(query)
    by_mrn = patient.mrn is not None and _collapsed(patient.mrn) == _collapsed(query)
    return by_mrn or (bool(wanted) and wanted <= name_tokens(patient.name))


def _collapsed(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


@attrs.frozen
class MemoryAnswers:
    """`Answers` of the core, kept until they are forgotten; a claim made elsewhere has been waited for already."""

    tables: Tables
    clinic_id: UUID
    clock: Clock

    def first(self, user_id: UUID, key: IdempotencyKey) -> str | None:
        """Claim the key, or return its first answer; IdempotencyKeyReused when something else was asked."""
        claimed = self.tables.answers.get((self.clinic_id, user_id, key.digest))
        if claimed is None:
            self._put(user_id, key, None)
            return None
        if claimed.fingerprint != key.fingerprint:
            raise IdempotencyKeyReused
        return claimed.text

    def keep(self, user_id: UUID, key: IdempotencyKey, answer: str) -> None:
        """Keep the answer for a claimed key."""
        self._put(user_id, key, answer)

    def forget(self, before: datetime, limit: int) -> int:
        """Remove keys that were claimed before then."""
        rows = self.tables.answers.items()
        old = [key for key, row in rows if key[0] == self.clinic_id and row.claimed_at < before][:limit]
        for key in old:
            self.tables.answers.remove(key)
        return len(old)

    def _put(self, user_id: UUID, key: IdempotencyKey, answer: str | None) -> None:
        row = Answer(fingerprint=key.fingerprint, claimed_at=self.clock(), text=answer)
        self.tables.answers.put((self.clinic_id, user_id, key.digest), row)
