from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.architecture.trees import ROOT, Tree, copy_of_sources

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tree() -> Tree:
    """The project as it stands."""
    return Tree(ROOT)


@pytest.fixture
def copied(tmp_path: Path) -> Tree:
    """A copy of the project's sources to plant a violation in."""
    return copy_of_sources(tmp_path / "copy")
