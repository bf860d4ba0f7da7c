"""The PostgreSQL adapter keeps every contract that the memory adapter keeps."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from uuid import UUID

import attrs
import psycopg
import pytest

from mindbridge_core import testing
from mindbridge_core.app import AnyUnit
from mindbridge_core.compliance import ChainHead, SealedEntry
from mindbridge_core.oversight import SinkBook, Trails
from mindbridge_core.patients import AlertFeed
from mindbridge_core.phi import ClinicKeys, WrappedKeys
from mindbridge_postgres import PoolSettings, PostgresWrappedKeys
from mindbridge_security import KeyRing
from tests.support.clinics import bare_clinic
from tests.support.postgres import TestDatabase
from tests.support.product import Product, compose
from tests.support.trail import read_trail


@attrs.frozen
class ReadyStore:
    """A database with two clinics, as the contracts see it."""

    product: Product
    database: TestDatabase
    clinic_a: UUID
    clinic_b: UUID

    @property
    def keys(self) -> ClinicKeys:
        return self.product.keys

    @property
    def wrapped_keys(self) -> WrappedKeys:
        return PostgresWrappedKeys(self.product.database)

    @property
    def trails(self) -> Trails:
        return self.product.core.ports.trails

    @property
    def alert_feed(self) -> AlertFeed:
        with self.product.feed.watch(self.clinic_a, lambda: None):
            while not self.product.feed.listening:
                time.sleep(0.02)
        return self.product.feed

    @property
    def sink_book(self) -> SinkBook:
        return self.product.core.ports.sink_book

    def open_unit(self, clinic_id: UUID) -> AbstractContextManager[AnyUnit]:
        return self.product.core.ports.open_unit(clinic_id)

    def trail(self, clinic_id: UUID) -> tuple[Mapping[int, ChainHead], Mapping[int, Sequence[SealedEntry]]]:
        return read_trail(self.database.application_url, clinic_id, self.keys.cipher(clinic_id))

    def break_trail(self, clinic_id: UUID) -> None:
        """Make every lane's head one that no key made."""
        with psycopg.connect(self.database.superuser_url) as superuser:
            superuser.execute("UPDATE audit_chain_heads SET mac = %s WHERE clinic_id = %s", (bytes(32), clinic_id))


class OverPostgres:
    """Each test gets a database of its own."""

    ready: ReadyStore
    role = "application"

    @pytest.fixture(autouse=True)
    def _ready(self, database: TestDatabase) -> Iterator[None]:
        url = database.owner_url if self.role == "owner" else database.application_url
        product = compose(url, KeyRing.generate(), PoolSettings(most=16))
        try:
            clinics = [bare_clinic(product.core.ports.open_unit, product.keys) for _ in range(2)]
            self.ready = ReadyStore(product, database, *clinics)
            yield
        finally:
            product.feed.close()
            product.database.close()

    def store(self) -> ReadyStore:
        return self.ready


class TestUnits(OverPostgres, testing.UnitContract):
    pass


class TestUsers(OverPostgres, testing.UsersContract):
    pass


class TestSessions(OverPostgres, testing.SessionsContract):
    pass


class TestSecondFactors(OverPostgres, testing.SecondFactorsContract):
    pass


class TestMfaPolicies(OverPostgres, testing.MfaPoliciesContract):
    pass


class TestRefreshTokens(OverPostgres, testing.RefreshTokensContract):
    pass


class TestAccountTokens(OverPostgres, testing.AccountTokensContract):
    pass


class TestLoginAttempts(OverPostgres, testing.LoginAttemptsContract):
    pass


class TestClinics(OverPostgres, testing.ClinicsContract):
    pass


class TestPatients(OverPostgres, testing.PatientsContract):
    pass


class TestKeyStore(OverPostgres, testing.KeyStoreContract):
    """As the owner of the tables: the application's role changes no key."""

    role = "owner"


class TestAnswers(OverPostgres, testing.AnswersContract):
    pass


class TestConsents(OverPostgres, testing.ConsentsContract):
    pass


class TestDisclosures(OverPostgres, testing.DisclosuresContract):
    pass


class TestEmergencyAccesses(OverPostgres, testing.EmergencyAccessesContract):
    pass


class TestAlertFeed(OverPostgres, testing.AlertFeedContract):
    pass


class TestAlerts(OverPostgres, testing.AlertsContract):
    pass


class TestAuditFindings(OverPostgres, testing.AuditFindingsContract):
    pass


class TestAccessHistory(OverPostgres, testing.AccessHistoryContract):
    pass


class TestAppointments(OverPostgres, testing.AppointmentsContract):
    pass


class TestCareHistory(OverPostgres, testing.CareHistoryContract):
    pass


class TestCrisisEvents(OverPostgres, testing.CrisisEventsContract):
    pass


class TestMetrics(OverPostgres, testing.MetricsContract):
    pass


class TestNumbers(OverPostgres, testing.NumbersContract):
    pass


class TestTallies(OverPostgres, testing.TalliesContract):
    pass


class TestOverviews(OverPostgres, testing.OverviewsContract):
    pass


class TestBatches(OverPostgres, testing.BatchesContract):
    pass


class TestDays(OverPostgres, testing.DaysContract):
    pass


class TestEnquiries(OverPostgres, testing.EnquiriesContract):
    pass


class TestScreenings(OverPostgres, testing.ScreeningsContract):
    pass


class TestAuditTrail(OverPostgres, testing.AuditTrailContract):
    pass


class TestTrailReading(OverPostgres, testing.TrailReadingContract):
    pass


class TestSinkBook(OverPostgres, testing.SinkBookContract):
    pass


def test_every_contract_of_a_store_is_kept_here() -> None:
    kept = {base for case in globals().values() if isinstance(case, type) for base in case.__bases__}
    stores = {
        getattr(testing, name)
        for name in testing.__all__
        if issubclass(getattr(testing, name), testing.StoreContract) and name != "StoreContract"
    }
    assert stores
    assert set() == stores - kept
