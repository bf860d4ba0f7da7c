from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TEST_COMMAND = "python3 -m venv .venv && .venv/bin/pip install -q -e '.[tests]' && .venv/bin/pytest"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def tox() -> ConfigParser:
    parser = ConfigParser(interpolation=None)
    parser.read(ROOT / "tox.ini")
    return parser


def test_ci_ends_with_the_test_command_that_the_readme_gives() -> None:
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1] == TEST_COMMAND
    assert TEST_COMMAND in (ROOT / "README.md").read_text(encoding="utf-8")


def test_ci_is_a_script_that_bash_can_parse() -> None:
    bash = shutil.which("bash")
    assert bash is not None
    assert subprocess.run([bash, "-n", ROOT / ".ci" / "run"], check=False, timeout=300).returncode == 0


def test_every_environment_that_ci_asks_tox_for_exists(tox: ConfigParser) -> None:
    asked = re.search(r"/tox\" run(?:-parallel)? .*-e (\S+)", (ROOT / ".ci" / "run").read_text(encoding="utf-8"))
    assert asked is not None
    known = {"core", "py311-core", "py312-core", "py313-core"} | {
        section.removeprefix("testenv:") for section in tox.sections()
    }
    assert set(asked[1].split(",")) - known == set()
    assert {"core", "typing", "lint", "imports"} <= set(asked[1].split(","))


def test_every_extra_that_tox_installs_exists(tox: ConfigParser) -> None:
    extras = {tox[section]["extras"] for section in tox.sections() if "extras" in tox[section]}
    assert extras >= {"tests", "lint", "typing", "testing"}
    assert extras - PYPROJECT["project"]["optional-dependencies"].keys() == set()


def test_import_contracts_are_checked_on_the_tree_and_not_on_an_installed_copy(tox: ConfigParser) -> None:
    assert tox["testenv:imports"]["package"] == "editable"


def test_every_ignored_rule_of_ruff_has_its_reason_beside_it() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    entries = re.findall(r'^  "[A-Z]+\d*",(.*)$', text, re.MULTILINE)
    lint = PYPROJECT["tool"]["ruff"]["lint"]
    assert len(entries) == len(lint["ignore"]) + sum(map(len, lint["per-file-ignores"].values()))
    assert [entry for entry in entries if not re.match(r" +# \w", entry)] == []


def test_hooks_of_the_project_s_own_call_tools_that_its_extras_install() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    local = [hook for repo in config["repos"] if repo["repo"] == "local" for hook in repo["hooks"]]
    tools = {hook["entry"].split()[0] for hook in local}
    assert tools == {"ruff", "lint-imports", "mypy"}
    extras = PYPROJECT["project"]["optional-dependencies"]
    installed = " ".join(extras["lint"] + extras["typing"]).replace("import-linter", "lint-imports")
    assert [tool for tool in sorted(tools) if tool not in installed] == []
    assert [repo["repo"] for repo in config["repos"] if repo["repo"] != "local" and not repo.get("rev")] == []


def test_mypy_and_ruff_look_at_the_whole_tree() -> None:
    assert PYPROJECT["tool"]["mypy"]["files"] == ["."]
    assert PYPROJECT["tool"]["mypy"]["strict"] is True
    assert PYPROJECT["tool"]["ruff"]["lint"]["select"] == ["ALL"]


def test_the_changelog_puts_security_first_in_every_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert versions[0].startswith("[Unreleased]\n")
    for version in versions:
        sections = re.findall(r"^### (\w+)$", version, re.MULTILINE)
        assert sections[0] == "Security"
        assert set(sections) <= {"Security", "Added", "Changed", "Deprecated", "Removed", "Fixed"}
