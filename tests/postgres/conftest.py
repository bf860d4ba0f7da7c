"""The product over a database of the test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.postgres import TestDatabase
from tests.support.product import Product, running_product


@pytest.fixture
def product(database: TestDatabase) -> Iterator[Product]:
    """The core over PostgreSQL as the application's role."""
    with running_product(database) as composed:
        yield composed
