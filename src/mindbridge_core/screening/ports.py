"""What screening needs from the outside."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import attrs

from mindbridge_core.identity import Clinics
from mindbridge_core.pagination import DEFAULT_LIMIT, Page
from mindbridge_core.patients import RiskLevel
from mindbridge_core.privacy import PrivacyUnit
from mindbridge_core.screening.assessment import AssessmentRequest, AssessorFailure, AssessorReply, FailureReason
from mindbridge_core.screening.batches import Batches, JobQueue
from mindbridge_core.screening.enquiries import Enquiries
from mindbridge_core.screening.entities import Screening
from mindbridge_core.screening.overview import Overviews
from mindbridge_core.screening.review import ReviewStatus
from mindbridge_core.screening.tally import Tallies

__all__ = ["RiskAssessor", "RulesOnly", "ScreeningFilter", "ScreeningRef", "ScreeningUnit", "Screenings"]


class RiskAssessor(Protocol):
    """Somebody to ask for a second opinion, which may raise a risk and never lowers one.

    It is asked outside of any transaction, from many threads at once, and only about patients who consent to it. What
    it replies is read by `read_assessment`; an adapter passes the text on as it came.
    """

    @property
    def name(self) -> str:
        """Which engine: small letters, digits and underscores, 50 at most."""

    @property
    def asks(self) -> bool:
        """Whether it would ask anybody now. While it says no, it is passed over and nothing is sent."""

    def assess(self, request: AssessmentRequest) -> AssessorReply | AssessorFailure:
        """Return the reply, or why there is none, within a budget of the adapter's own. Never raises."""


@attrs.frozen
class RulesOnly:
    """Nobody is asked: the rules' result is the result."""

    @property
    def name(self) -> str:
        """Return `rules`."""
        return "rules"

    @property
    def asks(self) -> bool:
        """Return False."""
        return False

    def assess(self, _: AssessmentRequest) -> AssessorFailure:
        """Say that there is nobody to ask."""
        return AssessorFailure(reason=FailureReason.DISABLED)


@attrs.frozen(kw_only=True)
class ScreeningFilter:
    """Which screenings a list shows: all conditions hold together. `after` is the last id of the page before.

    Those of patients who were removed are never shown. `newest_first` turns the order of ids round.
    """

    patient_id: UUID | None = None
    case_manager_id: UUID | None = None
    risk_level: RiskLevel | None = None
    review_status: ReviewStatus | None = None
    screened_before: datetime | None = None
    newest_first: bool = False
    after: UUID | None = None
    limit: int = DEFAULT_LIMIT


@attrs.frozen(kw_only=True)
class ScreeningRef:
    """A screening, and whose it is; nothing of what it found."""

    id: UUID
    clinic_id: UUID
    patient_id: UUID


class Screenings(Protocol):
    """The screenings of the unit's clinic: added to and reviewed, never deleted."""

    def add(self, screening: Screening) -> None:
        """Store a new screening."""

    def add_many(self, screenings: Sequence[Screening]) -> None:
        """Store new screenings as `add` stores each."""

    def get(self, screening_id: UUID) -> Screening | None:
        """Return the screening; None when the clinic has none of this id."""

    def list(self, only: ScreeningFilter) -> Page[Screening]:
        """Return at most `only.limit` screenings in ascending order of id, or descending."""

    def refs(self, only: ScreeningFilter) -> Page[ScreeningRef]:
        """Return which would be on the page of `list`; none is opened, so one that is damaged is no hindrance."""

    def latest(self, patient_id: UUID) -> UUID | None:
        """Return the id of the patient's last screening; None when there is none."""

    def save(self, screening: Screening) -> Screening:
        """Store the review, and nothing else, and return the next version; LostUpdate when `version` is not stored."""


class ScreeningUnit(PrivacyUnit, Protocol):
    """A transaction on one clinic's screenings."""

    @property
    def batches(self) -> Batches:
        """The clinic's batches."""

    @property
    def enquiries(self) -> Enquiries:
        """What was asked of somebody who takes a day."""

    @property
    def jobs(self) -> JobQueue:
        """Which worker runs which batch."""

    @property
    def clinics(self) -> Clinics:
        """The clinic itself: by its calendar days are counted."""

    @property
    def overviews(self) -> Overviews:
        """The clinic at a glance."""

    @property
    def screenings(self) -> Screenings:
        """The clinic's screenings."""

    @property
    def tallies(self) -> Tallies:
        """The clinic's screenings, counted."""
