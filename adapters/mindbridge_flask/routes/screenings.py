"""Screening patients, and reviewing what was found."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core import Action
from mindbridge_core.idempotency import IdempotencyKey
from mindbridge_core.patients import RiskLevel
from mindbridge_core.screening import DriftRequest, ReviewRequest, ReviewStatus, ScreeningFilter, ScreeningRequest
from mindbridge_core.validation import Number, Text, checked, ruled
from mindbridge_flask.calls import Answer, StaffCall
from mindbridge_flask.dashboard import DashboardResource
from mindbridge_flask.drift import DriftResource
from mindbridge_flask.paging import PageQuery
from mindbridge_flask.routing import RouteTable
from mindbridge_flask.screenings import ReplayResource, ScreeningPage, ScreeningResource

__all__ = ["SCREENINGS"]

SCREENINGS: Final = RouteTable()


@attrs.frozen(kw_only=True)
class ScreeningQuery(PageQuery):
    """Which screenings, how many, and from where on. `overdue` are the high ones that have waited too long."""

    review_status: ReviewStatus | None = None
    risk_level: RiskLevel | None = None
    case_manager_id: UUID | None = None
    overdue: bool = False

    def filter(self) -> ScreeningFilter:
        """Return what the core is asked for."""
        return ScreeningFilter(
            review_status=self.review_status,
            risk_level=self.risk_level,
            case_manager_id=self.case_manager_id,
            after=self.after,
            limit=self.limit,
        )


@attrs.frozen(kw_only=True)
class WhatIfRequest:
    """A rule of the current version, and another bound for its first condition."""

    rule: str = attrs.field(metadata=ruled(Text(least=1, most=100)))
    bound: int = attrs.field(metadata=ruled(Number(most=1_000_000)))

    __attrs_post_init__ = checked


@SCREENINGS.route(
    "POST",
    "/v1/screenings",
    Action.SCREENING_CREATE,
    status=HTTPStatus.CREATED,
    refusals=(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
)
def screen_patient(call: StaffCall, body: ScreeningRequest, once: IdempotencyKey | None) -> Answer[ScreeningResource]:
    """Screen a patient: by the clinical rules, and by a language model as well where it is set up and consented to.

    A model's answer may raise the result and never lowers it; without one the rules' result stands. The patient's
    `current_risk_level` rises at once, and falls only when a clinician has reviewed the screening.
    """
    screening = call.core.screen_patient(call.claim, body, once=once)
    return Answer(content=ScreeningResource.of(screening), made=screening.id)


@SCREENINGS.route("GET", "/v1/screenings", Action.SCREENING_QUEUE)
def list_reviews(call: StaffCall, query: ScreeningQuery) -> Answer[ScreeningPage]:
    """List screenings, the oldest first: with `review_status=pending_review` the queue of what waits for a clinician.

    A case manager sees their own caseload. With `overdue=true`: the high ones that have waited longer than the limit.
    """
    page = call.core.list_reviews(call.claim, query.filter(), overdue=query.overdue)
    return Answer(content=ScreeningPage.of(page))


@SCREENINGS.route("GET", "/v1/screenings/dashboard", Action.SCREENING_DASHBOARD)
def show_dashboard(call: StaffCall) -> Answer[DashboardResource]:
    """Show the clinic, or to a case manager their caseload, at a glance.

    Active patients by level, the screenings of 30 days, the ten most urgent, caseloads, what waits, and coverage.
    """
    return Answer(content=DashboardResource.of(call.core.show_dashboard(call.claim)))


@SCREENINGS.route("GET", "/v1/screenings/drift", Action.SCREENING_DRIFT)
def watch_drift(call: StaffCall, query: DriftRequest) -> Answer[DriftResource]:
    """Compare the screenings of the last days with those before: levels, rules, missing values, model, reviews, ages.

    Only counts: ages of fewer than ten patients are told with their neighbours. From a `psi` of 0.25 on a figure has
    drifted, from 0.1 on it shifted; `too_few` where chance alone could reach 0.25.
    """
    return Answer(content=DriftResource.of(call.core.watch_drift(call.claim, query)))


@SCREENINGS.route("GET", "/v1/screenings/{screening_id}", Action.SCREENING_VIEW)
def view_screening(call: StaffCall, screening_id: UUID) -> Answer[ScreeningResource]:
    """Show one screening."""
    return Answer(content=ScreeningResource.of(call.core.view_screening(call.claim, screening_id)))


@SCREENINGS.route(
    "POST", "/v1/screenings/{screening_id}/review", Action.SCREENING_REVIEW, refusals=(HTTPStatus.CONFLICT,)
)
def review_screening(call: StaffCall, screening_id: UUID, body: ReviewRequest) -> Answer[ScreeningResource]:
    """Confirm a screening, or override it: with another `risk_level`, and a `reason`.

    To lower a high risk takes two clinicians: the first one's override stays pending, as `lowering_proposed`, until
    another one overrides as well; the higher of their levels counts. 409 `second_clinician_required` for the same one
    again, and for a confirmation that would lower the patient's high by one clinician's word; 409 `already_reviewed`
    for what was decided. Where the record became worse since, or a later screening is there, nothing is lowered.
    """
    return Answer(content=ScreeningResource.of(call.core.review_screening(call.claim, screening_id, body)))


@SCREENINGS.route("POST", "/v1/screenings/{screening_id}/replay", Action.SCREENING_REPLAY)
def replay_screening(call: StaffCall, screening_id: UUID) -> Answer[ReplayResource]:
    """Reproduce a screening from what is stored of it, and say whether it comes to the same."""
    return Answer(content=ReplayResource.of(call.core.replay_screening(call.claim, screening_id)))


@SCREENINGS.route("POST", "/v1/screenings/{screening_id}/what-if", Action.SCREENING_WHAT_IF)
def imagine_rules(call: StaffCall, screening_id: UUID, body: WhatIfRequest) -> Answer[ReplayResource]:
    """Tell what a screening would have come to if one rule had another bound. Nothing is changed."""
    replay = call.core.imagine_rules(call.claim, screening_id, rule=body.rule, bound=body.bound)
    return Answer(content=ReplayResource.of(replay))


@SCREENINGS.route("GET", "/v1/patients/{patient_id}/history", Action.SCREENING_HISTORY)
def list_screenings(call: StaffCall, patient_id: UUID, query: PageQuery) -> Answer[ScreeningPage]:
    """List a patient's screenings, the newest first."""
    page = call.core.list_screenings(call.claim, patient_id, after=query.after, limit=query.limit)
    return Answer(content=ScreeningPage.of(page))
