"""The README's own code runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from mindbridge_cli.settings_table import markdown_table

README = Path(__file__).parents[2] / "README.md"


def example(name: str) -> str:
    """Return the README's Python of that name."""
    pattern = rf"^<!-- example: {name} -->\n```python\n(.*?)^```"
    (found,) = re.findall(pattern, README.read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (
            "embed",
            [
                "1 patient in care",
                "1 clinic.open success records returned: 0",
                "2 user.register success records returned: 0",
                "3 patient.create success records returned: 0",
                "4 patient.list success records returned: 1",
            ],
        ),
        (
            "screen",
            [
                "high 85 ['immediate_outreach']",
                "  crisis_calls_3_and_adherence_below_50",
                "  crisis_calls_3",
                "  adherence_below_50",
                "  contact_over_30_days",
                "not recorded: ()",
            ],
        ),
    ],
)
def test_an_example_runs_as_it_stands(name: str, shown: list[str]) -> None:
    command = [sys.executable, "-W", "error", "-c", example(name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
    assert ("", shown) == (done.stderr, done.stdout.splitlines())


@pytest.mark.parametrize("name", ["embed", "screen"])
def test_an_example_is_short_enough_to_read_at_a_glance(name: str) -> None:
    assert 18 >= len([line for line in example(name).splitlines() if line])


def test_every_example_is_run() -> None:
    assert ["embed", "screen"] == re.findall("^<!-- example: (.*) -->$", README.read_text(), re.MULTILINE)
    assert 2 == README.read_text().count("```python")


def test_the_table_of_settings_is_the_settings() -> None:
    _, table = README.read_text().split("<!-- settings: begin -->\n")

    assert markdown_table().strip() == table.split("\n<!-- settings: end -->")[0]
