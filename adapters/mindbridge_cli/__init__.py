"""The `mindbridge` command: the one place where core and adapters are put together."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Final

__all__ = ["main"]

NEEDED: Final = ("click", "gunicorn", "structlog", "typed_settings")
ADVICE: Final = "mindbridge needs the extra 'cli': pip install 'mindbridge-core[all]'"


def main() -> None:
    """Run the command line; says what to install where the extra `cli` is missing."""
    if any(find_spec(name) is None for name in NEEDED):
        sys.stderr.write(f"{ADVICE}\n")
        sys.exit(1)
    from mindbridge_cli.program import mindbridge

    mindbridge()
