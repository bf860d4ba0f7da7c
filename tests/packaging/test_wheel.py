from __future__ import annotations

import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from tests.packaging.wheels import DEPENDENCIES, build_wheel, files_of_tree, wheel_of_installed

PACKAGES = {
    "mindbridge_audit",
    "mindbridge_cli",
    "mindbridge_core",
    "mindbridge_embedded",
    "mindbridge_flask",
    "mindbridge_memory",
    "mindbridge_migrations",
    "mindbridge_postgres",
    "mindbridge_redis",
    "mindbridge_anthropic",
    "mindbridge_notify",
    "mindbridge_security",
}
EXTRAS = {
    "all",
    "anthropic",
    "cli",
    "embedded",
    "flask",
    "lint",
    "metrics",
    "postgres",
    "redis",
    "security",
    "testing",
    "tests",
    "typing",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def members(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    return Parser().parsestr(text_of(wheel, "METADATA"))


def text_of(wheel: Path, name: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        [member] = [entry for entry in archive.namelist() if entry.endswith(f".dist-info/{name}")]
        return archive.read(member).decode()


def test_the_wheel_carries_the_packages_and_nothing_beside_them(members: set[str]) -> None:
    assert {name.partition("/")[0] for name in members if ".dist-info/" not in name} == PACKAGES


def test_every_package_says_that_it_is_typed(members: set[str]) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} - members == set()


def test_every_file_of_the_packages_is_in_the_wheel(wheel: Path, members: set[str]) -> None:
    assert files_of_tree(wheel) - members == set()


def test_no_test_is_shipped(members: set[str]) -> None:
    assert [name for name in sorted(members) if "test_" in name or "conftest" in name] == []


def test_the_licence_is_declared_and_enclosed(wheel: Path, metadata: Message) -> None:
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert "Apache License\n                           Version 2.0" in text_of(wheel, "licenses/LICENSE")


def test_the_command_mindbridge_is_installed(wheel: Path) -> None:
    assert text_of(wheel, "entry_points.txt").splitlines() == ["[console_scripts]", "mindbridge = mindbridge_cli:main"]


def test_the_core_requires_attrs_and_cattrs_and_the_rest_is_behind_extras(metadata: Message) -> None:
    requirements = metadata.get_all("Requires-Dist", [])
    always = {line.partition(">=")[0] for line in requirements if "extra ==" not in line}
    assert always == {"attrs", "cattrs"}
    assert set(metadata.get_all("Provides-Extra", [])) == EXTRAS
    assert metadata["Requires-Python"] == ">=3.11"


@pytest.fixture(scope="module")
def bare_environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment in which the wheel was installed, with its dependencies and no index to fetch others from."""
    folder = tmp_path_factory.mktemp("bare")
    for name in DEPENDENCIES:
        wheel_of_installed(name, folder)
    bare = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True, capture_output=True, timeout=500)
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--isolated", "--python", bare / "bin" / "python"]
    subprocess.run(
        [*pip, "install", "-q", "--no-index", "--find-links", folder, wheel],
        check=True,
        capture_output=True,
        timeout=500,
    )
    return bare / "bin"


def run(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=500, env={"LANG": "C"})


@pytest.mark.slow
def test_an_empty_environment_gets_attrs_and_cattrs_and_nothing_else(bare_environment: Path, tmp_path: Path) -> None:
    names = "from importlib.metadata import distributions as d; print(*sorted(x.name.lower() for x in d()))"
    result = run(bare_environment / "python", "-c", names, cwd=tmp_path)
    assert result.stdout.replace("_", "-").split() == ["attrs", "cattrs", "mindbridge-core", "typing-extensions"]


@pytest.mark.slow
def test_the_core_and_the_memory_adapter_work_there(bare_environment: Path, tmp_path: Path) -> None:
    result = run(
        bare_environment / "python", "-W", "error", "-c", "import mindbridge_core, mindbridge_memory", cwd=tmp_path
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.slow
def test_the_command_says_there_which_extra_it_needs(bare_environment: Path, tmp_path: Path) -> None:
    result = run(bare_environment / "mindbridge", "--help", cwd=tmp_path)
    assert result.returncode != 0
    assert result.stdout == ""
    assert result.stderr == "mindbridge needs the extra 'cli': pip install 'mindbridge-core[all]'\n"
