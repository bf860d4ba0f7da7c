import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.owners import IS_ROOT, ORDINARY_UID, processes_in, wait_until

# What root does on behalf of PostgreSQL can only be seen as root.
collect_ignore = [] if IS_ROOT else ["test_root.py"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder open to all, whose data directories may belong to whom they like."""
    made = Path(tempfile.mkdtemp(prefix="mindbridge-embedded-")).resolve()
    made.chmod(0o755)
    yield made
    wait_until(lambda: not processes_in(made))
    shutil.rmtree(made)


@pytest.fixture(params=["current", "ordinary"])
def user(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def data_dir(folder: Path, user: str) -> Path:
    """An empty folder of that user's own, not made yet."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    if IS_ROOT and user == "ordinary":
        shutil.chown(home, ORDINARY_UID, ORDINARY_UID)
    return home / "data"
