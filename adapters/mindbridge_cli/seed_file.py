"""A data file with a clinic, its staff and its patients, read whole or refused with every finding."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from typing import Any, Final, TypeVar

import attrs

from mindbridge_core import Role
from mindbridge_core.errors import Finding, InvalidInput
from mindbridge_core.identity import ClinicDraft, StaffDraft, normalize_email
from mindbridge_core.patients import PatientDraft
from mindbridge_core.validation import parse

__all__ = ["Seed", "SeedPatient", "oakwood", "read_seed"]

Draft = TypeVar("Draft", bound=attrs.AttrsInstance)
Object = Mapping[str, Any]  # Any: JSON
PARTS: Final = ("organization", "clinic", "users", "patients")


@attrs.frozen
class SeedPatient:
    """A patient of the file, and the e-mail of the case manager they belong to."""

    draft: PatientDraft = attrs.field(repr=False)
    case_manager: str | None = None


@attrs.frozen(kw_only=True)
class Seed:
    """A clinic with its staff and patients."""

    clinic: ClinicDraft
    staff: tuple[StaffDraft, ...]
    patients: tuple[SeedPatient, ...] = attrs.field(repr=False)


def oakwood() -> Seed:
    """Return the sample clinic that comes with the package: no person in it exists."""
    return read_seed(files("mindbridge_cli").joinpath("data/oakwood.json").read_text("utf-8"))


def read_seed(text: str) -> Seed:
    """Return what the file's text holds; raise InvalidInput with every finding."""
    try:
        content = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise InvalidInput([Finding("", "invalid_json", "must be JSON")]) from None  # the cause quotes the text
    reading = _Reading()
    seed = reading.seed(content)
    if seed is None or reading.findings:
        raise InvalidInput(reading.findings)
    return seed


@attrs.define
class _Reading:
    """One pass over the file, which goes on after each finding."""

    findings: list[Finding] = attrs.field(factory=list)

    def seed(self, content: object) -> Seed | None:
        if not isinstance(content, dict):
            self._found("", "invalid_type", "must be an object")
            return None
        for name in sorted(content.keys() - set(PARTS)):
            self._found(f"/{name}", "unknown_field", "is not a field")
        clinic = self._clinic(self._object(content, "organization"), self._object(content, "clinic"))
        staff = [self._staff(f"/users/{n}", user) for n, user in enumerate(self._list(content, "users"))]
        known = tuple(member for member in staff if member is not None)
        managers = {normalize_email(member.email) for member in known if member.role is Role.CASE_MANAGER}
        patients = [
            self._patient(f"/patients/{n}", patient, managers)
            for n, patient in enumerate(self._list(content, "patients"))
        ]
        self._refuse_repeated_emails(known)
        if clinic is None:
            return None
        return Seed(clinic=clinic, staff=known, patients=tuple(patient for patient in patients if patient is not None))

    def _found(self, pointer: str, code: str, message: str) -> None:
        self.findings.append(Finding(pointer, code, message))

    def _object(self, content: Object, name: str) -> Object:
        part = content.get(name)
        if not isinstance(part, dict):
            self._found(f"/{name}", "invalid_type", "must be an object")
            return {}
        return part

    def _list(self, content: Object, name: str) -> list[Any]:
        part = content.get(name, [])
        if not isinstance(part, list):
            self._found(f"/{name}", "invalid_type", "must be a list")
            return []
        return part

    def _read(self, cls: type[Draft], data: object, pointer: str) -> Draft | None:
        try:
            return parse(cls, data)
        except InvalidInput as refused:
            self.findings += [attrs.evolve(found, pointer=pointer + found.pointer) for found in refused.findings]
            return None

    def _clinic(self, organization: Object, clinic: Object) -> ClinicDraft | None:
        for name in sorted(organization.keys() - {"name"}):
            self._found(f"/organization/{name}", "unknown_field", "is not a field")
        if "organization" in clinic:
            self._found("/clinic/organization", "unknown_field", "is not a field")
        if not organization or not clinic:
            return None
        named = {"organization": organization["name"]} if "name" in organization else {}
        before = len(self.findings)
        draft = self._read(ClinicDraft, {**clinic, **named}, "/clinic")
        self.findings[before:] = [_moved(found) for found in self.findings[before:]]
        return draft

    def _staff(self, pointer: str, user: object) -> StaffDraft | None:
        return self._read(StaffDraft, user, pointer)

    def _patient(self, pointer: str, patient: object, managers: set[str]) -> SeedPatient | None:
        if not isinstance(patient, dict):
            self._found(pointer, "invalid_type", "must be an object")
            return None
        fields = {name: value for name, value in patient.items() if name != "case_manager"}
        fields["medication_adherence"] = _decimal(fields.get("medication_adherence"))
        if "case_manager_id" in fields:  # ids belong to a database, not to a file
            self._found(f"{pointer}/case_manager_id", "unknown_field", "is not a field: name case_manager by e-mail")
        manager = patient.get("case_manager")
        if manager is not None and (not isinstance(manager, str) or normalize_email(manager) not in managers):
            self._found(f"{pointer}/case_manager", "unknown_case_manager", "is no case manager of this file")
        draft = self._read(PatientDraft, fields, pointer)
        return None if draft is None else SeedPatient(draft, None if manager is None else normalize_email(str(manager)))

    def _refuse_repeated_emails(self, staff: tuple[StaffDraft, ...]) -> None:
        emails = [normalize_email(member.email) for member in staff]
        if len(set(emails)) < len(emails):
            self._found("/users", "duplicate_email", "name an e-mail twice")


def _moved(found: Finding) -> Finding:
    """Point to where the organization's name stands in the file."""
    return attrs.evolve(found, pointer="/organization/name") if found.pointer == "/clinic/organization" else found


def _decimal(value: object) -> object:
    """Read a decimal that stands as text, so that no reader of the file rounds it; leave anything else to the rules."""
    if not isinstance(value, str):
        return value
    try:
        return Decimal(value)
    except InvalidOperation:
        return value
