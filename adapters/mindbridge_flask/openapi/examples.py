"""Examples for the document. The people in them are made up."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["EXAMPLES", "RECORD_ID"]

RECORD_ID: Final = "019a3f5c-7a10-7c3e-8f21-5d0c6b9e4a77"
_USER_ID: Final = "019a3f5c-6b02-7d11-9a54-0f3b8c7d2e10"
_CLINIC_ID: Final = "019a3f5c-5a01-7b20-8c43-1e2f3a4b5c6d"
_MOMENT: Final = "2026-01-15T09:30:00Z"

_PATIENT: Final = {
    "name": "Alex Example",
    "mrn": "MRN-0001",
    "date_of_birth": "1987-04-23",
    "diagnosis": "Bipolar disorder, unspecified",
    "diagnosis_code": "F31.9",
    "medication_adherence": 72.5,
    "last_appointment": "2026-01-08",
    "appointments_missed": 1,
    "crisis_calls_30days": 0,
    "status": "active",
}
_PATIENT_SHOWN: Final = {
    "id": RECORD_ID,
    **_PATIENT,
    "part2": False,
    "current_risk_level": None,
    "manually_escalated": False,
    "case_manager_id": _USER_ID,
    "admitted_at": None,
    "version": 1,
    "created_at": _MOMENT,
    "updated_at": _MOMENT,
}

EXAMPLES: Final[dict[str, Any]] = {
    "Credentials": {"email": "sam@clinic.example", "password": "a long sentence that only Sam knows"},
    "PasswordAgain": {"password": "a long sentence that only Sam knows"},
    "CodeAgain": {"otp": "492039"},
    "PasswordAndCode": {"password": "a long sentence that only Sam knows", "otp": "492039"},
    "ClinicChanges": {"timezone": "America/Chicago", "screening_time": "05:30"},
    "MfaPolicyDraft": {"required": True, "readonly": False},
    "RefreshRequest": {"refresh_token": "019a3f5c5a017b208c431e2f3a4b5c6d.mJ0Qh2rKq1v8Yt3Xw9Zb5Nc7Ld4Fs6Ga0Pe2Ui8Ro1T"},
    "Redemption": {
        "token": "019a3f5c5a017b208c431e2f3a4b5c6d.mJ0Qh2rKq1v8Yt3Xw9Zb5Nc7Ld4Fs6Ga0Pe2Ui8Ro1T",
        "password": "a long sentence that only Sam knows",
    },
    "PasswordChange": {
        "current_password": "a long sentence that only Sam knows",
        "password": "another long sentence of Sam's own",
    },
    "ResetRequest": {"email": "sam@clinic.example"},
    "StaffDraft": {"email": "sam@clinic.example", "full_name": "Sam Sample", "role": "case_manager"},
    "TokenResource": {
        "access_token": "eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl",
        "refresh_token": "019a3f5c5a017b208c431e2f3a4b5c6d.mJ0Qh2rKq1v8Yt3Xw9Zb5Nc7Ld4Fs6Ga0Pe2Ui8Ro1T",
        "token_type": "bearer",
        "expires_in": 1800,
    },
    "UserResource": {
        "id": _USER_ID,
        "email": "sam@clinic.example",
        "full_name": "Sam Sample",
        "role": "case_manager",
        "clinic_id": _CLINIC_ID,
        "mfa_enabled": False,
        "license_number": None,
        "last_login": _MOMENT,
    },
    "PatientDraft": _PATIENT,
    "PatientChanges": {"medication_adherence": 55, "appointments_missed": 2},
    "PatientResource": _PATIENT_SHOWN,
    "PatientPage": {"data": [_PATIENT_SHOWN], "pagination": {"next_cursor": None, "has_more": False}},
    "AppointmentDraft": {"scheduled_at": _MOMENT, "appointment_type": "therapy", "notes": "To talk about sleep"},
    "AppointmentChanges": {"status": "missed"},
    "CrisisEventDraft": {
        "severity": "high",
        "event_type": "crisis_call",
        "occurred_at": _MOMENT,
        "description": "Called at night, spoke with the nurse on duty",
        "follow_up_required": True,
    },
    "CrisisEventChanges": {"resolution": "Seen at home the next morning", "follow_up_required": False},
    "MetricDraft": {"metric_type": "phq_9", "metric_value": 14, "recorded_at": _MOMENT},
    "ConsentDraft": {
        "consent_type": "sud_disclosure",
        "consent_form_version": "2026-01",
        "discloser": "Oakwood Main Campus",
        "information": "Diagnosis, medication and attendance since January 2026",
        "recipients": "Elm Street Clinic",
        "purpose": "Continued care",
        "expiry_event": "The end of treatment at Elm Street Clinic",
        "right_to_revoke_stated": True,
        "signed_name": "Alex Example",
        "signed_on": "2026-01-12",
    },
    "DisclosureRequest": {
        "recipient": "Elm Street Clinic",
        "recipient_address": "1 Elm Street",
        "purpose": "Continued care",
        "description": "The record as of today",
    },
    "BreakGlassRequest": {"access_reason": "On the crisis line now, and the assigned case manager cannot be reached"},
    "BreakGlassReview": {"outcome": "justified", "note": "Confirmed with the crisis line and the case manager"},
    "Health": {"status": "healthy", "service": "MindBridge Health AI"},
    "Readiness": {"status": "ready", "checks": {"database": "ok"}},
    "Problem": {
        "type": "urn:problem-type:mindbridge:invalid_input",
        "title": "The input is not valid",
        "status": 422,
        "detail": "The input breaks one or more rules.",
        "instance": "urn:request:6f1c2a34",
        "code": "invalid_input",
        "correlation_id": "6f1c2a34",
        "errors": [{"pointer": "/name", "code": "required", "message": "is required"}],
    },
}
