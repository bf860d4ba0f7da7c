"""Emergency access and its review, and unusual access."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core import Action
from mindbridge_core.patients import BreakGlassFilter, BreakGlassRequest, BreakGlassReview, ReviewStatus
from mindbridge_flask.calls import Answer, StaffCall
from mindbridge_flask.oversight import AuditFindingPage, EmergencyAccessPage, EmergencyAccessResource, GrantedResource
from mindbridge_flask.paging import PageQuery
from mindbridge_flask.routing import RouteTable

__all__ = ["OVERSIGHT"]

OVERSIGHT: Final = RouteTable()


@attrs.frozen(kw_only=True)
class EmergencyQuery(PageQuery):
    """Which emergency accesses, how many, and from where on."""

    status: ReviewStatus | None = None

    def filter(self) -> BreakGlassFilter:
        """Return what the core is asked for."""
        return BreakGlassFilter(status=self.status, after=self.after, limit=self.limit)


@OVERSIGHT.route(
    "POST", "/v1/patients/{patient_id}/break-glass", Action.BREAK_GLASS_OPEN, refusals=(HTTPStatus.CONFLICT,)
)
def break_the_glass(call: StaffCall, patient_id: UUID, body: BreakGlassRequest) -> Answer[GrantedResource]:
    """Open one patient outside the own caseload, for reading and until `expires_at`.

    Admins and compliance officers are told, and review it; whatever is read under it is marked in the audit trail.
    Asked again while it stands, the answer is the same access. 403 `review_overdue` while an earlier one waits too
    long for its review; 409 `in_caseload` for a patient of the own caseload.
    """
    return Answer(content=GrantedResource.of(call.core.break_the_glass(call.claim, patient_id, body)))


@OVERSIGHT.route("GET", "/v1/break-glass", Action.BREAK_GLASS_LIST)
def list_emergency_accesses(call: StaffCall, query: EmergencyQuery) -> Answer[EmergencyAccessPage]:
    """List emergency accesses, oldest first; `status=unreviewed` is the queue of those that wait for a review."""
    return Answer(content=EmergencyAccessPage.of(call.core.list_emergency_accesses(call.claim, query.filter())))


@OVERSIGHT.route(
    "POST", "/v1/break-glass/{access_id}/review", Action.BREAK_GLASS_REVIEW, refusals=(HTTPStatus.CONFLICT,)
)
def review_emergency_access(
    call: StaffCall, access_id: UUID, body: BreakGlassReview
) -> Answer[EmergencyAccessResource]:
    """Say whether an emergency access was justified; one that was not ends at once.

    Nobody reviews their own (403), and a review is final: 409 `already_reviewed`.
    """
    access = call.core.review_emergency_access(call.claim, access_id, body)
    return Answer(content=EmergencyAccessResource.of(access))


@OVERSIGHT.route("GET", "/v1/audit-findings", Action.AUDIT_FINDINGS)
def list_findings(call: StaffCall, query: PageQuery) -> Answer[AuditFindingPage]:
    """List the unusual access that rules found in the audit trail, oldest first.

    `patient_volume`: more patients in an hour than is usual for anybody and for that user; `off_hours`: many while
    the clinic is closed; `repeated_refusals`. There is one finding per user, rule and hour.
    """
    return Answer(
        content=AuditFindingPage.of(call.core.list_findings(call.claim, after=query.after, limit=query.limit))
    )
