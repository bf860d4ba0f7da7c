"""What a consent must hold, when it stands, and what may be done with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mindbridge_core import Role
from mindbridge_core.errors import ConsentRequired, ConsentRevoked, InvalidInput, NotFound
from mindbridge_core.patients import is_part2
from mindbridge_core.privacy import Consent, ConsentDraft, ConsentType, require_consent, standing
from mindbridge_core.privacy.rules import covering
from tests.core.house import START, Anything, Town, actor, settled

SUD: dict[str, Any] = {
    "consent_type": ConsentType.SUD_DISCLOSURE,
    "consent_form_version": "2026-01",
    "discloser": "Oakwood",
    "information": "Diagnosis and medication",
    "recipients": "Elm Clinic\nAsh Clinic",
    "purpose": "Continued care",
    "expiry_event": "The end of treatment",
    "right_to_revoke_stated": True,
    "signed_name": "Jane Roe",
    "signed_on": START.date(),
}


def a_consent(minutes: float = 0, **fields: Anything) -> Consent:
    at = START + timedelta(minutes=minutes)
    plain: dict[str, Any] = {
        "id": uuid4(),
        "clinic_id": UUID(int=1),
        "patient_id": UUID(int=2),
        "consent_type": ConsentType.DATA_SHARING,
        "granted": True,
        "granted_at": at,
        "created_at": at,
    }
    return Consent(**plain | fields)


def found(town: Town, draft: ConsentDraft, role: Role = Role.ADMIN) -> set[tuple[str, str]]:
    with pytest.raises(InvalidInput) as raised:
        town.house.core.record_consent(actor(town.staff[role]), town.records["caseload"], draft)
    return {(finding.pointer, finding.code) for finding in raised.value.findings}


@pytest.mark.parametrize(
    "code", ["F10", "F10.20", "F1020", "F19.99", "F11.20XA", "f12.1", " F13.10 ", "F10.", "F17.210"]
)
def test_a_code_in_f10_to_f19_is_part2(code: str) -> None:
    assert is_part2(code)


@pytest.mark.parametrize(
    "code",
    [
        None,
        "",
        "F1",
        "F1.0",
        "F20",
        "F09",
        "F31.9",
        "G10.1",
        "F1A",
        "XF10",
        "F10.2.0",
        "F10 F20",
        "F\uff11\uff10",
        "10",
    ],
)
def test_any_other_code_is_not(code: str | None) -> None:
    assert not is_part2(code)


def test_a_consent_stands_from_its_grant_until_it_expires() -> None:
    now = START + timedelta(hours=1)
    for fields, stands in (
        ({}, True),
        ({"granted": False, "granted_at": None}, False),
        ({"revoked_at": START}, False),
        ({"expires_at": now}, False),
        ({"expires_at": now + timedelta(microseconds=1)}, True),
    ):
        consent = a_consent(**fields)
        assert standing([consent], ConsentType.DATA_SHARING, now) == ((consent,) if stands else ())
        assert standing([consent], ConsentType.TREATMENT, now) == ()


def test_a_newer_decision_takes_the_place_of_the_older_whatever_the_order_of_reading() -> None:
    first, second = a_consent(), a_consent(1)
    refusal = a_consent(2, granted=False, granted_at=None)
    assert standing([second, first], ConsentType.DATA_SHARING, START) == (second,)
    assert standing([refusal, first, second], ConsentType.DATA_SHARING, START) == ()


def test_a_revoked_consent_does_not_bring_back_the_one_before_it() -> None:
    assert standing([a_consent(), a_consent(1, revoked_at=START)], ConsentType.DATA_SHARING, START) == ()


def test_a_consent_for_one_recipient_leaves_those_for_others() -> None:
    elm, ash = a_consent(recipients="Elm", purpose="Care"), a_consent(1, recipients="Ash", purpose="Care")
    assert standing([elm, ash], ConsentType.DATA_SHARING, START) == (elm, ash)
    again = a_consent(2, recipients=" ELM ", purpose="care")
    assert standing([elm, ash, again], ConsentType.DATA_SHARING, START) == (ash, again)
    assert standing([elm, ash, a_consent(3, granted=False)], ConsentType.DATA_SHARING, START) == ()


def test_a_consent_covers_the_recipients_and_the_purpose_that_it_names() -> None:
    consent = a_consent(recipients="Elm Clinic\n\n Ash  Clinic", purpose="Continued care")
    for recipient, purpose, covered in (
        ("elm clinic", "CONTINUED  care", True),
        ("Ash Clinic", "Continued care", True),
        ("Oak Clinic", "Continued care", False),
        ("Elm Clinic", "Research", False),
        ("Elm", "Continued care", False),
        (None, None, False),
    ):
        asked: dict[str, Any] = {"recipient": recipient, "purpose": purpose}
        if covered:
            assert covering([consent], ConsentType.DATA_SHARING, START, **asked) == consent
        else:
            with pytest.raises(ConsentRequired):
                covering([consent], ConsentType.DATA_SHARING, START, **asked)
    anybody = a_consent()
    assert covering([anybody], ConsentType.DATA_SHARING, START, recipient="Oak", purpose="Research") == anybody


decisions = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.sampled_from([None, "Elm", "Ash"]), st.integers(-2, 2)), max_size=8
)


@given(decisions)
def test_what_stands_was_granted_and_is_neither_revoked_nor_past_and_one_per_recipient(
    made: list[tuple[bool, bool, str | None, int]],
) -> None:
    history = [
        a_consent(
            place,
            granted=granted,
            revoked_at=START if revoked else None,
            recipients=to,
            expires_at=START + timedelta(days=days) if days else None,
        )
        for place, (granted, revoked, to, days) in enumerate(made)
    ]
    stands = standing(history, ConsentType.DATA_SHARING, START)
    assert all(one.granted and one.revoked_at is None for one in stands)
    assert all(one.expires_at is None or one.expires_at > START for one in stands)
    assert len({one.recipients for one in stands}) == len(stands)
    if history and not history[-1].granted and history[-1].recipients is None:
        assert stands == ()


@pytest.mark.parametrize("element", sorted(set(SUD) - {"consent_type"}))
def test_a_consent_to_sud_disclosure_without_one_element_is_refused(element: str) -> None:
    draft = ConsentDraft(**{name: held for name, held in SUD.items() if name != element})
    pointer = "/expires_at" if element == "expiry_event" else f"/{element}"
    assert found(settled(), draft) == {(pointer, "required")}


def test_a_consent_to_sud_disclosure_without_any_element_names_them_all() -> None:
    town = settled()
    expected = {(f"/{name}", "required") for name in set(SUD) - {"consent_type", "expiry_event"}}
    assert found(town, ConsentDraft(consent_type=ConsentType.SUD_DISCLOSURE)) == expected | {
        ("/expires_at", "required")
    }
    patient_id, admin = town.records["caseload"], actor(town.staff[Role.ADMIN])
    whole = town.house.core.record_consent(admin, patient_id, ConsentDraft(**SUD))
    assert {name: getattr(whole, name) for name in SUD} == SUD
    assert (whole.granted_at, whole.recorded_by, whole.version) == (START, admin.user_id, 1)
    dated = {**SUD, "expiry_event": None, "expires_at": START + timedelta(days=1)}
    assert town.house.core.record_consent(admin, patient_id, ConsentDraft(**dated)).expires_at == dated["expires_at"]
    refusal = ConsentDraft(consent_type=ConsentType.SUD_DISCLOSURE, granted=False)
    assert town.house.core.record_consent(admin, patient_id, refusal).granted_at is None


def test_times_that_cannot_be_are_found_together() -> None:
    later = START + timedelta(days=2)
    draft = ConsentDraft(consent_type=ConsentType.TREATMENT, granted_at=later, signed_on=later.date(), expires_at=START)
    assert found(settled(), draft) == {
        ("/granted_at", "out_of_range"),
        ("/signed_on", "out_of_range"),
        ("/expires_at", "out_of_range"),
        ("/consent_form_version", "required"),
    }
    refused = ConsentDraft(consent_type=ConsentType.TREATMENT, granted=False, granted_at=START)
    assert found(settled(), refused) == {("/granted_at", "not_granted")}


def test_a_witness_is_another_active_member_of_the_clinics_staff() -> None:
    town = settled()
    admin, patient_id = actor(town.staff[Role.ADMIN]), town.records["caseload"]
    plain = ConsentDraft(consent_type=ConsentType.TREATMENT, consent_form_version="1")
    retired = town.house.staff(town.clinic, Role.READONLY)
    with town.house.store.open_unit(town.clinic) as unit:
        unit.users.save(attrs.evolve(retired, deleted_at=START))
    foreigner = next(one for one in town.house.store.tables.users.rows() if one.clinic_id != town.clinic)
    for witness_id in (admin.user_id, retired.id, foreigner.id, uuid4()):
        draft = attrs.evolve(plain, witness_user_id=witness_id)
        assert found(town, draft) == {("/witness_user_id", "unknown_witness")}
    witness = town.staff[Role.READONLY].id
    good = town.house.core.record_consent(admin, patient_id, attrs.evolve(plain, witness_user_id=witness))
    assert good.witness_user_id == witness


def test_the_history_is_kept_and_the_trail_names_the_patient_and_the_consent() -> None:
    town = settled()
    admin, patient_id = actor(town.staff[Role.ADMIN]), town.records["caseload"]
    town.house.clock.forward(minutes=1)
    made = town.house.core.record_consent(admin, patient_id, ConsentDraft(**SUD))
    town.house.clock.forward(minutes=1)
    revoked = town.house.core.revoke_consent(admin, made.id)
    assert revoked == attrs.evolve(made, revoked_at=town.house.clock(), revoked_by=admin.user_id, version=2)
    recorded, ended = town.house.entries()[-2:]
    assert [entry.resource_id for entry in (recorded, ended)] == [patient_id] * 2
    assert [entry.changed_values["consent_id"] for entry in (recorded, ended)] == [str(made.id)] * 2
    assert {"information", "recipients", "signed_name"} <= set(recorded.changed_fields)
    assert not {"information", "recipients", "signed_name", "purpose", "discloser"} & set(recorded.changed_values)
    listed = town.house.core.list_consents(admin, patient_id)
    assert [one.id for one in listed][1:] == [made.id]
    assert listed[1] == revoked


def test_a_consent_is_revoked_once_and_a_refusal_never() -> None:
    town = settled()
    admin, patient_id = actor(town.staff[Role.ADMIN]), town.records["caseload"]
    (given_before,) = town.house.core.list_consents(admin, patient_id)
    refusal = town.house.core.record_consent(
        admin, patient_id, ConsentDraft(consent_type=ConsentType.AI_ANALYSIS, granted=False)
    )
    town.house.core.revoke_consent(admin, given_before.id)
    for consent_id in (given_before.id, refusal.id):
        with pytest.raises(ConsentRevoked):
            town.house.core.revoke_consent(admin, consent_id)
    with pytest.raises(NotFound):
        town.house.core.revoke_consent(admin, uuid4())


def test_a_revocation_is_never_dated_before_the_grant() -> None:
    assert a_consent().revoked(uuid4(), START - timedelta(hours=1)).revoked_at == START
    assert a_consent().revoked(uuid4(), START + timedelta(hours=1)).revoked_at == START + timedelta(hours=1)


def test_a_use_case_that_needs_a_consent_is_refused_without_it() -> None:
    town = settled()
    admin, patient_id = actor(town.staff[Role.ADMIN]), town.records["caseload"]
    patient = town.house.core.view_patient(admin, patient_id)
    with town.house.store.open_unit(town.clinic) as unit, pytest.raises(ConsentRequired) as raised:
        require_consent(unit, patient, ConsentType.AI_ANALYSIS, START)
    assert raised.value.reason == "consent_required:ai_analysis"
    draft = ConsentDraft(consent_type=ConsentType.AI_ANALYSIS, consent_form_version="1")
    made = town.house.core.record_consent(admin, patient_id, draft)
    with town.house.store.open_unit(town.clinic) as unit:
        assert require_consent(unit, patient, ConsentType.AI_ANALYSIS, START) == made
    town.house.core.revoke_consent(admin, made.id)
    with town.house.store.open_unit(town.clinic) as unit, pytest.raises(ConsentRequired):
        require_consent(unit, patient, ConsentType.AI_ANALYSIS, START)
