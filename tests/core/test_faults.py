"""No entry, no answer: an audit trail that fails leaves nothing read and nothing kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import attrs
import pytest

from mindbridge_core import Action, Role
from mindbridge_core.access import GRANTS, Holder
from mindbridge_core.errors import AuditUnavailable, UnknownClinic
from mindbridge_core.identity import ClinicDraft, Credentials, RefreshRequest
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.phi import ClinicCipher, ClinicKeys, WrappedKey
from tests.core.house import ORIGIN, House, settled
from tests.core.operations import CALLED, OPEN, town_before

GRANTED: Final[dict[Action, Role | Holder]] = {
    action: Holder.OPERATOR if Role.ADMIN not in GRANTS[action].holders else Role.ADMIN for action in CALLED
} | {Action.BREAK_GLASS_OPEN: Role.CASE_MANAGER}
RECORD: Final = {Action.BREAK_GLASS_OPEN: "outside"}
"""The patient, where it is none of the caseload."""
SILENT: Final = {Action.AUTH_ME, Action.SCREENING_WATCH, Action.TASK_RUN, Action.TASK_VIEW}
"""What leaves no entry when it succeeds."""


@pytest.mark.parametrize("action", [action for action in CALLED if action not in SILENT])
def test_an_operation_without_its_entry_is_not_done(action: Action) -> None:
    town = town_before(action, settled())
    caller = town.caller(GRANTED[action])
    tries = [town.house.store.tables.attempts]  # a try counts before anything else is known of it
    before, town.house.trail_broken = town.house.snapshot(but=tries), True
    with pytest.raises(AuditUnavailable):
        CALLED[action](town, caller, town.records[RECORD.get(action, "caseload")])
    assert before == town.house.snapshot(but=tries)


@pytest.mark.parametrize("action", [action for action in CALLED if action not in SILENT])
def test_the_same_operation_is_done_with_its_entry(action: Action) -> None:
    town = town_before(action, settled())
    before = town.house.snapshot()
    CALLED[action](town, town.caller(GRANTED[action]), town.records[RECORD.get(action, "caseload")])
    assert before != town.house.snapshot()


@pytest.mark.parametrize("action", list(CALLED))
def test_a_refusal_without_its_entry_says_only_that(action: Action) -> None:
    town = settled()
    before, town.house.trail_broken = town.house.snapshot(), True
    with pytest.raises(AuditUnavailable):
        CALLED[action](town, town.caller(Holder.ANYONE), town.records["caseload"])
    assert before == town.house.snapshot()


@pytest.mark.parametrize("action", list(OPEN))
def test_an_operation_without_a_caller_is_not_done_without_its_entry(action: Action) -> None:
    town = town_before(action, settled())
    tries = [town.house.store.tables.attempts]  # a try counts before anything else is known of it
    before, town.house.trail_broken = town.house.snapshot(but=tries), True
    with pytest.raises(AuditUnavailable):
        OPEN[action](town)
    assert before == town.house.snapshot(but=tries)


def test_a_failed_login_without_its_entry_says_only_that() -> None:
    town = settled()
    town.house.trail_broken = True
    for email in (town.staff[Role.ADMIN].email, "nobody@example.org"):
        with pytest.raises(AuditUnavailable):
            town.house.core.log_in(Credentials(email=email, password="wrong"), ORIGIN)


def test_a_reused_refresh_token_ends_no_session_without_its_entry() -> None:
    town = settled()
    request = RefreshRequest(refresh_token=town.sessions[Role.ADMIN].refresh_token)
    town.house.core.refresh_session(request, ORIGIN)
    before, town.house.trail_broken = town.house.snapshot(), True
    with pytest.raises(AuditUnavailable):
        town.house.core.refresh_session(request, ORIGIN)
    assert before == town.house.snapshot()


def test_keys_that_were_not_stored_are_made_anew() -> None:
    house = House(trail_broken=True)
    with pytest.raises(AuditUnavailable):
        house.core.prepare_platform()
    house.trail_broken = False
    house.core.prepare_platform()
    assert len(house.store.wrapped_keys.of_clinic(PLATFORM_CLINIC_ID)) == 3


@attrs.frozen
class NotedKeys:
    """Keys that remember which clinics they were made for."""

    keys: ClinicKeys
    made: list[UUID] = attrs.field(factory=list)

    def cipher(self, clinic_id: UUID) -> ClinicCipher:
        return self.keys.cipher(clinic_id)

    def make(self, clinic_id: UUID) -> Sequence[WrappedKey]:
        self.made.append(clinic_id)
        return self.keys.make(clinic_id)

    def forget(self, clinic_id: UUID) -> None:
        self.keys.forget(clinic_id)


def test_the_keys_of_a_clinic_that_was_not_opened_are_forgotten() -> None:
    house = House()
    house.core.prepare_platform()
    keys = NotedKeys(house.store.keys)
    open_clinic = attrs.evolve(house.core.open_clinic, keys=keys)
    house.trail_broken = True
    with pytest.raises(AuditUnavailable):
        open_clinic(ClinicDraft(organization="Oakwood", name="North"))
    with pytest.raises(UnknownClinic):
        keys.cipher(keys.made[0])
    house.trail_broken = False
    assert keys.cipher(open_clinic(ClinicDraft(organization="Oakwood", name="North"))).audit_key
