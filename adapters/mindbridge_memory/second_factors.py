"""Second factors, recovery codes and the clinic's rule on them in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import attrs

from mindbridge_core.errors import LostUpdate
from mindbridge_core.identity import MfaPolicy, SecondFactor, User
from mindbridge_memory.tables import CodeRow, FactorRow, Tables

__all__ = ["MemoryMfaPolicies", "MemorySecondFactors"]


@attrs.frozen
class MemorySecondFactors:
    """`SecondFactors` of the core; the open unit itself keeps everybody else out."""

    tables: Tables
    clinic_id: UUID

    def propose(self, user_id: UUID, secret: str) -> bool:
        """Keep the secret unless one is confirmed."""
        user, row = self._user(user_id), self._row(user_id)
        if user is None or user.mfa_enabled:
            return False
        self._put(user_id, attrs.evolve(row, secret=secret, last_step=None))
        return True

    def held(self, user_id: UUID) -> SecondFactor | None:
        """Return the secret."""
        user, row = self._user(user_id), self._row(user_id)
        if user is None or row.secret is None:
            return None
        return SecondFactor(secret=row.secret, confirmed=user.mfa_enabled, last_step=row.last_step)

    def enable(self, user_id: UUID, step: int) -> None:
        """Mark the user, and the step as used."""
        self._put(user_id, attrs.evolve(self._row(user_id), last_step=step, owed=False))
        self._mark(user_id, enabled=True)

    def use_step(self, user_id: UUID, step: int) -> bool:
        """Move the last step forward."""
        user, row = self._user(user_id), self._row(user_id)
        if user is None or not user.mfa_enabled or (row.last_step is not None and row.last_step >= step):
            return False
        self._put(user_id, attrs.evolve(row, last_step=step))
        return True

    def remove(self, user_id: UUID, at: datetime, *, owed: bool = False) -> None:
        """Forget the secret and void the codes."""
        if self._user(user_id) is None:
            return
        self._put(user_id, FactorRow(owed=owed))
        self._void_codes(user_id, at)
        self._mark(user_id, enabled=False)

    def replace_codes(self, user_id: UUID, digests: Sequence[tuple[UUID, str]], at: datetime) -> None:
        """Void the earlier codes and keep the new ones."""
        self._void_codes(user_id, at)
        for _, digest in digests:
            self.tables.recovery_codes.put((self.clinic_id, user_id, digest), CodeRow())

    def use_code(self, user_id: UUID, digest: str, at: datetime) -> bool:
        """Note when the code was used, if it was not before."""
        key = (self.clinic_id, user_id, digest)
        row = self.tables.recovery_codes.get(key)
        if row is None or row.used_at is not None:
            return False
        self.tables.recovery_codes.put(key, CodeRow(at))
        return True

    def _void_codes(self, user_id: UUID, at: datetime) -> None:
        for key, row in self.tables.recovery_codes.items():
            if key[:2] == (self.clinic_id, user_id) and row.used_at is None:
                self.tables.recovery_codes.put(key, CodeRow(at))

    def _mark(self, user_id: UUID, *, enabled: bool) -> None:
        user = self._user(user_id)
        if user is not None:
            marked = attrs.evolve(user, mfa_enabled=enabled, version=user.version + 1)
            self.tables.users.put((self.clinic_id, user_id), marked)

    def _user(self, user_id: UUID) -> User | None:
        return self.tables.users.get((self.clinic_id, user_id))

    def _row(self, user_id: UUID) -> FactorRow:
        return self.tables.second_factors.get((self.clinic_id, user_id)) or FactorRow()

    def _put(self, user_id: UUID, row: FactorRow) -> None:
        self.tables.second_factors.put((self.clinic_id, user_id), row)


@attrs.frozen
class MemoryMfaPolicies:
    """`MfaPolicies` of the core."""

    tables: Tables
    clinic_id: UUID

    def get(self) -> MfaPolicy:
        """Return the rule."""
        return self.tables.mfa_policies.get(self.clinic_id) or MfaPolicy(clinic_id=self.clinic_id)

    def save(self, policy: MfaPolicy) -> MfaPolicy:
        """Keep the rule if the version is still the one that was read."""
        if self.get().version != policy.version:
            raise LostUpdate
        saved = attrs.evolve(policy, version=policy.version + 1)
        self.tables.mfa_policies.put(self.clinic_id, saved)
        return saved
