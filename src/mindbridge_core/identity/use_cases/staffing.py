"""Use cases of the operator: prepare the platform, open a clinic, register its first staff."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import attrs

from mindbridge_core.access import Action
from mindbridge_core.actor import Operator
from mindbridge_core.clock import Clock
from mindbridge_core.errors import DuplicateClinic, Forbidden, MindBridgeError, UnknownClinic
from mindbridge_core.identity.entities import Clinic, Organization, User
from mindbridge_core.identity.inputs import ClinicDraft, StaffDraft
from mindbridge_core.identity.passwords import accept_password
from mindbridge_core.identity.ports import CommonPasswords, IdentityUnit, PasswordHasher
from mindbridge_core.ids import PLATFORM_CLINIC_ID, PLATFORM_ORGANIZATION_ID, NewId
from mindbridge_core.phi import ClinicKeys, WrappedKey
from mindbridge_core.validation import given
from mindbridge_core.work import OpenUnit, Work

__all__ = ["OpenClinic", "PreparePlatform", "RegisterStaff"]


@attrs.frozen(kw_only=True)
class PreparePlatform:
    """Give the reserved platform clinic its keys, once; afterwards this changes nothing.

    Until then nothing can be audited that belongs to no clinic, so nobody can log in.
    """

    open_unit: OpenUnit[IdentityUnit]
    work: Work[IdentityUnit]
    keys: ClinicKeys
    clock: Clock

    def __call__(self) -> None:
        """Return when the platform clinic has keys, whoever made them."""
        if not self._prepared():
            self._make_keys()

    def _prepared(self) -> bool:
        try:
            self.keys.cipher(PLATFORM_CLINIC_ID)
        except UnknownClinic:
            return False
        return True

    def _make_keys(self) -> None:
        made = self.keys.make(PLATFORM_CLINIC_ID)
        platform = Clinic(
            id=PLATFORM_CLINIC_ID,
            organization_id=PLATFORM_ORGANIZATION_ID,
            name="MindBridge platform",
            created_at=self.clock(),
        )
        try:
            with self.work(Operator(), Action.PLATFORM_PREPARE, resource_id=PLATFORM_CLINIC_ID) as desk:
                desk.unit.clinics.add(platform, made)
        except MindBridgeError:
            self.keys.forget(PLATFORM_CLINIC_ID)  # they were not stored
            if not self._prepared():  # else another process was faster: its keys are the ones
                raise


@attrs.frozen(kw_only=True)
class OpenClinic:
    """Open a clinic, and its organization if there is none of that name. Opening it again changes nothing."""

    open_unit: OpenUnit[IdentityUnit]
    work: Work[IdentityUnit]
    keys: ClinicKeys
    clock: Clock
    new_id: NewId

    def __call__(self, draft: ClinicDraft) -> UUID:
        """Return the clinic's id, new or found by organization and name."""
        return self._find(draft) or self._open(draft)

    def _find(self, draft: ClinicDraft) -> UUID | None:
        with self.open_unit(PLATFORM_CLINIC_ID) as unit:
            organization = unit.clinics.find_organization(draft.organization)
            return None if organization is None else unit.clinics.find(organization.id, draft.name)

    def _open(self, draft: ClinicDraft) -> UUID:
        clinic_id = self.new_id()
        made = self.keys.make(clinic_id)
        try:
            self._store(clinic_id, draft, made)
        except MindBridgeError as refused:
            self.keys.forget(clinic_id)  # they were not stored
            found = self._find(draft) if isinstance(refused, DuplicateClinic) else None
            if found is None:
                raise
            return found
        return clinic_id

    def _store(self, clinic_id: UUID, draft: ClinicDraft, keys: Sequence[WrappedKey]) -> None:
        now = self.clock()
        with self.work(Operator(clinic_id=clinic_id), Action.CLINIC_OPEN, resource_id=clinic_id) as desk:
            desk.unit.clinics.take_turns()
            organization = desk.unit.clinics.find_organization(draft.organization)
            if organization is None:
                organization = Organization(id=self.new_id(), name=draft.organization, created_at=now, updated_at=now)
                desk.unit.clinics.add_organization(organization)
            elif desk.unit.clinics.find(organization.id, draft.name) is not None:
                raise DuplicateClinic
            fields = given(draft)
            fields.pop("organization")
            clinic = Clinic(id=clinic_id, organization_id=organization.id, created_at=now, **fields)
            desk.unit.clinics.add(clinic, keys)


@attrs.frozen(kw_only=True)
class RegisterStaff:
    """Make an account. With no password nobody can log in to it until one is set by its owner."""

    open_unit: OpenUnit[IdentityUnit]
    work: Work[IdentityUnit]
    hasher: PasswordHasher
    common: CommonPasswords
    clock: Clock
    new_id: NewId

    def __call__(self, caller: Operator, draft: StaffDraft, *, password: str | None = None) -> User:
        """Return the new user. Raises InvalidInput for the password, DuplicateEmail for the e-mail."""
        now = self.clock()
        user = User(
            id=self.new_id(),
            clinic_id=caller.clinic_id,
            email=draft.email,
            full_name=draft.full_name,
            role=draft.role,
            license_number=draft.license_number,
            password_hash=None if password is None else self._hashed(caller, draft, password),
            password_changed_at=None if password is None else now,
            created_at=now,
        )
        with self.work(caller, Action.USER_REGISTER, resource_id=user.id) as desk:
            if caller.clinic_id == PLATFORM_CLINIC_ID:
                raise Forbidden  # the reserved clinic has a trail and keys, and nobody works there
            desk.unit.users.add(user)
            desk.changes({"role": user.role}, plain=frozenset({"role"}))
        return user

    def _hashed(self, caller: Operator, draft: StaffDraft, password: str) -> str:
        with self.open_unit(caller.clinic_id) as unit:
            clinic = unit.clinics.get()
        related = [draft.email, draft.full_name] + ([] if clinic is None else [clinic.name])
        return self.hasher.hash(accept_password(password, self.common, related))
