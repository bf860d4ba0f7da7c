"""One database for all of these tests; one clinic for each of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.defects.scene import Scene, scene_of
from tests.support.postgres import TEMPLATE, TestDatabase, TestServer
from tests.support.product import Product, running_product


@pytest.fixture(scope="session")
def shared_database(postgres_server: TestServer) -> Iterator[TestDatabase]:
    """A database that no test alters but by using the product."""
    made = postgres_server.database(TEMPLATE)
    yield made
    postgres_server.drop(made)


@pytest.fixture(scope="session")
def shared_product(shared_database: TestDatabase) -> Iterator[Product]:
    """The core over it."""
    with running_product(shared_database) as composed:
        yield composed


@pytest.fixture
def scene(shared_product: Product, shared_database: TestDatabase) -> Scene:
    """A clinic of the test's own, served."""
    return scene_of(shared_product, shared_database)
