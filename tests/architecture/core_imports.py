"""Guard three: every import statement of the core, held against an allow-list."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

THIRD_PARTIES: Final = frozenset({"attrs", "cattrs"})

# Nothing here reads the wall clock, the environment, files, the network or randomness: those come in through ports.
# (datetime and uuid could; that the core asks its Clock and NewId instead is tested with frozen ones.)
STANDARD_LIBRARY: Final = frozenset(
    {
        "__future__",
        "abc",
        "base64",
        "binascii",
        "bisect",
        "collections",
        "concurrent",
        "contextlib",
        "copy",
        "csv",
        "datetime",
        "decimal",
        "enum",
        "fractions",
        "functools",
        "hashlib",
        "heapq",
        "hmac",
        "ipaddress",
        "itertools",
        "json",
        "math",
        "operator",
        "re",
        "statistics",
        "string",
        "struct",
        "textwrap",
        "threading",
        "types",
        "typing",
        "unicodedata",
        "uuid",
        "zoneinfo",
    }
)
ALLOWED: Final = STANDARD_LIBRARY | THIRD_PARTIES | {"mindbridge_core"}

# The contract suites are run by pytest (the extra [testing]) and may use the whole standard library.
ALLOWED_IN_TESTING: Final = ALLOWED | sys.stdlib_module_names | {"hypothesis", "pytest"}


class ExaminedNothingError(Exception):
    """The guard found no import at all, so its silence would mean nothing."""


def refused_imports(core: Path) -> list[str]:
    """List each import of the package in folder `core` that the allow-list does not name, as `file:line module`.

    Raises ExaminedNothingError when there is no import to look at.
    """
    examined = 0
    refused = []
    for file in sorted(core.rglob("*.py")):
        inside = file.relative_to(core)
        allowed = ALLOWED_IN_TESTING if inside.parts[0] == "testing" else ALLOWED
        for line, module in _imports(file):
            examined += 1
            if module.partition(".")[0] not in allowed:
                refused.append(f"{inside.as_posix()}:{line} {module}")
    if not examined:
        raise ExaminedNothingError(core)
    return refused


def _imports(file: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(file.read_bytes(), str(file))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "mindbridge_core" if node.level else node.module or ""
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in {"__import__", "eval", "exec"}:
            yield node.lineno, f"{ast.unparse(node.func)}()"
