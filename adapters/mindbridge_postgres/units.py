"""A unit of work on PostgreSQL: one transaction, one clinic, and no statement more than its answer needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from uuid import UUID

import attrs
import psycopg

from mindbridge_core.clock import Clock
from mindbridge_core.errors import DependencyUnavailable
from mindbridge_core.ids import NewId
from mindbridge_core.phi import ClinicCipher, ClinicKeys
from mindbridge_postgres.account_tokens import PostgresAccountTokens
from mindbridge_postgres.alerts import PostgresAlerts
from mindbridge_postgres.answers import PostgresAnswers
from mindbridge_postgres.audit import PostgresAuditTrail
from mindbridge_postgres.batches import PostgresBatches
from mindbridge_postgres.care import PostgresAppointments, PostgresCrisisEvents, PostgresMetrics, PostgresTimeline
from mindbridge_postgres.clinics import PostgresClinics
from mindbridge_postgres.custody import PostgresKeyStore
from mindbridge_postgres.database import Connection, Database, set_clinic
from mindbridge_postgres.emergency import PostgresEmergencyAccesses
from mindbridge_postgres.enquiries import PostgresEnquiries
from mindbridge_postgres.errors import translate
from mindbridge_postgres.findings import PostgresAuditFindings
from mindbridge_postgres.identity import (
    PostgresDirectory,
    PostgresLoginAttempts,
    PostgresRefreshTokens,
    PostgresSessions,
    PostgresUsers,
)
from mindbridge_postgres.jobs import PostgresJobQueue
from mindbridge_postgres.overviews import PostgresOverviews
from mindbridge_postgres.patients import PostgresPatients
from mindbridge_postgres.privacy import PostgresAccessHistory, PostgresConsents, PostgresDisclosures
from mindbridge_postgres.screenings import PostgresScreenings
from mindbridge_postgres.second_factors import PostgresMfaPolicies, PostgresSecondFactors
from mindbridge_postgres.tallies import PostgresTallies
from mindbridge_postgres.trails import PostgresTrailReader

__all__ = ["PostgresUnit", "PostgresUnits"]


@attrs.define(kw_only=True, slots=False)
class PostgresUnit:
    """An open transaction on one clinic; each repository is made when it is first asked for."""

    connection: Connection
    clinic_id: UUID
    cipher: ClinicCipher
    new_id: NewId
    clock: Clock

    @cached_property
    def audit(self) -> PostgresAuditTrail:
        """The clinic's trail."""
        return PostgresAuditTrail(self.connection, self.clinic_id, self.cipher)

    @cached_property
    def access_history(self) -> PostgresAccessHistory:
        """The trail, by patient."""
        return PostgresAccessHistory(self.connection, self.clinic_id, self.cipher)

    @cached_property
    def account_tokens(self) -> PostgresAccountTokens:
        """The clinic's one-time tokens."""
        return PostgresAccountTokens(self.connection, self.clinic_id)

    @cached_property
    def alerts(self) -> PostgresAlerts:
        """The clinic's alerts."""
        return PostgresAlerts(self.connection, self.clinic_id)

    @cached_property
    def answers(self) -> PostgresAnswers:
        """First answers to repeated requests."""
        return PostgresAnswers(self.connection, self.clinic_id, self.cipher, self.new_id)

    @cached_property
    def appointments(self) -> PostgresAppointments:
        """The clinic's appointments."""
        return PostgresAppointments(self.connection, self.clinic_id, self.cipher, self.clock)

    @cached_property
    def attempts(self) -> PostgresLoginAttempts:
        """Tries, across all clinics."""
        return PostgresLoginAttempts(self.connection)

    @cached_property
    def audit_findings(self) -> PostgresAuditFindings:
        """The clinic's findings."""
        return PostgresAuditFindings(self.connection, self.clinic_id)

    @cached_property
    def batches(self) -> PostgresBatches:
        """The clinic's batches."""
        return PostgresBatches(self.connection, self.clinic_id)

    @cached_property
    def enquiries(self) -> PostgresEnquiries:
        """What was asked of somebody who takes a day."""
        return PostgresEnquiries(self.connection, self.clinic_id, self.cipher)

    @cached_property
    def jobs(self) -> PostgresJobQueue:
        """Which worker runs which batch."""
        return PostgresJobQueue(self.connection, self.clinic_id)

    @cached_property
    def clinics(self) -> PostgresClinics:
        """Organizations and clinics."""
        return PostgresClinics(self.connection, self.clinic_id, self.cipher)

    @cached_property
    def consents(self) -> PostgresConsents:
        """The clinic's consents."""
        return PostgresConsents(self.connection, self.clinic_id, self.cipher)

    @cached_property
    def crisis_events(self) -> PostgresCrisisEvents:
        """The clinic's crisis events."""
        return PostgresCrisisEvents(self.connection, self.clinic_id, self.cipher, self.clock)

    @cached_property
    def directory(self) -> PostgresDirectory:
        """E-mails, across all clinics."""
        return PostgresDirectory(self.connection)

    @cached_property
    def disclosures(self) -> PostgresDisclosures:
        """The clinic's disclosures."""
        return PostgresDisclosures(self.connection, self.clinic_id, self.cipher)

    @cached_property
    def emergency_accesses(self) -> PostgresEmergencyAccesses:
        """The clinic's emergency accesses."""
        return PostgresEmergencyAccesses(self.connection, self.clinic_id, self.cipher)

    @cached_property
    def keys(self) -> PostgresKeyStore:
        """The clinic's wrapped keys."""
        return PostgresKeyStore(self.connection, self.clinic_id)

    @cached_property
    def mfa_policies(self) -> PostgresMfaPolicies:
        """The clinic's rule on second factors."""
        return PostgresMfaPolicies(self.connection, self.clinic_id)

    @cached_property
    def metrics(self) -> PostgresMetrics:
        """The clinic's measurements."""
        return PostgresMetrics(self.connection, self.clinic_id, self.cipher, self.clock)

    @cached_property
    def overviews(self) -> PostgresOverviews:
        """The clinic at a glance."""
        return PostgresOverviews(self.connection, self.clinic_id, self.cipher)

    @cached_property
    def patients(self) -> PostgresPatients:
        """The clinic's patients."""
        return PostgresPatients(self.connection, self.clinic_id, self.cipher, self.clock)

    @cached_property
    def refresh_tokens(self) -> PostgresRefreshTokens:
        """The clinic's refresh tokens."""
        return PostgresRefreshTokens(self.connection, self.clinic_id)

    @cached_property
    def second_factors(self) -> PostgresSecondFactors:
        """The second factors of the clinic's staff."""
        return PostgresSecondFactors(self.connection, self.clinic_id, self.cipher)

    @cached_property
    def screenings(self) -> PostgresScreenings:
        """The clinic's screenings."""
        return PostgresScreenings(self.connection, self.clinic_id, self.cipher)

    @cached_property
    def sessions(self) -> PostgresSessions:
        """The clinic's sessions."""
        return PostgresSessions(self.connection, self.clinic_id)

    @cached_property
    def timeline(self) -> PostgresTimeline:
        """All that happened in the care of the clinic's patients."""
        return PostgresTimeline(self.connection, self.clinic_id, self.cipher)

    @cached_property
    def trail(self) -> PostgresTrailReader:
        """The clinic's trail, to read."""
        return PostgresTrailReader(self.connection, self.clinic_id, self.cipher)

    @cached_property
    def tallies(self) -> PostgresTallies:
        """The clinic's screenings, counted."""
        return PostgresTallies(self.connection, self.clinic_id, self.cipher)

    @cached_property
    def users(self) -> PostgresUsers:
        """The clinic's staff."""
        return PostgresUsers(self.connection, self.clinic_id)


@attrs.frozen
class PostgresUnits:
    """Opens units: `OpenUnit` of the core."""

    database: Database
    keys: ClinicKeys
    new_id: NewId = attrs.field(kw_only=True)
    clock: Clock = attrs.field(kw_only=True)

    @contextmanager
    def __call__(self, clinic_id: UUID) -> Iterator[PostgresUnit]:
        """Yield a unit on the clinic. BEGIN and the clinic travel in one message."""
        cipher = self.keys.cipher(clinic_id)
        with self.database.connection() as connection:
            unit = PostgresUnit(
                connection=connection, clinic_id=clinic_id, cipher=cipher, new_id=self.new_id, clock=self.clock
            )
            try:
                connection.command(f"BEGIN; {set_clinic(clinic_id)}")
                with self.database.holding(clinic_id, connection):
                    yield unit
                _commit(connection)
            except psycopg.Error as error:
                _roll_back(connection, connection.rollback)  # the driver also forgets what was prepared in vain
                raise translate(error) from error
            except BaseException:
                _roll_back(connection, partial(connection.command, "ROLLBACK"))
                raise
            unit.audit.committed()


def _commit(connection: Connection) -> None:
    """End the transaction with all its changes kept; what had failed before, the server rolls back in silence."""
    if connection.command("COMMIT") != "COMMIT":
        raise DependencyUnavailable


def _roll_back(connection: Connection, roll_back: Callable[[], object]) -> None:
    """End the transaction; a connection on which that fails is thrown away by the pool."""
    try:
        roll_back()
    except psycopg.Error:
        connection.close()
