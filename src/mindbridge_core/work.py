"""The only door to the records: one caller, one action, one transaction, one entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, Generic, NoReturn, Protocol, TypeVar
from uuid import UUID

import attrs

from mindbridge_core.access import GRANTS, Action, Audited, Grant, permit
from mindbridge_core.actor import Actor, Caller, Principal, SessionClaim
from mindbridge_core.audit import AuditAppender, AuditEntry, Outcome, Plain
from mindbridge_core.clock import Clock
from mindbridge_core.errors import (
    DependencyUnavailable,
    DuplicateClinic,
    Forbidden,
    MindBridgeError,
    PreconditionFailed,
    UnknownClinic,
)
from mindbridge_core.ids import PLATFORM_CLINIC_ID, NewId

__all__ = ["Desk", "Emergency", "Identify", "OpenUnit", "TurnAway", "Unit", "Work", "require_version"]


class Unit(Protocol):
    """What every open transaction offers; each context's own protocol adds its repositories."""

    @property
    def audit(self) -> AuditAppender:
        """The clinic's trail."""


U_co = TypeVar("U_co", bound=Unit, covariant=True)


class OpenUnit(Protocol[U_co]):
    """Opens a transaction that sees one clinic's records: commits on a clean exit, else rolls back."""

    def __call__(self, clinic_id: UUID) -> AbstractContextManager[U_co]:
        """Raises UnknownClinic before anything is read, DependencyUnavailable when the store is down."""


Identify = Callable[[Any, SessionClaim, Action], Actor]  # Any: the unit, whichever protocol of it the use cases see
"""Turns a token's claim into an actor with today's role; raises SessionEnded, MfaEnrolmentRequired."""


class KeptRefusal(Exception):
    """On its way from the desk to `Work`: a refusal that keeps the unit's changes."""

    def __init__(self, refusal: MindBridgeError) -> None:
        super().__init__()
        self.refusal = refusal


@attrs.frozen(kw_only=True)
class Emergency:
    """The emergency access under which a record is reached. The reason may name the patient."""

    id: UUID
    reason: str = attrs.field(repr=False)


@attrs.define(kw_only=True)
class Desk(Generic[U_co]):
    """An open piece of work: the unit, who acts with which grant, and what the entry will say of it."""

    unit: U_co
    principal: Principal
    grant: Grant
    clock: Clock
    resource_id: UUID | None = None
    returned: tuple[UUID, ...] = ()
    refusal: MindBridgeError | None = None
    changed: Mapping[str, object] = attrs.field(factory=dict, repr=False)
    plain: frozenset[str] = frozenset()
    emergency: Emergency | None = None
    write: Callable[[Desk[U_co]], None] = attrs.field(repr=False)

    @property
    def actor(self) -> Actor:
        """The member of staff who acts; Forbidden for what only staff can do, when anybody else acts."""
        if not isinstance(self.principal, Actor):
            raise Forbidden
        return self.principal

    def returns(self, ids: Iterable[UUID]) -> None:
        """Note the records that the caller is about to see."""
        self.returned = tuple(ids)

    def changes(self, values: Mapping[str, object], *, plain: frozenset[str]) -> None:
        """Note the fields that were set; of those in `plain`, which are not PHI, the values too."""
        self.changed, self.plain = values, plain

    def under(self, emergency: Emergency) -> None:
        """Mark whatever the entry will say as done under an emergency access."""
        self.emergency = emergency

    def enter(self) -> None:
        """Enter what is noted so far and begin anew: for work on more records than one entry should name."""
        self.write(self)
        self.returned, self.changed, self.plain = (), {}, frozenset()

    def refuse(self, refusal: MindBridgeError) -> NoReturn:
        """End the work: what was written so far is kept, the trail says `refusal`, and the caller gets it."""
        raise KeptRefusal(refusal)


@attrs.frozen(kw_only=True)
class Work(Generic[U_co]):
    """Joins authorisation, transaction and audit, so that no use case can do with one of them less."""

    open_unit: OpenUnit[U_co]
    identify: Identify
    clock: Clock
    new_id: NewId

    @contextmanager
    def __call__(
        self, caller: Caller, action: Action, *, resource_id: UUID | None = None, entered: bool = True
    ) -> Iterator[Desk[U_co]]:
        """Yield an open desk; on a clean exit the entry and all changes are kept together.

        Raises Forbidden or SessionEnded before any record is reached. Whatever is raised inside rolls
        everything back and leaves an entry of its own; no entry, no answer: AuditUnavailable.
        With `entered` false a clean exit leaves none: for what comes before the unit that does and enters the action.
        """
        desk: Desk[U_co] | None = None
        try:
            with self.open_unit(caller.clinic_id) as unit:
                principal = self.identify(unit, caller, action) if isinstance(caller, SessionClaim) else caller
                grant = permit(principal, action)
                desk = Desk(
                    unit=unit,
                    principal=principal,
                    grant=grant,
                    clock=self.clock,
                    resource_id=resource_id,
                    write=partial(self._write, unit.audit, action),
                )
                try:
                    yield desk
                except KeptRefusal as kept:
                    desk.refusal = kept.refusal
                if (entered and grant.audited is Audited.ALWAYS) or desk.refusal is not None:
                    desk.write(desk)
        except DependencyUnavailable:
            raise  # the store or its trail is down: nothing was shown, nothing kept, and nothing can be entered
        except Exception as error:  # noqa: BLE001 - whatever it is, it is entered and raised again
            emergency = None
            if desk is not None:
                caller, resource_id, emergency = desk.principal, desk.resource_id, desk.emergency
            self._enter_refusal(caller, action, resource_id, error, emergency)
        if desk.refusal is not None:
            raise desk.refusal

    def _enter_refusal(
        self, caller: Caller, action: Action, resource_id: UUID | None, error: Exception, emergency: Emergency | None
    ) -> NoReturn:
        outcome = Outcome(error.outcome) if isinstance(error, MindBridgeError) else Outcome.FAILURE
        reason = error.reason if isinstance(error, MindBridgeError) else "unexpected_error"
        without_a_trail = isinstance(error, UnknownClinic | DuplicateClinic)
        clinic_id = PLATFORM_CLINIC_ID if without_a_trail else caller.clinic_id
        with self.open_unit(clinic_id) as unit:
            entry = _marked(self._refused(caller, action, resource_id, outcome, reason), emergency)
            unit.audit.append(attrs.evolve(entry, clinic_id=clinic_id))
        raise error

    def _write(self, audit: AuditAppender, action: Action, desk: Desk[U_co]) -> None:
        audit.append(self._done(desk, action))

    def _done(self, desk: Desk[U_co], action: Action) -> AuditEntry:
        """Say what was done; a refusal that is kept says why instead."""
        if desk.refusal is not None:
            outcome = Outcome(desk.refusal.outcome)
            refused = self._refused(desk.principal, action, desk.resource_id, outcome, desk.refusal.reason)
            return _marked(refused, desk.emergency)
        plain = {name: _plain(value) for name, value in sorted(desk.changed.items()) if name in desk.plain}
        done = attrs.evolve(
            self._entry(desk.principal, action, desk.resource_id, Outcome.SUCCESS),
            resource_ids=desk.returned,
            changed_fields=tuple(sorted(desk.changed)),
            changed_values=plain,
            phi_accessed=GRANTS[action].phi,
        )
        return _marked(done, desk.emergency)

    def _refused(
        self, caller: Caller, action: Action, resource_id: UUID | None, outcome: Outcome, reason: str
    ) -> AuditEntry:
        return attrs.evolve(self._entry(caller, action, resource_id, outcome), changed_values={"reason": reason})

    def _entry(self, caller: Caller, action: Action, resource_id: UUID | None, outcome: Outcome) -> AuditEntry:
        return AuditEntry(
            id=self.new_id(),
            clinic_id=caller.clinic_id,
            created_at=self.clock(),
            action=action,
            outcome=outcome,
            resource_type=GRANTS[action].resource,
            resource_id=resource_id,
            phi_accessed=False,
            user_id=caller.user_id,
            session_id=caller.session_id,
            request_id=caller.origin.request_id,
            ip_address=caller.origin.ip_address,
            user_agent=caller.origin.user_agent,
        )


@attrs.frozen(kw_only=True)
class TurnAway:
    """Refuse a request whose input cannot be read as its operation would have refused the caller.

    So whoever has no session, or no right to the operation, learns that and nothing of the input, and the
    refusal is entered like any other.
    """

    work: Work[Unit]

    def __call__(self, caller: Caller, action: Action, refusal: MindBridgeError) -> None:
        """Always raises: SessionEnded, Forbidden, or else `refusal`."""
        with self.work(caller, action):
            raise refusal


def _marked(entry: AuditEntry, emergency: Emergency | None) -> AuditEntry:
    """Say in the entry which emergency access it was made under, and why that was opened."""
    if emergency is None:
        return entry
    values = {**entry.changed_values, "break_glass_id": str(emergency.id)}
    return attrs.evolve(entry, changed_values=values, access_reason=emergency.reason)


def _plain(value: object) -> Plain:
    return value if value is None or isinstance(value, str | int | bool) else str(value)


class Versioned(Protocol):
    """A record that is stored version by version."""

    @property
    def version(self) -> int:
        """Which one it is."""


def require_version(record: Versioned, version: int | None) -> None:
    """Raise PreconditionFailed unless the record is of the version that the caller started from, if they say which."""
    if version not in {None, record.version}:
        raise PreconditionFailed
