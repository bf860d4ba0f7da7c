"""Guard one: import every module of the core where nothing but its declared dependencies is installed.

Run by `tox -e core` in its own environment, and by test_core_environment.py in an interpreter that sees as little.
Exits 0 and prints how many modules were imported; any other exit means that the core reached for something else.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys

FRAMEWORKS = ("flask", "sqlalchemy", "psycopg", "click", "cryptography", "msgspec")
CONTEXTS = ("identity", "patients")


def main() -> None:
    """Import the core, all of it, and refuse to be content with an environment in which that shows nothing."""
    present = [name for name in FRAMEWORKS if importlib.util.find_spec(name) is not None]
    if present:
        sys.exit(f"this environment shows nothing, it has {', '.join(present)}")
    core = importlib.import_module("mindbridge_core")
    names = [module.name for module in pkgutil.walk_packages(core.__path__, "mindbridge_core.")]
    missing = [context for context in CONTEXTS if f"mindbridge_core.{context}" not in names]
    if missing:
        sys.exit(f"examined too little, not found: {', '.join(missing)}")
    for name in names:
        importlib.import_module(name)
    sys.stdout.write(f"{len(names)} modules of mindbridge_core from {core.__path__[0]}\n")


if __name__ == "__main__":
    main()
