"""What all tests share: a real PostgreSQL, started by the first test that asks for it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:  # the core's own tests run where no driver is installed
    from tests.support.postgres import TestDatabase, TestServer
    from tests.support.product import Product

# How long an example takes says more about the machine's other work than about the code, and a check of a change must
# not fail by what it drew: each run draws the same examples. `--hypothesis-profile=explore` looks for new ones.
_PATIENT = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("explore", _PATIENT)
hypothesis.settings.register_profile("mindbridge", _PATIENT, derandomize=True, database=None)
hypothesis.settings.load_profile("mindbridge")


LONGEST = tuple(
    f"tests/{name}.py::"
    for name in (
        "cli/test_rotation_kill",
        "cli/test_worker_day",
        "cli/test_kill",
        "cli/test_worker",
        "cli/test_worker_asks",
        "cli/test_ship",
        "cli/test_stream",
        "benchmarks/test_quick",
        "postgres/test_import",
    )
)
"""Where tests take half a minute and more, or wait for a minute."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest, so that at the end no worker is alone with one of them; else the order stays."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[TestServer]:
    """A server of this test process's own."""
    from tests.support.postgres import running_server  # noqa: PLC0415 - see above

    folder = Path(tempfile.mkdtemp(prefix="mindbridge-tests-"))
    try:
        with running_server(folder) as server:
            yield server
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def database(postgres_server: TestServer) -> Iterator[TestDatabase]:
    """A fresh, migrated database of the test's own."""
    from tests.support.postgres import TEMPLATE  # noqa: PLC0415 - see above

    made = postgres_server.database(TEMPLATE)
    yield made
    postgres_server.drop(made)


@pytest.fixture
def product(database: TestDatabase) -> Iterator[Product]:
    """The core over PostgreSQL as the application's role."""
    from tests.support.product import running_product  # noqa: PLC0415 - see above

    with running_product(database) as composed:
        yield composed
