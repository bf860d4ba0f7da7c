"""What the package gives by name, it gives late, and nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

import mindbridge_core


def test_every_public_name_is_there() -> None:
    found = [getattr(mindbridge_core, name).__name__ for name in mindbridge_core.__all__]
    assert mindbridge_core.__all__ == found


def test_no_other_name_is() -> None:
    with pytest.raises(AttributeError, match=r"^module 'mindbridge_core' has no attribute 'Patient'$"):
        mindbridge_core.Patient  # type: ignore[attr-defined]  # noqa: B018 - looking is what is tested


def test_a_context_is_imported_without_the_use_cases_of_the_others() -> None:
    script = (
        "import sys, mindbridge_core.screening; print([m for m in sys.modules if m.endswith(('.app', 'use_cases'))])"
    )
    shown = subprocess.run([sys.executable, "-I", "-c", script], check=True, capture_output=True, text=True)
    assert "[]\n" == shown.stdout
