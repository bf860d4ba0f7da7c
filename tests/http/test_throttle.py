"""What anyone may try is counted by address and by e-mail; 429 says when to come again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NoReturn

import attrs
import pytest
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import TestResponse

from mindbridge_core import Role
from mindbridge_core.access import GRANTS, Holder
from mindbridge_core.audit import AuditEntry
from mindbridge_core.errors import DependencyUnavailable
from mindbridge_core.identity.tokens import RefreshSecret
from mindbridge_core.throttle import Count, ThrottleLimits
from mindbridge_flask.routes import ROUTES
from mindbridge_memory import MemoryThrottle
from tests.http.world import PASSWORD, World, new_world, refused

LIMITS = ThrottleLimits(per_address=4, per_email=3, seconds=60)
LATER = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


class Time:
    now = LATER

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def world(time: Time) -> World:
    return new_world(
        change_ports=lambda ports: attrs.evolve(ports, throttle_limits=LIMITS, throttle=MemoryThrottle(time))
    )


def log_in(world: World, email: str, address: str = "203.0.113.9", **headers: str) -> TestResponse:
    sent = {"email": email, "password": PASSWORD}
    return world.client.post(
        "/api/v1/auth/login", json=sent, headers=headers, environ_overrides={"REMOTE_ADDR": address}
    )


def statuses(world: World, times: int, **headers: str) -> list[int]:
    return [log_in(world, f"nobody{number}@example.org", **headers).status_code for number in range(times)]


def entries(world: World) -> list[AuditEntry]:
    return [sealed.entry for sealed in world.store.tables.entries.rows()]


def test_every_route_that_anyone_may_post_to_is_throttled() -> None:
    open_posts = [
        route
        for route in ROUTES
        if route.method != "GET" and route.action is not None and Holder.ANYONE in GRANTS[route.action].holders
    ]
    assert len(open_posts) >= 2
    assert [] == [route.path for route in open_posts if not route.throttled]
    assert [] == [route.path for route in ROUTES if route.action is None and route.method != "GET"]
    assert [] == [route.path for route in ROUTES if route.throttled and 429 not in route.statuses]


def test_an_address_past_its_tries_gets_429_with_the_seconds_to_wait_and_then_goes_on(world: World, time: Time) -> None:
    assert [401] * 4 == statuses(world, 4)
    answer = log_in(world, "nobody@example.org")
    assert (429, "too_many_requests") == refused(answer)
    assert "60" == answer.headers["Retry-After"]
    time.now += timedelta(seconds=60)
    assert 401 == log_in(world, "nobody@example.org").status_code


def test_another_address_is_let_through_meanwhile(world: World) -> None:
    statuses(world, 5)
    admin = world.staff(Role.ADMIN)
    assert 429 == log_in(world, admin.email).status_code
    assert 200 == log_in(world, admin.email, "203.0.113.10").status_code


def test_an_e_mail_is_counted_from_wherever_it_is_tried_and_however_it_is_spelt(world: World) -> None:
    spellings = ("some@example.org", "SOME@example.org", " Some@Example.org ", "some@EXAMPLE.org")
    answers = [log_in(world, email, f"198.51.100.{place}") for place, email in enumerate(spellings)]
    assert [401, 401, 401, 429] == [answer.status_code for answer in answers]
    assert 401 == log_in(world, "other@example.org", "198.51.100.9").status_code


def test_one_ipv6_network_is_one_sender(world: World) -> None:
    network = [log_in(world, f"n{last}@example.org", f"2001:db8:0:1::{last}").status_code for last in range(1, 6)]
    assert [401, 401, 401, 401, 429] == network
    assert 401 == log_in(world, "other@example.org", "2001:db8:0:2::1").status_code


def test_forwarded_addresses_are_the_senders_word_where_no_proxy_is_trusted(world: World) -> None:
    spoofed = [{"X-Forwarded-For": f"198.51.100.{last}"} for last in range(5)]
    answers = [log_in(world, f"n{last}@example.org", **headers) for last, headers in enumerate(spoofed)]
    assert [401, 401, 401, 401, 429] == [answer.status_code for answer in answers]


def test_behind_a_trusted_proxy_its_word_counts_and_what_the_sender_put_before_it_does_not(world: World) -> None:
    app = world.client.application
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=0, x_host=0)  # type: ignore[method-assign]
    spoofed = [{"X-Forwarded-For": f"198.51.100.{last}, 192.0.2.7"} for last in range(5)]
    answers = [log_in(world, f"n{last}@example.org", **headers) for last, headers in enumerate(spoofed)]
    assert [401, 401, 401, 401, 429] == [answer.status_code for answer in answers]
    assert 401 == log_in(world, "other@example.org", **{"X-Forwarded-For": "192.0.2.8"}).status_code


def test_forged_refresh_tokens_do_not_fill_a_clinics_trail(world: World) -> None:
    before = len(entries(world))
    for number in range(40):
        forged = RefreshSecret(world.clinic_id, f"{number:043}").text
        world.client.post("/api/v1/auth/refresh", json={"refresh_token": forged})
    noted = [entry for entry in entries(world)[before:] if entry.action == "auth.refresh"]
    assert 4 == len([entry for entry in noted if entry.clinic_id == world.clinic_id])
    assert 1 == len([entry for entry in noted if entry.clinic_id != world.clinic_id])


class DeadThrottle:
    def hit(self, key: bytes, seconds: int) -> Count:  # noqa: ARG002 - the port's signature
        self._fail()

    def _fail(self) -> NoReturn:
        raise DependencyUnavailable


def test_where_tries_cannot_be_counted_none_is_let_through_and_sessions_go_on() -> None:
    world = new_world()
    staff = world.session()
    core = world.core
    dead = attrs.evolve(core, hold_back=attrs.evolve(core.hold_back, throttle=DeadThrottle()))
    object.__setattr__(core, "hold_back", dead.hold_back)
    assert (503, "dependency_unavailable") == refused(log_in(world, staff.user.email))
    assert 200 == staff.send("GET", "/auth/me").status_code
