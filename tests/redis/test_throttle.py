"""The count in a real Redis keeps the contract; a Redis that is gone is a refusal, not a free pass."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from mindbridge_core import testing
from mindbridge_core.errors import DependencyUnavailable
from mindbridge_redis import RedisThrottle
from tests.support.redis import needs_redis, redis_server
from tests.support.sockets import free_port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(free_port(), tmp_path_factory.mktemp("redis")) as url:
        yield url


@needs_redis
class TestThrottle(testing.ThrottleContract):
    @pytest.fixture(autouse=True)
    def _ready(self, server: str) -> Iterator[None]:
        self.url = server
        self.opened: list[RedisThrottle] = []
        yield
        for throttle in self.opened:
            throttle.close()

    def throttle(self) -> RedisThrottle:
        self.opened.append(RedisThrottle.connect(self.url))
        return self.opened[-1]

    def wait(self, seconds: int) -> None:
        time.sleep(seconds)

    def test_a_window_says_when_it_ends_and_ends_then(self) -> None:
        """By Redis's own clock: where the machine stood still meanwhile it is tried again."""
        while True:
            began = time.monotonic()
            try:
                return super().test_a_window_says_when_it_ends_and_ends_then()
            except AssertionError:
                if time.monotonic() - began < 2.5:
                    raise


def test_a_redis_that_does_not_answer_is_an_unavailable_dependency() -> None:
    throttle = RedisThrottle.connect(f"redis://127.0.0.1:{free_port()}/0", timeout=0.5)
    with pytest.raises(DependencyUnavailable):
        throttle.hit(bytes(16), 60)
    throttle.close()


@needs_redis
def test_a_redis_that_is_there_answers_and_one_that_is_not_does_not(server: str) -> None:
    for url, there in ((server, True), (f"redis://127.0.0.1:{free_port()}/0", False)):
        throttle = RedisThrottle.connect(url, timeout=0.5)
        assert there is throttle.answers()
        throttle.close()
