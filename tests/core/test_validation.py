"""Input becomes a value that cannot be invalid, or is refused with every finding."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import attrs
import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from mindbridge_core import Role
from mindbridge_core.errors import Finding, InvalidInput
from mindbridge_core.identity import ClinicChanges, ClinicDraft, Credentials, RefreshRequest, StaffDraft, valid_npi
from mindbridge_core.identity.inputs import Email, Npi, Zone
from mindbridge_core.patients import PatientChanges, PatientDraft, PatientStatus, RiskLevel
from mindbridge_core.validation import UNSET, Number, Pattern, Text, checked, given, parse, ruled

INPUTS: Final[list[type[attrs.AttrsInstance]]] = [
    ClinicDraft,
    Credentials,
    PatientChanges,
    PatientDraft,
    RefreshRequest,
    StaffDraft,
]
LEAF: Final = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.sampled_from(
        [
            "2026-01-31",
            "2026-02-30",
            "0001-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-23:59",
            "a@b.example",
            "admin",
            "America",
            "Asia/Tokyo",
            "1234567893",
            "00000000-0000-7000-8000-000000000001",
            10**400,
            1e308,
        ]
    )
)
JSON: Final = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


def findings(cls: type[attrs.AttrsInstance], data: object) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as refused:
        parse(cls, data)
    return [(found.pointer, found.code) for found in refused.value.findings]


@pytest.mark.parametrize("cls", INPUTS)
@settings(max_examples=150)
@for_all(data=st.data())
def test_any_json_becomes_a_value_or_invalid_input(cls: type[attrs.AttrsInstance], data: st.DataObject) -> None:
    names = st.sampled_from(sorted(attrs.fields_dict(cls))) | st.text()
    sent = data.draw(st.dictionaries(names, JSON, max_size=8) | JSON)
    try:
        parsed = parse(cls, sent)
    except InvalidInput as error:
        refused = error
    else:
        assert parsed == type(parsed)(**attrs.asdict(parsed, recurse=False))  # a second look finds nothing either
        return
    assert refused.findings
    assert all(found.code and found.message for found in refused.findings)


@pytest.mark.parametrize("sent", [None, [], "text", 5, True])
def test_what_is_no_object_is_refused(sent: object) -> None:
    assert findings(PatientDraft, sent) == [("", "invalid_type")]


def test_everything_wrong_is_found_at_once() -> None:
    sent = {"mrn": "", "date_of_birth": "31.01.2026", "crisis_calls_30days": -1, "status": "gone", "x/y~z\n": 1}
    assert sorted(findings(PatientDraft, sent)) == [
        ("/crisis_calls_30days", "out_of_range"),
        ("/date_of_birth", "invalid_type"),
        ("/mrn", "invalid_length"),
        ("/name", "required"),
        ("/status", "invalid_choice"),
        ("/x~1y~0z?", "unknown_field"),
    ]


def test_no_finding_repeats_what_was_sent() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(PatientDraft, {"name": "Jane\x00Roe", "mrn": "M" * 51, "diagnosis_code": "Jane Roe"})
    assert "Roe" not in str(refused.value) + repr(refused.value.findings)
    assert "MMM" not in str(refused.value)
    assert refused.value.__cause__ is None


NO_ZONES: Final = ("localtime", "posixrules", "posix/UTC", "right/UTC")
"""What systems keep beside the zones: the database knows none of these, and the first is another on each machine."""

WRONG: Final[list[tuple[type[attrs.AttrsInstance], str, object, str]]] = [
    (PatientDraft, "appointments_missed", "5", "invalid_type"),
    (PatientDraft, "appointments_missed", True, "invalid_type"),
    (PatientDraft, "appointments_missed", 1.0, "invalid_type"),
    (PatientDraft, "appointments_missed", 2_147_483_648, "out_of_range"),
    (PatientDraft, "appointments_missed", None, "invalid_type"),
    (PatientDraft, "manually_escalated", 1, "invalid_type"),
    (PatientDraft, "medication_adherence", "80", "invalid_type"),
    (PatientDraft, "medication_adherence", True, "invalid_type"),
    (PatientDraft, "medication_adherence", math.nan, "invalid_type"),
    (PatientDraft, "medication_adherence", math.inf, "invalid_type"),
    (PatientDraft, "medication_adherence", 80.001, "too_precise"),
    (PatientDraft, "medication_adherence", 100.01, "out_of_range"),
    (PatientDraft, "date_of_birth", "2026-02-30", "invalid_type"),
    (PatientDraft, "date_of_birth", "20260131", "invalid_type"),
    (PatientDraft, "date_of_birth", "\u0662\u0660\u0662\u0666-01-31", "invalid_type"),
    (PatientDraft, "date_of_birth", 5, "invalid_type"),
    (PatientDraft, "admitted_at", "2026-01-31T08:30:00", "invalid_type"),
    (PatientDraft, "admitted_at", "0001-01-01T00:00:00+23:59", "invalid_type"),
    (PatientDraft, "admitted_at", "yesterday", "invalid_type"),
    (PatientDraft, "case_manager_id", "{00000000-0000-7000-8000-000000000001}", "invalid_type"),
    (PatientDraft, "case_manager_id", "000000000000700080000000000000012345", "invalid_type"),
    (PatientDraft, "current_risk_level", "HIGH", "invalid_choice"),
    (PatientDraft, "current_risk_level", ["high"], "invalid_choice"),
    (PatientDraft, "name", 5, "invalid_type"),
    (PatientDraft, "name", None, "invalid_type"),
    (PatientDraft, "name", "   ", "invalid_length"),
    (PatientDraft, "name", "x" * 256, "invalid_length"),
    (PatientDraft, "name", "a\x00b", "invalid_characters"),
    (PatientDraft, "name", "a\ud800b", "invalid_characters"),
    (PatientDraft, "diagnosis_code", "f31.9", "invalid_format"),
    (PatientDraft, "diagnosis_code", "F31." + "9" * 20, "invalid_format"),
    (PatientChanges, "name", None, "invalid_type"),
    (PatientChanges, "status", None, "invalid_choice"),
    (PatientChanges, "id", "x", "unknown_field"),
    (StaffDraft, "role", "owner", "invalid_choice"),
    (StaffDraft, "email", "nobody", "invalid_format"),
    (ClinicDraft, "npi_number", "123456789", "invalid_format"),
    (ClinicDraft, "npi_number", "1234567890", "invalid_check_digit"),
    (ClinicDraft, "timezone", "Mars/Olympus", "unknown_timezone"),
    (ClinicDraft, "timezone", "America", "unknown_timezone"),
    (ClinicDraft, "timezone", "../etc/passwd", "unknown_timezone"),
    *((ClinicChanges, "timezone", zone, "unknown_timezone") for zone in NO_ZONES),
]

NEEDED: Final[dict[type[attrs.AttrsInstance], dict[str, object]]] = {
    ClinicChanges: {},
    ClinicDraft: {"organization": "Oakwood", "name": "North"},
    PatientChanges: {},
    PatientDraft: {"name": "Jane Roe"},
    StaffDraft: {"email": "a@b.example", "full_name": "A B", "role": "admin"},
}


@pytest.mark.parametrize(("cls", "name", "value", "code"), WRONG)
def test_a_wrong_value_is_found_where_it_stands(
    cls: type[attrs.AttrsInstance], name: str, value: object, code: str
) -> None:
    assert findings(cls, NEEDED[cls] | {name: value}) == [(f"/{name}", code)]


def test_all_that_is_wrong_with_a_clinic_is_found_at_once() -> None:
    sent: dict[str, object] = {"timezone": "Mars/Olympus", "screening_time": "25:00"}
    assert findings(ClinicChanges, sent) == [
        ("/timezone", "unknown_timezone"),
        ("/screening_time", "invalid_format"),
    ]
    assert findings(ClinicDraft, {"organization": "", "npi_number": "1234567890", "timezone": "Mars/Olympus"}) == [
        ("/organization", "invalid_length"),
        ("/name", "required"),
        ("/npi_number", "invalid_check_digit"),
        ("/timezone", "unknown_timezone"),
    ]


def test_right_values_are_read_as_what_they_say() -> None:
    sent = {
        "name": " Zoe\u0308 ",
        "mrn": "M-1",
        "date_of_birth": "1990-02-28",
        "diagnosis": "d",
        "diagnosis_code": "F31.9",
        "medication_adherence": 80.25,
        "last_appointment": "2026-01-31",
        "appointments_missed": 2_147_483_647,
        "crisis_calls_30days": 0,
        "current_risk_level": "high",
        "manually_escalated": True,
        "admitted_at": "2026-01-31T08:30:00+02:00",
        "status": "inactive",
        "case_manager_id": "00000000-0000-7000-8000-00000000000A",
    }
    assert parse(PatientDraft, sent) == PatientDraft(
        name="Zoë",
        mrn="M-1",
        date_of_birth=date(1990, 2, 28),
        diagnosis="d",
        diagnosis_code="F31.9",
        medication_adherence=Decimal("80.25"),
        last_appointment=date(2026, 1, 31),
        appointments_missed=2_147_483_647,
        crisis_calls_30days=0,
        current_risk_level=RiskLevel.HIGH,
        manually_escalated=True,
        admitted_at=datetime(2026, 1, 31, 6, 30, tzinfo=UTC),
        status=PatientStatus.INACTIVE,
        case_manager_id=UUID("00000000-0000-7000-8000-00000000000a"),
    )


@pytest.mark.parametrize("value", [80, 80.25, Decimal("80.2500"), 0, 100])
def test_a_decimal_is_a_number_with_two_decimals(value: float | Decimal) -> None:
    assert Decimal(str(value)) == parse(PatientDraft, {"name": "J", "medication_adherence": value}).medication_adherence


def test_null_empties_and_absence_leaves() -> None:
    changes = parse(PatientChanges, {"mrn": None, "appointments_missed": 2})
    assert given(changes) == {"mrn": None, "appointments_missed": 2}
    assert changes.name is UNSET
    assert given(parse(PatientChanges, {})) == {}


def test_building_a_value_directly_checks_the_same_rules() -> None:
    with pytest.raises(InvalidInput) as refused:
        PatientDraft(name="", crisis_calls_30days=-1, mrn="x" * 51)
    assert [found.pointer for found in refused.value.findings] == ["/name", "/mrn", "/crisis_calls_30days"]
    assert PatientDraft(name=" Jane ").name == "Jane"


def test_a_password_is_kept_as_it_was_typed() -> None:
    assert Credentials(email="a@b.example", password=" e\u0301 ").password == " e\u0301 "


@pytest.mark.parametrize("rule", [Text(most=5), Pattern(regex="a", form="an a", most=1), Number(most=5), Email()])
def test_a_rule_leaves_what_is_not_of_its_kind_to_the_type(rule: Any) -> None:
    unlike = object()
    assert unlike is rule.clean(unlike)


def test_rules_describe_themselves_as_json_schema() -> None:
    assert Text(least=1, most=5).schema() == {"minLength": 1, "maxLength": 5}
    assert Pattern(regex="[a-z]+", form="letters", most=9).schema() == {"maxLength": 9, "pattern": "^[a-z]+$"}
    assert Number(most=100, decimals=2).schema() == {"minimum": 0, "maximum": 100}
    assert {"maxLength", "pattern"} == set(Email().schema()) == set(Npi().schema())
    assert {"minLength": 1, "maxLength": 64} == Zone().schema()


def test_a_field_without_a_rule_is_taken_as_it_is() -> None:
    @attrs.frozen
    class Loose:
        text: str
        other: str = attrs.field(default="x", metadata=ruled(Text(most=1)))

        __attrs_post_init__ = checked

    assert Loose("a\x00b").text == "a\x00b"
    with pytest.raises(InvalidInput):
        Loose("a", "xx")


def test_an_error_names_each_finding() -> None:
    error = InvalidInput(
        [Finding("/name", "required", "is required"), Finding("", "invalid_type", "must be an object")]
    )
    assert str(error) == "/name: is required; /: must be an object"


@pytest.mark.parametrize("npi", ["1234567893", "1000000004", "1999999984"])
def test_an_npi_with_its_check_digit_is_taken(npi: str) -> None:
    assert npi == ClinicDraft(organization="O", name="N", npi_number=npi).npi_number


@for_all(st.integers(0, 10**9 - 1))
def test_exactly_one_check_digit_fits(stem: int) -> None:
    fitting = [digit for digit in range(10) if valid_npi(f"{stem:09}{digit}")]
    assert len(fitting) == 1


def test_a_role_is_read_by_its_name() -> None:
    assert parse(StaffDraft, NEEDED[StaffDraft]) == StaffDraft(email="a@b.example", full_name="A B", role=Role.ADMIN)


@pytest.mark.parametrize(
    "email", ["ADA@Example.org", " ada@example.org ", "ada\uff20example.org", "\uff41da@example.org"]
)
def test_an_e_mail_is_kept_in_the_form_in_which_spellings_are_equal(email: str) -> None:
    assert "ada@example.org" == StaffDraft(email=email, full_name="Ada", role=Role.ADMIN).email


@pytest.mark.parametrize(
    "email", ["ada", "ada@", "@example.org", "a\uff20b@example.org", "ß" * 64 + "@example.org", "a@b c.org"]
)
def test_what_is_no_address_in_that_form_is_refused(email: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        StaffDraft(email=email, full_name="Ada", role=Role.ADMIN)
    assert ["/email"] == [found.pointer for found in refused.value.findings]


@pytest.mark.parametrize("number", ["0E-999999", "-0.0", "0." + "0" * 20_000, "5E1", "50." + "0" * 20_000])
def test_a_decimal_is_kept_in_one_spelling(number: str) -> None:
    kept = parse(PatientDraft, {"name": "Ada", "medication_adherence": Decimal(number)}).medication_adherence
    assert str(kept) in {"0.00", "50.00"}


@pytest.mark.parametrize("name", ["\u200b", "\ufeff \u2060", "\u00ad"])
def test_a_name_that_cannot_be_seen_is_none(name: str) -> None:
    with pytest.raises(InvalidInput):
        PatientDraft(name=name)
    assert f"A{name}B" == PatientDraft(name=f"A{name}B").name


@pytest.mark.parametrize(
    "moment", ["2026-W01-1T00:00:00Z", "20260101T000000Z", "2026-01-01T00Z", "2026-01-01T00:00:00"]
)
def test_a_time_is_written_as_rfc_3339_has_it(moment: str) -> None:
    with pytest.raises(InvalidInput):
        parse(PatientDraft, {"name": "Ada", "admitted_at": moment})
    assert parse(PatientDraft, {"name": "Ada", "admitted_at": "2026-01-01T00:00:00.5+01:00"}).admitted_at


@attrs.frozen
class Window:
    """Two fields that are good or bad together."""

    first: int
    last: int

    def __attrs_post_init__(self) -> None:
        if self.last < self.first:
            raise InvalidInput([Finding("/last", "out_of_range", "must not be before the first")])


def test_a_rule_over_several_fields_is_the_class_own() -> None:
    assert Window(1, 2) == parse(Window, {"first": 1, "last": 2})
    with pytest.raises(InvalidInput) as refused:
        parse(Window, {"first": 2, "last": 1})
    assert [("/last", "out_of_range")] == [(one.pointer, one.code) for one in refused.value.findings]
