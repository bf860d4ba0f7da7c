"""Consents, disclosures on them, and what a patient may be told of both."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Final
from uuid import UUID

import attrs

from mindbridge_core import Action
from mindbridge_core.privacy import AccessQuery, ConsentDraft, DisclosureRequest
from mindbridge_flask.calls import Answer, StaffCall
from mindbridge_flask.paging import PageQuery
from mindbridge_flask.privacy import (
    AccessReportResource,
    AccountingResource,
    ConsentList,
    ConsentResource,
    DisclosedResource,
)
from mindbridge_flask.routing import RouteTable

__all__ = ["PRIVACY"]

PRIVACY: Final = RouteTable()


@attrs.frozen(kw_only=True)
class AccessReportQuery(PageQuery):
    """Which period, how many entries, and from where on. Unsaid, the period is the last 90 days; it is 366 at most."""

    since: datetime | None = None
    until: datetime | None = None

    def asked(self) -> AccessQuery:
        """Return what the core is asked for."""
        return AccessQuery(since=self.since, until=self.until, after=self.after, limit=self.limit)


@PRIVACY.route("GET", "/v1/patients/{patient_id}/consents", Action.CONSENT_LIST)
def list_consents(call: StaffCall, patient_id: UUID) -> Answer[ConsentList]:
    """List all that a patient ever agreed to or refused, revoked and superseded consents included."""
    return Answer(content=ConsentList.of(call.core.list_consents(call.claim, patient_id)))


@PRIVACY.route("POST", "/v1/patients/{patient_id}/consents", Action.CONSENT_RECORD, status=HTTPStatus.CREATED)
def record_consent(call: StaffCall, patient_id: UUID, body: ConsentDraft) -> Answer[ConsentResource]:
    """Record what a patient agreed to, or with `granted: false` refused.

    It takes the place of the decision before it. A granted `sud_disclosure` needs every element of 42 CFR 2.31(a).
    """
    consent = call.core.record_consent(call.claim, patient_id, body)
    return Answer(content=ConsentResource.of(consent), made=consent.id)


@PRIVACY.route("POST", "/v1/consents/{consent_id}/revoke", Action.CONSENT_REVOKE, refusals=(HTTPStatus.CONFLICT,))
def revoke_consent(call: StaffCall, consent_id: UUID) -> Answer[ConsentResource]:
    """Take a consent back, from now on.

    409 `consent_revoked` when it was revoked before, or never given.
    """
    return Answer(content=ConsentResource.of(call.core.revoke_consent(call.claim, consent_id)))


@PRIVACY.route("POST", "/v1/patients/{patient_id}/disclosures", Action.DISCLOSURE_MAKE, status=HTTPStatus.CREATED)
def disclose_record(call: StaffCall, patient_id: UUID, body: DisclosureRequest) -> Answer[DisclosedResource]:
    """Give the record to somebody outside the clinic, on the patient's standing consent to just that.

    A Part 2 record needs a `sud_disclosure` consent that names recipient and purpose, any other one of
    `data_sharing`; else 403 `consent_required`.
    """
    record = call.core.disclose_record(call.claim, patient_id, body)
    return Answer(content=DisclosedResource.of(record), made=record.disclosure.id)


@PRIVACY.route("GET", "/v1/patients/{patient_id}/disclosures", Action.DISCLOSURE_LIST)
def account_disclosures(call: StaffCall, patient_id: UUID) -> Answer[AccountingResource]:
    """Account for the disclosures of the last six years (45 CFR 164.528).

    Repeated ones to one recipient for one purpose are one line; treatment, payment and operations are left out.
    """
    return Answer(content=AccountingResource.of(call.core.account_disclosures(call.claim, patient_id)))


@PRIVACY.route("GET", "/v1/patients/{patient_id}/access-report", Action.PATIENT_ACCESS_REPORT)
def report_access(call: StaffCall, patient_id: UUID, query: AccessReportQuery) -> Answer[AccessReportResource]:
    """Tell who did what with the patient's record, when and why."""
    return Answer(content=AccessReportResource.of(call.core.report_access(call.claim, patient_id, query.asked())))
