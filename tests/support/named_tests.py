"""Finds tests by their names, and whether they examine anything, by reading their files; nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import attrs

__all__ = ["examines", "names_a_test"]

CONTRACTS: Final = "src/mindbridge_core/testing"
DEEPEST: Final = 5
"""How many calls away from a test its assertion may stand."""


@attrs.frozen
class _Found:
    """A function and the file that it stands in."""

    path: Path
    function: ast.FunctionDef


def names_a_test(root: Path, node_id: str) -> bool:
    """Whether `file::function` or `file::Class::method` is a test there; a method may come from a contract suite."""
    return _find(root, node_id) is not None


def examines(root: Path, node_id: str) -> bool:
    """Whether the test that is named runs unconditionally and asserts something, itself or in what it calls."""
    found = _find(root, node_id)
    return found is not None and not _skipped(found.function) and _asserts(root, found, DEEPEST)


def _find(root: Path, node_id: str) -> _Found | None:
    path, *names = node_id.split("::")
    if not ((root / path).is_file() and path.startswith("tests/") and names and names[-1].startswith("test_")):
        return None
    if len(names) == 1:
        return _named(root / path, _parsed(root / path), names[0])
    return _method(root, root / path, names[0], names[1]) if len(names) == 2 else None


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _named(path: Path, body: ast.Module | ast.ClassDef, name: str) -> _Found | None:
    functions = (node for node in body.body if isinstance(node, ast.FunctionDef))
    return next((_Found(path, node) for node in functions if node.name == name), None)


def _class(path: Path, name: str) -> ast.ClassDef | None:
    found = (node for node in _parsed(path).body if isinstance(node, ast.ClassDef))
    return next((node for node in found if node.name == name), None)


def _method(root: Path, path: Path, cls: str, method: str) -> _Found | None:
    made = _class(path, cls)
    if made is None:
        return None
    found = _named(path, made, method)
    if found is not None:
        return found
    suites = sorted((root / CONTRACTS).glob("*.py"))
    bases = [ast.unparse(base).rpartition(".")[2] for base in made.bases]
    inherited = (_method(root, where, base, method) for base in bases for where in (path, *suites))
    return next((one for one in inherited if one is not None), None)


def _skipped(function: ast.FunctionDef) -> bool:
    marks = [ast.unparse(mark) for mark in function.decorator_list]
    calls = [ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)]
    return any("mark.skip" in mark or "mark.xfail" in mark for mark in marks) or "pytest.skip" in calls


def _asserts(root: Path, found: _Found, deeper: int) -> bool:
    nodes = list(ast.walk(found.function))
    if any(isinstance(node, ast.Assert) or _raises(node) for node in nodes):
        return True
    called = {ast.unparse(node.func).rpartition(".")[2] for node in nodes if isinstance(node, ast.Call)}
    return deeper > 0 and any(
        _asserts(root, one, deeper - 1) for name in sorted(called) for one in _definitions(root, found.path, name)
    )


def _raises(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in {"pytest.raises", "raises", "pytest.fail"}


def _definitions(root: Path, path: Path, name: str) -> Iterator[_Found]:
    """Yield the functions of this name in the file and in the test code that it imports."""
    for where in (path, *_imported(root, path)):
        for node in ast.walk(_parsed(where)):
            if isinstance(node, ast.FunctionDef) and node.name == name:
                yield _Found(where, node)


@cache
def _imported(root: Path, path: Path) -> tuple[Path, ...]:
    modules = [node.module for node in ast.walk(_parsed(path)) if isinstance(node, ast.ImportFrom) and node.module]
    files = (root / (module.replace(".", "/") + ".py") for module in modules if module.startswith("tests."))
    return tuple(file for file in files if file.is_file())
