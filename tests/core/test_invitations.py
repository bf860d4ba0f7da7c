"""An account comes into being by an invitation that works once, and only its owner chooses the password."""

from __future__ import annotations

from uuid import UUID, uuid4

import attrs
import pytest

from mindbridge_core import Operator, Role
from mindbridge_core.errors import (
    AccountTokenRefused,
    AlreadyJoined,
    AuthenticationFailed,
    DependencyUnavailable,
    DuplicateEmail,
    Forbidden,
    InvalidInput,
    NotFound,
)
from mindbridge_core.identity import AccountLinks, AccountSecret, Purpose, Redemption, StaffChanges, StaffDraft
from mindbridge_core.identity.use_cases.invitations import Invitation
from mindbridge_core.ids import PLATFORM_CLINIC_ID
from mindbridge_core.notices import Message
from mindbridge_core.testing.store import together
from mindbridge_memory import ScryptHasher
from tests.core.house import CHEAPEST, ORIGIN, PASSWORD, Town, settled, token_in

NEW = StaffDraft(email="New.Body@Example.org", full_name="New Body", role=Role.READONLY, license_number="LIC-7")
LATEST = AccountLinks().invitation.total_seconds()


def accept(town: Town, token: str, password: str = PASSWORD) -> None:
    town.house.core.accept_invitation(Redemption(token=token, password=password), ORIGIN)


def refusals(town: Town) -> list[tuple[UUID, object]]:
    found = [entry for entry in town.house.entries() if entry.action == "invitation.accept"]
    return [(entry.clinic_id, entry.changed_values.get("reason")) for entry in found]


def test_an_admin_invites_and_the_owner_chooses_the_password(town: Town) -> None:
    invitation = town.house.core.invite_staff(town.caller(Role.ADMIN), NEW)
    user = invitation.user
    assert (town.clinic, "new.body@example.org", Role.READONLY, "LIC-7", None) == (
        user.clinic_id, user.email, user.role, user.license_number, user.password_hash,
    )  # fmt: skip
    assert (True, None) == (invitation.sent, invitation.secret)
    (message,) = town.outbox
    assert user.email == message.to
    with pytest.raises(AuthenticationFailed):
        town.house.log_in(user)

    accept(town, token_in(message))

    assert user.id == town.house.core.view_self(town.house.claim(town.house.log_in(user))).id
    joined = town.house.core.view_staff(town.caller(Role.ADMIN), user.id)
    assert town.house.clock() == joined.password_changed_at


def test_the_store_has_the_hash_of_the_token_and_the_trail_nothing_of_it(town: Town) -> None:
    town.house.core.invite_staff(town.caller(Role.ADMIN), NEW)
    token = token_in(town.outbox[0])
    secret = AccountSecret.parse(token)
    assert (town.clinic, 43) == (secret.clinic_id, len(secret.secret))
    tokens = town.house.store.tables.account_tokens.rows()
    stored = repr([attrs.astuple(row) for row in tokens]) + repr([attrs.astuple(row) for row in town.house.entries()])
    assert secret.secret not in stored
    assert secret.digest in {row.token_hash for row in tokens}
    assert secret.secret not in repr((town.outbox, secret, Redemption(token=token, password=PASSWORD)))


def test_an_invitation_is_accepted_once(town: Town) -> None:
    accept(town, town.invitation)
    with pytest.raises(AccountTokenRefused):
        accept(town, town.invitation, "another lantern over other rivers")
    assert town.house.log_in(town.guest).access_token


def test_of_two_who_accept_at_once_one_sets_the_password(town: Town) -> None:
    passwords = ["one lantern over nine quiet rivers", "two lanterns over nine quiet rivers"]
    results = together(*[lambda given=given: accept(town, town.invitation, given) for given in passwords])
    assert ["AccountTokenRefused", "NoneType"] == sorted(type(result).__name__ for result in results)
    winner = passwords[results.index(None)]
    assert town.house.log_in(town.guest, winner).access_token


def test_expired_used_replaced_unknown_and_deactivated_answer_alike(town: Town) -> None:
    core, admin = town.house.core, town.caller(Role.ADMIN)
    closed = core.invite_staff(Operator(clinic_id=town.clinic), NEW)
    core.deactivate_staff(admin, closed.user.id)
    replaced = town.invitation
    used = text_of(core.renew_invitation(Operator(clinic_id=town.clinic), town.guest.id))
    accept(town, used)
    late = core.invite_staff(Operator(clinic_id=town.clinic), attrs.evolve(NEW, email="late@example.org"))
    town.house.clock.forward(seconds=LATEST)
    unknown = AccountSecret(town.clinic, "x" * 43).text
    nowhere = AccountSecret(uuid4(), "x" * 43).text
    before = len(refusals(town))

    answers = set()
    for token in (text_of(late), used, replaced, text_of(closed), unknown, nowhere):
        with pytest.raises(AccountTokenRefused) as raised:
            accept(town, token)
        answers.add((raised.value.code, str(raised.value)))
    assert 1 == len(answers)
    in_clinic = (town.clinic, "invalid_account_token")
    assert [in_clinic] * 5 + [(PLATFORM_CLINIC_ID, "not_found")] == refusals(town)[before:]
    for shapeless in ("x", f"{unknown}=", unknown.upper()):
        with pytest.raises(AccountTokenRefused):
            accept(town, shapeless)


def text_of(invitation: Invitation) -> str:
    assert invitation.secret is not None
    return invitation.secret.text


def test_the_last_moment_of_an_invitation_is_good(town: Town) -> None:
    town.house.clock.forward(seconds=LATEST - 1)
    accept(town, town.invitation)
    assert town.house.log_in(town.guest).access_token


def test_an_invitation_is_good_for_nothing_but_joining(town: Town) -> None:
    with town.house.store.open_unit(town.clinic) as unit:
        assert unit.account_tokens.find(AccountSecret.parse(town.invitation).digest, Purpose.RESET) is None


@pytest.mark.parametrize("password", ["short", "passwordpassword", "Gus Guest Gus Guest", "x" * 129])
def test_a_weak_password_is_refused_and_leaves_the_invitation_good(town: Town, password: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        accept(town, town.invitation, password)
    assert ["/password"] == [found.pointer for found in raised.value.findings]
    accept(town, town.invitation)


def test_renewing_replaces_the_invitation_until_it_is_accepted(town: Town) -> None:
    admin = town.caller(Role.ADMIN)
    assert town.house.core.renew_invitation(admin, town.guest.id).sent
    second = token_in(town.outbox[0])
    with pytest.raises(AccountTokenRefused):
        accept(town, town.invitation)
    accept(town, second)
    with pytest.raises(AlreadyJoined):
        town.house.core.renew_invitation(admin, town.guest.id)
    stranger = town.house.staff(town.house.clinic("West"), Role.READONLY, password=None)
    deactivated = town.house.staff(town.clinic, Role.READONLY, password=None)
    town.house.core.deactivate_staff(admin, deactivated.id)
    for user_id in (uuid4(), stranger.id, deactivated.id):
        with pytest.raises(NotFound):
            town.house.core.renew_invitation(admin, user_id)


def test_an_e_mail_of_any_clinic_is_taken(town: Town) -> None:
    stranger = town.house.staff(town.house.clinic("West"), Role.READONLY)
    for taken in (stranger.email, town.staff[Role.READONLY].email, town.guest.email):
        with pytest.raises(DuplicateEmail):
            town.house.core.invite_staff(town.caller(Role.ADMIN), attrs.evolve(NEW, email=taken))
    assert [] == town.outbox


def test_nobody_is_invited_to_the_platform() -> None:
    house = settled().house
    with pytest.raises(Forbidden):
        house.core.invite_staff(Operator(), NEW)


class DeadNotifier:
    """A mail server that is down; what is open when it is called would wait for it."""

    def __init__(self, town: Town) -> None:
        self.town = town

    def send(self, _: Message) -> None:
        with self.town.house.store.open_unit(self.town.clinic):  # raises when a unit is open
            pass
        raise DependencyUnavailable


def test_a_mail_server_that_is_down_loses_no_account(town: Town) -> None:
    core = town.house.core
    dead = attrs.evolve(core.invite_staff.hand_over, notifier=DeadNotifier(town))
    invitation = attrs.evolve(core.invite_staff, hand_over=dead)(town.caller(Role.ADMIN), NEW)
    assert (False, None) == (invitation.sent, invitation.secret)
    assert core.renew_invitation(town.caller(Role.ADMIN), invitation.user.id).sent
    accept(town, token_in(town.outbox[0]))
    assert town.house.log_in(invitation.user).access_token


def test_what_changes_between_the_look_and_the_password_is_seen(town: Town) -> None:
    class SlowHasher(ScryptHasher):
        def hash(self, password: str) -> str:
            town.house.core.deactivate_staff(town.caller(Role.ADMIN), town.guest.id)
            return CHEAPEST.hash(password)

    accept_invitation = town.house.core.accept_invitation
    slow = attrs.evolve(accept_invitation, redeem=attrs.evolve(accept_invitation.redeem, hasher=SlowHasher()))
    with pytest.raises(AccountTokenRefused):
        slow(Redemption(token=town.invitation, password=PASSWORD), ORIGIN)


def test_an_account_may_change_while_its_owner_is_invited(town: Town) -> None:
    town.house.core.change_staff(town.caller(Role.ADMIN), town.guest.id, StaffChanges(role=Role.CASE_MANAGER))
    accept(town, town.invitation)
    claim = town.house.claim(town.house.log_in(town.guest))
    assert Role.CASE_MANAGER is town.house.core.view_self(claim).role


def test_a_link_carries_the_token_where_no_server_sees_it() -> None:
    secret = AccountSecret(uuid4(), "x" * 43)
    links = AccountLinks(base="https://clinic.example/app/")
    assert f"https://clinic.example/app/invitation#token={secret.text}" == links.told(Purpose.INVITATION, secret)
    assert f"https://clinic.example/app/reset#token={secret.text}" == links.told(Purpose.RESET, secret)
    assert secret.text == AccountLinks().told(Purpose.INVITATION, secret)
    assert links.invitation > links.lasts(Purpose.RESET)
