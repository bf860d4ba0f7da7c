"""Tries at a real server of two workers: one count for both, and a Redis that dies and comes back."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mindbridge_core import Role
from tests.cli.demos import wait_until
from tests.cli.servers import Server, serving
from tests.support.postgres import TestDatabase
from tests.support.product import PASSWORD, Product
from tests.support.redis import needs_redis, redis_server
from tests.support.sockets import free_port

LIMIT = 4
WRONG = {"email": "nobody@example.org", "password": "not the password of anybody"}
LOGIN = "/api/v1/auth/login"


@pytest.fixture
def settings(database: TestDatabase, product: Product, tmp_path: Path) -> dict[str, str]:
    product.ring.save(tmp_path / "keys.json")
    return {
        "database_url": database.application_url,
        "key_ring_file": str(tmp_path / "keys.json"),
        "workers": "2",
        "throttle_per_email": str(LIMIT),
        "throttle_seconds": "600",
        "lockout_attempts": "100",
    }


def tries(server: Server, number: int) -> Counter[int]:
    """Log in wrongly, all at once, and count the statuses."""
    with ThreadPoolExecutor(number) as pool:
        return Counter(pool.map(lambda _: server.post(LOGIN, WRONG)[0], range(number)))


@pytest.mark.slow
def test_two_workers_share_one_count_in_the_database(settings: dict[str, str], tmp_path: Path) -> None:
    with serving(settings, tmp_path / "log") as server:
        assert Counter({401: LIMIT, 429: 8}) == tries(server, LIMIT + 8)
        status, headers, problem = server.post(LOGIN, WRONG)
    assert (429, "too_many_requests") == (status, problem["code"])
    assert 1 <= int(headers["Retry-After"]) <= 600


@pytest.mark.slow
@needs_redis
def test_a_redis_that_dies_refuses_new_tries_keeps_sessions_and_counts_again_when_it_is_back(
    settings: dict[str, str], product: Product, tmp_path: Path
) -> None:
    known = product.staff(product.clinic(), Role.ADMIN)
    port = free_port()
    settings["throttle_redis"] = f"redis://127.0.0.1:{port}/0"
    with serving(settings, tmp_path / "log") as server:
        with redis_server(port, tmp_path):
            assert Counter({401: LIMIT, 429: 8}) == tries(server, LIMIT + 8)
            _, _, tokens = server.post(LOGIN, {"email": known.email, "password": PASSWORD})
        assert Counter({503: 6}) == tries(server, 6)
        authorization = f"Bearer {tokens['access_token']}"
        assert 200 == server.get("/api/v1/patients", Authorization=authorization)[0]
        with redis_server(port, tmp_path):
            wait_until(lambda: server.post(LOGIN, WRONG)[0] == 401)
