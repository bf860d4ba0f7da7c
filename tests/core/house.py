"""The product over memory, with two clinics, their staff and patients in every standing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import attrs

from mindbridge_core import Actor, Anonymous, MindBridge, Operator, Origin, Role, SessionClaim
from mindbridge_core.audit import AuditEntry
from mindbridge_core.care import Appointment, CrisisEvent, CrisisEventType, Severity
from mindbridge_core.errors import AuditUnavailable
from mindbridge_core.identity import (
    ClinicDraft,
    Credentials,
    Lockout,
    Purpose,
    SessionLimits,
    StaffDraft,
    TokenPair,
    User,
)
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.notices import Message
from mindbridge_core.oversight import AuditFinding
from mindbridge_core.patients import Alert, AlertKind, BreakGlass, PatientDraft
from mindbridge_core.phi import KeyPurpose
from mindbridge_core.privacy import Consent, ConsentType
from mindbridge_core.testing.screenings import a_screening
from mindbridge_memory import KeptMessages, MemoryStore, MemoryUnit, ScryptHasher, StandardCodes, memory_ports

Anything = Any
"""The value of any field."""

AnyCaller = Any
"""Callers of every kind are handed to every operation, those too that its signature does not name."""

PASSWORD = "a lantern over nine quiet rivers"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
ORIGIN = Origin(request_id="request-1", ip_address="203.0.113.9", user_agent="a test")
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
CHEAPEST = ScryptHasher(cost=2)
LOCKOUT = Lockout()
LIMITS = SessionLimits()


@attrs.define
class FakeClock:
    """Time that passes when it is told to."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


class BrokenTrail:
    """A trail that cannot be written."""

    def append(self, _: AuditEntry) -> None:
        raise AuditUnavailable


@attrs.frozen
class UnitWithBrokenTrail:
    """A unit that works but for its trail."""

    unit: MemoryUnit
    audit: BrokenTrail = attrs.field(factory=BrokenTrail)

    def __getattr__(self, name: str) -> object:
        return getattr(self.unit, name)


@attrs.define(slots=False)
class House:
    """The core, and what it was made from. With `trail_broken` no entry can be written from then on."""

    clock: FakeClock = attrs.field(factory=FakeClock)
    store: MemoryStore = attrs.field()
    hasher: ScryptHasher = CHEAPEST
    trail_broken: bool = False
    messages: KeptMessages = attrs.field(factory=KeptMessages)
    core: MindBridge = attrs.field(init=False)

    @store.default
    def _store(self) -> MemoryStore:
        return MemoryStore(clock=self.clock)

    def __attrs_post_init__(self) -> None:
        """Build the core."""
        ports = memory_ports(store=self.store, clock=self.clock, password_hasher=self.hasher, notifier=self.messages)
        self.core = MindBridge.build(attrs.evolve(ports, open_unit=self.open_unit))

    @contextmanager
    def open_unit(self, clinic_id: UUID) -> Iterator[Any]:
        """Open a unit of the store."""
        with self.store.open_unit(clinic_id) as unit:
            yield UnitWithBrokenTrail(unit) if self.trail_broken else unit

    def clinic(self, name: str) -> UUID:
        return self.core.open_clinic(ClinicDraft(organization="Oakwood", name=name))

    def staff(self, clinic_id: UUID, role: Role, *, password: str | None = PASSWORD) -> User:
        draft = StaffDraft(email=f"{uuid4().hex}@example.org", full_name="Some Body", role=role)
        return self.core.register_staff(Operator(clinic_id=clinic_id), draft, password=password)

    def log_in(self, user: User, password: str = PASSWORD, otp: str | None = None) -> TokenPair:
        return self.core.log_in(Credentials(email=user.email, password=password, otp=otp), ORIGIN)

    def give_factor(self, user: User, *, confirmed: bool = True) -> None:
        """Have the user's second factor be `SECRET`, no code of which was used yet."""
        with self.store.open_unit(user.clinic_id) as unit:
            unit.second_factors.propose(user.id, SECRET)
            if confirmed:
                unit.second_factors.enable(user.id, 0)

    def code(self, later: int = 0) -> str:
        """What an authenticator shows that knows `SECRET`, now or so many steps later."""
        return StandardCodes().code(SECRET, self.clock(), later=later)

    def claim(self, pair: TokenPair) -> SessionClaim:
        return self.core.ports.access_tokens.read(pair.access_token, self.clock(), ORIGIN)

    def patient(self, clinic_id: UUID, manager: User | None = None, **fields: Anything) -> UUID:
        """Take somebody into care; without a level, as somebody whom no version has looked at yet."""
        draft, new_id = PatientDraft(name="Jane Roe", **fields), self.core.ports.new_id()
        manager_id = None if manager is None else manager.id
        if draft.current_risk_level is not None:
            draft = attrs.evolve(draft, case_manager_id=manager_id)
            return self.core.admit_patient(Operator(clinic_id=clinic_id), draft).id
        with self.store.open_unit(clinic_id) as unit:
            at = self.clock()
            unit.patients.add(draft.patient(id=new_id, clinic_id=clinic_id, case_manager_id=manager_id, at=at))
        return new_id

    def entries(self) -> list[AuditEntry]:
        """All clinics' entries, in the order of their ids, which is the order in which they were made."""
        found = [sealed.entry for sealed in self.store.tables.entries.rows()]
        return sorted(found, key=lambda entry: entry.id)

    def snapshot(self, *, but: Sequence[object] = ()) -> list[list[object]]:
        """Everything that is stored, table by table."""
        return [table.rows() for table in self.store.tables.every if table not in but]


def actor(user: User, origin: Origin = ORIGIN) -> Actor:
    """The member of staff, identity established, outside any session."""
    return Actor(clinic_id=user.clinic_id, user_id=user.id, role=user.role, origin=origin)


@attrs.frozen
class Town:
    """A house that is lived in."""

    house: House
    clinic: UUID
    staff: dict[Role, User]
    colleague: User
    sessions: dict[Role, TokenPair]
    records: dict[str, UUID]
    guest: User
    invitation: str
    """Of the guest, who has no password yet."""
    reset: str
    """Of the one who may only read, for a new password."""

    @property
    def outbox(self) -> list[Message]:
        """What was sent."""
        notifier = self.house.core.ports.notifier
        assert isinstance(notifier, KeptMessages)
        return notifier.sent

    def caller(self, holder: str) -> AnyCaller:
        """A caller of the first clinic whom the catalogue knows as `holder`."""
        if holder == "operator":
            return Operator(clinic_id=self.clinic, origin=ORIGIN)
        if holder == "anyone":
            return Anonymous(clinic_id=self.clinic, origin=ORIGIN)
        return self.house.claim(self.sessions[Role(holder)])


def token_in(message: Message) -> str:
    """The token in a message without links."""
    (token,) = [line for line in message.text.splitlines() if "." in line and " " not in line]
    return token


def allow_sharing(house: House, clinic_id: UUID, patient_id: UUID) -> None:
    """Have the patient, if the clinic has one, consent to the sharing of their record with anybody."""
    with house.store.open_unit(clinic_id) as unit:
        if unit.patients.get(patient_id) is not None:
            consent = Consent(
                id=uuid4(),
                clinic_id=clinic_id,
                patient_id=patient_id,
                consent_type=ConsentType.DATA_SHARING,
                granted=True,
                granted_at=START,
                created_at=START,
            )
            unit.consents.add(consent)


def open_in_emergency(house: House, user: User, patient_id: UUID) -> UUID:
    """Have the user hold an emergency access to the patient, without the entry and the notices of opening it."""
    access = BreakGlass(
        id=house.core.ports.new_id(),
        clinic_id=user.clinic_id,
        user_id=user.id,
        patient_id=patient_id,
        access_reason="On the crisis line, nobody else is there",
        granted_at=house.clock(),
        expires_at=house.clock() + timedelta(hours=1),
    )
    with house.store.open_unit(user.clinic_id) as unit:
        unit.emergency_accesses.add(access)
    return access.id


def replace_data_key(house: House, clinic_id: UUID) -> None:
    """Leave the clinic with a second version of its data key, and the first one retired."""
    keys = [
        attrs.evolve(key, retired_at=house.clock()) if key.purpose is KeyPurpose.DATA else key
        for key in house.store.wrapped_keys.of_clinic(clinic_id)
    ]
    second = house.core.ports.key_making.renewed(clinic_id, 2)
    house.store.tables.wrapped_keys.put(clinic_id, (*keys, second))
    house.store.tables.keep()


def find_unusual(house: House, user: User) -> None:
    """Have a rule have found something about the user."""
    finding = AuditFinding(
        id=house.core.ports.new_id(),
        clinic_id=user.clinic_id,
        user_id=user.id,
        rule="patient_volume",
        window_start=START - timedelta(days=9),
        window_end=START - timedelta(days=9) + timedelta(hours=1),
        observed=101,
        threshold=100,
        found_at=START,
    )
    with house.store.open_unit(user.clinic_id) as unit:
        unit.audit_findings.add(finding)


def begin_record(house: House, manager: User, patient_id: UUID) -> None:
    """Enter an appointment and a crisis event, if the manager's clinic has the patient."""
    with house.store.open_unit(manager.clinic_id) as unit:
        if unit.patients.get(patient_id) is not None:
            common: dict[str, Any] = {"clinic_id": manager.clinic_id, "patient_id": patient_id, "created_at": START}
            unit.appointments.add(Appointment(id=uuid4(), scheduled_at=START - timedelta(days=1), **common))
            call: dict[str, Any] = {"event_type": CrisisEventType.CRISIS_CALL, "severity": Severity.HIGH}
            unit.crisis_events.add(CrisisEvent(id=uuid4(), occurred_at=START, **call, **common))


def screen_once(house: House, clinic_id: UUID, patient_id: UUID) -> None:
    """Have the patient, if the clinic has one, screened by nobody in particular."""
    with house.store.open_unit(clinic_id) as unit:
        patient = unit.patients.get(patient_id)
        if patient is not None:
            unit.screenings.add(a_screening(patient))


def raise_alert(house: House, clinic_id: UUID, patient_id: UUID, kind: AlertKind = AlertKind.HIGH_RISK) -> None:
    """Have there be an alert of the patient, if the clinic has one."""
    with house.store.open_unit(clinic_id) as unit:
        if unit.patients.get(patient_id) is not None:
            alert = Alert(
                id=uuid4(),
                clinic_id=clinic_id,
                kind=kind,
                patient_id=patient_id,
                cause_id=uuid4(),
                created_at=house.clock(),
            )
            unit.alerts.raise_all([alert])


def settled() -> Town:
    """Two clinics, everybody logged in, and a patient in every standing."""
    house = House()
    house.core.prepare_platform()
    clinic, other_clinic = house.clinic("North"), house.clinic("South")
    staff = {role: house.staff(clinic, role) for role in Role}
    colleague = house.staff(clinic, Role.CASE_MANAGER)
    foreigner = house.staff(other_clinic, Role.CASE_MANAGER)
    records = {
        "caseload": house.patient(clinic, staff[Role.CASE_MANAGER]),
        "outside": house.patient(clinic, colleague),
        "unassigned": house.patient(clinic),
        "emergency": house.patient(clinic),
        "other clinic": house.patient(other_clinic, foreigner),
        "deleted": house.patient(clinic, staff[Role.CASE_MANAGER]),
        "missing": uuid4(),
    }
    for name, patient_id in records.items():
        begin_record(house, foreigner if name == "other clinic" else colleague, patient_id)
        allow_sharing(house, other_clinic if name == "other clinic" else clinic, patient_id)
        screen_once(house, other_clinic if name == "other clinic" else clinic, patient_id)
        raise_alert(house, other_clinic if name == "other clinic" else clinic, patient_id)
    house.core.remove_patient(actor(staff[Role.ADMIN]), records["deleted"])
    find_unusual(house, colleague)
    open_in_emergency(house, staff[Role.CASE_MANAGER], records["emergency"])
    sessions = {role: house.log_in(user) for role, user in staff.items()}
    replace_data_key(house, clinic)
    draft = StaffDraft(email="guest@example.org", full_name="Gus Guest", role=Role.READONLY)
    invited = house.core.invite_staff(Operator(clinic_id=clinic), draft)
    assert invited.secret is not None
    with house.store.open_unit(clinic) as unit:
        reset, _ = house.core.request_password_reset.issue(unit, staff[Role.READONLY], Purpose.RESET)
    invitation = invited.secret.text
    return Town(house, clinic, staff, colleague, sessions, records, invited.user, invitation, reset.text)


PLATFORM = PLATFORM_CLINIC_ID
