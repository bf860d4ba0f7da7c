"""Guard two: import-linter's contracts, on the real tree and on copies with a violation planted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.architecture.trees import ROOT

if TYPE_CHECKING:
    from tests.architecture.trees import Tree

LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS = CONFIG["tool"]["importlinter"]["contracts"]


def lint(tree: Tree, *contracts: str) -> subprocess.CompletedProcess[str]:
    """Run lint-imports on the packages of `tree`, whatever is installed beside them."""
    chosen = [f"--contract={contract}" for contract in contracts]
    return subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache", "--no-logo", *chosen],
        cwd=tree.root,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, tree.source_path)), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )


def files_of(tree: Tree) -> int:
    return sum(1 for folder in tree.source_path for _ in folder.rglob("*.py"))


def test_every_contract_is_kept_and_every_file_was_examined(tree: Tree) -> None:
    result = lint(tree)
    assert result.returncode == 0, result.stdout
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in result.stdout
    analyzed = re.search(r"Analyzed (\d+) files", result.stdout)
    assert analyzed is not None
    # Folders without __init__.py (migration revisions) are no packages and are passed over.
    assert int(analyzed[1]) >= 0.5 * files_of(tree)


@pytest.mark.parametrize(
    ("contract", "file", "line"),
    [
        ("core-layers", "src/mindbridge_core/ids.py", "import mindbridge_core.app"),
        ("core-layers", "src/mindbridge_core/identity/entities.py", "import mindbridge_core.patients"),
        ("core-layers", "src/mindbridge_core/compliance/__init__.py", "import mindbridge_core.identity.ports"),
        ("core-layers", "src/mindbridge_core/app.py", "import mindbridge_core.testing"),
        ("core-layers", "src/mindbridge_core/module_without_a_layer.py", ""),
        ("own-use-cases", "src/mindbridge_core/patients/rules.py", "import mindbridge_core.identity.use_cases"),
        ("pure-core", "src/mindbridge_core/clock.py", "import flask"),
        ("pure-core", "src/mindbridge_core/patients/ports.py", "def later():\n    from sqlalchemy import orm"),
        ("adapters", "src/mindbridge_core/work.py", "import mindbridge_memory"),
        ("adapters", "adapters/mindbridge_flask/planted.py", "import mindbridge_postgres"),
        ("adapters", "adapters/mindbridge_memory/planted.py", "import mindbridge_cli"),
        ("adapters", "adapters/mindbridge_postgres/planted.py", "import mindbridge_migrations"),
        ("adapters", "migrations/mindbridge_migrations/planted.py", "import mindbridge_cli"),
        ("tests-stay-outside", "adapters/mindbridge_memory/planted.py", "import mindbridge_core.testing"),
    ],
)
def test_a_planted_violation_breaks_its_contract(copied: Tree, contract: str, file: str, line: str) -> None:
    copied.plant(file, line)
    result = lint(copied, contract)
    assert result.returncode == 1, result.stdout
    assert "Contracts: 0 kept, 1 broken." in result.stdout


@pytest.mark.parametrize(
    ("contract", "file", "line"),
    [
        ("core-layers", "src/mindbridge_core/patients/planted.py", "import mindbridge_core.identity"),
        ("own-use-cases", "src/mindbridge_core/patients/planted.py", "import mindbridge_core.patients.use_cases"),
        ("adapters", "adapters/mindbridge_cli/planted.py", "import mindbridge_flask, mindbridge_postgres"),
    ],
)
def test_what_the_rules_allow_keeps_the_contract(copied: Tree, contract: str, file: str, line: str) -> None:
    copied.plant(file, line)
    result = lint(copied, contract)
    assert result.returncode == 0, result.stdout


def test_a_core_without_modules_is_no_success(copied: Tree) -> None:
    for file in copied.core.rglob("*.py"):
        file.unlink()
    copied.plant("src/mindbridge_core/__init__.py", "")
    assert lint(copied).returncode == 1


def test_every_context_with_use_cases_is_held_to_its_own(tree: Tree) -> None:
    contexts = {f"mindbridge_core.{path.parent.name}" for path in tree.core.glob("*/use_cases*")}
    assert contexts != set()
    [contract] = [contract for contract in CONTRACTS if contract["id"] == "own-use-cases"]
    assert contexts - set(contract["source_modules"]) == set()


def test_every_library_of_the_extras_is_forbidden_to_the_core() -> None:
    [contract] = [contract for contract in CONTRACTS if contract["id"] == "pure-core"]
    extras = CONFIG["project"]["optional-dependencies"]
    wanted = {
        re.split(r"[^\w-]", requirement)[0]
        for extra in extras.keys() - {"all", "testing", "tests", "lint", "typing"}
        for requirement in extras[extra]
    }
    assert wanted != set()
    modules = {
        module
        for module, distributions in packages_distributions().items()
        if wanted.intersection(name.lower() for name in distributions) and not module.startswith("_")
    }
    assert modules - set(contract["forbidden_modules"]) == set()


def test_every_package_of_the_project_is_under_the_contracts(tree: Tree) -> None:
    packages = {path.parent.name for folder in tree.source_path for path in folder.glob("*/__init__.py")}
    shipped = {Path(path).name for path in CONFIG["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}
    assert packages != set()
    assert set(CONFIG["tool"]["importlinter"]["root_packages"]) == packages
    assert shipped == packages
