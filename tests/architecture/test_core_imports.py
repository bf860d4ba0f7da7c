from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.architecture.core_imports import ExaminedNothingError, refused_imports

if TYPE_CHECKING:
    from pathlib import Path

    from tests.architecture.trees import Tree


def test_the_core_imports_only_what_the_allow_list_names(tree: Tree) -> None:
    assert refused_imports(tree.core) == []


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("import flask", "flask"),
        ("from sqlalchemy.orm import Session", "sqlalchemy.orm"),
        ("import attrs, psycopg", "psycopg"),
        ("def later():\n    import mindbridge_memory", "mindbridge_memory"),
        ("import os", "os"),
        ("from time import time", "time"),
        ("import pytest", "pytest"),
        ("flask = __import__('flask')", "__import__()"),
        ("import importlib", "importlib"),
    ],
)
def test_a_planted_import_turns_the_allow_list_red(copied: Tree, line: str, module: str) -> None:
    copied.plant("src/mindbridge_core/patients/planted.py", line)
    found = refused_imports(copied.core)
    assert [entry.partition(" ")[2] for entry in found] == [module]
    assert found[0].startswith("patients/planted.py:")


@pytest.mark.parametrize("line", ["import attrs", "from cattrs.gen import override", "from . import entities"])
def test_a_planted_import_of_what_is_allowed_leaves_it_green(copied: Tree, line: str) -> None:
    copied.plant("src/mindbridge_core/patients/planted.py", line)
    assert refused_imports(copied.core) == []


def test_the_contract_suites_may_use_pytest_and_still_no_framework(copied: Tree) -> None:
    copied.plant("src/mindbridge_core/testing/planted.py", "import pytest, hypothesis, secrets, flask")
    assert refused_imports(copied.core) == ["testing/planted.py:2 flask"]


def test_an_empty_folder_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(ExaminedNothingError):
        refused_imports(tmp_path)
