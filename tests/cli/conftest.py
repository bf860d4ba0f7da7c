"""What the command line's tests share: a runner, and the settings of a database of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mindbridge_cli.program import mindbridge
from mindbridge_security import KeyRing
from tests.support.postgres import TestDatabase

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the shell that runs the tests may have set."""
    import os  # noqa: PLC0415 - for this fixture alone

    for name in [name for name in os.environ if name.startswith(("MINDBRIDGE_", "FLASK_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `mindbridge` in this process: `run("db", "check", port="1")` with settings as keywords."""

    def invoke(*arguments: str, stdin: str | None = None, **settings: str) -> Result:
        for name, value in settings.items():
            monkeypatch.setenv(f"MINDBRIDGE_{name.upper()}", value)
        return CliRunner().invoke(mindbridge, arguments, input=stdin)

    return invoke


@pytest.fixture
def key_ring(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    KeyRing.generate().save(path)
    return path


@pytest.fixture
def served(database: TestDatabase, key_ring: Path) -> dict[str, str]:
    """Settings of a migrated database and a key ring."""
    return {
        "database_url": database.application_url,
        "owner_database_url": database.owner_url,
        "key_ring_file": str(key_ring),
    }
