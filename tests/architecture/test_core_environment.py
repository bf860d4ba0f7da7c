"""Guard one, shown to turn red: the core is imported where only its own dependencies can be seen."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.architecture.trees import Tree

SCRIPT = Path(__file__).with_name("import_core.py")
DEPENDENCIES = ("attr", "attrs", "cattrs", "typing_extensions")
# What the extra [testing] adds, for mindbridge_core.testing.
TESTING = ("_pytest", "hypothesis", "iniconfig", "packaging", "pluggy", "pygments", "pytest", "sortedcontainers")


@pytest.fixture
def bare_site(tmp_path: Path) -> Path:
    """A folder through which an interpreter sees the core's dependencies and no other installed package."""
    site = tmp_path / "site"
    site.mkdir()
    for name in DEPENDENCIES + TESTING:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        real = origin.parent if spec.submodule_search_locations else origin
        (site / real.name).symlink_to(real)
    return site


def import_core(tree: Tree, bare_site: Path) -> subprocess.CompletedProcess[str]:
    path = [str(tree.root / "src"), str(bare_site)]
    run = f"import runpy, sys; sys.path[:0] = {path!r}; runpy.run_path({str(SCRIPT)!r}, run_name='__main__')"
    return subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", run], capture_output=True, text=True, check=False, timeout=500
    )


def test_the_core_imports_with_its_own_dependencies_alone(tree: Tree, bare_site: Path) -> None:
    result = import_core(tree, bare_site)
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith(f" modules of mindbridge_core from {tree.core}\n")


@pytest.mark.parametrize("module", ["flask", "sqlalchemy", "psycopg", "mindbridge_memory"])
def test_a_planted_import_cannot_be_satisfied_there(copied: Tree, bare_site: Path, module: str) -> None:
    copied.plant("src/mindbridge_core/patients/planted.py", f"import {module}")
    result = import_core(copied, bare_site)
    assert result.returncode == 1
    assert f"ModuleNotFoundError: No module named '{module}'" in result.stderr


def test_an_environment_with_frameworks_is_no_success(tree: Tree, bare_site: Path) -> None:
    (bare_site / "flask.py").touch()
    result = import_core(tree, bare_site)
    assert result.returncode == 1
    assert result.stderr == "this environment shows nothing, it has flask\n"


def test_a_core_without_its_contexts_is_no_success(copied: Tree, bare_site: Path) -> None:
    for file in copied.core.rglob("*.py"):
        file.unlink()
    copied.plant("src/mindbridge_core/__init__.py", "")
    result = import_core(copied, bare_site)
    assert result.returncode == 1
    assert result.stderr == "examined too little, not found: identity, patients\n"
