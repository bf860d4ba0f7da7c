"""Contract suites: what every adapter of a port promises, as tests to subclass.

A suite is an abstract class with plain asserts. Subclass it in a test module, return a fresh subject
from its one abstract method, and pytest runs the promises against it.
"""

from mindbridge_core.testing.account_tokens import AccountTokensContract
from mindbridge_core.testing.alerts import AlertsContract
from mindbridge_core.testing.answers import AnswersContract
from mindbridge_core.testing.assessor import RiskAssessorContract
from mindbridge_core.testing.attempts import LoginAttemptsContract
from mindbridge_core.testing.batch_assessor import BatchAssessorContract
from mindbridge_core.testing.batches import BatchesContract
from mindbridge_core.testing.care import (
    AppointmentsContract,
    CareHistoryContract,
    CrisisEventsContract,
    MetricsContract,
    NumbersContract,
)
from mindbridge_core.testing.clinics import ClinicsContract
from mindbridge_core.testing.custody import KeyStoreContract
from mindbridge_core.testing.days import DaysContract
from mindbridge_core.testing.emergency import EmergencyAccessesContract
from mindbridge_core.testing.enquiries import EnquiriesContract
from mindbridge_core.testing.feed import AlertFeedContract
from mindbridge_core.testing.findings import AuditFindingsContract
from mindbridge_core.testing.keys import ClinicKeysContract, MasterKeyContract
from mindbridge_core.testing.overviews import OverviewsContract
from mindbridge_core.testing.patients import PatientsContract
from mindbridge_core.testing.privacy import AccessHistoryContract, ConsentsContract, DisclosuresContract
from mindbridge_core.testing.readings import TrailReadingContract
from mindbridge_core.testing.screenings import ScreeningsContract
from mindbridge_core.testing.second_factors import MfaPoliciesContract, OneTimeCodesContract, SecondFactorsContract
from mindbridge_core.testing.security import AccessTokensContract, CommonPasswordsContract, PasswordHasherContract
from mindbridge_core.testing.sessions import RefreshTokensContract, SessionsContract
from mindbridge_core.testing.sinks import AuditSinkContract, SinkBookContract
from mindbridge_core.testing.store import ContractStore, StoreContract
from mindbridge_core.testing.tallies import TalliesContract
from mindbridge_core.testing.throttle import ThrottleContract
from mindbridge_core.testing.trails import AuditTrailContract
from mindbridge_core.testing.units import UnitContract
from mindbridge_core.testing.users import UsersContract

__all__ = [
    "AccessHistoryContract",
    "AccessTokensContract",
    "AccountTokensContract",
    "AlertFeedContract",
    "AlertsContract",
    "AnswersContract",
    "AppointmentsContract",
    "AuditFindingsContract",
    "AuditSinkContract",
    "AuditTrailContract",
    "BatchAssessorContract",
    "BatchesContract",
    "CareHistoryContract",
    "ClinicKeysContract",
    "ClinicsContract",
    "CommonPasswordsContract",
    "ConsentsContract",
    "ContractStore",
    "CrisisEventsContract",
    "DaysContract",
    "DisclosuresContract",
    "EmergencyAccessesContract",
    "EnquiriesContract",
    "KeyStoreContract",
    "LoginAttemptsContract",
    "MasterKeyContract",
    "MetricsContract",
    "MfaPoliciesContract",
    "NumbersContract",
    "OneTimeCodesContract",
    "OverviewsContract",
    "PasswordHasherContract",
    "PatientsContract",
    "RefreshTokensContract",
    "RiskAssessorContract",
    "ScreeningsContract",
    "SecondFactorsContract",
    "SessionsContract",
    "SinkBookContract",
    "StoreContract",
    "TalliesContract",
    "ThrottleContract",
    "TrailReadingContract",
    "UnitContract",
    "UsersContract",
]
