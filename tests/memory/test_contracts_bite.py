"""The contracts turn red: each sabotaged store breaks a promise, and a named test notices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

import attrs
import pytest

from mindbridge_core import testing
from mindbridge_core.errors import DuplicateMrn
from mindbridge_core.testing.store import raises, together
from mindbridge_memory import MemoryStore, MemoryUnit
from mindbridge_memory.account_tokens import MemoryAccountTokens
from mindbridge_memory.care import MemoryAppointments, MemoryTimeline
from mindbridge_memory.emergency import MemoryEmergencyAccesses
from mindbridge_memory.identity import MemoryLoginAttempts, MemoryRefreshTokens, MemorySessions, MemoryUsers
from mindbridge_memory.patients import MemoryAnswers, MemoryPatients
from mindbridge_memory.privacy import MemoryAccessHistory, MemoryConsents
from mindbridge_memory.screenings import MemoryScreenings
from mindbridge_memory.second_factors import MemorySecondFactors
from mindbridge_memory.trail import MemoryAuditTrail
from tests.memory.stores import ReadyStore

Sabotage = Callable[[pytest.MonkeyPatch], None]


def keeps_after_errors(patch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def open_unit(store: MemoryStore, clinic_id: UUID) -> Iterator[MemoryUnit]:
        try:
            yield MemoryUnit(store.tables, clinic_id, store.keys.cipher(clinic_id))
        finally:
            store.tables.keep()

    patch.setattr(MemoryStore, "open_unit", open_unit)


def ignores_versions(patch: pytest.MonkeyPatch) -> None:
    def save(users: MemoryUsers, user: Any) -> Any:
        saved = attrs.evolve(user, version=user.version + 1)
        users.tables.users.put((users.clinic_id, user.id), saved)
        return saved

    patch.setattr(MemoryUsers, "save", save)


def forgets_the_clinic(patch: pytest.MonkeyPatch) -> None:
    def get(patients: MemoryPatients, patient_id: UUID) -> Any:
        found = [one for one in patients.tables.patients.rows() if one.id == patient_id and one.deleted_at is None]
        return found[0] if found else None

    patch.setattr(MemoryPatients, "get", get)


def shares_mrns(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryPatients, "_claim_mrn", lambda _, __: None)


def uses_tokens_twice(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        MemoryRefreshTokens, "use", lambda held, digest, _: held.tables.refresh_tokens.get((held.clinic_id, digest))
    )


def accepts_twice(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryAccountTokens, "use", lambda held, digest, purpose, _: held.find(digest, purpose))


def ends_again(patch: pytest.MonkeyPatch) -> None:
    def end(sessions: MemorySessions, session_id: UUID, at: Any) -> None:
        session = sessions.tables.sessions.get((sessions.clinic_id, session_id))
        if session is not None:
            sessions.tables.sessions.put((sessions.clinic_id, session_id), attrs.evolve(session, revoked_at=at))

    patch.setattr(MemorySessions, "end", end)


def counts_no_tries(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryLoginAttempts, "save", lambda _, __: None)


def answers_anew(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryAnswers, "first", lambda _, __, ___: None)


def writes_no_entry(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemoryAuditTrail, "append", lambda _, __: None)


def revokes_again(patch: pytest.MonkeyPatch) -> None:
    def save(consents: MemoryConsents, consent: Any) -> Any:
        saved = attrs.evolve(consent, version=consent.version + 1)
        consents.tables.consents.put((consents.clinic_id, consent.id), saved)
        return saved

    patch.setattr(MemoryConsents, "save", save)


def takes_codes_twice(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(MemorySecondFactors, "use_step", lambda _, __, ___: True)
    patch.setattr(MemorySecondFactors, "use_code", lambda _, __, ___, ____: True)


def rewrites_screenings(patch: pytest.MonkeyPatch) -> None:
    def save(screenings: MemoryScreenings, screening: Any) -> Any:
        saved = attrs.evolve(screening, version=screening.version + 1)
        screenings.tables.screenings.put((screenings.clinic_id, screening.id), saved)
        return saved

    patch.setattr(MemoryScreenings, "save", save)


def passes_over_lists(patch: pytest.MonkeyPatch) -> None:
    def entries(history: MemoryAccessHistory) -> Any:
        found = (one.entry for one in history.tables.entries.rows() if one.entry.clinic_id == history.clinic_id)
        return (attrs.evolve(entry, resource_ids=()) for entry in found)

    patch.setattr(MemoryAccessHistory, "_entries", entries)


def reviews_again(patch: pytest.MonkeyPatch) -> None:
    def save(accesses: MemoryEmergencyAccesses, access: Any) -> Any:
        saved = attrs.evolve(access, version=access.version + 1)
        accesses.tables.emergency_accesses.put((accesses.clinic_id, access.id), saved)
        return saved

    patch.setattr(MemoryEmergencyAccesses, "save", save)


def stands_for_ever(patch: pytest.MonkeyPatch) -> None:
    def standing(accesses: MemoryEmergencyAccesses, user_id: UUID, _: UUID, __: Any) -> Any:
        return next((one for one in accesses.tables.emergency_accesses.rows() if one.user_id == user_id), None)

    patch.setattr(MemoryEmergencyAccesses, "standing", standing)


def loses_versions_of_visits(patch: pytest.MonkeyPatch) -> None:
    def save(appointments: MemoryAppointments, appointment: Any) -> Any:
        saved = attrs.evolve(appointment, version=appointment.version + 1)
        appointments.tables.appointments.put((appointments.clinic_id, appointment.id), saved)
        return saved

    patch.setattr(MemoryAppointments, "save", save)


def follows_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("mindbridge_memory.care._follow", lambda *_: None)


def counts_what_is_kept(patch: pytest.MonkeyPatch) -> None:
    """What holds today is stored over what was given."""

    def put(patients: MemoryPatients, patient: Any) -> None:
        kept = attrs.evolve(patient, basis=None)
        patients.tables.patients.put((patients.clinic_id, patient.id), kept)

    patch.setattr(MemoryPatients, "_put", put)


def shows_the_first_page_again(patch: pytest.MonkeyPatch) -> None:
    page = MemoryTimeline.of_patient

    def of_patient(timeline: MemoryTimeline, patient_id: UUID, span: Any) -> Any:
        found = page(timeline, patient_id, attrs.evolve(span, before=None))
        return found if span.before is None else attrs.evolve(found, before=None)

    patch.setattr(MemoryTimeline, "of_patient", of_patient)


BITES: Final[list[tuple[Sabotage, str, str]]] = [
    (keeps_after_errors, "UnitContract", "test_an_error_drops_every_change_and_its_entry"),
    (keeps_after_errors, "RefreshTokensContract", "test_a_dropped_unit_leaves_the_token_unused"),
    (keeps_after_errors, "AuditTrailContract", "test_a_dropped_unit_leaves_no_gap"),
    (keeps_after_errors, "ClinicsContract", "test_a_dropped_unit_opens_no_clinic"),
    (ignores_versions, "UsersContract", "test_a_stale_version_is_refused"),
    (ignores_versions, "UsersContract", "test_of_two_writers_at_once_one_loses_and_knows_it"),
    (forgets_the_clinic, "PatientsContract", "test_an_absent_patient_is_none"),
    (shares_mrns, "PatientsContract", "test_an_mrn_belongs_to_one_patient_of_a_clinic"),
    (shares_mrns, "PatientsContract", "test_two_patients_added_at_once_do_not_share_an_mrn"),
    (uses_tokens_twice, "RefreshTokensContract", "test_of_two_uses_at_once_one_finds_the_token_unused"),
    (accepts_twice, "AccountTokensContract", "test_of_two_uses_at_once_one_finds_the_token_unused"),
    (ends_again, "SessionsContract", "test_a_session_ends_once"),
    (counts_no_tries, "LoginAttemptsContract", "test_ten_tries_at_once_count_ten"),
    (takes_codes_twice, "SecondFactorsContract", "test_of_two_uses_of_a_step_at_once_one_wins"),
    (takes_codes_twice, "SecondFactorsContract", "test_of_two_uses_of_a_recovery_code_at_once_one_wins"),
    (answers_anew, "AnswersContract", "test_two_requests_at_once_with_one_key_make_one_record"),
    (revokes_again, "ConsentsContract", "test_a_stale_version_is_refused"),
    (revokes_again, "ConsentsContract", "test_of_two_revocations_at_once_one_loses_and_knows_it"),
    (reviews_again, "EmergencyAccessesContract", "test_of_two_reviews_at_once_one_loses_and_knows_it"),
    (
        stands_for_ever,
        "EmergencyAccessesContract",
        "test_an_access_stands_until_it_ends_for_its_user_and_its_patient",
    ),
    (rewrites_screenings, "ScreeningsContract", "test_a_stale_version_is_refused"),
    (rewrites_screenings, "ScreeningsContract", "test_of_two_reviews_at_once_one_loses_and_knows_it"),
    (rewrites_screenings, "ScreeningsContract", "test_every_kind_of_review_comes_back_and_nothing_else_changes"),
    (
        loses_versions_of_visits,
        "AppointmentsContract",
        "test_of_two_that_close_an_appointment_at_once_one_loses_and_knows_it",
    ),
    (follows_nothing, "NumbersContract", "test_the_numbers_follow_from_the_records"),
    (follows_nothing, "NumbersContract", "test_records_added_at_once_all_count"),
    (
        counts_what_is_kept,
        "NumbersContract",
        "test_a_change_of_the_patient_keeps_what_was_given_and_what_is_recorded",
    ),
    (shows_the_first_page_again, "CareHistoryContract", "test_the_pages_of_each_history_follow_one_another"),
    (
        passes_over_lists,
        "AccessHistoryContract",
        "test_entries_that_name_the_patient_or_listed_them_are_found_page_by_page",
    ),
    (writes_no_entry, "UnitContract", "test_a_trail_that_cannot_be_written_keeps_nothing"),
    (writes_no_entry, "AuditTrailContract", "test_units_at_once_never_fork_the_chain"),
]


def run(contract: str, test: str) -> None:
    suite = type("Suite", (getattr(testing, contract),), {"store": lambda _: ReadyStore()})()
    getattr(suite, test)()


@pytest.mark.parametrize(("sabotage", "contract", "test"), BITES)
def test_a_broken_promise_is_noticed(
    sabotage: Sabotage, contract: str, test: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(contract, test)
    sabotage(monkeypatch)
    with pytest.raises(AssertionError):
        run(contract, test)


def test_an_error_that_is_not_raised_fails_the_contract() -> None:
    with pytest.raises(AssertionError, match="DuplicateMrn was not raised"), raises(DuplicateMrn):
        pass
    with raises(DuplicateMrn):
        raise DuplicateMrn
    with pytest.raises(ZeroDivisionError), raises(DuplicateMrn):
        raise ZeroDivisionError


def test_threads_bring_back_what_was_returned_and_what_was_raised() -> None:
    error = DuplicateMrn()

    def fail() -> int:
        raise error

    assert together(lambda: 1, fail) == [1, error]
