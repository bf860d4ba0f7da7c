"""A patient's accounting of disclosures and access report, put together from what the trail and its tables hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import attrs

from mindbridge_core.access import Role
from mindbridge_core.audit import AuditEntry
from mindbridge_core.pagination import Page
from mindbridge_core.patients import Patient
from mindbridge_core.privacy.entities import Consent, Disclosure
from mindbridge_core.privacy.rules import folded

__all__ = [
    "AccessLine",
    "AccessReport",
    "Accounting",
    "AccountingLine",
    "DisclosedRecord",
    "grouped",
    "six_years_before",
]


@attrs.frozen(kw_only=True)
class DisclosedRecord:
    """What is handed to the recipient. `notice` is 42 CFR 2.32's, for a Part 2 record; the consent goes with it."""

    clinic_id: UUID
    disclosure: Disclosure
    patient: Patient
    consent: Consent
    notice: str | None


@attrs.frozen(kw_only=True)
class AccountingLine:
    """One disclosure, or several to one recipient for one purpose: 45 CFR 164.528(b)(2) and (b)(3).

    Recipient, address, description and purpose are those of the first; `times` is how many there were.
    """

    first: datetime
    last: datetime
    times: int
    recipient: str = attrs.field(repr=False)
    recipient_address: str | None = attrs.field(default=None, repr=False)
    purpose: str = attrs.field(repr=False)
    description: str = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Accounting:
    """A patient's accounting from `since` to `until`."""

    clinic_id: UUID
    patient_id: UUID
    since: datetime
    until: datetime
    lines: tuple[AccountingLine, ...]


@attrs.frozen(kw_only=True)
class AccessLine:
    """One entry of the trail, and who it was that acted: name and role as they are now."""

    entry: AuditEntry
    user_name: str | None = None
    user_role: Role | None = None


@attrs.frozen(kw_only=True)
class AccessReport:
    """A page of who did what with a patient's record from `since` to before `until`."""

    clinic_id: UUID
    patient_id: UUID
    since: datetime
    until: datetime
    page: Page[AccessLine]


def six_years_before(now: datetime) -> datetime:
    """Return the day six calendar years ago (45 CFR 164.528(a)(1)); in place of a 29 February, the 28th."""
    try:
        return now.replace(year=now.year - 6)
    except ValueError:
        return now.replace(year=now.year - 6, day=28)


def grouped(disclosures: Sequence[Disclosure]) -> tuple[AccountingLine, ...]:
    """Return one line for all disclosures to one recipient for one purpose, in the order of the first of each."""
    groups: dict[tuple[str, str], list[Disclosure]] = {}
    for one in disclosures:
        groups.setdefault((folded(one.recipient), folded(one.purpose)), []).append(one)
    return tuple(_line(found) for found in groups.values())


def _line(found: Sequence[Disclosure]) -> AccountingLine:
    first = found[0]
    return AccountingLine(
        first=first.disclosed_at,
        last=found[-1].disclosed_at,
        times=len(found),
        recipient=first.recipient,
        recipient_address=first.recipient_address,
        purpose=first.purpose,
        description=first.description,
    )
