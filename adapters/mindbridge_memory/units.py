"""The store and its units: one at a time, all or nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import attrs

from mindbridge_core.clock import Clock
from mindbridge_core.patients import AlertWatchers
from mindbridge_core.phi import ClinicCipher, ClinicKeys, WrappedKeys
from mindbridge_memory.account_tokens import MemoryAccountTokens
from mindbridge_memory.alerts import MemoryAlerts
from mindbridge_memory.batches import MemoryBatches, MemoryJobQueue
from mindbridge_memory.care import MemoryAppointments, MemoryCrisisEvents, MemoryMetrics, MemoryTimeline
from mindbridge_memory.clinics import MemoryClinics, MemoryWrappedKeys
from mindbridge_memory.custody import MemoryKeyStore
from mindbridge_memory.emergency import MemoryEmergencyAccesses
from mindbridge_memory.enquiries import MemoryEnquiries
from mindbridge_memory.findings import MemoryAuditFindings
from mindbridge_memory.identity import (
    MemoryDirectory,
    MemoryLoginAttempts,
    MemoryRefreshTokens,
    MemorySessions,
    MemoryUsers,
)
from mindbridge_memory.keys import ProcessKeys, utc_now
from mindbridge_memory.overviews import MemoryOverviews
from mindbridge_memory.patients import MemoryAnswers, MemoryPatients
from mindbridge_memory.privacy import MemoryAccessHistory, MemoryConsents, MemoryDisclosures
from mindbridge_memory.screenings import MemoryScreenings
from mindbridge_memory.second_factors import MemoryMfaPolicies, MemorySecondFactors
from mindbridge_memory.sinks import MemorySinkBook
from mindbridge_memory.tables import Tables
from mindbridge_memory.tallies import MemoryTallies
from mindbridge_memory.trail import MemoryAuditTrail, Trail
from mindbridge_memory.trails import MemoryTrailReader, MemoryTrails

__all__ = ["MemoryStore", "MemoryUnit"]


@attrs.frozen
class MemoryUnit:
    """An open unit on one clinic; each repository is made when it is first asked for."""

    tables: Tables
    clinic_id: UUID
    cipher: ClinicCipher
    clock: Clock = utc_now

    @property
    def audit(self) -> MemoryAuditTrail:
        """The clinic's trail."""
        return MemoryAuditTrail(self.tables, self.clinic_id, self.cipher)

    @property
    def access_history(self) -> MemoryAccessHistory:
        """The trail, by patient."""
        return MemoryAccessHistory(self.tables, self.clinic_id)

    @property
    def account_tokens(self) -> MemoryAccountTokens:
        """The clinic's one-time tokens."""
        return MemoryAccountTokens(self.tables, self.clinic_id)

    @property
    def alerts(self) -> MemoryAlerts:
        """The clinic's alerts."""
        return MemoryAlerts(self.tables, self.clinic_id)

    @property
    def answers(self) -> MemoryAnswers:
        """First answers to repeated requests."""
        return MemoryAnswers(self.tables, self.clinic_id, self.clock)

    @property
    def appointments(self) -> MemoryAppointments:
        """The clinic's appointments."""
        return MemoryAppointments(self.tables, self.clinic_id, self.clock)

    @property
    def attempts(self) -> MemoryLoginAttempts:
        """Tries, across all clinics."""
        return MemoryLoginAttempts(self.tables)

    @property
    def audit_findings(self) -> MemoryAuditFindings:
        """The clinic's findings."""
        return MemoryAuditFindings(self.tables, self.clinic_id)

    @property
    def batches(self) -> MemoryBatches:
        """The clinic's batches."""
        return MemoryBatches(self.tables, self.clinic_id)

    @property
    def enquiries(self) -> MemoryEnquiries:
        """What was asked of somebody who takes a day."""
        return MemoryEnquiries(self.tables, self.clinic_id)

    @property
    def jobs(self) -> MemoryJobQueue:
        """Which worker runs which batch."""
        return MemoryJobQueue(self.tables, self.clinic_id)

    @property
    def clinics(self) -> MemoryClinics:
        """Organizations and clinics."""
        return MemoryClinics(self.tables, self.clinic_id, self.audit)

    @property
    def consents(self) -> MemoryConsents:
        """The clinic's consents."""
        return MemoryConsents(self.tables, self.clinic_id)

    @property
    def crisis_events(self) -> MemoryCrisisEvents:
        """The clinic's crisis events."""
        return MemoryCrisisEvents(self.tables, self.clinic_id, self.clock)

    @property
    def directory(self) -> MemoryDirectory:
        """E-mails, across all clinics."""
        return MemoryDirectory(self.tables)

    @property
    def disclosures(self) -> MemoryDisclosures:
        """The clinic's disclosures."""
        return MemoryDisclosures(self.tables, self.clinic_id)

    @property
    def emergency_accesses(self) -> MemoryEmergencyAccesses:
        """The clinic's emergency accesses."""
        return MemoryEmergencyAccesses(self.tables, self.clinic_id)

    @property
    def keys(self) -> MemoryKeyStore:
        """The clinic's wrapped keys."""
        return MemoryKeyStore(self.tables, self.clinic_id)

    @property
    def mfa_policies(self) -> MemoryMfaPolicies:
        """The clinic's rule on second factors."""
        return MemoryMfaPolicies(self.tables, self.clinic_id)

    @property
    def metrics(self) -> MemoryMetrics:
        """The clinic's measurements."""
        return MemoryMetrics(self.tables, self.clinic_id, self.clock)

    @property
    def overviews(self) -> MemoryOverviews:
        """The clinic at a glance."""
        return MemoryOverviews(self.tables, self.clinic_id)

    @property
    def patients(self) -> MemoryPatients:
        """The clinic's patients."""
        return MemoryPatients(self.tables, self.clinic_id, self.clock)

    @property
    def refresh_tokens(self) -> MemoryRefreshTokens:
        """The clinic's refresh tokens."""
        return MemoryRefreshTokens(self.tables, self.clinic_id)

    @property
    def second_factors(self) -> MemorySecondFactors:
        """The second factors of the clinic's staff."""
        return MemorySecondFactors(self.tables, self.clinic_id)

    @property
    def screenings(self) -> MemoryScreenings:
        """The clinic's screenings."""
        return MemoryScreenings(self.tables, self.clinic_id)

    @property
    def sessions(self) -> MemorySessions:
        """The clinic's sessions."""
        return MemorySessions(self.tables, self.clinic_id)

    @property
    def timeline(self) -> MemoryTimeline:
        """All that happened in the care of the clinic's patients."""
        return MemoryTimeline(self.tables, self.clinic_id)

    @property
    def trail(self) -> MemoryTrailReader:
        """The clinic's trail, to read."""
        return MemoryTrailReader(self.tables, self.clinic_id, self.cipher)

    @property
    def tallies(self) -> MemoryTallies:
        """The clinic's screenings, counted."""
        return MemoryTallies(self.tables, self.clinic_id)

    @property
    def users(self) -> MemoryUsers:
        """The clinic's staff."""
        return MemoryUsers(self.tables, self.clinic_id)


class MemoryStore:
    """All clinics' records in this process; nothing outlives it.

    A unit holds the store's one lock from its opening to its end, so units are serial. `make_keys` makes
    the clinics' keys, given the store of wrapped ones; without it they are `ProcessKeys`. By `clock` the store knows
    what day it is, for the numbers that hold today.
    """

    def __init__(self, make_keys: Callable[[WrappedKeys], ClinicKeys] = ProcessKeys, *, clock: Clock = utc_now) -> None:
        """Begin without records."""
        self.clock = clock
        self.tables = Tables()
        self.wrapped_keys = MemoryWrappedKeys(self.tables)
        self.keys = make_keys(self.wrapped_keys)
        self.sink_book = MemorySinkBook(self.tables)
        self.alert_feed = AlertWatchers()
        self._lock = threading.Lock()
        self._holder: int | None = None

    @contextmanager
    def open_unit(self, clinic_id: UUID) -> Iterator[MemoryUnit]:
        """Yield a unit on the clinic: its changes are kept on a clean exit, else dropped.

        Raises UnknownClinic before anything is read, and RuntimeError for a unit inside a unit, which
        could only wait for itself.
        """
        cipher = self.keys.cipher(clinic_id)
        self._enter()
        try:
            yield MemoryUnit(self.tables, clinic_id, cipher, self.clock)
            alerted = bool(self.tables.alerts.staged())
            self.tables.keep()
        finally:
            self.tables.drop()
            self._holder = None
            self._lock.release()
        if alerted:
            self.alert_feed.tell(clinic_id)

    @property
    def trails(self) -> MemoryTrails:
        """All clinics' trails, to read."""
        return MemoryTrails(self.open_unit, self.tables)

    def audit_trail(self, clinic_id: UUID) -> Trail:
        """Return the clinic's heads by lane and its sealed entries by lane, for `verify_clinic`."""
        with self.open_unit(clinic_id) as unit:
            return unit.audit.read()

    def _enter(self) -> None:
        thread = threading.get_ident()
        if self._holder == thread:
            message = "a unit of this store is open on this thread already; end it before you open another"
            raise RuntimeError(message)
        self._lock.acquire()
        self._holder = thread
