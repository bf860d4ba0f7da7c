"""The memory adapter keeps every contract."""

from __future__ import annotations

from mindbridge_core import testing
from mindbridge_memory import KeptEntries
from tests.memory.stores import ReadyStore


class OverMemory:
    """Each test gets a store of its own."""

    def store(self) -> ReadyStore:
        return ReadyStore()


class TestUnits(OverMemory, testing.UnitContract):
    pass


class TestUsers(OverMemory, testing.UsersContract):
    pass


class TestSessions(OverMemory, testing.SessionsContract):
    pass


class TestSecondFactors(OverMemory, testing.SecondFactorsContract):
    pass


class TestMfaPolicies(OverMemory, testing.MfaPoliciesContract):
    pass


class TestRefreshTokens(OverMemory, testing.RefreshTokensContract):
    pass


class TestAccountTokens(OverMemory, testing.AccountTokensContract):
    pass


class TestLoginAttempts(OverMemory, testing.LoginAttemptsContract):
    pass


class TestClinics(OverMemory, testing.ClinicsContract):
    pass


class TestPatients(OverMemory, testing.PatientsContract):
    pass


class TestKeyStore(OverMemory, testing.KeyStoreContract):
    pass


class TestAnswers(OverMemory, testing.AnswersContract):
    pass


class TestConsents(OverMemory, testing.ConsentsContract):
    pass


class TestDisclosures(OverMemory, testing.DisclosuresContract):
    pass


class TestEmergencyAccesses(OverMemory, testing.EmergencyAccessesContract):
    pass


class TestAlertFeed(OverMemory, testing.AlertFeedContract):
    pass


class TestAlerts(OverMemory, testing.AlertsContract):
    pass


class TestAuditFindings(OverMemory, testing.AuditFindingsContract):
    pass


class TestAccessHistory(OverMemory, testing.AccessHistoryContract):
    pass


class TestAppointments(OverMemory, testing.AppointmentsContract):
    pass


class TestCareHistory(OverMemory, testing.CareHistoryContract):
    pass


class TestCrisisEvents(OverMemory, testing.CrisisEventsContract):
    pass


class TestMetrics(OverMemory, testing.MetricsContract):
    pass


class TestNumbers(OverMemory, testing.NumbersContract):
    pass


class TestTallies(OverMemory, testing.TalliesContract):
    pass


class TestOverviews(OverMemory, testing.OverviewsContract):
    pass


class TestBatches(OverMemory, testing.BatchesContract):
    pass


class TestDays(OverMemory, testing.DaysContract):
    pass


class TestEnquiries(OverMemory, testing.EnquiriesContract):
    pass


class TestScreenings(OverMemory, testing.ScreeningsContract):
    pass


class TestAuditTrail(OverMemory, testing.AuditTrailContract):
    pass


class TestTrailReading(OverMemory, testing.TrailReadingContract):
    pass


class TestSinkBook(OverMemory, testing.SinkBookContract):
    pass


class TestKeptEntries(testing.AuditSinkContract):
    def setup_method(self) -> None:
        self.kept = KeptEntries()

    def sink(self) -> KeptEntries:
        return self.kept

    def arrived(self) -> list[str]:
        return [entry.text for entry in self.kept.arrived]

    def break_place(self) -> None:
        self.kept.down = True

    def mend_place(self) -> None:
        self.kept.down = False
