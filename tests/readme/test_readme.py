"""The README's own code runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from mindbridge_cli.settings_table import markdown_table

README = Path(__file__).parents[2] / "README.md"


def blocks() -> list[str]:
    """Return the README's Python, block by block."""
    return re.findall(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)


def test_the_embedding_example_runs_as_it_stands() -> None:
    (example,) = blocks()

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", example], capture_output=True, text=True, check=False, timeout=60
    )

    assert "" == done.stderr
    assert [
        "1 patient in care",
        "1 clinic.open success records returned: 0",
        "2 user.register success records returned: 0",
        "3 patient.create success records returned: 0",
        "4 patient.list success records returned: 1",
    ] == done.stdout.splitlines()


def test_the_example_is_short_enough_to_read_at_a_glance() -> None:
    (example,) = blocks()
    assert 18 >= len([line for line in example.splitlines() if line])


def test_the_table_of_settings_is_the_settings() -> None:
    _, table = README.read_text().split("<!-- settings: begin -->\n")

    assert markdown_table().strip() == table.split("\n<!-- settings: end -->")[0]
